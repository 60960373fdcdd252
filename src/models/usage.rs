//! Joining an EPHEMERAL store against its last client's leave, and against its removal.

use super::files::{Futex, locked, new_slot};
use super::rt::{Arc, thread};
use crate::layout::header::Lifecycle;
use crate::layout::members::{FREE, Slot};
use crate::protocols::lifecycle::LifecycleWord;
use crate::protocols::members::{claim, tenant, vacate};
use crate::sync::explore::explore;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Each client has a slot of its own here.
fn serial(who: usize) -> u64 {
    who as u64 + 1
}

struct Store {
    slots: [Slot; 3],
    joined: [AtomicU64; 3],
    lifecycle: AtomicU32,
    lock: AtomicU64,
    futex: Futex,
}

impl Store {
    /// Clients 0 to `users` - 1 use the store; client 2 may join.
    fn new(users: usize) -> Arc<Self> {
        let store = Self {
            slots: [FREE; 3].map(new_slot),
            joined: [0; 3].map(AtomicU64::new),
            lifecycle: AtomicU32::new(Lifecycle::Live as u32),
            lock: AtomicU64::new(0),
            futex: Futex::default(),
        };
        for user in 0..users {
            assert!(claim(&store.slots[user], serial(user)));
            store.say_joined(user, true);
        }
        Arc::new(store)
    }

    fn say_joined(&self, who: usize, joined: bool) {
        let said = if joined { serial(who) } else { 0 };
        self.joined[who].store(said, Ordering::Relaxed);
    }

    fn lifecycle_word(&self) -> LifecycleWord<'_> {
        LifecycleWord::new(&self.lifecycle)
    }

    fn others(&self, me: usize) -> bool {
        (0..3).any(|who| {
            let tenant = tenant(&self.slots[who]);
            let joined = || self.joined[who].load(Ordering::Relaxed);
            who != me && tenant != FREE && joined() == tenant
        })
    }

    /// `store/connection/ephemeral.rs`. Returns whether it removed the store.
    fn leave(&self, me: usize) -> bool {
        let removed = locked(&self.lock, &self.futex, me as u16, || {
            self.say_joined(me, false);
            self.lifecycle_word().leave_last(|| self.others(me))
        });
        assert!(vacate(&self.slots[me], serial(me)));
        removed
    }

    /// `store/connection/join.rs`, enter.
    fn enter(&self, me: usize) -> bool {
        let mut now = self.lifecycle_word().arrive();
        loop {
            match now {
                Some(Lifecycle::Live) => return true,
                Some(Lifecycle::Closing) => locked(&self.lock, &self.futex, me as u16, || ()),
                _ => return false,
            }
            now = self.lifecycle_word().load();
        }
    }

    /// `store/connection/join.rs`, join. Returns whether it may use the store.
    fn join(&self, me: usize) -> bool {
        assert!(claim(&self.slots[me], serial(me)));
        if !self.enter(me) {
            return false;
        }
        self.say_joined(me, true);
        self.enter(me)
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
fn a_joiner_finds_the_store_gone_or_keeps_it() {
    explore(4, || {
        let store = Store::new(1);
        let leaver = spawn(&store, |store| store.leave(0));
        let joined = store.join(2);
        let removed = leaver.join().unwrap();
        assert!(joined != removed, "joined {joined}, removed {removed}");
    });
}

#[test]
fn of_two_leavers_one_is_last() {
    explore(3, || {
        let store = Store::new(2);
        let other = spawn(&store, |store| store.leave(1));
        let first = store.leave(0);
        let second = other.join().unwrap();
        assert!(first != second, "{first} {second}");
    });
}

#[test]
fn two_leavers_and_a_joiner_agree() {
    explore(2, || {
        let store = Store::new(2);
        let others = [0, 1].map(|me| spawn(&store, move |store| store.leave(me)));
        let joined = store.join(2);
        let removed = others.map(|other| other.join().unwrap());
        let removed = removed.into_iter().filter(|it| *it).count();
        assert_eq!(removed, usize::from(!joined));
    });
}
