//! Sleeping until a word changes.
//!
//! Words of shared memory are [`sync`](crate::sync) atomics and are identified by inode and offset,
//! so all processes meet on them, and a read-only mapping is enough to wait. Words of this process
//! alone are std's and are identified by address. A word is never used as both kinds.
#![allow(unsafe_code)] // the futex system calls

use super::{Errno, check};
use crate::sync;
use libc::c_long;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

/// The maximum number of words of one [`wait_any`].
pub const MAX_WATCHES: usize = 128;

const FUTEX2_SIZE_U32: u32 = 2;
const FUTEX2_PRIVATE: u32 = 128;

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A word was woken. The cause may be another one, so the caller checks again.
    Woken,
    /// A word did not have the expected value, so there was no sleep.
    Changed,
    /// The timeout has passed.
    TimedOut,
    /// A signal handler without SA_RESTART ran, as far as that can be found out: see
    /// [`ends_calls`].
    Signal,
    /// The kernel or a sandbox does not have this call.
    Unsupported,
    /// The kernel rejected the words: too many, none, or their file was truncated.
    Fault,
}

impl Wake {
    fn from_result(result: Result<c_long, Errno>) -> Self {
        match result {
            Ok(_) => Self::Woken,
            Err(Errno(libc::EAGAIN)) => Self::Changed,
            Err(Errno(libc::ETIMEDOUT)) => Self::TimedOut,
            Err(Errno(libc::EINTR)) => Self::Signal,
            Err(Errno(libc::ENOSYS | libc::EPERM)) => Self::Unsupported,
            Err(_) => Self::Fault,
        }
    }
}

/// Sleeps while the shared `word` is `expected`, at most for `timeout`.
#[track_caller]
pub fn wait(word: &sync::AtomicU32, expected: u32, timeout: Option<Duration>) -> Wake {
    sleep(std::ptr::from_ref(word).cast(), 0, expected, timeout)
}

/// Sleeps while the low 32 bits of the shared `word` are `expected`, at most for `timeout`.
#[track_caller]
pub fn wait_low_half(word: &sync::AtomicU64, expected: u32, timeout: Option<Duration>) -> Wake {
    // Little-endian (checked at the crate root): the low half comes first.
    sleep(std::ptr::from_ref(word).cast(), 0, expected, timeout)
}

/// Sleeps while a word of this process is `expected`, at most for `timeout`.
#[track_caller]
pub fn wait_private(word: &AtomicU32, expected: u32, timeout: Option<Duration>) -> Wake {
    sleep(word.as_ptr(), libc::FUTEX_PRIVATE_FLAG, expected, timeout)
}

/// Wakes up to `count` sleepers on the shared `word`, the longest sleepers first. Returns how many
/// it woke.
#[track_caller]
pub fn wake(word: &sync::AtomicU32, count: u32) -> u32 {
    wake_at(std::ptr::from_ref(word).cast(), 0, count)
}

/// Wakes all sleepers on the low half of the shared `word`. Returns how many it woke.
#[track_caller]
pub fn wake_low_half(word: &sync::AtomicU64) -> u32 {
    wake_at(std::ptr::from_ref(word).cast(), 0, u32::MAX)
}

/// Wakes all sleepers on a word of this process. Returns how many it woke.
pub fn wake_private(word: &AtomicU32) -> u32 {
    wake_at(word.as_ptr(), libc::FUTEX_PRIVATE_FLAG, u32::MAX)
}

/// As [`wake_private`], by the address alone: the word itself may be freed by now.
pub fn wake_private_at(word: *const u32) {
    wake_at(word, libc::FUTEX_PRIVATE_FLAG, u32::MAX);
}

#[track_caller]
fn sleep(word: *const u32, flag: i32, expected: u32, timeout: Option<Duration>) -> Wake {
    sync::pause_point("sleep");
    let timeout = timeout.map(|t| timespec(t.as_secs(), t.subsec_nanos()));
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let operation = libc::FUTEX_WAIT | flag;
    // SAFETY: `word` comes from a reference to an aligned atomic that outlives the call, and the
    // kernel only reads it; `timeout` is null or a live local.
    let slept = unsafe { libc::syscall(libc::SYS_futex, word, operation, expected, timeout) };
    match Wake::from_result(check(slept)) {
        Wake::Signal if !ends_calls() => Wake::Woken,
        wake => wake,
    }
}

