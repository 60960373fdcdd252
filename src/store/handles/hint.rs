//! Which place of a handle table is most likely free: the one behind the last that was taken, or the last
//! that was let go.

use crate::sync::local::AtomicU32;
use crate::sync::local::Ordering::Relaxed;
use std::cell::Cell;

/// What is taken from a handle table.
#[derive(Clone, Copy, Debug)]
pub enum HintKind {
    Buffer,
    Writer,
}

thread_local! {
    /// For each kind, the handle table in which this thread took or let go a place last, and that place.
    static LAST: [Cell<(u32, u32)>; 2] = const { [const { Cell::new((u32::MAX, 0)) }; 2] };
}

/// The hint of one handle table for one kind.
///
/// Threads that shared it would try the same place, so each has its own, in memory of the thread;
/// to find that takes a call, which the only thread of a process does without.
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

    /// Where to look first, if this thread had a place before; `alone` as in [`Hint::set`].
    #[inline(always)]
    pub fn get(&self, alone: bool) -> Option<u32> {
        if alone {
            return Some(self.of_only_thread.load(Relaxed));
        }
        let (handles, place) = LAST.with(|last| last[self.kind as usize].get());
        (handles == self.handles).then_some(place)
    }

    /// Look there first next time. `alone` says that the process has one thread.
    #[inline(always)]
    pub fn set(&self, place: u32, alone: bool) {
        if alone {
            self.of_only_thread.store(place, Relaxed);
        } else {
            LAST.with(|last| last[self.kind as usize].set((self.handles, place)));
        }
    }
}
