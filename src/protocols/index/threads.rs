//! Lookups against changes and rebuilds, in real threads.

use super::Key;
use super::fixture::{Table, id_in, name_in};
use crate::layout::record::{IdWords, NameHash};
use crate::layout::word::{RecordWord, State};
use crate::sync::testing::rounds;
use crate::sync::{AtomicU32, Ordering};
use std::thread;

const ROUNDS: u32 = rounds(3_000, 4);
const BUCKETS: usize = 2;

fn object(bucket: u64, n: usize) -> (IdWords, NameHash) {
    (id_in(bucket, BUCKETS, n), name_in(bucket, BUCKETS, n))
}

fn find(table: &Table, key: impl Into<Key>) -> Option<(u32, RecordWord)> {
    table.index().find(&key.into()).unwrap().map(|hit| (hit.slot, hit.word))
}

/// Runs two readers that look for the object that stays and for `others`, which come and go, while
/// the caller repeats `change`.
fn run(table: &Table, others: &[(IdWords, NameHash)], mut change: impl FnMut()) {
    let stays = object(0, 0);
    let over = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while over.load(Ordering::Relaxed) == 0 {
                    let (slot, word) = find(table, stays.0).expect("it was never deleted");
                    assert_eq!((slot, word.generation()), (0, 1));
                    let (slot, word) = find(table, stays.1).expect("it was never deleted");
                    assert_eq!((slot, word.generation()), (0, 1));
                    for (n, other) in others.iter().enumerate() {
                        if let Some((slot, word)) = find(table, other.0) {
                            // The two objects alternate in slot 1, so the generation tells which of
                            // them it is.
                            assert_eq!(slot, 1);
                            assert_eq!((word.generation() as usize - 1) % others.len(), n);
                        }
                    }
                }
            });
        }
        for _ in 0..ROUNDS {
            change();
        }
        over.store(1, Ordering::Relaxed);
    });
}

#[test]
fn an_object_that_stays_is_found_while_its_chain_changes() {
    let table = Table::new(2, BUCKETS);
    // The slot moves from one chain to the other and back.
    let others = [object(0, 1), object(1, 0)];
    table.create(object(0, 0).0, Some(object(0, 0).1), State::Sealed);
    run(&table, &others, || {
        for (id, name) in others {
            let (slot, word) = table.create(id, Some(name), State::Sealed);
            table.delete(slot, word);
        }
    });
}

#[test]
fn an_object_that_stays_is_found_while_the_chains_are_rebuilt() {
    let table = Table::new(2, BUCKETS);
    for n in 0..2 {
        table.create(object(0, n).0, Some(object(0, n).1), State::Sealed);
    }
    run(&table, &[object(0, 1)], || table.rebuild());
}
