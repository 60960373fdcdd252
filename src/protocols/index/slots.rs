//! Free slots of the object table, first in first out. Every call runs under the writer lock.

use super::Index;
use crate::error::{Error, Result, Status};
use crate::layout::record::Record;
use crate::layout::word::{RecordWord, State};
use crate::sync::AtomicU32;
use crate::sync::Ordering::Relaxed;

/// The queue of free slots. Links are slot + 1; 0 ends the queue.
#[derive(Clone, Copy)]
pub struct Slots<'a> {
    /// Oldest free slot.
    pub head: &'a AtomicU32,
    /// Newest free slot.
    pub tail: &'a AtomicU32,
    /// Number of slots in the queue.
    pub count: &'a AtomicU32,
}

/// The result of [`Slots::take`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotOutcome {
    /// A free slot; its record is FREE with this word.
    Slot(u32, RecordWord),
    /// Memory for more records must be reserved first.
    NeedRecords,
    /// Every slot that the store may have is in use.
    Full,
}

impl Slots<'_> {
    /// Takes the slot that has been free for longest, or one that was never used.
    #[inline]
    pub fn take(&self, index: &Index<'_>) -> Result<SlotOutcome> {
        if let Some(slot) = self.pop(index)? {
            return Ok(slot);
        }
        let used = index.table.used.load(Relaxed);
        if used as usize >= index.records.len() {
            return Ok(SlotOutcome::Full);
        }
        if used >= index.live.records_reserved.load(Relaxed) {
            return Ok(SlotOutcome::NeedRecords);
        }
        index.table.used.store(used + 1, Relaxed);
        let word = index.record(used)?.load_with(Relaxed);
        if !word.is(State::Free) {
            return Err(Error::new(Status::Corrupt, format!("fresh record {used} is in use")));
        }
        Ok(SlotOutcome::Slot(used, word))
    }

    fn pop(&self, index: &Index<'_>) -> Result<Option<SlotOutcome>> {
        let head = self.head.load(Relaxed);
        if head == 0 {
            return Ok(None);
        }
        let record = index.record(head - 1)?;
        let word = record.load_with(Relaxed);
        if !word.is(State::Free) {
            return Err(Error::new(Status::Corrupt, format!("free record {} is in use", head - 1)));
        }
        let next = record.link.load(Relaxed);
        self.head.store(next, Relaxed);
        if next == 0 {
            self.tail.store(0, Relaxed);
        }
        self.count.store(self.count.load(Relaxed).wrapping_sub(1), Relaxed);
        Ok(Some(SlotOutcome::Slot(head - 1, word)))
    }

    /// Frees a slot: its record becomes FREE, and the slot joins the queue unless its generations
    /// are used up. `flags` is ORPHANED or 0.
    pub fn give(&self, index: &Index<'_>, slot: u32, word: RecordWord, flags: u64) -> Result<()> {
        match set_free(index.record(slot)?, slot, word, flags)? {
            u32::MAX => Ok(()),
            _ => self.push(index, slot),
        }
    }

    /// Puts a slot whose record is FREE into the queue.
    pub fn push(&self, index: &Index<'_>, slot: u32) -> Result<()> {
        index.record(slot)?.link.store(0, Relaxed);
        let tail = self.tail.load(Relaxed);
        if tail == 0 {
            self.head.store(slot + 1, Relaxed);
        } else {
            index.record(tail - 1)?.link.store(slot + 1, Relaxed);
        }
        self.tail.store(slot + 1, Relaxed);
        self.count.store(self.count.load(Relaxed).wrapping_add(1), Relaxed);
        Ok(())
    }

    /// Rebuilds the queue from the object table.
    pub fn rebuild(&self, index: &Index<'_>) -> Result<()> {
        self.head.store(0, Relaxed);
        self.tail.store(0, Relaxed);
        self.count.store(0, Relaxed);
        for slot in 0..index.used() {
            let word = index.record(slot)?.load_with(Relaxed);
            if word.is(State::Free) && word.generation() != u32::MAX {
                self.push(index, slot)?;
            }
        }
        Ok(())
    }
}

/// Makes a record FREE in its next generation, which it returns. A slot in the last generation is
/// never used again. `flags` is ORPHANED or 0.
pub fn set_free(record: &Record, slot: u32, word: RecordWord, flags: u64) -> Result<u32> {
    let next = word.generation().saturating_add(1);
    let free = RecordWord::new(next, flags, State::Free);
    // The creator of a WRITING object changes its word without the lock.
    let changed = match word.is(State::Writing) {
        true => record.swap(word, free),
        false => record.advance(word, free),
    };
    // A failure means that the word is not the one that the caller saw under this same lock.
    changed.map_err(|now| {
        Error::new(Status::Corrupt, format!("record {slot} changed to {now:?} under the lock"))
    })?;
    Ok(next)
}
