//! A barrier that one thread carries out in all threads of the process.
//!
//! Where one side of a protocol runs millions of times as often as the other, the frequent side does
//! without a fence, and the rare one makes the kernel run one in every thread, between its own
//! accesses before the call and those behind it.
#![allow(unsafe_code)] // one system call

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

// <linux/membarrier.h>
const GLOBAL: libc::c_int = 1;
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

static READY: AtomicBool = AtomicBool::new(false);

/// Registers this process, where the kernel can do it. Before the first thread relies on
/// [`is_ready`]; more calls are harmless.
pub fn install() {
    // Relaxed, as in `is_ready`: whoever learns of a handle table learns of this first.
    if !READY.load(Relaxed) && call(REGISTER_PRIVATE_EXPEDITED) {
        READY.store(true, Relaxed);
    }
}

/// Returns whether [`everywhere`] works: if not, both sides need fences.
#[inline(always)]
pub fn is_ready() -> bool {
    READY.load(Relaxed)
}

/// Returns every thread passes a full barrier during this call; `false` when the kernel refused.
pub fn everywhere() -> bool {
    // Expedited needs a little memory, global only patience.
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
    fn what_is_registered_can_be_asked_for() {
        install();
        assert!(!is_ready() || everywhere());
    }
}
