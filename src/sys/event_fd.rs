//! A descriptor that poll reports as readable while there is something to do.
#![allow(unsafe_code)] // the eventfd system call

use super::descriptor::{Low, own};
use super::verified_fd::VerifiedFd;
use super::{SysResult, check, retry};
use std::os::fd::{AsRawFd, RawFd};

/// An eventfd, readable from [`signal`](Self::signal) to [`drain`](Self::drain). No call here
/// blocks.
///
/// If the application closes it, it is left alone, like any verified descriptor. Only another
/// eventfd that got the same number cannot be distinguished from it.
#[derive(Debug)]
pub struct EventFd(VerifiedFd);

impl EventFd {
    /// Creates one that is not readable.
    pub fn new() -> SysResult<Self> {
        crate::sync::pause_point("make an eventfd");
        let _low = Low::occupy();
        // SAFETY: takes no pointers.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        VerifiedFd::new(own(fd)?).map(Self)
    }

    /// Returns its number.
    pub fn number(&self) -> SysResult<RawFd> {
        Ok(self.0.get()?.as_raw_fd())
    }

    /// Makes it readable.
    pub fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        if let Ok(fd) = self.number() {
            // A full counter (EAGAIN) is readable already.
            // SAFETY: pointer and length are those of `one`, a live local.
            let _ = retry(|| unsafe { libc::write(fd, one.as_ptr().cast(), one.len()) });
        }
    }

    /// Makes it not readable.
    pub fn drain(&self) {
        let mut count = [0u8; 8];
        if let Ok(fd) = self.number() {
            // An empty counter (EAGAIN) is not readable already.
            // SAFETY: pointer and length are those of `count`, a live local.
            let _ = retry(|| unsafe { libc::read(fd, count.as_mut_ptr().cast(), count.len()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(event: &EventFd) -> bool {
        let fd = event.number().unwrap();
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
