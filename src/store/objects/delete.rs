//! Delete: an object is absent at once for new gets; its memory is freed after the last release.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::event::EventKind;
use crate::layout::record::IdWords;
use crate::layout::word::State;
use crate::protocols::index::Key;
use crate::store::call::Call;
use crate::store::session::Session;

impl Session {
    /// Deletes an object: it is absent at once for new gets, and its memory is freed after the last
    /// release.
    pub fn delete(&self, call: &Call<'_>, id: &ObjectId) -> Result<()> {
        self.ensure_writable()?;
        let key = Key::Id(IdWords::from(id));
        let size = loop {
            let mut locked = self.lock(call)?;
            let Some(hit) = locked.find(&key) else {
                return Err(Error::plain(Status::NotFound));
            };
            if hit.word.is(State::Writing) {
                drop(locked);
                if self.reap_if_orphan(call, hit)? {
                    continue;
                }
                return Err(Error::plain(Status::NotSealed));
            }
            let sizes = self.record(hit.slot)?.sizes(hit.word);
            let _announcement = self.begin_announcement();
            locked.doom(hit)?;
            drop(locked);
            self.notify_gone(EventKind::Deleted, id, sizes);
            break sizes.data;
        };
        self.reclaim_for_delete(call, size)
    }
}
