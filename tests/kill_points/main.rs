//! Every operation, killed at each of its stores to shared memory.
//!
//! A child does the operation and is killed at its n-th point, for n = 1, 2, .. to the end: at
//! every point when `PLASMA_KILL_ALL` is set, at some of them otherwise. A point is before each
//! store to shared memory and each system call that changes a store, and within each copy. Its name
//! is the next operation and its line in the source. After each kill another process finds every
//! sealed object, and unfinished objects are gone; other processes have lived in the store all the
//! time and have seen neither a wrong byte nor a miss.

#![allow(unsafe_code)] // becoming another user

#[path = "../common/mod.rs"]
mod common;
mod dying;
mod ops;
mod places;
mod recovery;
mod stores;
mod sweep;
mod waits;

use common::role;
use common::world::{World, WorldKind};
use ops::{OPS, Op};
use std::cell::RefCell;
use sweep::{CHILD, run, sweep};

#[test]
fn a_child_plays_its_role() {
    if let Some(role) = role() {
        dying::play(&role);
    }
}

fn campaign(op: &Op) {
    for &kind in op.kinds {
        let what = format!("{} in a store: {kind:?}", op.name);
        let new = || World::new(CHILD, kind, op.lru, op.needs_room());
        // Some operations run once in the life of a store.
        let always_new = matches!(kind, WorldKind::Empty | WorldKind::Wide);
        let world = RefCell::new(new());
        let victim = |n| {
            if always_new {
                world.replace(new());
            }
            let address = world.borrow().address.clone();
            run(op.name, &address, n, &[&format!("{kind:?}")])
        };
        sweep(&what, victim, |what| world.borrow_mut().check(what));
        world.into_inner().finish(&what);
    }
}

/// Runs each operation once, without a kill.
fn run_each_unharmed() {
    sweep::run_unharmed(|| {
        OPS.iter().for_each(campaign);
        stores::all();
        recovery::all();
    });
}

macro_rules! campaigns {
    ($($name:ident)*) => {
        mod killed {
            use super::{OPS, campaign};

            $(#[test]
            fn $name() {
                campaign(OPS.iter().find(|op| op.name == stringify!($name)).unwrap());
            })*

            #[test]
            fn every_operation_has_a_test() {
                let names: Vec<_> = OPS.iter().map(|op| op.name).collect();
                assert_eq!(names, [$(stringify!($name)),*]);
            }
        }
    };
}

campaigns! {
    create create_large create_named create_zeroed create_exact put put_large create_from_file
    create_from_large_file put_thousands put_lru put_batch put_batch_around_another put_that_evicts
    resize_grow resize_move resize_shrink resize_to_nothing set_metadata seal seal_lru seal_and_get
    abort fail fail_lru fail_without_words create_where_a_failure_expired give_up get get_lru
    get_batch get_many delete delete_batch delete_held delete_between_free_pieces evict
    create_that_evicts pin trim wait subscribe_and_stats event_fd join join_lru leave
}
