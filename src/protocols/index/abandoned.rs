//! Abandoned objects: those whose creator gave them up because it could not get the writer lock.
//!
//! Such a creator marks the record ABANDONED, which makes the object absent for every client at
//! once, and then increments a count. The next owner of the lock sees the count, resets it to 0,
//! and frees every marked record. A creator that dies between the mark and the count leaves a
//! WRITING record of a dead client, which reaping and recovery free.

use crate::layout::record::Record;
use crate::layout::word::{RecordWord, State};
use crate::sync::AtomicU64;
use crate::sync::Ordering::{Acquire, Relaxed, Release};

/// The number of marked records, in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct Abandoned<'a> {
    /// Records that were marked since the last [`Abandoned::take`].
    pub count: &'a AtomicU64,
}

impl Abandoned<'_> {
    /// Marks the object in `record` as given up, without the lock. Returns `false` when its creator
    /// no longer writes this generation.
    pub fn give_up(&self, record: &Record, generation: u32) -> bool {
        let mut word = record.load();
        loop {
            let writing = word.generation() == generation && word.is(State::Writing);
            if !writing || word.has(RecordWord::ABANDONED) {
                return false;
            }
            match record.swap(word, word.with(RecordWord::ABANDONED)) {
                Ok(()) => break,
                Err(now) => word = now,
            }
        }
        // SYNC abandoned: Release; a client that sees the count sees the mark.
        self.count.fetch_add(1, Release);
        true
    }

    /// Returns whether records may be marked: a hint for the owner of the lock.
    #[inline(always)]
    pub fn any(&self) -> bool {
        self.count.load(Relaxed) != 0
    }

    /// Resets the count to 0, under the lock. The caller looks for the marked records afterwards.
    pub fn take(&self) {
        let mut count = self.count.load(Relaxed);
        while count != 0 {
            // SYNC abandoned: Acquire; pairs with the Release of each `give_up` that was counted.
            match self.count.compare_exchange(count, 0, Acquire, Relaxed) {
                Ok(_) => return,
                Err(now) => count = now,
            }
        }
    }
}

#[cfg(all(test, loom))]
mod loom;
