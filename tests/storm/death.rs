//! Death at a chosen moment, a watchdog for operations that hang, and a change of user.
#![allow(unsafe_code)] // timers and user ids

use super::plan::Doom;
use plasma::sync::mutex::Mutex;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Number of checks of the watchdog, a tenth of a second apart, that one operation may take. Checks
/// are counted, so that the time in which the whole process was stopped does not count.
const LOOKS: u32 = 600;

/// A user that is not root and owns nothing.
const NOBODY: u32 = 65_534;

/// The current operation of each thread: its number and its name.
static DOING: Mutex<[(u64, &str); 4]> = Mutex::new([(0, ""); 4]);

/// Records that a thread begins its next operation.
pub fn begin(thread: usize, operation: u64, name: &'static str) {
    DOING.lock()[thread] = (operation, name);
}

/// Records any failure in this process, and ends it: it may be killed before its parent has seen it
/// end.
pub fn report_to(path: PathBuf) {
    std::panic::set_hook(Box::new(move |failure| {
        let mut report = OpenOptions::new().append(true).open(&path).unwrap();
        let _ = writeln!(report, "{failure}");
        eprintln!("{failure}");
        std::process::abort();
    }));
}

/// Fails when an operation takes a minute.
pub fn watch(who: String) {
    std::thread::spawn(move || {
        let mut before = *DOING.lock();
        let mut looks = [0; 4];
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let now = *DOING.lock();
            for (thread, look) in looks.iter_mut().enumerate() {
                let same = now[thread] == before[thread] && !now[thread].1.is_empty();
                *look = if same { *look + 1 } else { 0 };
                assert!(*look < LOOKS, "{who} hangs in {}", now[thread].1);
            }
            before = now;
        }
    });
}

/// Arms the planned death.
pub fn arm(doom: Doom) {
    match doom {
        Doom::None => {}
        Doom::Timer { micros, .. } => kill_in(micros),
        #[cfg(feature = "kill-points")]
        Doom::Point { point, .. } => plasma::sync::arm(point),
        #[cfg(not(feature = "kill-points"))]
        Doom::Point { point, .. } => unreachable!("point {point} without the feature"),
    }
}

/// Kills this process with SIGKILL after this number of microseconds, at any point.
fn kill_in(micros: u64) {
    // SAFETY: a sigevent is plain numbers and pointers, for all of which zero will do.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = libc::SIGKILL;
    let mut timer = std::ptr::null_mut();
    // SAFETY: both pointers are to live locals.
    let made = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    assert_eq!(made, 0);
    let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let at = libc::timespec { tv_sec: 0, tv_nsec: micros as i64 * 1000 };
    let when = libc::itimerspec { it_interval: none, it_value: at };
    // SAFETY: the timer was just made, and `when` is a live local.
    let set = unsafe { libc::timer_settime(timer, 0, &raw const when, std::ptr::null_mut()) };
    assert_eq!(set, 0);
}

/// Ends with the parent, even if that is killed. A change of user undoes it.
pub fn end_with_parent() {
    // SAFETY: takes no pointers.
    let set = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    assert_eq!(set, 0);
}

/// Sends a signal to a child that is not waited for yet.
pub fn signal(pid: u32, signal: i32) {
    // SAFETY: takes no pointers.
    let sent = unsafe { libc::kill(pid as i32, signal) };
    assert_eq!(sent, 0, "signal {signal} to {pid}");
}

/// Returns whether this process may become another user.
pub fn is_root() -> bool {
    // SAFETY: takes no pointers.
    unsafe { libc::geteuid() == 0 }
}

/// Becomes a user that owns nothing, permanently.
pub fn become_nobody() {
    // SAFETY: no group is read.
    let groups = unsafe { libc::setgroups(0, std::ptr::null()) };
    // SAFETY: takes no pointers.
    let group = unsafe { libc::setgid(NOBODY) };
    // SAFETY: takes no pointers.
    let user = unsafe { libc::setuid(NOBODY) };
    assert_eq!((groups, group, user), (0, 0, 0));
}
