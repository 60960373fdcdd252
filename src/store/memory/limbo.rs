//! Limbo: the lists of deleted objects whose memory a client may still hold.

use crate::error::{Error, Result, Status};
use crate::layout::record::Record;
use crate::layout::shard::Limbo;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::{Hit, Index};
use crate::store::clients::lease_counts::WordSet;
use crate::store::lock::locked::Locked;
use crate::store::memory::extents::units_of;
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;

impl<'a> Locked<'a> {
    /// Puts a DOOMED record first.
    #[inline]
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

    /// Makes an object that is SEALED or FAILED DOOMED.
    pub fn doom(&mut self, hit: Hit) -> Result<()> {
        self.doom_in(&self.session.segment.index(), hit)
    }

    /// As [`Locked::doom`], in the store's index.
    pub fn doom_in(&mut self, index: &Index<'_>, hit: Hit) -> Result<()> {
        let session = self.session;
        let record = self.mark_doomed(hit)?;
        if session.segment.facts.lru() {
            session.segment.order().hold(hit.slot);
        }
        self.tolerate(index.unlink(hit.slot, hit.word))?;
        self.push_limbo(&session.shard(session.own.slot).limbo, hit.slot, record, hit.word);
        Ok(())
    }

    /// Makes objects that are SEALED or FAILED DOOMED, in a store with eviction.
    pub fn doom_all(&mut self, objects: &[(u32, RecordWord)]) -> Result<()> {
        let session = self.session;
        let limbo = &session.shard(session.own.slot).limbo;
        for &(slot, word) in objects {
            let record = self.mark_doomed(Hit { slot, word })?;
            self.push_limbo(limbo, slot, record, word);
        }
        session.segment.order().hold_all(objects.iter().map(|(slot, _)| *slot));
        self.tolerate(session.segment.index().unlink_all(objects))
    }

    /// Changes the word of such an object; returns the record.
    #[inline(always)]
    fn mark_doomed(&self, hit: Hit) -> Result<&'a Record> {
        let record = self.session.record(hit.slot)?;
        if !hit.word.is_settled()
            || record.advance(hit.word, hit.word.in_state(State::Doomed)).is_err()
        {
            return Err(sealed_error());
        }
        Ok(record)
    }

    /// The object that was doomed last.
    pub fn first_in_limbo(&self, limbo: &Limbo) -> Result<Option<LeaseWord>> {
        let Some(slot) = limbo.head.load(Relaxed).checked_sub(1) else { return Ok(None) };
        let word = self.session.record(slot)?.load();
        if word.is(State::Doomed) {
            Ok(Some(LeaseWord::new(word.generation(), slot)))
        } else {
            Err(limbo_error())
        }
    }

    /// Frees, from the object `mark` on, the objects that are not leased. Those before it were doomed
    /// later. Returns whether `mark` is there.
    pub fn free_limbo(
        &mut self,
        limbo: &Limbo,
        mark: LeaseWord,
        leased: &WordSet,
        freed: &mut u64,
    ) -> Result<bool> {
        let session = self.session;
        let (mut before, mut link) = (&limbo.head, limbo.head.load(Relaxed));
        let mut found = false;
        for _ in 0..=session.segment.facts.geometry.max_objects {
            let Some(slot) = link.checked_sub(1) else {
                return Ok(found);
            };
            let record = session.record(slot)?;
            let word = record.load();
            if !word.is(State::Doomed) {
                return Err(limbo_error());
            }
            link = record.link.load(Relaxed);
            let object = LeaseWord::new(word.generation(), slot);
            found |= object == mark;
            if found && (leased.is_empty() || !leased.contains(&object.0)) {
                before.store(link, Relaxed);
                limbo.count.store(limbo.count.load(Relaxed).wrapping_sub(1), Relaxed);
                let left = limbo.units.load(Relaxed).wrapping_sub(units_of(record, word));
                limbo.units.store(left, Relaxed);
                self.free_record(slot, word, 0)?;
                *freed += 1;
            } else {
                before = &record.link;
            }
        }
        Err(limbo_error())
    }

    /// Frees those of these DOOMED objects that `is_free` accepts. They are in the limbo in this
    /// order, perhaps with others between them; others may have been freed already.
    pub fn free_first(
        &mut self,
        limbo: &Limbo,
        objects: impl ExactSizeIterator<Item = LeaseWord>,
        is_free: &dyn Fn(LeaseWord) -> bool,
    ) -> Result<()> {
        let session = self.session;
        let doomed = |object: LeaseWord| -> Result<Option<(&Record, RecordWord)>> {
            let record = session.record(object.slot())?;
            let word = record.load();
            let is_it = word.is(State::Doomed) && word.generation() == object.generation();
            Ok(is_it.then_some((record, word)))
        };
        let (mut units, mut left) = (0u64, limbo.count.load(Relaxed));
        let mut freed = fallible::with_room(objects.len())?;
        if left > session.segment.index().used() {
            return Err(limbo_error());
        }
        let (mut before, mut link) = (&limbo.head, limbo.head.load(Relaxed));
        for object in objects {
            let Some((record, word)) = doomed(object)? else { continue };
            while link != 0 && link - 1 != object.slot() && left > 0 {
                before = &session.record(link - 1)?.link;
                link = before.load(Relaxed);
                left -= 1;
            }
            if link == 0 || left == 0 {
                break;
            }
            left -= 1;
            link = record.link.load(Relaxed);
            if is_free(object) {
                before.store(link, Relaxed);
                units = units.wrapping_add(units_of(record, word));
                fallible::push(&mut freed, (object.slot(), word))?;
            } else {
                before = &record.link;
            }
        }
        limbo.count.store(limbo.count.load(Relaxed).wrapping_sub(freed.len() as u32), Relaxed);
        limbo.units.store(limbo.units.load(Relaxed).wrapping_sub(units), Relaxed);
        self.free_records(&freed)
    }
}

#[cold]
fn sealed_error() -> Error {
    Error::new(Status::Corrupt, "a sealed record changed under the lock")
}

#[cold]
fn limbo_error() -> Error {
    Error::new(Status::Corrupt, "the list of deleted objects is corrupt")
}
