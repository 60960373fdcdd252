//! The free units of the heap.

use crate::error::{Result, Status};
use crate::layout::word::{RecordWord, State};
use crate::store::lock::locked::Locked;
use crate::store::memory::extents::{lead_of, owned_extents};
use crate::store::session::Session;
use crate::support::fallible;

/// Whether no object owns the memory of a record with this word.
pub fn is_free(_slot: u32, word: RecordWord) -> bool {
    word.is(State::Free)
}

impl Session {
    /// The units that no object owns, and the largest free block: by the allocator, or by the table
    /// for a reader and while a writer is at work.
    pub fn free_heap(&self) -> Result<(u64, u64)> {
        let locked = if self.segment.read_only { None } else { self.try_lock() };
        let Some(mut locked) = locked else { return self.free_heap_by_table(is_free) };
        match locked.free_heap() {
            Ok(Some(free)) => Ok(free),
            nonsense => {
                locked.poison();
                drop(locked);
                nonsense.or_else(|error| match error.status() {
                    Status::Corrupt => Ok(None),
                    _ => Err(error),
                })?;
                self.free_heap_by_table(is_free)
            }
        }
    }

    /// By the table: all units that do not belong to a record, except records that `is_free`
    /// accepts.
    pub fn free_heap_by_table(
        &self,
        is_free: impl Fn(u32, RecordWord) -> bool,
    ) -> Result<(u64, u64)> {
        let allocator = self.segment.allocator();
        let capacity = self.segment.facts.geometry.units();
        let mut owned = fallible::with_room(self.segment.index().used() as usize + 1)?;
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            if !is_free(slot, record.load()) {
                for (which, extent) in owned_extents(record) {
                    let lead = lead_of(&allocator, record, which, extent);
                    fallible::push(&mut owned, (extent.start, extent.len(), lead))?;
                }
            }
        }
        fallible::push(&mut owned, (capacity, 0, 0))?;
        owned.sort_unstable_by_key(|(start, ..)| *start);
        let (mut unowned, mut largest, mut from) = (0, 0, 0);
        for (start, len, lead) in owned {
            let gap = start.saturating_sub(from);
            unowned += gap;
            largest = largest.max(gap.saturating_sub(lead));
            from = from.max(start.saturating_add(len));
        }
        Ok((unowned.min(capacity), largest.min(capacity)))
    }
}

impl Locked<'_> {
    /// By the allocator; `None` if the allocator is corrupt.
    pub fn free_heap(&self) -> Result<Option<(u64, u64)>> {
        self.empty_slot_caches()?;
        let allocator = self.session.segment.allocator();
        let (free, largest) = (allocator.free_units(), allocator.largest_free()?);
        // The memory before a page-aligned object is not part of the free units.
        let unowned = free.saturating_add(allocator.lead_units());
        let sound = unowned <= self.session.segment.facts.geometry.units() && largest <= free;
        Ok(sound.then_some((unowned, largest)))
    }
}
