//! Limbo: the lists of deleted objects whose memory a client may still hold.

use crate::error::{Error, Result, Status};
use crate::layout::record::Record;
use crate::layout::shard::Limbo;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::Hit;
use crate::store::clients::lease_counts::WordSet;
use crate::store::lock::locked::Locked;
use crate::store::memory::extents::units_of;
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;

impl Locked<'_> {
    /// Puts a DOOMED record first.
    pub fn push_limbo(&self, limbo: &Limbo, slot: u32, record: &Record, word: RecordWord) {
        record.link.store(limbo.head.load(Relaxed), Relaxed);
        limbo.head.store(slot + 1, Relaxed);
        limbo.count.store(limbo.count.load(Relaxed).wrapping_add(1), Relaxed);
        let units = limbo.units.load(Relaxed).wrapping_add(units_of(record, word));
        limbo.units.store(units, Relaxed);
    }

    /// Makes a limbo empty.
    pub fn reset_limbo(&self, limbo: &Limbo) {
        limbo.head.store(0, Relaxed);
        limbo.count.store(0, Relaxed);
        limbo.units.store(0, Relaxed);
    }

    /// Makes a SEALED object DOOMED.
    pub fn doom(&mut self, hit: Hit) -> Result<()> {
        let record = self.session.record(hit.slot)?;
        let mut word = hit.word;
        // A creator seals without the lock; every other change of a word needs it.
        while let Err(now) = record.swap(word, word.in_state(State::Doomed)) {
            if now.generation() != word.generation() || !now.is(State::Sealed) {
                return Err(Error::new(Status::Corrupt, "a sealed record changed under the lock"));
            }
            word = now;
        }
        self.tolerate(self.session.segment.index().unlink(hit.slot, word))?;
        self.push_limbo(&self.session.shard(self.session.own.slot).limbo, hit.slot, record, word);
        Ok(())
    }

    pub fn walk_limbo(&self, limbo: &Limbo, all: &mut WordSet) -> Result<()> {
        let count = limbo.count.load(Relaxed);
        if count > self.session.segment.index().used() {
            return Err(limbo_error());
        }
        all.try_reserve(count as usize).map_err(|_| fallible::refused())?;
        let mut link = limbo.head.load(Relaxed);
        for _ in 0..count {
            let slot = link.wrapping_sub(1);
            let record = self.session.record(slot)?;
            let word = record.load();
            if !word.is(State::Doomed) {
                return Err(limbo_error());
            }
            all.insert(LeaseWord::new(word.generation(), slot).0);
            link = record.link.load(Relaxed);
        }
        if link == 0 { Ok(()) } else { Err(limbo_error()) }
    }

    pub fn free_limbo(&mut self, limbo: &Limbo, free: &WordSet, freed: &mut u64) -> Result<()> {
        let mut before: Option<u32> = None;
        let mut link = limbo.head.load(Relaxed);
        for _ in 0..=self.session.segment.facts.geometry.max_objects {
            if link == 0 {
                return Ok(());
            }
            let slot = link - 1;
            let record = self.session.record(slot)?;
            let next = record.link.load(Relaxed);
            let word = record.load();
            if !word.is(State::Doomed) {
                return Err(limbo_error());
            }
            if free.contains(&LeaseWord::new(word.generation(), slot).0) {
                match before {
                    None => limbo.head.store(next, Relaxed),
                    Some(before) => self.session.record(before)?.link.store(next, Relaxed),
                }
                limbo.count.store(limbo.count.load(Relaxed).wrapping_sub(1), Relaxed);
                let left = limbo.units.load(Relaxed).wrapping_sub(units_of(record, word));
                limbo.units.store(left, Relaxed);
                self.free_record(slot, word, 0)?;
                *freed += 1;
            } else {
                before = Some(slot);
            }
            link = next;
        }
        Err(limbo_error())
    }
}

#[cold]
fn limbo_error() -> Error {
    Error::new(Status::Corrupt, "the list of deleted objects is corrupt")
}
