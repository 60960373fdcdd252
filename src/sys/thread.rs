//! Helper threads that the host program does not notice.
#![allow(unsafe_code)] // signal masks

use super::SysResult;
use std::mem::MaybeUninit;
use std::thread::{Builder, JoinHandle};

/// Start a thread that receives none of the process's signals.
pub fn spawn_quiet<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> SysResult<JoinHandle<T>> {
    // A new thread inherits the mask of the one that starts it.
    let _blocked = BlockedSignals::new();
    Ok(Builder::new().name(name.to_owned()).spawn(run)?)
}

/// All signals are blocked in this thread until this is dropped.
struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    fn new() -> Self {
        let (mut all, mut old) = (MaybeUninit::uninit(), MaybeUninit::zeroed());
        // SAFETY: `all` has room for a set.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: `all` is filled and `old` has room; with these arguments it cannot fail.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr()) };
        // SAFETY: a set of plain integers, zeroed above and filled by the call.
        Self(unsafe { old.assume_init() })
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set is the one this thread had; the old one is not asked for.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(signal: libc::c_int) -> bool {
        let mut mask = MaybeUninit::uninit();
        let none = std::ptr::null();
        // SAFETY: `mask` has room for a set; nothing is changed.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, none, mask.as_mut_ptr()) };
        // SAFETY: filled by the call above.
        unsafe { libc::sigismember(mask.as_ptr(), signal) == 1 }
    }

    #[test]
    fn only_the_helper_is_deaf() {
        let signals = [libc::SIGINT, libc::SIGTERM, libc::SIGPROF, libc::SIGCHLD];
        let helper = spawn_quiet("helper", move || signals.map(blocked)).unwrap();
        assert_eq!(helper.join().unwrap(), [true; 4]);
        assert_eq!(signals.map(blocked), [false; 4]);
    }
}
