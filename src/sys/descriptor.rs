//! Numbers of descriptors. 0, 1 and 2 belong to the program, even while they are closed.
//!
//! A daemon may start with them closed, and later write to stderr. The kernel returns the lowest
//! free number, so the daemon would write into a file of the store. Therefore a descriptor that is
//! opened here is moved to a higher number at once. A writable file does not even have a low number
//! for the moment in between: [`Low`] occupies the low numbers while it is opened.
#![allow(unsafe_code)] // fcntl, close, and owning what a system call returned

use super::{Errno, SysResult, check, retry};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The first number that does not belong to the program.
const FIRST: RawFd = 3;

/// Takes over a descriptor that a system call has just returned, and moves it to a number from 3
/// on.
pub(super) fn own(returned: RawFd) -> SysResult<OwnedFd> {
    // SAFETY: the caller has just got this descriptor from the kernel; nobody else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(returned) };
    if returned >= FIRST { Ok(fd) } else { move_up(&fd) }
}

#[cold]
fn move_up(low: &OwnedFd) -> SysResult<OwnedFd> {
    // SAFETY: takes no pointers.
    let fd = unsafe { libc::fcntl(low.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST) };
    match check(fd) {
        // SAFETY: fcntl has just returned this descriptor; nobody else owns it.
        Ok(fd) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        // The limit of open files allows no number from 3 on.
        Err(Errno(libc::EINVAL)) => Err(Errno(libc::EMFILE)),
        Err(error) => Err(error),
    }
}

/// Low numbers that were free, occupied until this is dropped. Writing to them fails, as it does
/// for a closed descriptor.
pub(super) struct Low(#[allow(dead_code)] [Option<OwnedFd>; FIRST as usize]);

impl Low {
    /// Occupies those of 0, 1 and 2 that are free.
    pub(super) fn occupy() -> Self {
        Self(std::array::from_fn(|number| {
            // SAFETY: takes no pointers.
            let free = unsafe { libc::fcntl(number as RawFd, libc::F_GETFD) } < 0;
            if free { place_holder() } else { None }
        }))
    }
}

/// Returns a descriptor that can neither be read nor written, with a low number if one is free.
/// Without it, the opened file has a low number for a moment before it is moved.
#[cold]
fn place_holder() -> Option<OwnedFd> {
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    // SAFETY: the name ends in NUL and outlives the call.
    let fd = retry(|| unsafe { libc::open(c"/".as_ptr(), flags) }).ok()?;
    // SAFETY: open has just returned this descriptor; nobody else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    (fd.as_raw_fd() < FIRST).then_some(fd)
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::super::testing::{TempDir, in_child};
    use std::os::fd::AsRawFd;

    #[test]
    fn nothing_is_kept_below_3_and_low_numbers_are_free_again() {
        let dir = TempDir::new();
        let high = in_child(|| {
            for number in 0..3 {
                // SAFETY: these belong to the child, which does not use them.
                unsafe { libc::close(number) };
            }
            let flags = libc::O_RDWR | libc::O_CREAT;
            let opened = file::open_at(Some(dir.fd()), c"f", flags, 0o600);
            let read = file::open_at(Some(dir.fd()), c"f", libc::O_RDONLY, 0);
            let kept =
                [opened, read].iter().all(|fd| fd.as_ref().is_ok_and(|fd| fd.as_raw_fd() > 2));
            // SAFETY: takes no pointers.
            let free = (0..3).all(|number| unsafe { libc::fcntl(number, libc::F_GETFD) } < 0);
            i32::from(kept && free)
        });
        assert_eq!(high, 1);
    }
}
