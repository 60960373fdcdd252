//! A hint for the entry of a handle table that is most likely free: the one after the entry that
//! was last taken, or the entry that was last released.

use crate::sync::local::AtomicU32;
use crate::sync::local::Ordering::Relaxed;
use std::cell::Cell;

/// The kinds of entries.
#[derive(Clone, Copy, Debug)]
pub enum HintKind {
    Buffer,
    Writer,
}

thread_local! {
    /// For each kind: the handle table in which this thread last took or released an entry, and the
    /// entry to try next.
    static LAST: [Cell<(u32, u32)>; 2] = const { [const { Cell::new((u32::MAX, 0)) }; 2] };
}

/// The hint of one handle table for one kind.
///
/// Threads that share a hint would try the same entry, so each thread has its own, in thread-local
/// memory. Finding that memory takes a call, which the only thread of a process avoids.
#[derive(Debug)]
pub struct Hint {
    kind: HintKind,
    handles: u32,
    of_only_thread: AtomicU32,
}

impl Hint {
    pub const fn new(kind: HintKind, handles: u32) -> Self {
        Self { kind, handles, of_only_thread: AtomicU32::new(0) }
    }

    /// The entry to try first, if this thread had one before; `alone` as in [`Hint::set`].
    #[inline(always)]
    pub fn get(&self, alone: bool) -> Option<u32> {
        if alone {
            return Some(self.of_only_thread.load(Relaxed));
        }
        let (handles, place) = LAST.with(|last| last[self.kind as usize].get());
        (handles == self.handles).then_some(place)
    }

    /// Sets the entry to try first next time. `alone` means that the process has one thread.
    #[inline(always)]
    pub fn set(&self, place: u32, alone: bool) {
        if alone {
            self.of_only_thread.store(place, Relaxed);
        } else {
            LAST.with(|last| last[self.kind as usize].set((self.handles, place)));
        }
    }
}
