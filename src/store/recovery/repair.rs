//! Repair: every structure that derives from the object table is rebuilt when it is found to be
//! corrupt.
//!
//! A call that finds corruption answers from the table, and poisons the lock: the next owner
//! rebuilds the rest by an ordinary recovery. Under the lock, the change of the table is what
//! counts. A call that finds corruption before its change starts over, once, after that recovery. A
//! change that was made stands, and the next owner completes its other traces.

use crate::error::{Error, Status};
use crate::store::session::Session;
use crate::sys::thread::CancelOff;

/// Whether a call starts over after this error, which it does once.
#[cold]
pub fn starts_over(before: &mut bool, error: &Error) -> bool {
    error.status() == Status::Corrupt && !std::mem::replace(before, true)
}

impl Session {
    /// Rebuilds every structure that derives from the table, if this client may write and the lock
    /// is free.
    #[cold]
    pub fn repair(&self) {
        if self.segment.read_only {
            return;
        }
        // Also in calls that otherwise do not enter the kernel.
        let _cancel = CancelOff::begin();
        let Some(mut locked) = self.try_lock() else { return };
        locked.poison();
        drop(locked);
        drop(self.try_lock());
    }
}
