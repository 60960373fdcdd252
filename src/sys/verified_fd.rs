//! A descriptor that is verified before each use.
//!
//! An application may close descriptors that are not its own (closefrom, a double close), and the
//! kernel may then give the same number to a file of the application. So before a stored number is
//! used or closed, fstat says which file it names now; a number that names another file is neither
//! used nor closed. This is a check, not a lock: it does not protect against a descriptor that is
//! closed between the check and the use.
#![allow(unsafe_code)] // not closing a number that now names another file

use super::file::{Stat, stat_fd};
use super::{Errno, SysResult};
use crate::error::{Error, Result};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A descriptor, and the file that it named when it was opened.
#[derive(Debug)]
pub struct VerifiedFd {
    fd: ManuallyDrop<OwnedFd>,
    stat: Stat,
}

impl VerifiedFd {
    /// Takes over a descriptor that was just opened.
    pub fn new(fd: OwnedFd) -> SysResult<Self> {
        let stat = stat_fd(fd.as_fd())?;
        Ok(Self { fd: ManuallyDrop::new(fd), stat })
    }

    /// Returns the descriptor; EBADF if the application has closed it.
    pub fn get(&self) -> SysResult<BorrowedFd<'_>> {
        self.stat_now().map(|_| self.fd.as_fd())
    }

    /// Returns the attributes that the file has now; EBADF as in [`VerifiedFd::get`].
    pub fn stat_now(&self) -> SysResult<Stat> {
        match stat_fd(self.fd.as_fd()) {
            Ok(stat) if stat.same_file(&self.stat) && stat.kind() == self.stat.kind() => Ok(stat),
            _ => Err(Errno(libc::EBADF)),
        }
    }

    /// Returns the descriptor as [`VerifiedFd::get`] does, with an error that a call can return.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        self.get().map_err(closed)
    }

    /// Returns the attributes as [`VerifiedFd::stat_now`] does, with an error that a call can return.
    pub fn inspect(&self) -> Result<Stat> {
        self.stat_now().map_err(closed)
    }

    /// Returns the descriptor unverified, for use soon after it was verified.
    pub fn unverified(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Returns the attributes that the file had when it was opened.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }
}

#[cold]
fn closed(errno: Errno) -> Error {
    errno.because(
        "the application closed a descriptor of this connection; disconnect, and connect again",
    )
}

impl Drop for VerifiedFd {
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
        let kept = VerifiedFd::new(ours).unwrap();
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
