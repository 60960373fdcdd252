//! Atomics: words of shared memory, real or modelled. All other modules get them from here.
//!
//! Words in the files of a store are [`AtomicU32`] and [`AtomicU64`] of this module. Each store to
//! them passes [`kill_point`], so a test build can be killed between any two stores. Under
//! `cfg(loom)` and `cfg(shuttle)` the same words are those of loom and shuttle, so they explore the
//! protocols that are shipped. Words that only this process sees are the plain atomics of
//! [`local`].

#[cfg(all(test, any(loom, shuttle)))]
pub(crate) mod explore;
#[cfg(loom)]
#[path = "modelled.rs"]
mod imp;
#[cfg(shuttle)]
use shuttle::sync::atomic as imp;
#[cfg(not(any(loom, shuttle)))]
use std::sync::atomic as imp;

pub mod mutex;
#[cfg(not(any(loom, shuttle)))]
pub(crate) mod once;
#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) mod testing;

#[cfg(feature = "kill-points")]
mod pause;

pub use imp::{Ordering, fence};

/// Atomics for words that no other process sees.
pub mod local {
    /// A barrier for the compiler alone, used where the kernel executes the barrier of the
    /// processor.
    #[cfg(not(loom))]
    pub use std::sync::atomic::compiler_fence;

    #[cfg(any(loom, shuttle))]
    pub use super::imp::{AtomicBool, AtomicU32, AtomicU64, Ordering};
    #[cfg(loom)]
    pub use super::imp::{at_compiler_fence, compiler_fence};
    #[cfg(not(any(loom, shuttle)))]
    pub use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
}

/// A SeqCst fence after an atomic read-modify-write of this thread, with nothing between the two
/// that it would have to order. On x86-64 such an instruction is a full barrier, so only the compiler
/// needs a fence.
#[inline(always)]
pub fn fence_after_rmw() {
    #[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri, tsan))))]
    local::compiler_fence(Ordering::SeqCst);
    #[cfg(not(all(target_arch = "x86_64", not(any(loom, shuttle, miri, tsan)))))]
    fence(Ordering::SeqCst);
}

macro_rules! shared_word {
    ($name:ident, $value:ty, $inner:ident) => {
        /// A word in shared memory. Any bit pattern is valid; readers validate what they load.
        #[derive(Debug)]
        #[cfg_attr(not(any(loom, shuttle)), repr(transparent))]
        pub struct $name(imp::$inner);

        impl $name {
            /// Returns a word that is not in shared memory yet (tests and models).
            #[cfg(not(any(loom, shuttle)))]
            pub const fn new(value: $value) -> Self {
                Self(imp::$inner::new(value))
            }
            /// Returns a word that is not in shared memory yet (tests and models).
            #[cfg(any(loom, shuttle))]
            pub fn new(value: $value) -> Self {
                Self(imp::$inner::new(value))
            }
            /// Loads the word once, after a pause point.
            #[inline]
            #[cfg_attr(feature = "kill-points", track_caller)]
            pub fn load(&self, order: Ordering) -> $value {
                pause_point("load");
                self.0.load(order)
            }
            /// Stores, after a kill point.
            #[inline]
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                kill_point("store");
                self.0.store(value, order);
            }
            /// Compares and exchanges, after a kill point.
            #[inline]
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                kill_point("compare_exchange");
                self.0.compare_exchange(current, new, success, failure)
            }
            /// Adds, after a kill point.
            #[inline]
            #[track_caller]
            pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                kill_point("fetch_add");
                self.0.fetch_add(value, order)
            }
            /// Computes a bitwise or, after a kill point.
            #[inline]
            #[track_caller]
            pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                kill_point("fetch_or");
                self.0.fetch_or(value, order)
            }
            /// Computes the maximum, after a kill point.
            #[inline]
            #[track_caller]
            pub fn fetch_max(&self, value: $value, order: Ordering) -> $value {
                kill_point("fetch_max");
                self.0.fetch_max(value, order)
            }
        }
    };
}