/// Returns whether a signal that was handled should end a call that sleeps.
///
/// A sleep on one word with a timeout ends with EINTR after every handler, and the kernel does not
/// say which handler it was. So the call ends, unless all installed handlers have SA_RESTART.
#[cold]
fn ends_calls() -> bool {
    const SIGNALS: libc::c_int = 64;
    (1..=SIGNALS).any(|signal| {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        let change = std::ptr::null();
        // SAFETY: nothing is changed, and `action` has room for the answer.
        let failed = unsafe { libc::sigaction(signal, change, action.as_mut_ptr()) };
        // SAFETY: plain integers, zeroed above. The C library reserves some signals (EINVAL).
        let action = unsafe { action.assume_init() };
        let is_set = match action.sa_sigaction {
            // A handler that is reset when it runs leaves its flags behind: it may be the one that
            // ran.
            libc::SIG_DFL => action.sa_flags & libc::SA_RESETHAND != 0,
            libc::SIG_IGN => false,
            _ => true,
        };
        failed == 0 && is_set && action.sa_flags & libc::SA_RESTART == 0
    })
}

#[track_caller]
fn wake_at(word: *const u32, flag: i32, count: u32) -> u32 {
    if flag & libc::FUTEX_PRIVATE_FLAG == 0 {
        sync::kill_point("wake");
    }
    let operation = libc::FUTEX_WAKE | flag;
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    // SAFETY: the kernel uses only the address, which need not be mapped.
    let woken = unsafe { libc::syscall(libc::SYS_futex, word, operation, count) };
    u32::try_from(woken).unwrap_or(0)
}

fn timespec(seconds: u64, nanoseconds: u32) -> libc::timespec {
    libc::timespec { tv_sec: seconds.try_into().unwrap_or(i64::MAX), tv_nsec: nanoseconds.into() }
}

/// A word for [`wait_any`] and its expected value: the kernel's `struct futex_waitv`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    expected: u64,
    address: u64,
    flags: u32,
    reserved: u32,
    word: PhantomData<&'a AtomicU32>,
}

impl<'a> Watch<'a> {
    /// Watches a word of shared memory.
    pub fn shared(word: &'a sync::AtomicU32, expected: u32) -> Self {
        Self::new(std::ptr::from_ref(word).cast(), expected, FUTEX2_SIZE_U32)
    }

    /// Watches the low half of a word of shared memory.
    pub fn shared_low_half(word: &'a sync::AtomicU64, expected: u32) -> Self {
        Self::new(std::ptr::from_ref(word).cast(), expected, FUTEX2_SIZE_U32)
    }

    /// Watches a word of this process.
    pub fn private(word: &'a AtomicU32, expected: u32) -> Self {
        Self::new(word.as_ptr(), expected, FUTEX2_SIZE_U32 | FUTEX2_PRIVATE)
    }

    fn new(word: *const u32, expected: u32, flags: u32) -> Self {
        Self {
            expected: expected.into(),
            address: word.expose_provenance() as u64,
            flags,
            reserved: 0,
            word: PhantomData,
        }
    }
}

