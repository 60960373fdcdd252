//! The shipped protocol in every interleaving, on futexes that never time out: a waiter that sleeps
//! on a published condition deadlocks the model.

use super::*;
use crate::sync::explore::explore;
use ::loom::sync::{Arc, Condvar, Mutex};
use ::loom::thread;

const CLIENTS: usize = 2;

/// One bucket of two clients that wait for two conditions. Relaxed throughout: the protocol has to
/// order them.
struct Shared {
    clients: [WakeWord; CLIENTS],
    tags: [AtomicU64; 1],
    rows: [AtomicU64; 1],
    published: [AtomicU32; 2],
    open: AtomicU32,
    queue: Mutex<()>,
    wake: [Condvar; CLIENTS + 1],
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            clients: [WakeWord::new(), WakeWord::new()],
            tags: [AtomicU64::new(0)],
            rows: [AtomicU64::new(0)],
            published: [AtomicU32::new(0), AtomicU32::new(0)],
            open: AtomicU32::new(0),
            queue: Mutex::new(()),
            wake: [Condvar::new(), Condvar::new(), Condvar::new()],
        })
    }

    fn waiters(&self) -> Waiters<'_> {
        Waiters { clients: &self.clients, tags: &self.tags, rows: &self.rows }
    }

    fn is_published(&self, which: usize) -> bool {
        self.published[which].load(Ordering::Relaxed) == 1
    }

    /// The client waits for all of these conditions.
    fn wait_for(&self, client: u32, which: &[usize]) {
        let topics: Vec<Topic> = which.iter().map(|which| topic(*which)).collect();
        loop {
            let seq = self.waiters().begin(client, &topics);
            if which.iter().all(|which| self.is_published(*which)) {
                return;
            }
            self.sleep(&self.clients[client as usize].seq, client as usize, seq);
        }
    }

    /// A client that cannot register waits.
    fn wait_in_the_open(&self, which: usize) {
        loop {
            let seq = open::begin(&self.open);
            if self.is_published(which) {
                return;
            }
            self.sleep(&self.open, CLIENTS, seq);
        }
    }

    fn sleep(&self, word: &AtomicU32, at: usize, seq: u32) {
        let queue = self.queue.lock().unwrap();
        if word.load(Ordering::Relaxed) == seq {
            drop(self.wake[at].wait(queue).unwrap());
        }
    }

    fn publish(&self, which: usize) {
        self.published[which].store(1, Ordering::Relaxed);
        self.waiters().announce(&[topic(which)], |_| true, &mut |seq| {
            let at = self.clients.iter().position(|client| std::ptr::eq(&client.seq, seq));
            self.wake(at.unwrap());
        });
    }

    fn wake(&self, at: usize) {
        let _queue = self.queue.lock().unwrap();
        self.wake[at].notify_all();
    }
}

fn topic(which: usize) -> Topic {
    Topic { bucket: 0, tag: which as u32 + 1 }
}

fn spawn(shared: &Arc<Shared>, run: impl FnOnce(&Shared) + 'static) -> thread::JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || run(&shared))
}

#[test]
fn a_waiter_and_a_sealer() {
    explore(5, || {
        let shared = Shared::new();
        let waiter = spawn(&shared, |s| s.wait_for(0, &[0]));
        shared.publish(0);
        waiter.join().unwrap();
    });
}

#[test]
fn two_clients_wait_for_one_condition() {
    explore(3, || {
        let shared = Shared::new();
        let first = spawn(&shared, |s| s.wait_for(0, &[0]));
        let second = spawn(&shared, |s| s.wait_for(1, &[0]));
        shared.publish(0);
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn two_threads_of_one_client() {
    explore(3, || {
        let shared = Shared::new();
        let first = spawn(&shared, |s| s.wait_for(0, &[0]));
        let second = spawn(&shared, |s| s.wait_for(0, &[0]));
        shared.publish(0);
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// Each sealer takes the row for its tag, and with it the bits of those who wait for the other.
#[test]
fn two_sealers_share_a_bucket() {
    explore(3, || {
        let shared = Shared::new();
        let waiter = spawn(&shared, |s| s.wait_for(0, &[0]));
        let other = spawn(&shared, |s| s.publish(1));
        shared.publish(0);
        waiter.join().unwrap();
        other.join().unwrap();
    });
}

/// A tag and a bit that stayed behind: a sealer takes the row before or after the waiter sets its
/// bit.
#[test]
fn another_sealer_takes_the_row() {
    explore(3, || {
        let shared = Shared::new();
        shared.waiters().begin(0, &[topic(1)]);
        shared.waiters().wake_client(0, &mut |_| {});
        let waiter = spawn(&shared, |s| s.wait_for(0, &[0]));
        let other = spawn(&shared, |s| s.publish(1));
        shared.publish(0);
        waiter.join().unwrap();
        other.join().unwrap();
    });
}

/// MORE: each sealer takes the tags of all.
#[test]
fn another_sealer_takes_the_tag() {
    explore(3, || {
        let shared = Shared::new();
        shared.tags[0].store(Tags::MORE, Ordering::Relaxed);
        let waiter = spawn(&shared, |s| s.wait_for(0, &[0]));
        let other = spawn(&shared, |s| s.publish(1));
        shared.publish(0);
        waiter.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn one_client_waits_for_two_sealers() {
    explore(3, || {
        let shared = Shared::new();
        let waiter = spawn(&shared, |s| s.wait_for(0, &[0, 1]));
        let other = spawn(&shared, |s| s.publish(1));
        shared.publish(0);
        waiter.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn two_waiters_for_two_sealers() {
    explore(2, || {
        let shared = Shared::new();
        let first = spawn(&shared, |s| s.wait_for(0, &[0]));
        let second = spawn(&shared, |s| s.wait_for(1, &[1]));
        let other = spawn(&shared, |s| s.publish(1));
        shared.publish(0);
        first.join().unwrap();
        second.join().unwrap();
        other.join().unwrap();
    });
}

/// A row without memory: the sealer wakes everybody, and takes nothing.
#[test]
fn a_sealer_wakes_everybody() {
    explore(4, || {
        let shared = Shared::new();
        let waiter = spawn(&shared, |s| s.wait_for(0, &[0]));
        shared.published[0].store(1, Ordering::Relaxed);
        shared.waiters().wake_all(&mut |seq| {
            let at = shared.clients.iter().position(|client| std::ptr::eq(&client.seq, seq));
            shared.wake(at.unwrap());
        });
        waiter.join().unwrap();
    });
}

#[test]
fn clients_that_cannot_register() {
    explore(4, || {
        let shared = Shared::new();
        let first = spawn(&shared, |s| s.wait_in_the_open(0));
        let second = spawn(&shared, |s| s.wait_in_the_open(0));
        shared.published[0].store(1, Ordering::Relaxed);
        open::announce([&shared.open], &mut |_| shared.wake(CLIENTS));
        first.join().unwrap();
        second.join().unwrap();
    });
}
