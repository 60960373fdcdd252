//! The writer lock, held: waits with the kernel, recovers what a dead owner left.

use super::peers::unknown_owner;
use super::session::{Session, WaitScope};
use crate::error::{Error, Result, Status};
use crate::layout::client::SLOTS;
use crate::lock::{Acquired, LockEnv, Parked};
use crate::segment::slot_name;
use crate::sys::{clock, file, futex, lock};
use std::os::fd::AsFd;
use std::time::Duration;

/// The longest sleep before the owner's life is asked for.
const PARK: Duration = Duration::from_millis(5);

/// Looks at an owner whose file has no name, before it is given up: a client that leaves unlinks
/// its file and then lets go.
const NAMELESS: u32 = 200;

/// The writer lock, held until dropped.
pub struct Guard<'a> {
    session: &'a Session,
    whole: bool,
    /// The thread unwinds from a panic that has nothing to do with what the lock protects.
    unwinds: bool,
}

impl Session {
    /// Acquire the writer lock, waiting up to the lock time-out; what a dead owner left is
    /// recovered first.
    pub fn lock(&self) -> Result<Guard<'_>> {
        if let Some(acquired) = self.segment.lock().try_acquire(self.own.slot as u16) {
            self.pace.found_free();
            return self.guard(acquired);
        }
        self.pace.found_held();
        let deadline = self.lock_timeout.map(clock::after);
        let scope = self.begin_wait();
        let mut env = Env { session: self, scope: &scope, deadline, nameless: 0 };
        let acquired = self.segment.lock().acquire(self.own.slot as u16, &mut env)?;
        self.guard(acquired)
    }

    /// Acquire the writer lock if it is free.
    pub fn try_lock(&self) -> Option<Guard<'_>> {
        let acquired = self.segment.lock().try_acquire(self.own.slot as u16)?;
        self.guard(acquired).ok()
    }

    fn guard(&self, acquired: Acquired) -> Result<Guard<'_>> {
        let unwinds = std::thread::panicking();
        let mut guard = Guard { session: self, whole: !acquired.recover, unwinds };
        if acquired.stolen {
            self.count(&self.segment.header().counters.lock_steals, 1);
        }
        if acquired.recover {
            self.recover(&guard)?;
            self.segment.lock().recovered(self.own.slot as u16)?;
            guard.whole = true;
        }
        if self.has_abandoned() {
            self.free_abandoned(&mut guard)?;
        }
        Ok(guard)
    }
}

impl Guard<'_> {
    /// What the lock protects could not be left whole: the next owner recovers.
    pub fn spoil(&mut self) {
        self.whole = false;
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let writer_lock = self.session.segment.lock();
        let me = self.session.own.slot as u16;
        let wake = || {
            futex::wake_low_half(&self.session.segment.header().lock.word);
        };
        // An error means that the word is not ours any more: then there is nothing to let go.
        let _ = if self.whole && (self.unwinds || !std::thread::panicking()) {
            writer_lock.release(me, wake)
        } else {
            writer_lock.release_needing_recovery(me, wake)
        };
    }
}

struct Env<'a> {
    session: &'a Session,
    scope: &'a WaitScope<'a>,
    deadline: Option<u64>,
    nameless: u32,
}

impl Env<'_> {
    fn sleep(&self, futex_half: u32, until: u64) -> futex::Wake {
        let word = &self.session.segment.header().lock.word;
        if futex::has_waitv() {
            let watches = [
                futex::Watch::shared_low_half(word, futex_half),
                futex::Watch::private(self.scope.word(), self.scope.control),
            ];
            return futex::wait_any(&watches, Some(until));
        }
        let left = Duration::from_nanos(until.saturating_sub(clock::monotonic_ns()));
        futex::wait_low_half(word, futex_half, Some(left))
    }
}

impl LockEnv for Env<'_> {
    fn first_pause(&self) -> u32 {
        self.session.pace.pause()
    }

    fn park(&mut self, futex_half: u32) -> Parked {
        let until = clock::monotonic_ns() + PARK.as_nanos() as u64;
        let until = self.deadline.map_or(until, |deadline| deadline.min(until));
        let slept = self.sleep(futex_half, until);
        if let Err(error) = self.scope.check() {
            return Parked::GiveUp(error.status());
        }
        if slept == futex::Wake::Signal {
            return Parked::GiveUp(Status::Interrupted);
        }
        if self.deadline.is_some_and(|deadline| clock::monotonic_ns() >= deadline) {
            return Parked::GiveUp(Status::Timeout);
        }
        Parked::Woken
    }

    fn owner_is_dead(&mut self, slot: u16) -> Result<bool> {
        let slot = u32::from(slot);
        if slot >= SLOTS {
            return Err(Error::new(Status::Corrupt, format!("client {slot} cannot be an owner")));
        }
        let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOFOLLOW;
        let dir = self.session.segment.clients.fd()?;
        match file::open_at(Some(dir), &slot_name(slot), flags, 0) {
            Ok(fd) => {
                self.nameless = 0;
                lock::is_write_locked(fd.as_fd())
                    .map(|locked| !locked)
                    .map_err(|errno| errno.because("cannot ask whether the lock's owner lives"))
            }
            Err(errno) if errno.0 == libc::ENOENT => {
                self.nameless += 1;
                if self.nameless < NAMELESS { Ok(false) } else { Err(unknown_owner(slot)) }
            }
            Err(errno) if matches!(errno.0, libc::ELOOP | libc::ENXIO) => Err(Error::new(
                Status::Corrupt,
                format!("client {slot} owns the writer lock, but its file is none of a client"),
            )),
            Err(errno) => Err(errno.because("cannot ask whether the lock's owner lives")),
        }
    }
}
