//! The holders of a lease inside one process: the buffer that took it, and the retained copies.
//!
//! The last holder ends the lease, in whichever thread it is. When the client is closed, the last
//! of its buffers to end, or the close itself, frees the client.

use crate::sync::local::{AtomicBool, AtomicU64, Ordering::*, compiler_fence};

/// The holders of one lease word.
///
/// | bits   | field  | meaning                                             |
/// |--------|--------|-----------------------------------------------------|
/// | 63..16 | serial | advanced each time the entry is taken               |
/// | 15..1  | copies | retained copies of the buffer; changed under a lock |
/// | 0      | live   | the buffer that took the entry is not released      |
///
/// The entry is free, and its lease word 0, when the low 16 bits are 0.
///
/// The entry of a writer has neither lease nor copies: 1 copy and not live means that a call is
/// using it.
#[derive(Debug)]
pub struct Entry(AtomicU64);

const LIVE: u64 = 1;
const COPY: u64 = 2;
const HOLDERS: u64 = 0xffff;
const SERIAL: u64 = 0x1_0000;

/// One of the holders of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The buffer that took the entry.
    First,
    /// A retained copy.
    Copy,
}

/// Proof that the caller is the last holder. It ends the lease and then calls [`Entry::end`].
#[derive(Debug)]
#[must_use]
pub struct Last(u64);

impl Default for Entry {
    fn default() -> Self {
        Self::new()
    }
}

impl Entry {
    /// Returns a free entry.
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Takes the entry if it is free, and returns its new serial. `alone` means that the process
    /// has one thread.
    #[inline(always)]
    pub fn take(&self, alone: bool) -> Option<u64> {
        let state = self.0.load(Relaxed);
        if state & HOLDERS != 0 {
            return None;
        }
        let taken = (state & !HOLDERS).wrapping_add(SERIAL) | LIVE;
        self.change(state, taken, alone).then_some(taken / SERIAL)
    }

    /// Takes the entry of a writer if it is free, within a call that ends by [`Entry::leave`] or
    /// [`Entry::end`]. Returns its new serial.
    #[inline(always)]
    pub fn take_for_call(&self, alone: bool) -> Option<(u64, Last)> {
        let state = self.0.load(Relaxed);
        if state & HOLDERS != 0 {
            return None;
        }
        let called = (state & !HOLDERS).wrapping_add(SERIAL) | COPY;
        self.change(state, called, alone).then_some((called / SERIAL, Last(called)))
    }

    /// Begins a call on the writer with this serial, which ends by [`Entry::leave`] or
    /// [`Entry::end`]. Returns `None` when the writer is closed or in another call.
    #[inline(always)]
    pub fn enter(&self, serial: u64, alone: bool) -> Option<Last> {
        let live = live_alone(serial)?;
        let called = live - LIVE + COPY;
        (self.0.load(Relaxed) == live && self.change(live, called, alone)).then_some(Last(called))
    }

    /// Ends a call on a writer, so that another call may begin.
    #[inline(always)]
    pub fn leave(&self, call: Last) {
        // SYNC entry: Release; publishes the call's changes to the writer. Pairs with `change`.
        self.0.store(call.0 - COPY + LIVE, Release);
    }

    #[inline(always)]
    fn change(&self, from: u64, to: u64, alone: bool) -> bool {
        if alone {
            // Relaxed: no other thread exists, and threads that ended have synchronised with this
            // one.
            self.0.store(to, Relaxed);
            return true;
        }
        // SYNC entry: Acquire; the lease word is 0 again, and the writer is as its last call left
        // it. Pairs with `end` and `leave`.
        self.0.compare_exchange(from, to, Acquire, Relaxed).is_ok()
    }

    /// Returns whether the buffer that took the entry under this serial is not released.
    #[inline(always)]
    pub fn is_live(&self, serial: u64) -> bool {
        let state = self.0.load(Relaxed);
        state / SERIAL == serial && state & LIVE != 0
    }

    /// Adds a copy for a holder, under the lock. Returns `false` when there are 32767 copies.
    pub fn add_copy(&self) -> bool {
        let state = self.0.load(Relaxed);
        if state & HOLDERS >= HOLDERS - LIVE {
            return false;
        }
        // Relaxed: the caller is a holder itself, and stays one.
        self.0.store(state + COPY, Relaxed);
        true
    }

    /// Returns whether the buffer that took the entry under this serial is its only holder. If so,
    /// it may be released without the lock.
    #[inline(always)]
    pub fn only_first(&self, serial: u64) -> Option<Last> {
        // SYNC entry: Acquire; the reads of other holders precede the lease's end.
        let state = self.0.load(Acquire);
        (state / SERIAL == serial && state & HOLDERS == LIVE).then_some(Last(state))
    }

    /// Removes a holder, under the lock. Returns the proof if it is the last one, which stays until
    /// `end`.
    pub fn let_go(&self, holder: Holder) -> Option<Last> {
        let state = self.0.load(Relaxed);
        let less = if holder == Holder::Copy { COPY } else { LIVE };
        if state & HOLDERS == less {
            return Some(Last(state));
        }
        // SYNC entry: Release; precedes the end of the lease. Pairs with `only_first`.
        self.0.store(state - less, Release);
        None
    }

    /// Frees the entry, whose lease has ended. Returns `true` when the client was closed: the
    /// caller then finds out whether that was its last buffer.
    ///
    /// With `light`, a thread that closes the client loads the entries after it set `closed`, and if
    /// it sees one that is held, runs a barrier in every thread and loads them again. If this
    /// thread frees the entry before the barrier, the closer sees it free; if it does so after the
    /// barrier, it sees `closed`.
    #[inline(always)]
    #[must_use]
    pub fn end(&self, last: Last, closed: &AtomicBool, light: bool) -> bool {
        self.free(last, light);
        Self::is_closed(closed, light)
    }

    /// The first step of [`Entry::end`], for many entries that share the second one. While one of
    /// them is not free, the client stays.
    #[inline(always)]
    pub fn free(&self, last: Last, light: bool) {
        let free = last.0 & !HOLDERS;
        if light {
            // SYNC entry, closed: Release; the barrier stands for SeqCst.
            self.0.store(free, Release);
            compiler_fence(SeqCst);
        } else {
            // SYNC entry, closed: SeqCst, as in `is_closed`; either this thread sees `closed`, or
            // the thread that closes sees the entry free.
            self.0.swap(free, SeqCst);
        }
    }

    /// The second step of [`Entry::end`].
    #[inline(always)]
    #[must_use]
    pub fn is_closed(closed: &AtomicBool, light: bool) -> bool {
        if light {
            return closed.load(Relaxed);
        }
        // SYNC closed: SeqCst, as in `free`.
        closed.load(SeqCst)
    }

    /// Returns whether the entry has no holder. Called after `closed` was set.
    pub fn is_free(&self) -> bool {
        // SYNC entry, closed: SeqCst; pairs with the swap in `end`.
        self.0.load(SeqCst) & HOLDERS == 0
    }
}

/// Returns the state of an entry that only its first holder has, under this serial; `None` for a
/// number that cannot be a serial.
#[inline(always)]
fn live_alone(serial: u64) -> Option<u64> {
    serial.checked_mul(SERIAL).map(|serial| serial | LIVE)
}

#[cfg(all(test, loom))]
mod loom;