/// Sleeps until one of 1 to [`MAX_WATCHES`] words is woken or differs from its expected value.
///
/// `deadline_ns` is a time of [`monotonic_ns`](super::clock::monotonic_ns).
#[track_caller]
pub fn wait_any(words: &[Watch<'_>], deadline_ns: Option<u64>) -> Wake {
    let deadline = deadline_ns.map(|ns| timespec(ns / 1_000_000_000, (ns % 1_000_000_000) as u32));
    let deadline = deadline.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    sync::pause_point("sleep");
    // SAFETY: a Watch is laid out as the kernel's struct and holds the address of an atomic that
    // its lifetime keeps alive; `deadline` is null or a live local.
    let slept = unsafe {
        libc::syscall(
            libc::SYS_futex_waitv,
            words.as_ptr(),
            words.len(),
            0,
            deadline,
            libc::CLOCK_MONOTONIC,
        )
    };
    let wake = Wake::from_result(check(slept));
    if wake == Wake::Unsupported {
        // This also happens when a sandbox began after the first calls.
        HAS_WAITV.store(NO, Ordering::Relaxed);
    }
    wake
}

const UNKNOWN: u8 = 0;
const YES: u8 = 1;
const NO: u8 = 2;

/// The cached answer of [`has_waitv`]. Relaxed throughout: the answer stands for itself.
static HAS_WAITV: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Returns whether [`wait_any`] works here. Linux 5.16 and later have it, unless a sandbox refuses
/// it.
pub fn has_waitv() -> bool {
    match HAS_WAITV.load(Ordering::Relaxed) {
        UNKNOWN => {
            // A kernel that has the call rejects an empty list.
            let has = wait_any(&[], None) == Wake::Fault;
            HAS_WAITV.store(if has { YES } else { NO }, Ordering::Relaxed);
            has
        }
        known => known == YES,
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::monotonic_ns;
    use super::super::map::Map;
    use super::super::testing::TempDir;
    use super::super::{file, file_lock};
    use super::*;
    use std::os::fd::AsFd;
    use std::thread;

    const LONG: Option<Duration> = Some(Duration::from_secs(20));
    const SHORT: Option<Duration> = Some(Duration::from_millis(20));

    /// A word of one file, seen through a writable and a read-only map.
    struct TwoMaps(Map, Map);

    impl TwoMaps {
        fn new() -> Self {
            let dir = TempDir::new();
            let file = dir.open(c"f");
            file::set_len(file.as_fd(), 4096).unwrap();
            assert_eq!(file_lock::is_write_locked(file.as_fd()), Ok(false));
            let writer = Map::read_write(file.as_fd(), 4096).unwrap();
            Self(writer, Map::read_only(file.as_fd(), 4096).unwrap())
        }

        fn writer(&self) -> &sync::AtomicU64 {
            // SAFETY: mapped, aligned, and used only as atomics.
            unsafe { &*self.0.ptr().cast() }
        }

        fn reader<T>(&self) -> &T {
            // SAFETY: mapped, aligned, and `T` is an atomic of at most 8 bytes that is only read.
            unsafe { &*self.1.ptr().cast() }
        }
    }

    /// Stores 1 and wakes until the sleeper has returned.
    fn wake_until_done(
        sleeper: thread::ScopedJoinHandle<'_, Wake>,
        change: impl Fn(),
        wake: impl Fn() -> u32,
    ) -> Wake {
        thread::sleep(Duration::from_millis(5));
        change();
        while !sleeper.is_finished() {
            wake();
            thread::yield_now();
        }
        sleeper.join().unwrap()
    }

    fn woken(wake: Wake) -> bool {
        matches!(wake, Wake::Woken | Wake::Changed)
    }

    #[test]
    fn a_reader_sleeps_on_a_word_that_a_writer_wakes() {
        let maps = TwoMaps::new();
        let store = || maps.writer().store(1, Ordering::Release);
        thread::scope(|scope| {
            let word = maps.reader::<sync::AtomicU32>();
            let sleeper = scope.spawn(|| wait(word, 0, LONG));
            assert!(woken(wake_until_done(sleeper, store, || wake_low_half(maps.writer()))));
            assert_eq!(wait(word, 0, LONG), Wake::Changed);
            assert_eq!(wait(word, 1, SHORT), Wake::TimedOut);
            let word = maps.reader::<sync::AtomicU64>();
            assert_eq!(wait_low_half(word, 0, LONG), Wake::Changed);
        });
        assert_eq!(wake(maps.reader(), u32::MAX), 0);
    }

    #[test]
    fn a_private_word_wakes() {
        let word = AtomicU32::new(0);
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| wait_private(&word, 0, LONG));
            let store = || word.store(1, Ordering::Release);
            assert!(woken(wake_until_done(sleeper, store, || wake_private(&word))));
        });
        assert_eq!(wait_private(&word, 1, SHORT), Wake::TimedOut);
    }

    #[test]
    fn one_wait_watches_shared_and_private_words() {
        if !has_waitv() {
            return;
        }
        let maps = TwoMaps::new();
        let private = AtomicU32::new(0);
        let shared = maps.reader::<sync::AtomicU32>();
        let watch = |s, p| [Watch::shared(shared, s), Watch::private(&private, p)];
        let deadline = || Some(monotonic_ns() + 20_000_000_000);
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| wait_any(&watch(0, 0), deadline()));
            let store = || maps.writer().store(1, Ordering::Release);
            assert!(woken(wake_until_done(sleeper, store, || wake_low_half(maps.writer()))));
            let sleeper = scope.spawn(|| wait_any(&watch(1, 0), deadline()));
            let store = || private.store(1, Ordering::Release);
            assert!(woken(wake_until_done(sleeper, store, || wake_private(&private))));
        });
        assert_eq!(wait_any(&watch(1, 0), deadline()), Wake::Changed);
        assert_eq!(wait_any(&watch(1, 1), Some(monotonic_ns() + 1_000_000)), Wake::TimedOut);
        assert_eq!(wait_any(&[watch(1, 1)[0]; MAX_WATCHES + 1], deadline()), Wake::Fault);
        assert_eq!(wait_any(&[watch(1, 1)[0]; MAX_WATCHES], Some(0)), Wake::TimedOut);
    }
}
