//! Removers of one store: one that cannot rename it and takes its GONE back, one that can, clients
//! that finish the removal of a store that they find GONE, and the last leaver of an EPHEMERAL
//! store.

use super::rt::{Arc, Mutex, thread};
use crate::layout::header::Lifecycle;
use crate::protocols::lifecycle::LifecycleWord;
use crate::sync::AtomicU32;
use crate::sync::explore::explore;

struct Store {
    lifecycle: AtomicU32,
    /// The lock on the removers' file.
    right: Mutex<()>,
    /// Whether the directory of the store still has its name. The kernel keeps this.
    named: Mutex<bool>,
}

impl Store {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lifecycle: AtomicU32::new(Lifecycle::Live as u32),
            right: Mutex::new(()),
            named: Mutex::new(true),
        })
    }

    fn lifecycle_word(&self) -> LifecycleWord<'_> {
        LifecycleWord::new(&self.lifecycle)
    }

    fn is_named(&self) -> bool {
        *self.named.lock().unwrap()
    }

    /// `segment/remove.rs`, remove. Returns whether this call renamed the store.
    fn remove(&self, can_rename: bool) -> bool {
        let _right = self.right.lock().unwrap();
        self.is_named() && self.carry_out(can_rename)
    }

    /// `segment/remove.rs`, finish_removal, after the store was found GONE.
    fn finish(&self) -> bool {
        let _right = self.right.lock().unwrap();
        let gone = || self.lifecycle_word().load() == Some(Lifecycle::Gone);
        self.is_named() && gone() && self.carry_out(true)
    }

    fn carry_out(&self, can_rename: bool) -> bool {
        let condemned = self.lifecycle_word().condemn();
        if can_rename {
            *self.named.lock().unwrap() = false;
        } else if condemned && self.is_named() {
            self.lifecycle_word().pardon();
        }
        can_rename
    }

    /// `store/connection/connect.rs`, try_connect. Returns whether it goes on to join.
    fn connect(&self) -> (bool, bool) {
        match self.lifecycle_word().load() {
            Some(Lifecycle::Gone) => (false, self.finish()),
            _ => (true, false),
        }
    }

    /// `store/connection/ephemeral.rs`, of the last client, under the writer lock.
    fn leave(&self) -> bool {
        self.lifecycle_word().leave_last(|| false) && self.finish()
    }

    /// Checks that a store with its name is LIVE and one without it is GONE; otherwise clients
    /// would continue to use it.
    fn check(&self) {
        let expected = if self.is_named() { Lifecycle::Live } else { Lifecycle::Gone };
        assert_eq!(self.lifecycle_word().load(), Some(expected));
    }
}

fn spawn<T: Send + 'static>(
    store: &Arc<Store>,
    run: impl FnOnce(&Store) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let store = store.clone();
    thread::spawn(move || run(&store))
}

#[test]
fn a_remover_that_fails_takes_nothing_back_from_one_that_does_not() {
    explore(3, || {
        let store = Store::new();
        let other = spawn(&store, |store| store.remove(false));
        assert!(store.remove(true));
        assert!(!other.join().unwrap());
        assert!(!store.is_named());
        store.check();
    });
}

#[test]
fn a_client_that_finds_the_store_gone_finishes_it_or_finds_it_back() {
    explore(3, || {
        let store = Store::new();
        let other = spawn(&store, |store| store.remove(false));
        let (joins, finished) = store.connect();
        other.join().unwrap();
        // A store that was GONE for a moment is never renamed by clients that connect: it is back.
        assert!(!finished && store.is_named(), "joins {joins}");
        store.check();
    });
}

#[test]
fn a_leaver_and_two_removers_agree() {
    explore(2, || {
        let store = Store::new();
        let failing = spawn(&store, |store| store.remove(false));
        let leaver = spawn(&store, |store| store.leave());
        let (_, finished) = store.connect();
        let failed = failing.join().unwrap();
        let left = leaver.join().unwrap();
        assert!(!failed);
        assert_eq!(usize::from(left) + usize::from(finished), usize::from(!store.is_named()));
        store.check();
    });
}
