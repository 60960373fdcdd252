//! Lookups against growth, in every interleaving.
//!
//! Each model fails when the code is broken in these ways:
//!  * `a_split_hides_nothing`: a version is not advanced before a link of the other chain changes; a link
//!    or a bucket is stored Relaxed; a miss counts whatever the mask is, or the word that was 0.
//!  * `a_slot_that_is_reused_elsewhere_after_a_split_is_not_corrupt`: the version of the child does
//!    not advance at the end.
//!  * `a_slot_that_comes_back_to_the_chain_of_a_parent_brings_its_link`: a walk in the chain of a
//!    parent begins without Acquire.

use super::super::fixture::{Table, id_in, name_in};
use super::super::{Hit, Key};
use crate::layout::record::{IdWords, NameHash};
use crate::layout::word::State;
use crate::sync::explore::explore;
use crate::sync::{AtomicU32, Ordering};
use ::loom::sync::Arc;
use ::loom::thread;

/// The buckets of all models: 0 is split into 0 and 1.
const BUCKETS: usize = 2;

fn object(bucket: u64, n: usize) -> (IdWords, NameHash) {
    (id_in(bucket, BUCKETS, n), name_in(bucket, BUCKETS, n))
}

fn key((id, name): (IdWords, NameHash), by_name: bool) -> Key {
    if by_name { Key::Name(name) } else { Key::Id(id) }
}

fn add(table: &Table, object: (IdWords, NameHash), by_name: bool) -> u32 {
    table.create(object.0, by_name.then_some(object.1), State::Sealed).0
}

fn find(table: &Table, key: &Key) -> Option<Hit> {
    table.index().find(key).unwrap_or_else(|_| table.index().scan(key))
}

/// Makes a chain of sealed objects in one bucket. A 1 in `pattern` is one that moves when the
/// bucket is split; the object in slot n comes from bit n.
fn chain(pattern: &'static [u64], by_name: bool, spare: usize) -> Arc<Table> {
    let table = Table::growing(pattern.len() + spare, 1, BUCKETS);
    for (n, bucket) in pattern.iter().enumerate() {
        add(&table, object(*bucket, n), by_name);
    }
    Arc::new(table)
}

/// Doubles the number of buckets, and splits the only one.
fn grow(table: &Table, by_name: bool) {
    for _ in 0..2 {
        let index = table.index();
        let grown = if by_name { index.grow_names() } else { index.grow_ids() };
        assert!(!grown.unwrap());
    }
    let growth = if by_name { &table.table.names } else { &table.table.ids };
    assert_eq!(growth.split.load(Ordering::Relaxed), 2);
}

/// Slot 0 is the last of the chain.
const PATTERNS: &[&[u64]] = &[
    &[0, 1],
    &[1, 0],
    &[1, 1],
    &[0, 1, 0],
    &[1, 0, 1],
    &[0, 0, 1],
    &[1, 1, 0],
    &[0, 1, 1],
    &[1, 0, 0],
    &[0, 1, 0, 1],
    &[1, 0, 1, 0],
];

#[test]
fn a_split_hides_nothing() {
    for pattern in PATTERNS {
        for slot in 0..pattern.len() {
            explore(2, move || {
                let by_name = slot == 1;
                let table = chain(pattern, by_name, 0);
                let writer = table.clone();
                let writer = thread::spawn(move || grow(&writer, by_name));
                let hit = find(&table, &key(object(pattern[slot], slot), by_name));
                let hit = hit.unwrap();
                assert_eq!((hit.slot as usize, hit.word.generation()), (slot, 1));
                writer.join().unwrap();
            });
        }
    }
}

