//! Waiters and sealers in real threads, on futexes whose sleeps end only by a wake.

use super::*;
use crate::sync::testing::{Futex, rounds};
use std::thread;

const ROUNDS: u32 = rounds(1_000, 3);

/// Two clients, and a bucket for two conditions.
struct Shared {
    clients: [WakeWord; 2],
    tags: [AtomicU64; 1],
    rows: [AtomicU64; 1],
    open: AtomicU32,
    /// The conditions: how often each was published. Relaxed: the protocol has to order it.
    published: [AtomicU32; 2],
    futex: Futex,
}

impl Shared {
    fn new() -> Self {
        Self {
            clients: Default::default(),
            tags: [AtomicU64::new(0)],
            rows: [AtomicU64::new(0)],
            open: AtomicU32::new(0),
            published: [const { AtomicU32::new(0) }; 2],
            futex: Futex::default(),
        }
    }

    fn waiters(&self) -> Waiters<'_> {
        Waiters { clients: &self.clients, tags: &self.tags, rows: &self.rows }
    }

    fn is_published(&self, which: u32, count: u32) -> bool {
        self.published[which as usize].load(Ordering::Relaxed) >= count
    }

    fn wait_for(&self, client: u32, which: u32, count: u32) {
        loop {
            let topic = Topic { bucket: 0, tag: which + 1 };
            let seq = self.waiters().begin(client, &[topic]);
            if self.is_published(which, count) {
                return;
            }
            let word = &self.clients[client as usize].seq;
            self.futex.sleep_while(|| word.load(Ordering::Relaxed) == seq);
        }
    }

    fn wait_in_the_open(&self, which: u32, count: u32) {
        loop {
            let seq = open::begin(&self.open);
            if self.is_published(which, count) {
                return;
            }
            self.futex.sleep_while(|| self.open.load(Ordering::Relaxed) == seq);
        }
    }

    fn publish(&self, which: u32, count: u32) {
        self.published[which as usize].store(count, Ordering::Relaxed);
        let topic = Topic { bucket: 0, tag: which + 1 };
        self.waiters().announce(&[topic], |_| true, &mut |_| self.futex.wake_all());
        open::announce([&self.open], &mut |_| self.futex.wake_all());
    }
}

/// Two waiters for each of two sealers. Each sealer seals again as soon as it is done.
fn run(registers: bool) {
    let shared = Shared::new();
    thread::scope(|scope| {
        for which in [0, 1] {
            let shared = &shared;
            scope.spawn(move || (1..=ROUNDS).for_each(|n| shared.wait_for(which, which, n)));
            scope.spawn(move || {
                (1..=ROUNDS).for_each(|n| match registers {
                    true => shared.wait_for(1 - which, which, n),
                    false => shared.wait_in_the_open(which, n),
                });
            });
            scope.spawn(move || (1..=ROUNDS).for_each(|n| shared.publish(which, n)));
        }
    });
}

#[test]
fn no_waiter_sleeps_on_what_is_published() {
    run(true);
}

#[test]
fn no_reader_that_cannot_register_sleeps_on_what_is_published() {
    run(false);
}
