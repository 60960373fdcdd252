//! ^C and similar signals: waits end, unfinished work is cleaned up, then the command ends.

use crate::failure::{Failure, Result};
use parking_lot::Mutex;
use plasma::Client;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};
use std::time::Duration;

/// The signal that was caught, or 0. The handler itself stores it: on kernels without futex_waitv
/// the signal also ends a wait of the thread that handles it.
static CAUGHT: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);
/// A descriptor that is readable after the first signal.
static WOKEN: OnceLock<OwnedFd> = OnceLock::new();
/// The client whose calls are interrupted.
static CLIENT: Mutex<Weak<Client>> = Mutex::new(Weak::new());

/// Connect. From then on SIGINT, SIGTERM and SIGHUP end the calls that wait on the client, and
/// [`check`] fails; so they do during the connect. A second signal ends the process at once.
pub fn catch(connect: impl FnOnce() -> Result<Arc<Client>>) -> Result<Arc<Client>> {
    let cannot = |error: io::Error| Failure::from(error).context("cannot catch signals");
    let signals = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
    let signals: Vec<_> = signals.collect();
    for signal in &signals {
        signal_hook::flag::register_usize(*signal, Arc::clone(&CAUGHT), *signal as usize)
            .map_err(cannot)?;
    }
    let mut signals = signal_hook::iterator::Signals::new(signals).map_err(cannot)?;
    let (woken, wake) = rustix::pipe::pipe().map_err(|errno| cannot(errno.into()))?;
    let _ = WOKEN.set(woken);
    std::thread::spawn(move || {
        let mut wake = Some(wake);
        for signal in signals.forever() {
            // A closed pipe stays readable.
            if wake.take().is_some() {
                std::thread::spawn(end_calls);
            } else {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    });
    let client = connect()?;
    *CLIENT.lock() = Arc::downgrade(&client);
    check()?;
    Ok(client)
}

/// From now on a write beyond the limit on file sizes (`ulimit -f`) fails and does not end the
/// process. The signal is caught, not ignored, so that the command of `run` starts with the default.
pub fn survive_the_file_limit() {
    if !is_ignored(SIGXFSZ) {
        let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    }
}

/// Interrupts the client repeatedly until the process ends, because a call may be about to wait.
fn end_calls() {
    loop {
        let client = CLIENT.lock();
        if let Some(client) = client.upgrade() {
            let _ = client.interrupt();
        }
        drop(client);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Called after the command has dropped its client, which is disconnected when this returns.
pub fn settle() {
    *CLIENT.lock() = Weak::new();
}

/// The signal that was caught, if any.
pub fn caught() -> Option<i32> {
    Some(CAUGHT.load(Ordering::SeqCst) as i32).filter(|signal| *signal != 0)
}

/// Fails after a signal was caught.
pub fn check() -> Result<()> {
    caught().map_or(Ok(()), |signal| Err(Failure::Signal(signal)))
}

/// Wait briefly until `fd` is ready for `flags`, and return whether it is; fails after a signal was
/// caught.
pub fn ready(fd: impl AsFd, flags: PollFlags) -> Result<bool> {
    let Some(woken) = WOKEN.get() else { return Ok(true) };
    let moment = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
    check()?;
    let mut fds = [PollFd::new(&fd, flags), PollFd::new(woken, PollFlags::IN)];
    match poll(&mut fds, Some(&moment)) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return check().map(|()| false),
        Err(errno) => return Err(io::Error::from(errno).into()),
    }
    check()?;
    Ok(!fds[0].revents().is_empty())
}

/// Whether a signal is ignored, as by nohup; then it stays ignored.
pub fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
