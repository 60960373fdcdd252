//! Acquiring the writer lock: the waits in the kernel, and the recovery after a dead owner.

use crate::error::{Error, Result, Status};
use crate::protocols::writer_lock::{Acquired, LockEnv, LockError, Parked};
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::session::Session;
use crate::sys::{clock, futex, process};
use std::time::Duration;

/// The first sleep before the waiter asks whether the owner is alive. Each further sleep is twice
/// as long, so that the death of an owner is noticed soon, and many waiters for a stopped owner
/// cost little.
const FIRST_PARK: Duration = Duration::from_millis(5);

const LONGEST_PARK: Duration = Duration::from_millis(200);

/// The longest sleep where an interruption cannot be watched.
const BLIND_SLICE: Duration = Duration::from_millis(5);

impl Session {
    /// Acquires the writer lock, waiting as long as the call may. Recovers first what a dead owner
    /// left.
    pub fn lock(&self, call: &Call<'_>) -> Result<Locked<'_>> {
        match self.segment.lock().try_acquire(self.own.slot as u16) {
            Some(acquired) => {
                self.backoff.found_free();
                self.begin_holding(acquired)
            }
            None => self.lock_held(call),
        }
    }

    /// As [`Session::lock`], where the lock was held a moment ago.
    #[cold]
    fn lock_held(&self, call: &Call<'_>) -> Result<Locked<'_>> {
        self.backoff.found_held();
        // A call that was ended begins no further wait.
        call.ensure_not_ended()?;
        let deadline = call.lock_deadline();
        let mut env = LockWait { session: self, call, deadline, park: FIRST_PARK };
        match self.segment.lock().acquire(self.own.slot as u16, &mut env) {
            Ok(acquired) => self.begin_holding(acquired),
            Err(LockError::GaveUp(Status::Timeout)) if !call.only_tries() => {
                Err(self.lock_timeout_error())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The error of a call that waited too long for the writer lock.
    #[cold]
    fn lock_timeout_error(&self) -> Error {
        let store = self.address.display();
        let Some(slot) = self.segment.lock().peek().owner() else {
            return Error::new(Status::Timeout, format!("the writer lock of {store} stayed busy"));
        };
        let slot = u32::from(slot);
        let serial = self.tenant_of(slot);
        let owner = match serial.and_then(|serial| self.identity_of(slot, serial)) {
            Some(who) => {
                let pid = who.pid;
                let near = who.pid_namespace == process::birth().pid_namespace;
                let state = match near {
                    true if process::is_stopped(pid) => "is stopped; continue it (kill -CONT)",
                    true => "is alive; wait longer (lock_timeout_ms)",
                    false => "is in another pid namespace; wait longer (lock_timeout_ms)",
                };
                format!("process {pid} ({}), which {state}, or kill it", who.name())
            }
            None => format!("client {slot}"),
        };
        Error::new(Status::Timeout, format!("the writer lock of {store} is held by {owner}"))
    }

    /// Acquires the writer lock if it is free.
    pub fn try_lock(&self) -> Option<Locked<'_>> {
        let acquired = self.segment.lock().try_acquire(self.own.slot as u16)?;
        self.begin_holding(acquired).ok()
    }

    /// Begins to hold the lock.
    #[inline(always)]
    fn begin_holding(&self, acquired: Acquired) -> Result<Locked<'_>> {
        match acquired.recover || acquired.stolen || self.segment.abandoned().any() {
            true => self.take_duties(acquired),
            false => Ok(Locked::new(self, &acquired)),
        }
    }

    /// Recovers what a dead owner left, and frees the objects that were given up without the lock.
    #[cold]
    fn take_duties(&self, acquired: Acquired) -> Result<Locked<'_>> {
        let mut locked = Locked::new(self, &acquired);
        if acquired.stolen {
            self.count(&self.segment.header().counters.lock_steals, 1);
        }
        if acquired.recover {
            locked.recover()?;
            locked.finish_recovery()?;
        }
        if self.segment.abandoned().any() {
            locked.free_abandoned()?;
        }
        Ok(locked)
    }
}

struct LockWait<'a> {
    session: &'a Session,
    call: &'a Call<'a>,
    deadline: Option<u64>,
    park: Duration,
}

impl LockWait<'_> {
    /// Sleeps until the lock changes, the call is ended, a signal arrives, or `until`.
    fn sleep(&self, futex_half: u32, until: u64) -> futex::Wake {
        let word = &self.session.segment.header().lock.word;
        if futex::has_waitv() {
            let watches = [
                futex::Watch::shared_low_half(word, futex_half),
                futex::Watch::private(self.session.calls.word(), self.call.generation()),
            ];
            return futex::wait_any(&watches, Some(until));
        }
        loop {
            let left = Duration::from_nanos(until.saturating_sub(clock::monotonic_ns()));
            match futex::wait_low_half(word, futex_half, Some(left.min(BLIND_SLICE))) {
                futex::Wake::TimedOut
                    if left > BLIND_SLICE && self.call.ensure_not_ended().is_ok() => {}
                wake => return wake,
            }
        }
    }
}

impl LockEnv for LockWait<'_> {
    fn first_pause(&self) -> u32 {
        self.session.backoff.pause()
    }

    fn park(&mut self, futex_half: u32) -> Parked {
        let until = clock::monotonic_ns() + self.park.as_nanos() as u64;
        let until = self.deadline.map_or(until, |deadline| deadline.min(until));
        let slept = self.sleep(futex_half, until);
        if let Err(error) = self.call.ensure_not_ended() {
            return Parked::GiveUp(error.status());
        }
        if slept == futex::Wake::Signal {
            return Parked::GiveUp(Status::Interrupted);
        }
        if self.deadline.is_some_and(|deadline| clock::monotonic_ns() >= deadline) {
            return Parked::GiveUp(Status::Timeout);
        }
        // Each release wakes all waiters: if the lock changes hands, its owners are alive.
        let late = slept == futex::Wake::TimedOut;
        self.park = if late { (self.park * 2).min(LONGEST_PARK) } else { FIRST_PARK };
        Parked::Woken
    }

    fn owner_is_dead(&mut self, slot: u16) -> Result<bool> {
        let session = self.session;
        // A slot without a tenant: the holding has ended, or a bit of the word has flipped.
        let Some(serial) = session.tenant_of(slot.into()) else { return Ok(true) };
        let alive = session.is_member_alive(serial)?;
        if alive {
            // Nobody waits for the owner of a lock in a store that was removed or deleted.
            session.ensure_linked()?;
        }
        Ok(!alive)
    }
}
