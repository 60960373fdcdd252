//! The slot cache: free slots that keep their memory for the next object of the same length. Every
//! call runs under the writer lock.

use super::Index;
use crate::error::{Error, Result, Status};
use crate::layout::extent::Extent;
use crate::layout::record::Record;
use crate::layout::shard::{CACHED_UNITS, SLOT_CACHE_PART, SLOT_CACHE_SLOTS, SlotCache};
use crate::layout::word::{RecordWord, State};
use crate::sync::{AtomicU32, Ordering::Relaxed};

/// A free slot and its memory: extent 0 of its record, and the block that contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachedSlot {
    /// The slot.
    pub slot: u32,
    /// The word of its record, which is FREE.
    pub word: RecordWord,
    /// Its memory.
    pub extent: Extent,
    /// The number of the block.
    pub block: u32,
}

impl SlotCache {
    /// Returns the stack for this length, if extents of this length are cached.
    #[inline(always)]
    fn stack(&self, units: u64) -> Option<&AtomicU32> {
        self.heads.get(usize::try_from(units).ok()?.wrapping_sub(1))
    }

    /// Returns whether there is room for an extent of `units` in the cache of a heap of `heap` units.
    #[inline]
    pub fn has_room(&self, units: u64, heap: u64) -> bool {
        (1..=CACHED_UNITS as u64).contains(&units)
            && self.count.load(Relaxed) < SLOT_CACHE_SLOTS
            && u64::from(self.units.load(Relaxed)) + units <= heap / SLOT_CACHE_PART
    }

    /// Adds a slot whose record is FREE and whose extent has this length. The caller has asked
    /// [`SlotCache::has_room`].
    pub fn push(&self, record: &Record, slot: u32, units: u64) {
        let Some(head) = self.stack(units) else { return };
        record.link.store(head.load(Relaxed), Relaxed);
        head.store(slot + 1, Relaxed);
        self.add(1, units as u32);
    }

    /// Takes the slot that was freed last among those whose extent has this length.
    #[inline(always)]
    pub fn pop(&self, index: &Index<'_>, units: u64) -> Result<Option<CachedSlot>> {
        let Some(head) = self.stack(units) else { return Ok(None) };
        let link = head.load(Relaxed);
        if link == 0 {
            return Ok(None);
        }
        let record = index.record(link - 1)?;
        let slot = cached(link - 1, record, units)?;
        head.store(record.link.load(Relaxed), Relaxed);
        self.add(u32::MAX, (units as u32).wrapping_neg());
        Ok(Some(slot))
    }

    #[inline(always)]
    fn add(&self, count: u32, units: u32) {
        self.count.store(self.count.load(Relaxed).wrapping_add(count), Relaxed);
        self.units.store(self.units.load(Relaxed).wrapping_add(units), Relaxed);
    }

    /// Takes any slot.
    pub fn pop_any(&self, index: &Index<'_>) -> Result<Option<CachedSlot>> {
        match (1..).zip(&self.heads).find(|(_, head)| head.load(Relaxed) != 0) {
            Some((units, _)) => self.pop(index, units),
            None => Ok(None),
        }
    }

    /// Calls `each` with every slot, stack by stack. Fails if a record in a stack is not FREE or has
    /// another length, or if there are too many slots.
    pub fn walk(
        &self,
        index: &Index<'_>,
        each: &mut dyn FnMut(CachedSlot) -> Result<()>,
    ) -> Result<()> {
        let mut left = SLOT_CACHE_SLOTS;
        for (units, head) in (1..).zip(&self.heads) {
            let mut link = head.load(Relaxed);
            while link != 0 {
                let Some(fewer) = left.checked_sub(1) else {
                    return Err(Error::new(Status::Corrupt, "a slot cache has too many slots"));
                };
                left = fewer;
                let record = index.record(link - 1)?;
                each(cached(link - 1, record, units)?)?;
                link = record.link.load(Relaxed);
            }
        }
        Ok(())
    }

    /// Forgets every slot.
    pub fn reset(&self) {
        self.heads.iter().for_each(|head| head.store(0, Relaxed));
        self.count.store(0, Relaxed);
        self.units.store(0, Relaxed);
    }
}

#[inline(always)]
fn cached(slot: u32, record: &Record, units: u64) -> Result<CachedSlot> {
    let (word, extent) = (record.load_with(Relaxed), record.data.load(0));
    if !word.is(State::Free) || extent.len() != units {
        return Err(unfit(slot, word));
    }
    Ok(CachedSlot { slot, word, extent, block: record.blocks[0].load(Relaxed) })
}

