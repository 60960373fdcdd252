//! Waiters and sealers in real threads, on futexes whose sleeps end only by a wake.

use super::*;
use crate::sync::AtomicU32;
use crate::sync::testing::{Futex, rounds};
use std::thread;

const ROUNDS: u32 = rounds(1_000, 3);

/// One wake word for two conditions.
struct Shared {
    word: WakeWord,
    /// The condition: how often it was published. Relaxed: the protocol has to order it.
    published: [AtomicU32; 2],
    futex: Futex,
}

impl Shared {
    fn new() -> Self {
        Self {
            word: WakeWord::new(),
            published: [const { AtomicU32::new(0) }; 2],
            futex: Futex::default(),
        }
    }

    fn wait_for(&self, which: usize, count: u32, hinted: bool) {
        loop {
            let s = if hinted { self.word.begin() } else { self.word.begin_unhinted() };
            if self.published[which].load(Ordering::Relaxed) >= count {
                return;
            }
            if self.futex.sleep_while(|| self.word.seq.load(Ordering::Relaxed) == s) {
                relay([&self.word], [s], &mut |_, count| self.futex.wake(count));
            }
        }
    }

    fn publish(&self, which: usize, count: u32, unhinted: bool) {
        self.published[which].store(count, Ordering::Relaxed);
        announce([&self.word], unhinted, &mut |_, count| self.futex.wake(count));
    }
}

/// Two waiters for each of two sealers. Each sealer seals again as soon as it is done.
fn run(hinted: bool) {
    let shared = Shared::new();
    thread::scope(|scope| {
        for which in [0, 1] {
            let shared = &shared;
            // One of the waiters may always write hints.
            for hinted in [true, hinted] {
                scope.spawn(move || (1..=ROUNDS).for_each(|n| shared.wait_for(which, n, hinted)));
            }
            scope.spawn(move || (1..=ROUNDS).for_each(|n| shared.publish(which, n, !hinted)));
        }
    });
}

#[test]
fn no_waiter_sleeps_on_what_is_published() {
    run(true);
}

#[test]
fn no_reader_without_hints_sleeps_on_what_is_published() {
    run(false);
}
