//! Free slots that kept their memory. Every call runs under the writer lock.

use super::Index;
use crate::error::{Error, Result, Status};
use crate::layout::extent::Extent;
use crate::layout::record::Record;
use crate::layout::shard::{KEPT_UNITS, MAGAZINE_PART, MAGAZINE_SLOTS, Magazine};
use crate::layout::word::{RecordWord, State};
use crate::sync::{AtomicU32, Ordering::Relaxed};

/// A free slot and what it kept: data 0 of its record, and the block behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The slot.
    pub slot: u32,
    /// The word of its record, which is FREE.
    pub word: RecordWord,
    /// Its memory.
    pub extent: Extent,
    /// The number of the block.
    pub block: u32,
}

impl Magazine {
    /// The stack of this length, if such extents are kept.
    #[inline]
    fn stack(&self, units: u64) -> Option<&AtomicU32> {
        self.heads.get(usize::try_from(units).ok()?.wrapping_sub(1))
    }

    /// Whether an extent of this length may be kept, in a heap of so many units.
    #[inline]
    pub fn has_room(&self, units: u64, heap: u64) -> bool {
        (1..=KEPT_UNITS as u64).contains(&units)
            && self.count.load(Relaxed) < MAGAZINE_SLOTS
            && u64::from(self.units.load(Relaxed)) + units <= heap / MAGAZINE_PART
    }

    /// Keep a slot whose record is FREE and whose extent has this length, for which there is room.
    pub fn push(&self, record: &Record, slot: u32, units: u64) {
        let Some(head) = self.stack(units) else { return };
        record.link.store(head.load(Relaxed), Relaxed);
        head.store(slot + 1, Relaxed);
        self.add(1, units as u32);
    }

    /// Take the slot with an extent of this length that was freed last.
    #[inline]
    pub fn pop(&self, index: &Index<'_>, units: u64) -> Result<Option<Kept>> {
        let Some(head) = self.stack(units) else { return Ok(None) };
        let link = head.load(Relaxed);
        if link == 0 {
            return Ok(None);
        }
        let record = index.record(link - 1)?;
        let kept = kept(link - 1, record, units)?;
        head.store(record.link.load(Relaxed), Relaxed);
        self.add(u32::MAX, (units as u32).wrapping_neg());
        Ok(Some(kept))
    }

    fn add(&self, count: u32, units: u32) {
        self.count.store(self.count.load(Relaxed).wrapping_add(count), Relaxed);
        self.units.store(self.units.load(Relaxed).wrapping_add(units), Relaxed);
    }

    /// Take any slot.
    pub fn pop_any(&self, index: &Index<'_>) -> Result<Option<Kept>> {
        match (1..).zip(&self.heads).find(|(_, head)| head.load(Relaxed) != 0) {
            Some((units, _)) => self.pop(index, units),
            None => Ok(None),
        }
    }

    /// Every slot, by stack; an error when a stack holds what it should not, or there are too many.
    pub fn walk(&self, index: &Index<'_>, each: &mut dyn FnMut(Kept) -> Result<()>) -> Result<()> {
        let mut left = MAGAZINE_SLOTS;
        for (units, head) in (1..).zip(&self.heads) {
            let mut link = head.load(Relaxed);
            while link != 0 {
                let Some(fewer) = left.checked_sub(1) else {
                    return Err(Error::new(Status::Corrupt, "a magazine has too many slots"));
                };
                left = fewer;
                let record = index.record(link - 1)?;
                each(kept(link - 1, record, units)?)?;
                link = record.link.load(Relaxed);
            }
        }
        Ok(())
    }

    /// Forget every slot.
    pub fn reset(&self) {
        self.heads.iter().for_each(|head| head.store(0, Relaxed));
        self.count.store(0, Relaxed);
        self.units.store(0, Relaxed);
    }
}

#[inline]
fn kept(slot: u32, record: &Record, units: u64) -> Result<Kept> {
    let (word, extent) = (record.load_with(Relaxed), record.data.load(0));
    if !word.is(State::Free) || extent.len() != units {
        return Err(unfit(slot, word));
    }
    Ok(Kept { slot, word, extent, block: record.blocks[0].load(Relaxed) })
}

