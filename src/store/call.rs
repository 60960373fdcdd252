//! A call in flight: the events that end it early, its deadline, and how a disconnect waits for it.
//!
//! Each call of the API that may enter the kernel or wait begins a [`Call`] and holds it until it
//! has touched the client for the last time. All waits of the call share its deadline. Once an
//! interruption or a disconnect has ended the call, none of its waits begins.

use crate::error::{Error, Result, Status};
use crate::store::calls::AWAITED;
use crate::store::session::Session;
use crate::sync::local::Ordering::*;
use crate::sync::pause_point;
use crate::sys::thread::{self, CancelOff};
use crate::sys::{clock, futex};
use std::cell::Cell;
use std::time::Duration;

/// A call of the API in flight.
///
/// While it lasts, the client is not freed, and the thread is not cancelled. The only thread of a
/// process needs neither: no other thread can disconnect the client or cancel it.
pub struct Call<'a> {
    session: &'a Session,
    /// The interrupt generation when the call began.
    generation: u32,
    /// The call is on a buffer, which may outlive its client: a client that was closed before does
    /// not end it.
    outlives: bool,
    counted: bool,
    /// The call takes the writer lock only if it is free or its owner is dead, and waits for no
    /// living owner.
    only_tries: bool,
    timeout: Option<Duration>,
    /// When the call first needed the time (monotonic ns); 0 before that.
    begun: Cell<u64>,
    /// The last field, so that the thread may be cancelled again only after the client was touched
    /// for the last time.
    _cancel: Option<CancelOff>,
}

impl Session {
    /// Begins a call on the client. `timeout` is the timeout of the call, `None` for a call that
    /// waits forever, and zero for a call without a timeout.
    #[inline]
    pub fn begin(&self, timeout: Option<Duration>) -> Result<Call<'_>> {
        let call = self.begin_on_buffer(timeout);
        if call.outlives { Err(Error::plain(Status::Disconnected)) } else { Ok(call) }
    }

    /// Begins a call on a buffer, whose client may be closed.
    #[inline]
    pub fn begin_on_buffer(&self, timeout: Option<Duration>) -> Call<'_> {
        let calls = &self.calls;
        let counted = !thread::is_alone();
        let _cancel = counted.then(CancelOff::begin);
        if counted {
            // SYNC call: SeqCst; either `close` counts this call, or this call finds it closing.
            calls.in_flight.fetch_add(1, SeqCst);
        }
        // SYNC call: SeqCst; as above.
        let outlives = calls.closing.load(SeqCst);
        // SYNC call: SeqCst; an interruption from here on ends this call.
        let generation = calls.generation.load(SeqCst);
        let begun = Cell::new(0);
        let only_tries = false;
        if counted {
            pause_point("call");
        }
        Call { session: self, generation, outlives, counted, only_tries, timeout, begun, _cancel }
    }

    /// Ends all calls in flight with INTERRUPTED.
    pub fn interrupt(&self) {
        self.calls.interrupt();
        self.wake_own_waits();
    }

    /// Ends all calls in flight with DISCONNECTED, and returns when the last of them has ended.
    pub fn end_calls(&self) {
        self.calls.close(|| self.wake_own_waits());
    }
}

impl Call<'_> {
    /// The interrupt generation when the call began.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Returns DISCONNECTED or INTERRUPTED if the call was ended.
    pub fn ensure_not_ended(&self) -> Result<()> {
        let calls = &self.session.calls;
        // SYNC call: SeqCst; closing and the generation change before their futex is woken.
        if calls.closing.load(SeqCst) && !self.outlives {
            return Err(Error::plain(Status::Disconnected));
        }
        // SYNC call: SeqCst; as above.
        if calls.generation.load(SeqCst) != self.generation {
            return Err(Error::plain(Status::Interrupted));
        }
        Ok(())
    }

    /// Whether an error of one part of a call ends the whole call.
    pub fn is_ended_by(error: &Error) -> bool {
        use Status::{Disconnected, Forked, Interrupted, StoreGone};
        matches!(error.status(), Disconnected | Forked | Interrupted | StoreGone)
    }

    /// The same call for a side task that does not wait for a living owner of the writer lock.
    pub fn for_side_task(&self) -> Call<'_> {
        Call {
            session: self.session,
            generation: self.generation,
            outlives: self.outlives,
            counted: false,
            only_tries: true,
            timeout: Some(Duration::ZERO),
            begun: Cell::new(0),
            _cancel: None,
        }
    }

    /// Whether the call refuses to wait for a living owner of the writer lock.
    pub fn only_tries(&self) -> bool {
        self.only_tries
    }

    /// Whether the call has a timeout of its own that is not 0.
    pub fn waits(&self) -> bool {
        self.timeout != Some(Duration::ZERO)
    }

    /// When the call's own timeout expires (monotonic ns); 0 if the call does not wait, `None` if
    /// it waits forever.
    pub fn deadline(&self) -> Option<u64> {
        self.until(self.timeout)
    }

    /// Whether the call's own timeout, if it has one that is not 0, has expired.
    pub fn is_late(&self) -> bool {
        self.deadline().is_some_and(|until| until > 0 && clock::monotonic_ns() >= until)
    }

    /// When a timeout that began with the call expires; encoded as in [`Call::deadline`].
    pub fn until(&self, timeout: Option<Duration>) -> Option<u64> {
        match timeout {
            Some(Duration::ZERO) => Some(0),
            timeout => timeout.map(|timeout| self.after(timeout)),
        }
    }

    /// When the call stops waiting for the writer lock: after its own timeout or the client's lock
    /// timeout, whichever is longer.
    pub fn lock_deadline(&self) -> Option<u64> {
        if self.only_tries {
            return Some(0);
        }
        match (self.timeout, self.session.lock_timeout) {
            (Some(own), Some(of_lock)) => Some(self.after(own.max(of_lock))),
            _ => None,
        }
    }

    fn after(&self, time: Duration) -> u64 {
        if self.begun.get() == 0 {
            self.begun.set(clock::monotonic_ns());
        }
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.begun.get().saturating_add(ns)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.counted {
            return;
        }
        let word = self.session.calls.in_flight.as_ptr();
        // SYNC call: SeqCst; pairs with `Calls::close`, after which the client may be freed: only the
        // address of the word is used from here on.
        let before = self.session.calls.in_flight.fetch_sub(1, SeqCst);
        if before == 1 | AWAITED {
            futex::wake_private_at(word);
        }
    }
}
