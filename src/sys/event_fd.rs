//! A descriptor that poll finds readable while something is up.
#![allow(unsafe_code)] // the eventfd system call

use super::{SysResult, check};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

/// Readable from [`signal`](Self::signal) to [`drain`](Self::drain). Nothing here blocks.
#[derive(Debug)]
pub struct EventFd(File);

impl EventFd {
    /// A new one, not readable.
    pub fn new() -> SysResult<Self> {
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: eventfd just returned this descriptor; nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }.into()))
    }

    /// Make it readable.
    pub fn signal(&self) {
        // A full counter (EAGAIN) is readable already.
        while interrupted((&self.0).write(&1u64.to_ne_bytes())) {}
    }

    /// Make it not readable.
    pub fn drain(&self) {
        // An empty counter (EAGAIN) is not readable already.
        while interrupted((&self.0).read(&mut [0; 8])) {}
    }
}

fn interrupted(done: std::io::Result<usize>) -> bool {
    done.is_err_and(|error| error.kind() == std::io::ErrorKind::Interrupted)
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn readable(event: &EventFd) -> bool {
        let fd = event.as_fd().as_raw_fd();
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: `poll` is one live local.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
    }

    #[test]
    fn readable_until_drained() {
        let event = EventFd::new().unwrap();
        event.drain();
        assert!(!readable(&event));
        event.signal();
        event.signal();
        assert!(readable(&event) && readable(&event));
        event.drain();
        assert!(!readable(&event));
    }
}
