//! Whether a handle is usable: each call begins with this question.

use crate::error::{Error, Result, Status};
use crate::layout::header::Lifecycle;
use crate::store::session::Session;
use crate::sync::local::Ordering::*;
use crate::sys::thread::CancelOff;

impl Session {
    /// Returns an error in a forked child, and if the store is gone.
    #[inline(always)]
    pub fn ensure_open(&self) -> Result<()> {
        if self.forked() {
            return Err(Error::plain(Status::Forked));
        }
        self.ensure_store_open()
    }

    /// As [`Session::ensure_open`], in a call that is known not to run in a forked child.
    #[inline(always)]
    pub fn ensure_store_open(&self) -> Result<()> {
        let lifecycle = self.segment.lifecycle_word().load();
        match lifecycle {
            Some(Lifecycle::Live | Lifecycle::Closing) if !self.gone.load(Relaxed) => Ok(()),
            _ => self.ensure_store_open_slow(),
        }
    }

    /// The store is gone, or its lifecycle word is corrupt.
    #[cold]
    fn ensure_store_open_slow(&self) -> Result<()> {
        match self.segment.lifecycle().or_else(|error| self.settle_lifecycle(error))? {
            Lifecycle::Gone => Err(self.gone_error()),
            _ if self.gone.load(Relaxed) => Err(self.gone_error()),
            _ => Ok(()),
        }
    }

    /// As [`Session::ensure_open`], for calls that change the store.
    #[inline(never)]
    pub fn ensure_writable(&self) -> Result<()> {
        self.ensure_open()?;
        if self.segment.read_only { Err(read_only_error()) } else { Ok(()) }
    }

    /// The lifecycle word is corrupt: the store exists as long as its directory has a name.
    #[cold]
    fn settle_lifecycle(&self, error: Error) -> Result<Lifecycle> {
        let _cancel = CancelOff::begin();
        self.ensure_linked()?;
        if self.segment.read_only {
            return Ok(Lifecycle::Live);
        }
        self.repair();
        self.segment.lifecycle().map_err(|_| error)
    }
}

#[cold]
fn read_only_error() -> Error {
    Error::new(
        Status::ReadOnly,
        "this client was connected with PLASMA_CONNECT_READ_ONLY; connect without it",
    )
}
