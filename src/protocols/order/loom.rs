//! A use without the lock beside changes under it: no node is ever left above its children.

use super::*;
use crate::layout::order::words;
use crate::sync::explore::explore;
use ::loom::sync::Arc;
use ::loom::thread;

const SLOTS: u32 = 17;

fn shared() -> Arc<(Vec<AtomicU64>, Shape)> {
    Arc::new(((0..words(SLOTS)).map(|_| AtomicU64::new(0)).collect(), Shape::of(SLOTS)))
}

/// Runs `change`, which may hold the lock, beside a use of slot 0 without it.
fn beside_a_use(change: fn(&Order<'_>)) {
    explore(4, move || {
        let shared = shared();
        let order = Order::new(&shared.0, &shared.1, SLOTS);
        order.insert(0, 5, false);
        order.insert(16, 7, false);
        let user = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || Order::new(&shared.0, &shared.1, SLOTS).touch(0, 9))
        };
        change(&order);
        user.join().unwrap();
        assert_eq!(order.check(), None);
        // The object that was used, or one that was made in its slot since.
        let used = order.used(0).map(|used| (used.stamp, used.unsealed));
        assert!(used == Some((9, false)) || used == Some((8, true)), "{used:?}");
    });
}

#[test]
fn a_search_beside_a_use() {
    beside_a_use(|order| {
        let found = order.oldest().unwrap();
        assert!([(0, 5), (0, 9), (16, 7)].contains(&(found.slot, found.stamp)), "{found:?}");
    });
}

#[test]
fn a_hold_beside_a_use() {
    beside_a_use(|order| order.hold(0));
}

#[test]
fn a_new_object_in_the_slot_beside_a_late_use() {
    beside_a_use(|order| {
        order.hold(0);
        order.insert(0, 8, false);
    });
}

#[test]
fn an_object_is_let_go_beside_its_seal() {
    beside_a_use(|order| {
        order.hold(0);
        order.let_go(0, 6);
    });
}

#[test]
fn a_raise_beside_a_use() {
    beside_a_use(|order| order.raise(0, 8));
}

#[test]
fn the_oldest_is_taken_beside_a_use() {
    beside_a_use(|order| {
        let taken = order.take_oldest().unwrap();
        assert_eq!(order.used(taken.slot).map(|used| used.held), Some(true));
    });
}

#[test]
fn many_are_held_beside_a_use() {
    beside_a_use(|order| order.hold_all([0, 16].into_iter()));
}

#[test]
fn a_recovery_beside_a_seal_leaves_no_hint_that_the_object_is_being_written() {
    beside_a_use(|order| {
        order.rebuild(|_, used| used.map(|used| Stamp { stamp: used.stamp.max(6), ..used }))
    });
}
