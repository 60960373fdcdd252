//! Orphans: objects whose creator died before it sealed them.

use crate::error::Result;
use crate::layout::word::{RecordWord, State};
use crate::protocols::index::Hit;
use crate::store::call::Call;
use crate::store::session::Session;
use crate::sync::{Ordering, fence};

impl Session {
    /// Aborts a WRITING object if its creator is dead; `true` if the object is gone.
    pub fn reap_if_orphan(&self, call: &Call<'_>, hit: Hit) -> Result<bool> {
        if !hit.word.is(State::Writing) {
            return Ok(false);
        }
        let Some(creator) = self.creator_of(hit) else { return Ok(true) };
        if self.segment.read_only || self.may_be_alive(creator) {
            return Ok(false);
        }
        let mut locked = self.lock(call)?;
        let record = self.record(hit.slot)?;
        let word = record.load();
        if word.generation() != hit.word.generation() || !word.is(State::Writing) {
            return Ok(true);
        }
        let (id, sizes) = (record.id(), record.sizes(word));
        let _announcement = self.begin_announcement();
        locked.free_object(hit.slot, word, RecordWord::ORPHANED)?;
        self.append_gap();
        drop(locked);
        self.notify_aborted(&id, sizes);
        self.segment.wake_everybody();
        Ok(true)
    }

    /// The serial of the client that writes the object; `None` if the object is no longer being
    /// written.
    pub fn creator_of(&self, hit: Hit) -> Option<u64> {
        let record = self.record(hit.slot).ok()?;
        let serial = record.creator_serial.load(Ordering::Relaxed);
        // SYNC record-fields: as in a lookup.
        fence(Ordering::Acquire);
        let now = record.load_with(Ordering::Relaxed);
        let same = now.generation() == hit.word.generation() && now.is(State::Writing);
        same.then_some(serial)
    }
}
