//! Abort: an unsealed object is given up.

use crate::error::{Error, Result, Status};
use crate::layout::word::RecordWord;
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::objects::writer::Unsealed;
use crate::store::session::Session;
use crate::sys::thread::CancelOff;

impl Session {
    /// Gives up an unsealed object without a buffer. It is absent at once. If another client has
    /// the lock, its memory becomes free when the lock is taken next.
    pub fn give_up(&self, object: Unsealed) {
        if self.forked() {
            return;
        }
        let _cancel = CancelOff::begin();
        match self.try_lock() {
            // After an error the record is corrupt or the lock is poisoned; recovery handles both.
            Some(locked) => drop(locked.abort(object)),
            None => self.abandon(object),
        }
    }

    /// Gives up an unsealed object without the lock.
    pub fn abandon(&self, object: Unsealed) {
        let Ok((record, word)) = self.load_writing(object) else { return };
        // Read before the record is marked: after that the record may be freed and its slot reused.
        let (id, sizes) = (record.id(), record.sizes(word));
        let _announcement = self.begin_announcement();
        let given_up = self.segment.abandoned().give_up(record, object.generation);
        if given_up && !word.has(RecordWord::HIDDEN) {
            self.notify_aborted(&id, sizes);
        }
    }

    /// Gives up an unsealed object: its memory, id and name become free.
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
        let _announcement = session.begin_announcement();
        self.free_object(object.slot, word, 0)?;
        drop(self);
        session.notify_aborted(&id, sizes);
        Ok(())
    }
}
