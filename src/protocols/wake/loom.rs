//! The shipped protocol in every interleaving, on futexes that never time out: a waiter that sleeps
//! on a published condition deadlocks the model.

use super::*;
use crate::sync::AtomicU32;
use crate::sync::explore::explore;
use ::loom::sync::{Arc, Condvar, Mutex};
use ::loom::thread;

struct Shared {
    word: WakeWord,
    /// The condition. Relaxed throughout: the protocol has to order it.
    published: [AtomicU32; 2],
    queue: Mutex<()>,
    wake: Condvar,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: WakeWord::new(),
            published: [AtomicU32::new(0), AtomicU32::new(0)],
            queue: Mutex::new(()),
            wake: Condvar::new(),
        })
    }

    fn wait_for(&self, which: usize, hinted: bool) {
        loop {
            let s = if hinted { self.word.begin() } else { self.word.begin_unhinted() };
            if self.published[which].load(Ordering::Relaxed) == 1 {
                return;
            }
            let queue = self.queue.lock().unwrap();
            if self.word.seq.load(Ordering::Relaxed) == s {
                drop(self.wake.wait(queue).unwrap());
                relay([&self.word], [s], &mut |_, count| self.wake_first(count));
            }
        }
    }

    fn publish(&self, which: usize, unhinted: bool) {
        self.published[which].store(1, Ordering::Relaxed);
        announce([&self.word], unhinted, &mut |_, count| self.wake_first(count));
    }

    /// Wakes the longest sleeper first, as the kernel does.
    fn wake_first(&self, count: u32) {
        let _queue = self.queue.lock().unwrap();
        match count {
            u32::MAX => self.wake.notify_all(),
            _ => (0..count).for_each(|_| self.wake.notify_one()),
        }
    }
}

fn spawn(shared: &Arc<Shared>, run: impl FnOnce(&Shared) + 'static) -> thread::JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || run(&shared))
}

#[test]
fn two_waiters_for_one_condition() {
    explore(4, || {
        let shared = Shared::new();
        let first = spawn(&shared, |s| s.wait_for(0, true));
        let second = spawn(&shared, |s| s.wait_for(0, true));
        shared.publish(0, false);
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// The sealer wakes one of three sleepers; each woken one wakes the next.
#[test]
fn three_waiters_for_one_condition() {
    explore(2, || {
        let shared = Shared::new();
        let waiters: Vec<_> = (0..3).map(|_| spawn(&shared, |s| s.wait_for(0, true))).collect();
        shared.publish(0, false);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn two_sealers_share_a_word() {
    explore(4, || {
        let shared = Shared::new();
        let waiter = spawn(&shared, |s| s.wait_for(0, true));
        let other = spawn(&shared, |s| s.publish(1, false));
        shared.publish(0, false);
        waiter.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn two_waiters_for_two_sealers() {
    explore(2, || {
        let shared = Shared::new();
        let first = spawn(&shared, |s| s.wait_for(0, true));
        let second = spawn(&shared, |s| s.wait_for(1, true));
        let other = spawn(&shared, |s| s.publish(1, false));
        shared.publish(0, false);
        first.join().unwrap();
        second.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_reader_without_hints() {
    explore(4, || {
        let shared = Shared::new();
        let reader = spawn(&shared, |s| s.wait_for(0, false));
        let producer = spawn(&shared, |s| s.wait_for(0, true));
        shared.publish(0, true);
        reader.join().unwrap();
        producer.join().unwrap();
    });
}
