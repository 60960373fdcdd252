//! Objects that were given up by creators that could not get the writer lock.
//!
//! Such a creator marks the record ABANDONED, which makes the object absent for everybody at once, and
//! then counts it. Whoever has the lock next finds the count, takes it back to 0, and frees every
//! record that is marked. A creator that dies between mark and count leaves a WRITING record of a dead
//! client, which reaping and recovery free.

use crate::layout::record::Record;
use crate::layout::word::{RecordWord, State};
use crate::sync::AtomicU64;
use crate::sync::Ordering::{Acquire, Relaxed, Release};

/// The count of marked records in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct Abandoned<'a> {
    /// How many were marked since the last [`Abandoned::take`].
    pub count: &'a AtomicU64,
}

impl Abandoned<'_> {
    /// Give up the object in `record`, without the lock; `false` when its creator no longer writes this
    /// generation.
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
        // SYNC abandoned: Release; whoever finds the count finds the mark.
        self.count.fetch_add(1, Release);
        true
    }

    /// Whether records may be marked: a hint for the owner of the lock.
    #[inline(always)]
    pub fn any(&self) -> bool {
        self.count.load(Relaxed) != 0
    }

    /// Take the count back to 0, before the marked records are looked for: under the lock.
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