#[cold]
fn unfit(slot: u32, word: RecordWord) -> Error {
    Error::new(Status::Corrupt, format!("a slot cache holds record {slot}: {:#x}", word.0))
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::super::fixture::{Table, id_in};
    use super::*;
    use std::array;

    const HEAP: u64 = 1 << 20;

    fn cache() -> SlotCache {
        let heads = array::from_fn(|_| AtomicU32::new(0));
        SlotCache { count: AtomicU32::new(0), units: AtomicU32::new(0), heads }
    }

    /// Returns a table whose first slots are free and have extents of these units.
    fn table(lens: &[u64]) -> Table {
        let table = Table::new(8, 8);
        for (slot, len) in lens.iter().enumerate() {
            table.create(id_in(slot as u64, 8, 0), None, State::Writing);
            let record = &table.records[slot];
            record.data.store(0, Extent { start: 100 * slot as u64, size: len * 64 });
            record.blocks[0].store(slot as u32 + 1, Relaxed);
            let word = record.load_with(Relaxed);
            super::super::set_free(record, slot as u32, word, 0).unwrap();
        }
        table
    }

    #[test]
    fn the_slot_that_was_freed_last_is_taken_first_and_by_length() {
        let (table, cache) = (table(&[2, 2, 5]), cache());
        for (slot, units) in [(0, 2), (1, 2), (2, 5)] {
            cache.push(&table.records[slot as usize], slot, units);
        }
        let pop = |units| cache.pop(&table.index(), units).unwrap();
        let mut walked = Vec::new();
        let each = &mut |slot: CachedSlot| {
            walked.push(slot.slot);
            Ok(())
        };
        cache.walk(&table.index(), each).unwrap();
        assert_eq!(walked, [1, 0, 2]);
        assert_eq!((cache.count.load(Relaxed), cache.units.load(Relaxed)), (3, 9));
        let last = pop(2).unwrap();
        assert_eq!((last.slot, last.block, last.extent.start), (1, 2, 100));
        assert_eq!(pop(2).unwrap().slot, 0);
        assert_eq!((pop(2), pop(3), pop(0), pop(u64::MAX)), (None, None, None, None));
        assert_eq!(cache.pop_any(&table.index()).unwrap().unwrap().slot, 2);
        assert_eq!(cache.pop_any(&table.index()).unwrap(), None);
        assert_eq!((cache.count.load(Relaxed), cache.units.load(Relaxed)), (0, 0));
    }

    #[test]
    fn it_is_full_by_slots_by_a_part_of_the_heap_and_by_length() {
        let cache = cache();
        let longest = CACHED_UNITS as u64;
        for (units, room) in [(0, false), (1, true), (longest, true), (longest + 1, false)] {
            assert_eq!(cache.has_room(units, HEAP), room, "{units}");
        }
        assert!(
            cache.has_room(4, 4 * SLOT_CACHE_PART) && !cache.has_room(4, 4 * SLOT_CACHE_PART - 1)
        );
        cache.units.store(3, Relaxed);
        assert!(!cache.has_room(2, 4 * SLOT_CACHE_PART) && cache.has_room(1, 4 * SLOT_CACHE_PART));
        cache.count.store(SLOT_CACHE_SLOTS, Relaxed);
        assert!(!cache.has_room(1, HEAP));
        cache.reset();
        assert!(cache.has_room(1, HEAP));
    }

    #[test]
    fn a_slot_that_is_not_free_or_has_another_length_is_corrupt() {
        let (table, cache) = (table(&[2]), cache());
        let fails = || {
            let popped = cache.pop(&table.index(), 2).unwrap_err().status();
            let walked = cache.walk(&table.index(), &mut |_| Ok(())).unwrap_err().status();
            (popped, walked) == (Status::Corrupt, Status::Corrupt)
        };
        cache.heads[1].store(9, Relaxed);
        assert!(fails(), "a slot past the end of the table");
        cache.heads[1].store(2, Relaxed);
        assert!(fails(), "a slot without memory");
        table.create(id_in(1, 8, 0), None, State::Sealed);
        table.records[1].data.store(0, Extent { start: 0, size: 128 });
        assert!(fails(), "a sealed object");
        // A stack that is a circle.
        cache.heads[1].store(1, Relaxed);
        table.records[0].link.store(1, Relaxed);
        let walked = cache.walk(&table.index(), &mut |_| Ok(())).unwrap_err();
        assert_eq!(walked.status(), Status::Corrupt);
    }
}
