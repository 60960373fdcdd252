//! Mend: all that is derived from the object table is made from it again when it is found to be nonsense.
//!
//! A call that meets nonsense takes its answer from the table, and poisons the lock: the next owner rebuilds
//! the rest, by a recovery like any other. Under the lock a change of the table is what counts. A call that
//! meets nonsense before its change starts over, once, after that recovery. A change that is made stands,
//! and the next owner completes its other traces.

use crate::error::{Error, Status};
use crate::store::session::Session;

/// Whether a call starts over after this error, as it does once.
#[cold]
pub fn starts_over(before: &mut bool, error: &Error) -> bool {
    error.status() == Status::Corrupt && !std::mem::replace(before, true)
}

impl Session {
    /// Rebuild all that is derived from the table, if this client may and the lock is free.
    #[cold]
    pub fn mend(&self) {
        if self.segment.read_only {
            return;
        }
        let Some(mut locked) = self.try_lock() else { return };
        locked.poison();
        drop(locked);
        drop(self.try_lock());
    }
}
