//! A thread that makes one call, and pauses.

use plasma::sync::mutex::Mutex;
use plasma::sync::{at_points, no_more_points};
use std::ffi::c_void;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Nothing in a cell takes this long; a longer wait is a hang.
const HANG: Duration = Duration::from_secs(30);

/// Where a thread pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PausePoint {
    /// At the n-th point that it passes.
    Point(u64),
    /// At the n-th point that it passes once the call is counted as in flight.
    Counted(u64),
    /// About to sleep.
    Sleep,
}

const RUNS: u32 = 0;
const STANDS: u32 = 1;
const GOES_ON: u32 = 2;

/// The state of a paused thread, as others see it.
#[derive(Default)]
pub struct Stand {
    state: AtomicU32,
    returned: AtomicU32,
    stood: AtomicU32,
    passed: AtomicU64,
    counted: AtomicU64,
    thread: AtomicI32,
    point: Mutex<String>,
}

impl Stand {
    /// Makes this thread pause at `place` until it is released, and counts the points that it
    /// passes.
    pub fn watch(&'static self, place: PausePoint) {
        self.thread.store(thread_id(), SeqCst);
        let mut counted = false;
        let mut done = false;
        at_points(move |point| {
            self.passed.fetch_add(1, SeqCst);
            let first = !counted && point.what() == "call";
            counted |= first;
            if counted {
                self.counted.fetch_add(1, SeqCst);
            }
            let here = match place {
                PausePoint::Point(n) => self.passed.load(SeqCst) == n,
                PausePoint::Counted(n) => self.counted.load(SeqCst) == n,
                PausePoint::Sleep => point.what() == "sleep",
            };
            if here && !done {
                done = true;
                // The pause is not a cancellation point.
                *self.point.lock() = point.to_string();
                self.stood.store(1, SeqCst);
                let runs = self.state.compare_exchange(RUNS, STANDS, SeqCst, SeqCst);
                while runs.is_ok() && self.state.load(SeqCst) != GOES_ON {
                    nap();
                }
            }
            false
        });
    }

    /// The call has returned.
    pub fn unwatch(&self) {
        no_more_points();
        self.returned.store(1, SeqCst);
    }

    pub fn stands(&self) -> bool {
        self.state.load(SeqCst) == STANDS
    }

    pub fn has_returned(&self) -> bool {
        self.returned.load(SeqCst) != 0
    }

    /// Returns whether it reached its place.
    pub fn stood(&self) -> bool {
        self.stood.load(SeqCst) != 0
    }

    /// Releases the thread, now or as soon as it pauses; it does not pause if this came before.
    pub fn go_on(&self) {
        self.state.store(GOES_ON, SeqCst);
    }

    /// Points that the call passed: all, and those while it was counted.
    pub fn passed(&self) -> (u64, u64) {
        (self.passed.load(SeqCst), self.counted.load(SeqCst))
    }

    pub fn point(&self) -> String {
        self.point.lock().clone()
    }

    /// Returns whether the thread has not ended, or has returned from the call.
    pub fn is_there(&self) -> bool {
        let (process, thread) = (std::process::id() as i32, self.thread.load(SeqCst));
        // SAFETY: takes no pointers, and sends nothing.
        let failed = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, 0) };
        failed == 0 || self.has_returned()
    }

    /// Returns whether the thread sleeps in the kernel.
    pub fn sleeps(&self) -> bool {
        let stat = format!("/proc/self/task/{}/stat", self.thread.load(SeqCst));
        let stat = std::fs::read_to_string(stat).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('S'))
    }
}

pub fn thread_id() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::syscall(libc::SYS_gettid) as i32 }
}

/// Lets others run: not a cancellation point, and not a call that a filter refuses.
pub fn nap() {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 50_000 };
    let none = std::ptr::null_mut::<libc::timespec>();
    // SAFETY: a live local, and nothing to write to.
    unsafe { libc::syscall(libc::SYS_nanosleep, &raw const time, none) };
}

/// Waits for a condition that must become true.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + HANG;
    while !holds() {
        assert!(Instant::now() < end, "{what} did not come");
        nap();
    }
}

unsafe extern "C-unwind" {
    fn pthread_testcancel();
}

/// A thread that can be cancelled.
pub struct Victim(pub libc::pthread_t);

type Run = Box<dyn FnOnce() + Send>;

extern "C-unwind" fn begin(run: *mut c_void) -> *mut c_void {
    start(run);
    // SAFETY: nothing that needs dropping is on this stack.
    unsafe { pthread_testcancel() };
    std::ptr::null_mut()
}

#[inline(never)]
fn start(run: *mut c_void) {
    // SAFETY: the box that `Victim::spawn` leaked, given to this thread alone.
    let run = unsafe { Box::from_raw(run.cast::<Run>()) };
    run();
}

impl Victim {
    pub fn spawn(run: impl FnOnce() + Send + 'static) -> Victim {
        let run: *mut Run = Box::into_raw(Box::new(Box::new(run)));
        let mut thread = std::mem::MaybeUninit::uninit();
        // SAFETY: the same call, for a start routine that may be cancelled.
        let routine = unsafe {
            std::mem::transmute::<
                extern "C-unwind" fn(*mut c_void) -> *mut c_void,
                extern "C" fn(*mut c_void) -> *mut c_void,
            >(begin)
        };
        // SAFETY: `thread` has room for the answer, and `run` is the thread's from here on.
        let failed = unsafe {
            libc::pthread_create(thread.as_mut_ptr(), std::ptr::null(), routine, run.cast())
        };
        assert_eq!(failed, 0);
        // SAFETY: pthread_create succeeded.
        Victim(unsafe { thread.assume_init() })
    }

    pub fn cancel(&self) {
        // SAFETY: the thread was not joined yet.
        assert_eq!(unsafe { libc::pthread_cancel(self.0) }, 0);
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: the thread was not joined yet.
        assert_eq!(unsafe { libc::pthread_kill(self.0, signal) }, 0);
    }

    /// Waits for its end, and returns whether it was cancelled.
    pub fn join(self) -> bool {
        let mut value = std::ptr::null_mut();
        // SAFETY: joined once, here.
        assert_eq!(unsafe { libc::pthread_join(self.0, &raw mut value) }, 0);
        // PTHREAD_CANCELED
        value.addr() == usize::MAX
    }
}
