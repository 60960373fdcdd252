//! Abort: an object that was never sealed is given up.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::event::{EventKind, Sizes};
use crate::layout::word::RecordWord;
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::objects::writer::Unsealed;
use crate::store::session::Session;

impl Session {
    /// Give up an unsealed object that nobody has a buffer on. It is absent at once; while another has
    /// the lock, its memory comes back when the lock is taken next.
    pub fn give_up(&self, object: Unsealed) {
        if self.forked() {
            return;
        }
        match self.try_lock() {
            // An error leaves what recovery finds: the record is nonsense, or the lock needs it.
            Some(locked) => drop(locked.abort(object)),
            None => self.abandon(object),
        }
    }

    /// Give up an unsealed object without the lock.
    pub fn abandon(&self, object: Unsealed) {
        let Ok((record, word)) = self.load_writing(object) else { return };
        // Before it is marked: then it may be freed, and its slot used again.
        let (id, sizes) = (record.id(), record.sizes(word));
        let given_up = self.segment.abandoned().give_up(record, object.generation);
        if given_up && !word.has(RecordWord::HIDDEN) {
            self.tell_aborted(&id, sizes);
        }
    }

    /// Give an unsealed object up: its memory, id and name come back.
    pub fn abort(&self, call: &Call<'_>, object: Unsealed) -> Result<()> {
        if self.forked() {
            return Err(Error::plain(Status::Forked));
        }
        self.lock(call)?.abort(object)
    }
}

impl Locked<'_> {
    /// Gives an unsealed object up, releases the lock, and notifies the waiters.
    fn abort(mut self, object: Unsealed) -> Result<()> {
        let session = self.session;
        let (record, word) = session.load_writing(object)?;
        let (id, sizes) = (record.id(), record.sizes(word));
        self.free_object(object.slot, word, 0)?;
        drop(self);
        session.tell_aborted(&id, sizes);
        Ok(())
    }
}

impl Session {
    /// Tell of an object that was given up: whoever waits to create it looks again.
    fn tell_aborted(&self, id: &ObjectId, sizes: Sizes) {
        self.append_event(EventKind::Aborted, id, sizes);
        self.wake_waiters_for(id);
    }
}
