//! A descriptor that is kept from call to call.
//!
//! An application may close descriptors that are not its own (closefrom, a double close), and the
//! number may then come back as a file of the application's. So before a kept number is used, or
//! closed, it is asked what file it is; what is not ours is neither used nor closed. This is a
//! look, not a lock: it does not help against descriptors that are closed at that very moment.
#![allow(unsafe_code)] // not closing what became another's

use super::file::{Stat, stat_fd};
use super::{Errno, SysResult};
use crate::error::{Error, Result};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A descriptor that is looked at before each use.
#[derive(Debug)]
pub struct Kept {
    fd: ManuallyDrop<OwnedFd>,
    stat: Stat,
}

impl Kept {
    /// Keep a descriptor that was just opened.
    pub fn new(fd: OwnedFd) -> SysResult<Self> {
        let stat = stat_fd(fd.as_fd())?;
        Ok(Self { fd: ManuallyDrop::new(fd), stat })
    }

    /// The descriptor; EBADF when it was closed behind our back.
    pub fn get(&self) -> SysResult<BorrowedFd<'_>> {
        self.now().map(|_| self.fd.as_fd())
    }

    /// What the file is now; EBADF as in [`Kept::get`].
    pub fn now(&self) -> SysResult<Stat> {
        match stat_fd(self.fd.as_fd()) {
            Ok(stat) if stat.same_file(&self.stat) && stat.kind() == self.stat.kind() => Ok(stat),
            _ => Err(Errno(libc::EBADF)),
        }
    }

    /// As [`Kept::get`], as the error of a call.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        self.get().map_err(closed)
    }

    /// As [`Kept::now`], as the error of a call.
    pub fn look(&self) -> Result<Stat> {
        self.now().map_err(closed)
    }

    /// The descriptor without a look, soon after one.
    pub fn seen(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What the file was when it was opened.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }
}

#[cold]
fn closed(errno: Errno) -> Error {
    errno.because(
        "a descriptor of this connection was closed behind its back; disconnect, and connect anew",
    )
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.get().is_ok() {
            // SAFETY: dropped here and nowhere else, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.fd) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::TempDir;
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_number_that_became_another_file_is_neither_used_nor_closed() {
        let dir = TempDir::new();
        let (ours, theirs) = (dir.open(c"ours"), dir.open(c"theirs"));
        let kept = Kept::new(ours).unwrap();
        let number = kept.get().unwrap().as_raw_fd();
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::dup2(theirs.as_raw_fd(), number) }, number);
        assert_eq!(kept.get().unwrap_err(), Errno(libc::EBADF));
        drop(kept);
        // SAFETY: takes no pointers.
        assert!(unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0);
        // SAFETY: this test made the number with dup2.
        assert_eq!(unsafe { libc::close(number) }, 0);
    }
}
