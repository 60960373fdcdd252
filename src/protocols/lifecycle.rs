//! Whether a store is in use: those who come, against the last one who leaves.
//!
//! A joiner makes itself visible (its file gets a name; later: it says that it uses the store),
//! fences, and looks at the lifecycle. The leaver of an EPHEMERAL store sets CLOSING, fences, and
//! looks for others who use the store. By the total order of the two fences either the leaver sees
//! the joiner, or the joiner sees CLOSING or GONE.

use crate::layout::header::Lifecycle;
use crate::sync::{AtomicU32, Ordering, fence};

/// The lifecycle over its word in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct LifecycleWord<'a> {
    word: &'a AtomicU32,
}

impl<'a> LifecycleWord<'a> {
    /// Returns the lifecycle in `word`.
    pub const fn new(word: &'a AtomicU32) -> Self {
        Self { word }
    }

    /// Returns the lifecycle now; nothing when the word is nonsense.
    #[inline(always)]
    pub fn load(&self) -> Option<Lifecycle> {
        // Relaxed: it brings no data along. Where it counts, a fence is before it, or a system call
        // that found what the remover did after GONE.
        Lifecycle::decode(self.word.load(Ordering::Relaxed))
    }

    /// Changes the lifecycle; `false` when it is not `from`.
    #[track_caller]
    pub fn change(&self, from: Lifecycle, to: Lifecycle) -> bool {
        // Relaxed: as above.
        let (relaxed, from, to) = (Ordering::Relaxed, from as u32, to as u32);
        self.word.compare_exchange(from, to, relaxed, relaxed).is_ok()
    }

    /// LIVE, unless it is GONE: under the lock, where nobody is leaving.
    pub fn settle(&self) {
        let relaxed = Ordering::Relaxed;
        let now = self.word.load(relaxed);
        if !matches!(Lifecycle::decode(now), Some(Lifecycle::Live | Lifecycle::Gone)) {
            // Relaxed: as above. A failed exchange: it was removed.
            let _ = self.word.compare_exchange(now, Lifecycle::Live as u32, relaxed, relaxed);
        }
    }

    /// GONE, whatever it was: `true` if it was not GONE before. For who removes the store, and alone
    /// has the right to, and for who finds its directory deleted.
    #[track_caller]
    pub fn condemn(&self) -> bool {
        const _: () = assert!(Lifecycle::Live as u32 <= Lifecycle::Gone as u32);
        const _: () = assert!(Lifecycle::Closing as u32 <= Lifecycle::Gone as u32);
        // Relaxed: as above. A maximum, since a leaver may change LIVE to CLOSING and back meanwhile.
        let gone = Lifecycle::Gone as u32;
        self.word.fetch_max(gone, Ordering::Relaxed) < gone
    }

    /// LIVE again: the remover whose [`LifecycleWord::condemn`] made it GONE could not rename the store,
    /// and has the right to remove it still.
    #[track_caller]
    pub fn pardon(&self) {
        self.change(Lifecycle::Gone, Lifecycle::Live);
    }

    /// Returns the caller has become visible: the lifecycle that decides whether it may stay.
    pub fn arrive(&self) -> Option<Lifecycle> {
        // SYNC join: SeqCst; pairs with the fence of a leaver between CLOSING and its look at the
        // others.
        fence(Ordering::SeqCst);
        self.load()
    }

    /// GONE if no other client uses the store, as `others` tells: under the lock. `false` when it
    /// stays.
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

/// Says in a client's file whether it uses the store.
pub fn say_joined(word: &AtomicU32, joined: bool) {
    // SYNC joined: Release; who says that it has left has released all its leases before.
    word.store(joined.into(), Ordering::Release);
}

/// Returns whether a client says that it uses the store; `word` reads that from its file.
pub fn says_joined(word: impl FnOnce() -> u32) -> bool {
    let word = word();
    // SYNC joined: Acquire; pairs with the Release in `say_joined`.
    fence(Ordering::Acquire);
    word != 0
}

/// Begins to remove the name of `slot` in `readers/`, before it is looked at: under the writer
/// lock. A reader may take the name meanwhile, since whoever had it may give it up.
pub fn begin_clearing(clearing: &AtomicU32, slot: u32) {
    clearing.store(slot + 1, Ordering::Relaxed);
    // SYNC clearing: SeqCst; pairs with the fence in `is_clearing`: either that reader is seen to have
    // the name, or it sees that the name is being removed.
    fence(Ordering::SeqCst);
}

/// The name is gone, or stays.
pub fn end_clearing(clearing: &AtomicU32) {
    // SYNC clearing: Release; pairs with the Acquire in `is_clearing`: the name was removed before.
    clearing.store(0, Ordering::Release);
}

/// Returns whether the name of `slot` in `readers/`, which the caller has just taken, is being
/// removed. If not, the caller looks whether it has it still: then it stays.
pub fn is_clearing(clearing: &AtomicU32, slot: u32) -> bool {
    // SYNC clearing: SeqCst; pairs with the fence in `begin_clearing`.
    fence(Ordering::SeqCst);
    // SYNC clearing: Acquire; pairs with the Release in `end_clearing`.
    clearing.load(Ordering::Acquire) == slot + 1
}
