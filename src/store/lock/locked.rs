//! The writer lock, held. Every operation that needs the lock is a method of [`Locked`], here or in
//! the file of its subject.

use crate::error::{Result, Status};
use crate::protocols::writer_lock::Acquired;
use crate::store::session::Session;
use crate::sys::futex;

/// The writer lock of a store, held until dropped.
pub struct Locked<'a> {
    /// The client that holds it.
    pub session: &'a Session,
    whole: bool,
    /// The thread unwinds from a panic that has nothing to do with what the lock protects.
    unwinds: bool,
}

impl<'a> Locked<'a> {
    /// The lock that `session` has just acquired. If a recovery is due, a drop before
    /// [`Locked::finish_recovery`] leaves it to the next owner.
    pub fn new(session: &'a Session, acquired: &Acquired) -> Self {
        Self { session, whole: !acquired.recover, unwinds: std::thread::panicking() }
    }

    /// Notes that what the lock protects is whole again.
    pub fn finish_recovery(&mut self) -> Result<()> {
        self.session.segment.lock().recovered(self.session.own.slot as u16)?;
        self.whole = true;
        Ok(())
    }

    /// Notes that what the lock protects may not be whole: the next owner recovers.
    pub fn poison(&mut self) {
        self.whole = false;
    }

    /// Goes on after a change of the object table whose other traces failed: the next owner makes them.
    /// Only corruption is tolerated.
    pub fn tolerate(&mut self, result: Result<()>) -> Result<()> {
        match result {
            Err(error) => {
                self.poison();
                if error.status() == Status::Corrupt { Ok(()) } else { Err(error) }
            }
            Ok(()) => Ok(()),
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let writer_lock = self.session.segment.lock();
        let me = self.session.own.slot as u16;
        let wake = || {
            futex::wake_low_half(&self.session.segment.header().lock.word);
        };
        // An error means that another client owns the lock: then there is nothing to release.
        let _ = if self.whole && (self.unwinds || !std::thread::panicking()) {
            writer_lock.release(me, wake)
        } else {
            writer_lock.release_needing_recovery(me, wake)
        };
    }
}
