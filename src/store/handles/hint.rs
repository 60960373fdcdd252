//! Which place of a seat is most likely free: the one behind the last that was taken, or the last
//! that was let go.

use crate::sync::local::{AtomicU32, Ordering::Relaxed};
use std::cell::Cell;

/// What is taken from a seat.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Entry,
    Draft,
}

thread_local! {
    /// For each kind, the seat in which this thread took or let go a place last, and that place.
    static LAST: [Cell<(u32, u32)>; 2] = const { [const { Cell::new((u32::MAX, 0)) }; 2] };
}

/// The hint of one seat for one kind.
///
/// Threads that shared it would try the same place, so each has its own, in memory of the thread;
/// to find that takes a call, which the only thread of a process does without.
#[derive(Debug)]
pub struct Hint {
    kind: Kind,
    seat: u32,
    of_only_thread: AtomicU32,
}

impl Hint {
    pub const fn new(kind: Kind, seat: u32) -> Self {
        Self { kind, seat, of_only_thread: AtomicU32::new(0) }
    }

    /// Where to look first, if this thread had a place before; `alone` as in [`Hint::set`].
    #[inline(always)]
    pub fn get(&self, alone: bool) -> Option<u32> {
        if alone {
            return Some(self.of_only_thread.load(Relaxed));
        }
        let (seat, place) = LAST.with(|last| last[self.kind as usize].get());
        (seat == self.seat).then_some(place)
    }

    /// Look there first next time. `alone` says that the process has one thread.
    #[inline(always)]
    pub fn set(&self, place: u32, alone: bool) {
        if alone {
            self.of_only_thread.store(place, Relaxed);
        } else {
            LAST.with(|last| last[self.kind as usize].set((self.seat, place)));
        }
    }
}
