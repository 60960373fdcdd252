//! The lifecycle of a store: clients that join, against the last client that leaves.
//!
//! A joiner makes itself visible (its file gets a name; later the file says that the client uses
//! the store), fences, and loads the lifecycle. The leaver of an EPHEMERAL store sets CLOSING,
//! fences, and looks for other clients that use the store. By the total order of the two fences,
//! either the leaver sees the joiner, or the joiner sees CLOSING or GONE.

use crate::layout::header::Lifecycle;
use crate::sync::{AtomicU32, Ordering, fence};

/// The lifecycle word in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct LifecycleWord<'a> {
    word: &'a AtomicU32,
}

impl<'a> LifecycleWord<'a> {
    /// Returns the lifecycle stored in `word`.
    pub const fn new(word: &'a AtomicU32) -> Self {
        Self { word }
    }

    /// Returns the current lifecycle; `None` when the word is corrupt.
    #[inline(always)]
    pub fn load(&self) -> Option<Lifecycle> {
        // Relaxed: it brings no data with it. Where the order matters, there is a fence before it,
        // or a system call that found what the remover did after GONE.
        Lifecycle::decode(self.word.load(Ordering::Relaxed))
    }

    /// Changes the lifecycle from `from` to `to`. Returns `false` when it is not `from`.
    #[track_caller]
    pub fn change(&self, from: Lifecycle, to: Lifecycle) -> bool {
        // Relaxed: as above.
        let (relaxed, from, to) = (Ordering::Relaxed, from as u32, to as u32);
        self.word.compare_exchange(from, to, relaxed, relaxed).is_ok()
    }

    /// Sets LIVE unless it is GONE. Called under the lock, where no client is leaving.
    pub fn settle(&self) {
        let relaxed = Ordering::Relaxed;
        let now = self.word.load(relaxed);
        if !matches!(Lifecycle::decode(now), Some(Lifecycle::Live | Lifecycle::Gone)) {
            // Relaxed: as above. A failed exchange means that the store was removed.
            let _ = self.word.compare_exchange(now, Lifecycle::Live as u32, relaxed, relaxed);
        }
    }

    /// Sets GONE, whatever the lifecycle was. Returns `true` if it was not GONE before. Called by
    /// the one client that removes the store, and by clients that find its directory deleted.
    #[track_caller]
    pub fn condemn(&self) -> bool {
        const _: () = assert!(Lifecycle::Live as u32 <= Lifecycle::Gone as u32);
        const _: () = assert!(Lifecycle::Closing as u32 <= Lifecycle::Gone as u32);
        // Relaxed: as above. A maximum, because a leaver may change LIVE to CLOSING and back at the
        // same time.
        let gone = Lifecycle::Gone as u32;
        self.word.fetch_max(gone, Ordering::Relaxed) < gone
    }

    /// Sets LIVE again. Called by the remover whose [`LifecycleWord::condemn`] made it GONE and
    /// which could not rename the store; no other client may remove it.
    #[track_caller]
    pub fn pardon(&self) {
        self.change(Lifecycle::Gone, Lifecycle::Live);
    }

    /// Returns the lifecycle that decides whether the caller, which has become visible, may stay.
    pub fn arrive(&self) -> Option<Lifecycle> {
        // SYNC join: SeqCst; pairs with the fence of a leaver, between its CLOSING and its search for
        // others.
        fence(Ordering::SeqCst);
        self.load()
    }

    /// Sets GONE if no other client uses the store, according to `others`. Called under the lock.
    /// Returns `false` when the store stays.
    pub fn leave_last(&self, others: impl FnOnce() -> bool) -> bool {
        if !self.change(Lifecycle::Live, Lifecycle::Closing) {
            return false;
        }
        // SYNC join: SeqCst; pairs with the fence of a joiner after it became visible.
        fence(Ordering::SeqCst);
        let last = !others();
        let next = if last { Lifecycle::Gone } else { Lifecycle::Live };
        self.change(Lifecycle::Closing, next) && last
    }
}

/// Writes into a client's file whether it uses the store.
pub fn say_joined(word: &AtomicU32, joined: bool) {
    // SYNC joined: Release; a client that says that it has left has released all its leases before.
    word.store(joined.into(), Ordering::Release);
}

/// Returns whether a client says that it uses the store. `word` reads that from its file.
pub fn says_joined(word: impl FnOnce() -> u32) -> bool {
    let word = word();
    // SYNC joined: Acquire; pairs with the Release in `say_joined`.
    fence(Ordering::Acquire);
    word != 0
}

/// Begins to remove the name of `slot` in `readers/`, before the name is inspected. Called under
/// the writer lock. A reader may take the name during this, because the reader that had it may give
/// it up.
pub fn begin_clearing(clearing: &AtomicU32, slot: u32) {
    clearing.store(slot + 1, Ordering::Relaxed);
    // SYNC clearing: SeqCst; pairs with the fence in `is_clearing`: either the reader is seen to
    // have the name, or it sees that the name is being removed.
    fence(Ordering::SeqCst);
}

/// Ends the removal of a name, whether the name is gone or stays.
pub fn end_clearing(clearing: &AtomicU32) {
    // SYNC clearing: Release; pairs with the Acquire in `is_clearing`: the removal precedes it.
    clearing.store(0, Ordering::Release);
}

/// Returns whether the name of `slot` in `readers/`, which the caller has just taken, is being
/// removed. If it is not, the caller inspects the name again: if it is still the caller's, it
/// stays.
pub fn is_clearing(clearing: &AtomicU32, slot: u32) -> bool {
    // SYNC clearing: SeqCst; pairs with the fence in `begin_clearing`.
    fence(Ordering::SeqCst);
    // SYNC clearing: Acquire; pairs with the Release in `end_clearing`.
    clearing.load(Ordering::Acquire) == slot + 1
}
