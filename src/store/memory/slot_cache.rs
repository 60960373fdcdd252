//! Slot caches: a freed slot keeps its memory for the next object of the same length, which then
//! needs neither the allocator nor the queue of free slots.
//!
//! The memory in a slot cache is free memory. A call that finds no room, or that counts free
//! memory, empties the slot caches first.

use crate::error::Result;
use crate::layout::extent::Extent;
use crate::layout::record::Record;
use crate::layout::word::RecordWord;
use crate::protocols::alloc;
use crate::protocols::index::CachedSlot;
use crate::store::lock::locked::Locked;
use crate::sync::Ordering::Relaxed;

/// The cached memory as an extent of the allocator.
pub fn extent_of(kept: &CachedSlot) -> alloc::Extent {
    alloc::Extent { start: kept.extent.start, len: kept.extent.len(), block: kept.block }
}

impl Locked<'_> {
    /// The units that a record would keep if it were freed now; `None` if it may not keep any.
    #[inline]
    pub fn units_to_keep(&self, record: &Record, word: RecordWord) -> Option<u64> {
        let len = record.data.load(0).len();
        let suits = word.generation() < u32::MAX - 1
            && word.data_index() == 0
            && record.data.load(1).is_empty();
        let heap = self.session.segment.facts.geometry.units();
        let cache = &self.session.shard(record.creator_slot.load(Relaxed)).slot_cache;
        (suits && cache.has_room(len, heap)).then_some(len)
    }

    /// Returns the contents of all slot caches to the allocator; whether there were any.
    pub fn empty_slot_caches(&self) -> Result<bool> {
        let (index, slots) = (self.session.segment.index(), self.session.segment.slots());
        let allocator = self.session.segment.allocator();
        let mut any = false;
        for shard in &self.session.segment.header().shards {
            while let Some(kept) = shard.slot_cache.pop_any(&index)? {
                allocator.free(extent_of(&kept))?;
                index.record(kept.slot)?.data.store(0, Extent::default());
                slots.push(&index, kept.slot)?;
                any = true;
            }
        }
        Ok(any)
    }
}
