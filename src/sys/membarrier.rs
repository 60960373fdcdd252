//! A memory barrier that one thread executes in all threads of the process.
//!
//! Where one side of a protocol runs millions of times as often as the other, the frequent side
//! omits its fence. The rare side makes the kernel execute one in every thread, between its own
//! accesses before and after the call.
#![allow(unsafe_code)] // one system call

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

// <linux/membarrier.h>
const GLOBAL: libc::c_int = 1;
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

static READY: AtomicBool = AtomicBool::new(false);

/// Registers this process, if the kernel supports it. Called before the first thread relies on
/// [`is_ready`]; further calls are harmless.
pub fn install() {
    // Relaxed, as in `is_ready`: a thread that learns of a handle table learns of this first.
    if !READY.load(Relaxed) && call(REGISTER_PRIVATE_EXPEDITED) {
        READY.store(true, Relaxed);
    }
}

/// Returns whether [`everywhere`] works. If not, both sides need fences.
#[inline(always)]
pub fn is_ready() -> bool {
    READY.load(Relaxed)
}

/// Makes every thread pass a full barrier during this call. Returns `false` when the kernel
/// refused.
pub fn everywhere() -> bool {
    // The expedited command needs a little memory; the global one is only slower.
    call(PRIVATE_EXPEDITED) || call(GLOBAL)
}

fn call(command: libc::c_int) -> bool {
    // SAFETY: membarrier takes two integers and touches no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0) == 0 }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn a_registered_barrier_can_be_run() {
        install();
        assert!(!is_ready() || everywhere());
    }
}