shared_word!(AtomicU32, u32, AtomicU32);
shared_word!(AtomicU64, u64, AtomicU64);

/// Called before each store to shared memory, before each system call that changes a store, and
/// within each copy of payload. Does nothing in a normal build.
#[cfg(not(any(feature = "kill-points", all(test, shuttle))))]
#[inline(always)]
pub fn kill_point(_what: &'static str) {}

/// Called before each load of a shared word, and before each system call that waits or inspects. A
/// test can make a thread pause here and at each kill point, but no process is killed here. Does
/// nothing in a normal build.
#[cfg(not(feature = "kill-points"))]
#[inline(always)]
pub fn pause_point(_what: &'static str) {}

#[cfg(all(test, shuttle))]
use explore::kill_point;

#[cfg(feature = "kill-points")]
pub use pause::{at_point, at_points, no_more_points, pause_point};

#[cfg(feature = "kill-points")]
pub use kill::{Point, arm, arm_stop, before_death, kill_point, passed, trace, traced};

#[cfg(feature = "kill-points")]
mod kill {
    use crate::sync::mutex::Mutex;
    use std::fmt;
    use std::panic::Location;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static AT: AtomicU64 = AtomicU64::new(u64::MAX);
    static STOP: AtomicBool = AtomicBool::new(false);
    static TRACE: AtomicBool = AtomicBool::new(false);
    static TRACED: Mutex<Vec<Point>> = Mutex::new(Vec::new());
    static BEFORE_DEATH: OnceLock<fn(Point)> = OnceLock::new();

    /// The name of a point: the next operation, and its line in the source.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Point {
        file: &'static str,
        line: u32,
        what: &'static str,
    }

    impl Point {
        #[track_caller]
        pub(super) fn here(what: &'static str) -> Self {
            let place = Location::caller();
            Self { file: place.file(), line: place.line(), what }
        }

        /// Returns the next operation.
        pub const fn what(&self) -> &'static str {
            self.what
        }

        /// Returns the source file of the point.
        pub const fn file(&self) -> &'static str {
            self.file
        }
    }

    impl fmt::Display for Point {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} at {}:{}", self.what, self.file, self.line)
        }
    }

    /// Kills this process at the `n`-th point from now (1 is the next one); 0 disarms.
    pub fn arm(n: u64) {
        PASSED.store(0, Ordering::Relaxed);
        STOP.store(false, Ordering::Relaxed);
        AT.store(if n == 0 { u64::MAX } else { n }, Ordering::Relaxed);
    }

    /// As [`arm`], but stops the process there, as by SIGSTOP.
    pub fn arm_stop(n: u64) {
        arm(n);
        STOP.store(true, Ordering::Relaxed);
    }

    /// Calls `hook` with the point at which this process is killed, before the kill.
    pub fn before_death(hook: fn(Point)) {
        let _ = BEFORE_DEATH.set(hook);
    }

    /// Returns the number of points passed since [`arm`].
    pub fn passed() -> u64 {
        PASSED.load(Ordering::Relaxed)
    }

    /// Remembers each point that is passed from now on.
    pub fn trace(on: bool) {
        TRACE.store(on, Ordering::Relaxed);
    }

    /// Returns the remembered points in their order.
    pub fn traced() -> Vec<Point> {
        TRACED.lock().clone()
    }

    /// Dies here if a test asked for that.
    #[track_caller]
    pub fn kill_point(what: &'static str) {
        super::pause_point(what);
        let n = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
        let (traced, reached) = (TRACE.load(Ordering::Relaxed), n == AT.load(Ordering::Relaxed));
        if !traced && !reached {
            return;
        }
        let point = Point::here(what);
        if traced {
            TRACED.lock().push(point);
        }
        if reached && STOP.load(Ordering::Relaxed) {
            crate::sys::process::stop_self();
        } else if reached {
            if let Some(hook) = BEFORE_DEATH.get() {
                hook(point);
            }
            crate::sys::process::kill_self();
        }
    }
}
