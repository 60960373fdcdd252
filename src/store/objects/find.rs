//! Find an object by its id or name.

use crate::error::{Error, Result, Status};
use crate::layout::word::{RecordWord, State};
use crate::protocols::index::{Astray, Hit, Index, Key};
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::session::Session;
use crate::sync::Ordering;

/// A record that a waiter saw WRITING by a living creator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenWriting {
    slot: u32,
    generation: u32,
    creator: u64,
}

impl Session {
    /// Finds the object with this key that exists or is being written, without the lock.
    #[inline(never)]
    pub fn find(&self, key: &Key) -> Option<Hit> {
        self.find_inline(key)
    }

    /// As [`Session::find`], for a call that does hardly anything else.
    #[inline(always)]
    pub fn find_inline(&self, key: &Key) -> Option<Hit> {
        match self.segment.index().find(key) {
            Ok(found) => found,
            Err(Astray) => self.find_in_table(key),
        }
    }

    #[cold]
    fn find_in_table(&self, key: &Key) -> Option<Hit> {
        self.repair();
        self.segment.index().scan(key)
    }

    /// Finds an object that is sealed, or that failed and has not expired.
    pub fn find_settled(&self, key: &Key) -> Result<Option<Hit>> {
        loop {
            let hit = self.find(key).filter(|hit| hit.word.is_settled());
            match hit.map(|hit| self.is_expired(hit)).transpose()? {
                Some(None) => {}
                Some(Some(false)) => return Ok(hit),
                None | Some(Some(true)) => return Ok(None),
            }
        }
    }
}

impl Locked<'_> {
    /// As [`Session::find`], under the lock.
    #[inline(always)]
    pub fn find(&mut self, key: &Key) -> Option<Hit> {
        self.find_in(&self.session.segment.index(), key)
    }

    /// As [`Locked::find`], in the store's index.
    #[inline(always)]
    pub fn find_in(&mut self, index: &Index<'_>, key: &Key) -> Option<Hit> {
        index.find_still(key).unwrap_or_else(|Astray| {
            self.poison();
            index.scan(key)
        })
    }
}

impl Session {
    /// Finds an object for a waiter. A failure whose time is over counts as absent, and so does an
    /// object that is WRITING by a dead creator, which is reaped if this client may. Returns ABORTED if the waiter saw the object WRITING by a
    /// creator that is dead now.
    pub fn find_live(
        &self,
        call: &Call<'_>,
        key: &Key,
        seen: &mut Option<SeenWriting>,
    ) -> Result<Option<Hit>> {
        while let Some(hit) = self.find(key) {
            if hit.word.is(State::Sealed) {
                return Ok(Some(hit));
            }
            if hit.word.is(State::Failed) {
                match self.is_expired(hit)? {
                    Some(false) => return Ok(Some(hit)),
                    Some(true) => break,
                    None => continue,
                }
            }
            // It was sealed or given up in between: find again.
            let Some(creator) = self.creator_of(hit) else { continue };
            if self.may_be_alive(creator) {
                let this =
                    SeenWriting { slot: hit.slot, generation: hit.word.generation(), creator };
                let before = seen.replace(this);
                if before.is_some_and(|before| before != this && self.was_orphaned(before)) {
                    return Err(Error::plain(Status::Aborted));
                }
                return Ok(Some(hit));
            }
            // It may have been sealed before its creator left; dead clients seal nothing.
            if self.creator_of(hit) != Some(creator) {
                continue;
            }
            if !self.segment.read_only {
                match self.reap_if_orphan(&call.for_side_task(), hit) {
                    // The wait goes on: the object is absent whether or not it can be reaped now.
                    Err(error) if error.status() == Status::Timeout => {}
                    reaped => drop(reaped?),
                }
            }
            break;
        }
        match seen.take() {
            Some(before) if self.was_orphaned(before) => Err(Error::plain(Status::Aborted)),
            _ => Ok(None),
        }
    }

    /// Whether an object that was seen WRITING ended with its creator's death, rather than by the
    /// creator's seal or abort.
    fn was_orphaned(&self, seen: SeenWriting) -> bool {
        let word = self.record(seen.slot).map_or(RecordWord(0), |record| {
            // SYNC record-word: Acquire; as in a lookup.
            record.load_with(Ordering::Acquire)
        });
        let sealed_or_given_up = !word.is(State::Writing) || word.has(RecordWord::ABANDONED);
        if word.generation() == seen.generation && sealed_or_given_up {
            return false;
        }
        if word.generation() == seen.generation.wrapping_add(1) && word.is(State::Free) {
            return word.has(RecordWord::ORPHANED);
        }
        // The object is still WRITING, or the slot belongs to another object and says nothing about
        // this one.
        !self.may_be_alive(seen.creator)
    }

    /// The key of a name.
    #[inline]
    pub fn name_key(&self, name: &[u8]) -> Key {
        Key::Name(crate::protocols::index::hash::name_hash(self.segment.facts.seed, name))
    }
}

/// Whether a record holds an object that lists show.
pub fn is_shown(word: RecordWord) -> bool {
    !word.has(RecordWord::HIDDEN) && !word.has(RecordWord::ABANDONED)
}
