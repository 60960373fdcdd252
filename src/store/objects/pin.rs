//! Pin: an object is kept from eviction.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::record::IdWords;
use crate::layout::word::{RecordWord, State};
use crate::protocols::index::{Hit, Key};
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::session::Session;

impl Session {
    /// Pins an object against eviction, or unpins it.
    pub fn set_pinned(&self, call: &Call<'_>, id: &ObjectId, pinned: bool) -> Result<()> {
        self.ensure_writable()?;
        let key = Key::Id(IdWords::from(id));
        loop {
            let Some(hit) = self.find_live(call, &key, &mut None)? else {
                return Err(Error::plain(Status::NotFound));
            };
            let next = |word: RecordWord| match pinned {
                true => word.with(RecordWord::PINNED),
                false => word.without(RecordWord::PINNED),
            };
            if next(hit.word) == hit.word {
                return Ok(());
            }
            // A failure cannot be pinned: the caller learns why there is no object.
            if hit.word.is(State::Failed) {
                self.unsealed_outcome(hit)?;
                continue;
            }
            let locked = self.lock(call)?;
            if locked.change_pinned(hit, next)? {
                return Ok(());
            }
        }
    }
}

impl Locked<'_> {
    /// Changes the word of an object under the lock, so that a client that frees or resizes the
    /// object finds the word as it read it. Returns `false` if the object is gone.
    fn change_pinned(&self, hit: Hit, next: impl Fn(RecordWord) -> RecordWord) -> Result<bool> {
        let record = self.session.record(hit.slot)?;
        let mut word = record.load();
        while word.generation() == hit.word.generation()
            && matches!(word.state(), Some(State::Writing | State::Sealed))
        {
            // Its creator may set TEXT or seal it: then try again.
            match record.swap(word, next(word)) {
                Ok(()) => {
                    if self.session.segment.facts.lru() {
                        let order = self.session.segment.order();
                        match next(word).has(RecordWord::PINNED) {
                            true => order.hold(hit.slot),
                            false => order.let_go(hit.slot, 0),
                        }
                    }
                    return Ok(true);
                }
                Err(now) => word = now,
            }
        }
        Ok(false)
    }
}
