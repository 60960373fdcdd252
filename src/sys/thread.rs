//! Helper threads that do not disturb the host program.
#![allow(unsafe_code)] // pthreads, signal masks

use super::{Errno, SysResult};
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::Relaxed};

/// The C library's word that says whether the process has one thread; null in C libraries without
/// it.
static SINGLE_THREADED: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());

/// Whether the symbol was looked up. That happens once, because the C library has a lock on its
/// symbols, which a fork may leave held.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Makes [`is_alone`] work. Further calls are harmless.
pub fn install() {
    // Relaxed, here and below: threads that race look up the same value and store it.
    if INSTALLED.load(Relaxed) {
        return;
    }
    // SAFETY: looks a name up that ends in NUL; glibc has it since 2.32.
    let word = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) };
    // Relaxed, as in `is_alone`: the word exists as long as the process.
    SINGLE_THREADED.store(word.cast(), Relaxed);
    INSTALLED.store(true, Relaxed);
}

/// Returns whether this thread is the only one of the process. `false` is always right.
#[inline(always)]
pub fn is_alone() -> bool {
    let word = SINGLE_THREADED.load(Relaxed);
    // SAFETY: the C library's, and of this type. It becomes 0 before a second thread runs, in the
    // thread that starts it, so while it is not 0 nobody else writes it.
    !word.is_null() && unsafe { *word } != 0
}

unsafe extern "C" {
    // POSIX has it; the libc crate does not declare it.
    fn pthread_setcancelstate(state: libc::c_int, old: *mut libc::c_int) -> libc::c_int;
}

/// PTHREAD_CANCEL_DISABLE, in all C libraries of Linux.
const CANCEL_DISABLE: libc::c_int = 1;

/// Disables the cancellation of this thread until it is dropped; a request stays pending.
#[derive(Debug)]
pub struct CancelOff(libc::c_int);

impl CancelOff {
    /// Disables cancellation from now on.
    #[inline]
    pub fn begin() -> Self {
        let mut before = 0;
        // SAFETY: `before` is a live local; with this state it cannot fail.
        unsafe { pthread_setcancelstate(CANCEL_DISABLE, &raw mut before) };
        Self(before)
    }
}

impl Drop for CancelOff {
    #[inline]
    fn drop(&mut self) {
        let mut now = 0;
        // SAFETY: the state is the one this thread had, and `now` is a live local.
        unsafe { pthread_setcancelstate(self.0, &raw mut now) };
    }
}

/// Stack size, the same as std gives its threads.
const STACK: usize = 2 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// A thread to be joined. In a forked child, where the thread does not run, dropping this does
/// nothing.
///
/// std's thread is not used, because it ends the process when there is no memory for its
/// bookkeeping.
#[derive(Debug)]
pub struct Thread(libc::pthread_t);

// SAFETY: the name of a thread, which any thread may join.
unsafe impl Send for Thread {}
// SAFETY: as for `Send`; there is nothing to change.
unsafe impl Sync for Thread {}

/// Starts a thread that receives none of the process's signals. Its name has at most 15 bytes.
pub fn spawn_quiet(name: &CStr, run: impl FnOnce() + Send + 'static) -> SysResult<Thread> {
    // A new thread inherits the signal mask of its creator.
    let _blocked = BlockedSignals::new();
    let job: *mut Job = Box::into_raw(Box::new(Box::new(run)));
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: `attributes` has room for them; with glibc and musl this cannot fail.
    unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) };
    // SAFETY: initialised by the call above; a size that is refused leaves the default.
    unsafe { libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK) };
    let mut thread = MaybeUninit::uninit();
    // SAFETY: both have room or are initialised, and `start` takes over the job.
    let failed = unsafe {
        libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), start, job.cast())
    };
    // SAFETY: initialised above, and not used afterwards.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    if failed != 0 {
        // SAFETY: made by `into_raw` above, and no thread has it.
        drop(unsafe { Box::from_raw(job) });
        return Err(Errno(failed));
    }
    // SAFETY: pthread_create succeeded, so it filled it.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: the thread is not joined yet, and the name ends in NUL.
    unsafe { libc::pthread_setname_np(thread, name.as_ptr()) };
    Ok(Thread(thread))
}

extern "C" fn start(job: *mut c_void) -> *mut c_void {
    // SAFETY: `spawn_quiet` made it and gave it to this thread alone.
    let job = unsafe { Box::from_raw(job.cast::<Job>()) };
    // A panic was reported by its hook, and ends here.
    let _ = catch_unwind(AssertUnwindSafe(job));
    ptr::null_mut()
}

impl Thread {
    /// Waits until the thread has ended.
    pub fn join(self) {
        // SAFETY: joined once, here, and not detached.
        unsafe { libc::pthread_join(self.0, ptr::null_mut()) };
    }
}

/// Blocks all signals in this thread until it is dropped.
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
    fn nobody_is_alone_beside_another_thread() {
        install();
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(!is_alone()));
            assert!(!is_alone());
        });
    }

    #[test]
    fn only_the_helper_is_deaf() {
        let signals = [libc::SIGINT, libc::SIGTERM, libc::SIGPROF, libc::SIGCHLD];
        let (tell, told) = std::sync::mpsc::channel();
        let helper = spawn_quiet(c"helper", move || {
            tell.send(signals.map(blocked)).unwrap();
        })
        .unwrap();
        assert_eq!(told.recv().unwrap(), [true; 4]);
        helper.join();
        assert_eq!(signals.map(blocked), [false; 4]);
    }
}
