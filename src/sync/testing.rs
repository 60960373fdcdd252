//! A futex of one process, for tests that run real threads, also under miri and ThreadSanitizer.
#![allow(clippy::disallowed_types)] // std's mutex, which miri knows

use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// No test sleeps for this long unless its wake was lost.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Sleepers and their wakes. Sleeps end only by a wake, unlike those of the kernel.
#[derive(Default)]
pub(crate) struct Futex {
    queue: Mutex<()>,
    wake: Condvar,
}

impl Futex {
    /// Sleeps until woken, unless `unchanged` is false already. Returns whether it slept.
    pub fn sleep_while(&self, unchanged: impl Fn() -> bool) -> bool {
        let queue = self.queue.lock().unwrap();
        let sleeps = unchanged();
        if sleeps {
            let (_queue, slept) = self.wake.wait_timeout(queue, WATCHDOG).unwrap();
            assert!(!slept.timed_out(), "a wake-up was lost");
        }
        sleeps
    }

    /// Wakes up to `count` sleepers, the longest first.
    pub fn wake(&self, count: u32) {
        let _queue = self.queue.lock().unwrap();
        match count {
            u32::MAX => self.wake.notify_all(),
            _ => (0..count).for_each(|_| self.wake.notify_one()),
        }
    }

    pub fn wake_all(&self) {
        self.wake(u32::MAX);
    }
}

/// Returns `many` rounds, but `few` under miri, which is slow and tries schedules in another way.
pub(crate) const fn rounds(many: u32, few: u32) -> u32 {
    if cfg!(miri) { few } else { many }
}