#[test]
fn a_split_and_a_slot_that_is_reused_hide_nothing() {
    // An object goes after the split, and its slot serves another object, in either bucket.
    for (pattern, goes) in [(&[0, 1, 0], 1), (&[1, 0, 1], 1), (&[0, 0, 1], 1), (&[1, 1, 0], 1)] {
        let pattern: &'static [u64; 3] = pattern;
        for next in [0, 1] {
            for slot in [0, 2] {
                explore(2, move || {
                    let table = chain(pattern, false, 0);
                    let writer = table.clone();
                    let writer = thread::spawn(move || {
                        grow(&writer, false);
                        let word = writer.records[goes].load_with(Ordering::Relaxed);
                        writer.delete(goes as u32, word);
                        add(&writer, object(next, 5), false);
                    });
                    let hit = find(&table, &key(object(pattern[slot], slot), false)).unwrap();
                    assert_eq!((hit.slot as usize, hit.word.generation()), (slot, 1));
                    writer.join().unwrap();
                });
            }
        }
    }
}

#[test]
fn a_slot_that_is_reused_elsewhere_after_a_split_is_not_corrupt() {
    // Of the buckets 0 to 3, number 2 is split from number 0. The slot of an object that stays, which
    // is the last of the chain, moves to bucket 1.
    explore(2, || {
        let table = Table::growing(3, 2, 4);
        let made = |bucket: u64, n: usize| (id_in(bucket, 4, n), name_in(bucket, 4, n));
        for object in [made(0, 0), made(2, 0), made(1, 0)] {
            add(&table, object, false);
        }
        table.live.id_mask.store(3, Ordering::Relaxed);
        let table = Arc::new(table);
        let writer = table.clone();
        let writer = thread::spawn(move || {
            assert!(!writer.index().grow_ids().unwrap());
            writer.delete(0, writer.records[0].load_with(Ordering::Relaxed));
            add(&writer, made(1, 1), false);
        });
        assert_eq!(table.index().find(&key(made(2, 9), false)), Ok(None));
        writer.join().unwrap();
    });
}

#[test]
fn a_slot_that_comes_back_to_the_chain_of_a_parent_brings_its_link() {
    // The bucket is not split. The slot was the last of the chain, and is the first then.
    explore(2, || {
        let table = chain(&[1, 1], false, 0);
        table.live.id_mask.store(1, Ordering::Relaxed);
        let writer = table.clone();
        let writer = thread::spawn(move || {
            writer.delete(0, writer.records[0].load_with(Ordering::Relaxed));
            add(&writer, object(1, 2), false);
        });
        let hit = find(&table, &key(object(1, 1), false)).unwrap();
        assert_eq!((hit.slot, hit.word.generation()), (1, 1));
        writer.join().unwrap();
    });
}

#[test]
fn what_is_made_beside_a_split_is_found() {
    // Before the split in the parent, after it in the child; never missed once it is known.
    for before in [false, true] {
        explore(2, move || {
            let table = chain(&[0, 1], false, 1);
            let step = Arc::new(AtomicU32::new(0));
            let (writer, stepped) = (table.clone(), step.clone());
            let writer = thread::spawn(move || {
                if before {
                    add(&writer, object(1, 5), false);
                    grow(&writer, false);
                } else {
                    grow(&writer, false);
                    add(&writer, object(1, 5), false);
                }
                // SYNC model-step: Release; a thread that sees the step finds the object.
                stepped.store(1, Ordering::Release);
            });
            // SYNC model-step: Acquire; as above.
            let made = step.load(Ordering::Acquire) == 1;
            let hit = find(&table, &key(object(1, 5), false));
            assert!(hit.is_some() || !made);
            assert_eq!(find(&table, &key(object(1, 6), false)), None);
            writer.join().unwrap();
        });
    }
}

#[test]
fn a_rebuild_in_the_middle_of_growth_hides_nothing() {
    for slot in [0, 1] {
        explore(2, move || {
            let table = chain(&[0, 1], false, 0);
            let writer = table.clone();
            let writer = thread::spawn(move || {
                assert!(!writer.index().grow_ids().unwrap());
                writer.rebuild();
            });
            let hit = find(&table, &key(object(slot as u64, slot), false)).unwrap();
            assert_eq!((hit.slot as usize, hit.word.generation()), (slot, 1));
            writer.join().unwrap();
        });
    }
}
