//! Delete: an object is absent at once for new gets; its memory is freed after the last release.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::event::EventKind;
use crate::layout::word::State;
use crate::protocols::index::{Hit, Key};
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::session::Session;

impl Session {
    /// Deletes the object with this key: it is absent at once for new gets, and its memory is freed
    /// after the last release.
    pub fn delete(&self, call: &Call<'_>, key: &Key) -> Result<()> {
        self.ensure_writable()?;
        let size = loop {
            let mut locked = self.lock(call)?;
            let Some(hit) = locked.find(key) else {
                return Err(Error::plain(Status::NotFound));
            };
            if hit.word.is(State::Writing) {
                drop(locked);
                if self.reap_if_orphan(call, hit)? {
                    continue;
                }
                return Err(Error::plain(Status::NotSealed));
            }
            let id = self.record(hit.slot)?.id();
            break self.doom(locked, hit, &id)?;
        };
        self.reclaim_for_delete(call, size)
    }

    /// Deletes a failure whose time is over, for a creator; `true` if the object is gone.
    pub fn remove_expired(&self, call: &Call<'_>, hit: Hit) -> Result<bool> {
        if self.is_expired(hit)? == Some(false) {
            return Ok(false);
        }
        let locked = self.lock(call)?;
        let record = self.record(hit.slot)?;
        if record.load() != hit.word {
            return Ok(true);
        }
        let id = record.id();
        let size = self.doom(locked, hit, &id)?;
        self.reclaim_for_delete(call, size)?;
        Ok(true)
    }

    /// Makes an object that is sealed, or failed, absent, and notifies all that wait for that.
    /// Returns the bytes of its data.
    #[inline(always)]
    pub fn doom(&self, mut locked: Locked<'_>, hit: Hit, id: &ObjectId) -> Result<u64> {
        let sizes = self.record(hit.slot)?.sizes(hit.word);
        let _announcement = self.begin_announcement();
        locked.doom(hit)?;
        drop(locked);
        self.notify_gone(EventKind::Deleted, id, sizes);
        Ok(sizes.data)
    }
}
