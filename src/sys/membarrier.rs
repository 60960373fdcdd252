//! A memory barrier that one thread executes in all threads of the process.
//!
//! Where one side of a protocol runs millions of times as often as the other, the frequent side
//! omits its fence. The rare side makes the kernel execute one in every thread, between its own
//! accesses before and after the call.
#![allow(unsafe_code)] // one system call

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

// <linux/membarrier.h>
const QUERY: libc::c_int = 0;
const GLOBAL: libc::c_int = 1;
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

static READY: AtomicBool = AtomicBool::new(false);

/// Asks whether the kernel has the barrier. `alone` means that the process has one thread, where
/// the kernel registers it at once; beside other threads that takes it 10 to 20 ms, so
/// [`everywhere`] does it when the barrier is first needed. Called before the first thread relies
/// on [`is_ready`]; further calls are harmless.
pub fn install(alone: bool) {
    // Relaxed, as in `is_ready`: a thread that learns of a handle table learns of this first.
    if READY.load(Relaxed) {
        return;
    }
    let ready = if alone { call(REGISTER_PRIVATE_EXPEDITED) == 0 } else { is_known() };
    READY.store(ready, Relaxed);
}

fn is_known() -> bool {
    let wanted = libc::c_long::from(PRIVATE_EXPEDITED | REGISTER_PRIVATE_EXPEDITED);
    let known = call(QUERY);
    known > 0 && known & wanted == wanted
}

/// Returns whether [`everywhere`] works. If not, both sides need fences.
#[inline(always)]
pub fn is_ready() -> bool {
    READY.load(Relaxed)
}

/// Makes every thread pass a full barrier during this call. Returns `false` when the kernel
/// refused.
pub fn everywhere() -> bool {
    // The first attempt fails where the process is not registered. The expedited command needs a
    // little memory; the global one is only slower.
    call(PRIVATE_EXPEDITED) == 0
        || (call(REGISTER_PRIVATE_EXPEDITED) == 0 && call(PRIVATE_EXPEDITED) == 0)
        || call(GLOBAL) == 0
}

fn call(command: libc::c_int) -> libc::c_long {
    // SAFETY: membarrier takes two integers and touches no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0) }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_that_is_ready_can_be_run() {
        for alone in [false, true] {
            install(alone);
            assert!(!is_ready() || everywhere());
        }
    }
}