#[cold]
fn unfit(slot: u32, word: RecordWord) -> Error {
    Error::new(Status::Corrupt, format!("a magazine holds record {slot}: {:#x}", word.0))
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::super::fixture::{Table, id_in};
    use super::*;
    use std::array;

    const HEAP: u64 = 1 << 20;

    fn magazine() -> Magazine {
        let heads = array::from_fn(|_| AtomicU32::new(0));
        Magazine { count: AtomicU32::new(0), units: AtomicU32::new(0), heads }
    }

    /// A table whose first slots are free and have extents of these units.
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
        let (table, magazine) = (table(&[2, 2, 5]), magazine());
        for (slot, units) in [(0, 2), (1, 2), (2, 5)] {
            magazine.push(&table.records[slot as usize], slot, units);
        }
        let pop = |units| magazine.pop(&table.index(), units).unwrap();
        let mut walked = Vec::new();
        let each = &mut |kept: Kept| {
            walked.push(kept.slot);
            Ok(())
        };
        magazine.walk(&table.index(), each).unwrap();
        assert_eq!(walked, [1, 0, 2]);
        assert_eq!((magazine.count.load(Relaxed), magazine.units.load(Relaxed)), (3, 9));
        let last = pop(2).unwrap();
        assert_eq!((last.slot, last.block, last.extent.start), (1, 2, 100));
        assert_eq!(pop(2).unwrap().slot, 0);
        assert_eq!((pop(2), pop(3), pop(0), pop(u64::MAX)), (None, None, None, None));
        assert_eq!(magazine.pop_any(&table.index()).unwrap().unwrap().slot, 2);
        assert_eq!(magazine.pop_any(&table.index()).unwrap(), None);
        assert_eq!((magazine.count.load(Relaxed), magazine.units.load(Relaxed)), (0, 0));
    }

    #[test]
    fn it_is_full_by_slots_by_a_part_of_the_heap_and_by_length() {
        let magazine = magazine();
        let longest = KEPT_UNITS as u64;
        for (units, room) in [(0, false), (1, true), (longest, true), (longest + 1, false)] {
            assert_eq!(magazine.has_room(units, HEAP), room, "{units}");
        }
        assert!(
            magazine.has_room(4, 4 * MAGAZINE_PART) && !magazine.has_room(4, 4 * MAGAZINE_PART - 1)
        );
        magazine.units.store(3, Relaxed);
        assert!(
            !magazine.has_room(2, 4 * MAGAZINE_PART) && magazine.has_room(1, 4 * MAGAZINE_PART)
        );
        magazine.count.store(MAGAZINE_SLOTS, Relaxed);
        assert!(!magazine.has_room(1, HEAP));
        magazine.reset();
        assert!(magazine.has_room(1, HEAP));
    }

    #[test]
    fn what_is_not_free_or_has_another_length_is_corrupt() {
        let (table, magazine) = (table(&[2]), magazine());
        let fails = || {
            let popped = magazine.pop(&table.index(), 2).unwrap_err().status();
            let walked = magazine.walk(&table.index(), &mut |_| Ok(())).unwrap_err().status();
            (popped, walked) == (Status::Corrupt, Status::Corrupt)
        };
        magazine.heads[1].store(9, Relaxed);
        assert!(fails(), "a slot that is not there");
        magazine.heads[1].store(2, Relaxed);
        assert!(fails(), "a slot without memory");
        table.create(id_in(1, 8, 0), None, State::Sealed);
        table.records[1].data.store(0, Extent { start: 0, size: 128 });
        assert!(fails(), "a sealed object");
        // In a circle.
        magazine.heads[1].store(1, Relaxed);
        table.records[0].link.store(1, Relaxed);
        let walked = magazine.walk(&table.index(), &mut |_| Ok(())).unwrap_err();
        assert_eq!(walked.status(), Status::Corrupt);
    }
}
