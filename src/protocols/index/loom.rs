//! The shipped lookup against the shipped changes, in every interleaving.
//!
//! Each model fails when the code is broken in these ways:
//!  * `an_object_that_stays_is_never_missed`: a removal of the head does not advance the version; a
//!    slot is reused before it is unlinked; a miss counts whatever the version is.
//!  * `a_removal_after_the_head_brings_the_link_of_the_head`, `a_mended_head_brings_its_link`: the
//!    bucket is stored Relaxed, and the head has the end of the same chain as its old link.
//!  * `a_record_that_is_not_known_yet_is_not_corrupt`: a link above the reserved records counts as
//!    corrupt before the version is loaded again.
//!  * `a_reused_slot_is_never_taken_for_its_past`: `set_id` has no fence; a hit omits the second
//!    load of the word, or the fence before it; a freed slot keeps its generation.
//!  * `a_reused_slot_is_never_leased_for_its_past`: `set_id` has no fence; a lease has no fence.
//!  * `a_seal_hides_nothing`: the second load must find the state of the first.
//!  * `a_failure_hides_nothing`: a FAILED object counts as absent.
//!  * `a_message_is_never_that_of_another_object`: `is_still` has no fence, or `set_id` has none.
//!  * `a_miss_was_true_once`: the record's word changes by a Relaxed exchange.
//!  * `a_mend_hides_nothing`: the rebuild sequence does not advance.
//!  * `a_rebuild_hides_nothing`: the rebuild sequence stays even, is ignored, or becomes even by a
//!    Relaxed store.
//!
//! No model fails when a link, a head or a cut is stored Relaxed, because the fences of `set_id`
//! and `begin_rebuild` precede these stores. No model fails for a miss without its fence, because
//! all loads of a walk are Acquire.

use super::fixture::{Table, id_in, name_in};
use super::{Hit, Key};
use crate::layout::record::{IdWords, NameHash};
use crate::layout::word::State;
use crate::protocols::lease;
use crate::sync::explore::explore;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use ::loom::sync::Arc;
use ::loom::thread;

const BUCKETS: usize = 2;

/// Returns the `n`-th object of a bucket: its id and its name.
fn object(bucket: u64, n: usize) -> (IdWords, NameHash) {
    (id_in(bucket, BUCKETS, n), name_in(bucket, BUCKETS, n))
}

fn keys((id, name): (IdWords, NameHash), by_name: bool) -> Key {
    if by_name { Key::Name(name) } else { Key::Id(id) }
}

fn model(preemptions: usize, check: impl Fn(bool) + Sync + Send + Copy + 'static) {
    for by_name in [false, true] {
        explore(preemptions, move || check(by_name));
    }
}

/// Makes a chain of `len` sealed objects in bucket 0. Number 0 is the last of the chain.
fn chain(len: usize, by_name: bool) -> Arc<Table> {
    let table = Table::new(3, BUCKETS);
    for n in 0..len {
        add(&table, object(0, n), by_name, State::Sealed);
    }
    Arc::new(table)
}

/// Names are used only where the model is about names: fewer stores, the same protocol.
fn add(table: &Table, object: (IdWords, NameHash), by_name: bool, state: State) -> u32 {
    table.create(object.0, by_name.then_some(object.1), state).0
}

/// Deletes the object in slot 0 and creates number 1 of bucket 0 there, while other threads look it
/// up.
fn reuse(table: &Arc<Table>, by_name: bool) -> thread::JoinHandle<()> {
    let table = table.clone();
    thread::spawn(move || {
        table.delete(0, table.records[0].load_with(Ordering::Relaxed));
        add(&table, object(0, 1), by_name, State::Sealed);
    })
}

fn find(table: &Table, key: &Key) -> Option<Hit> {
    table.index().find(key).unwrap_or_else(|_| table.index().scan(key))
}

#[test]
fn an_object_that_stays_is_never_missed() {
    // From the head of the chain, then from its middle. The slot moves to the other chain.
    for (len, goes) in [(2, 1), (3, 1)] {
        model(4, move |by_name| {
            let table = chain(len, by_name);
            let writer = table.clone();
            let writer = thread::spawn(move || {
                let word = writer.records[goes].load_with(Ordering::Relaxed);
                writer.delete(goes as u32, word);
                add(&writer, object(1, 0), by_name, State::Sealed);
            });
            let hit = find(&table, &keys(object(0, 0), by_name)).unwrap();
            assert_eq!((hit.slot, hit.word.generation()), (0, 1));
            writer.join().unwrap();
        });
    }
}

/// A walk may reach a record that was reserved later than the count that it has seen.
#[test]
fn a_record_that_is_not_known_yet_is_not_corrupt() {
    model(2, |by_name| {
        let table = chain(2, by_name);
        table.live.records_reserved.store(2, Ordering::Relaxed);
        let writer = table.clone();
        let writer = thread::spawn(move || {
            writer.live.records_reserved.store(3, Ordering::Relaxed);
            add(&writer, object(1, 0), by_name, State::Sealed);
            writer.delete(1, writer.records[1].load_with(Ordering::Relaxed));
            // The object is in slot 1 and links to the new record.
            add(&writer, object(1, 1), by_name, State::Sealed);
        });
        let hit = table.index().find(&keys(object(0, 0), by_name)).unwrap();
        assert_eq!(hit.map(|hit| hit.slot), Some(0));
        writer.join().unwrap();
    });
}

#[test]
fn a_reused_slot_is_never_taken_for_its_past() {
    model(2, |by_name| {
        let table = chain(1, by_name);
        let writer = reuse(&table, by_name);
        if let Some(hit) = find(&table, &keys(object(0, 1), by_name)) {
            assert_eq!((hit.slot, hit.word.generation()), (0, 2));
        }
        if let Some(hit) = find(&table, &keys(object(0, 0), by_name)) {
            assert_eq!((hit.slot, hit.word.generation()), (0, 1));
        }
        writer.join().unwrap();
        assert!(find(&table, &keys(object(0, 1), by_name)).is_some());
    });
}

#[test]
fn a_reused_slot_is_never_leased_for_its_past() {
    model(2, |by_name| {
        let table = chain(1, by_name);
        let writer = reuse(&table, by_name);
        let lease = AtomicU64::new(0);
        for (n, generation) in [(1, 2), (0, 1)] {
            let index = table.index();
            let hot = index.find_hot(&keys(object(0, n), by_name));
            if let Some((hit, record)) = hot
                && let Some(word) = lease::protect(&lease, record, hit.slot, hit.word)
            {
                assert_eq!((hit.slot, word.generation()), (0, generation));
                lease::release(&lease);
            }
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_seal_hides_nothing() {
    model(99, |by_name| {
        let table = chain(0, by_name);
        let slot = add(&table, object(0, 0), by_name, State::Writing);
        let sealer = table.clone();
        let sealer = thread::spawn(move || {
            sealer.seal(slot, sealer.records[0].load_with(Ordering::Relaxed));
        });
        assert!(find(&table, &keys(object(0, 0), by_name)).is_some());
        sealer.join().unwrap();
    });
}

#[test]
fn a_failure_hides_nothing() {
    model(99, |by_name| {
        let table = chain(1, by_name);
        let slot = add(&table, object(0, 1), by_name, State::Writing);
        let creator = table.clone();
        let creator = thread::spawn(move || {
            creator.fail(slot, creator.records[slot as usize].load_with(Ordering::Relaxed));
        });
        assert!(find(&table, &keys(object(0, 1), by_name)).is_some());
        assert!(find(&table, &keys(object(0, 0), by_name)).is_some());
        creator.join().unwrap();
        // A recovery keeps it.
        table.rebuild();
        table.mend();
        let hit = find(&table, &keys(object(0, 1), by_name)).unwrap();
        assert!(hit.word.is(State::Failed));
    });
}

#[test]
fn a_message_is_never_that_of_another_object() {
    model(3, |by_name| {
        let table = chain(0, by_name);
        let message = Arc::new(AtomicU64::new(0));
        let fail = move |table: &Table, message: &AtomicU64, n: usize| {
            let slot = add(table, object(0, n), by_name, State::Writing);
            message.store(n as u64 + 1, Ordering::Relaxed);
            table.fail(slot, table.records[slot as usize].load_with(Ordering::Relaxed));
        };
        fail(&table, &message, 0);
        let (writer, bytes) = (table.clone(), message.clone());
        let writer = thread::spawn(move || {
            // Another object gets the slot and the memory, and fails too.
            writer.delete(0, writer.records[0].load_with(Ordering::Relaxed));
            fail(&writer, &bytes, 1);
        });
        for n in 0..2 {
            let Some(hit) = find(&table, &keys(object(0, n), by_name)) else { continue };
            if hit.word.is(State::Failed) {
                let told = message.load(Ordering::Relaxed);
                let still = table.records[hit.slot as usize].is_still(hit.word);
                assert!(!still || told == n as u64 + 1, "object {n} told {told}");
            }
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_miss_was_true_once() {
    model(2, |by_name| {
        let table = chain(2, by_name);
        let steps = Arc::new(AtomicU32::new(0));
        let (writer, step) = (table.clone(), steps.clone());
        let writer = thread::spawn(move || {
            // Relaxed: the miss itself must synchronise with the removal.
            step.store(1, Ordering::Relaxed);
            writer.delete(0, writer.records[0].load_with(Ordering::Relaxed));
            let word = writer.records[1].load_with(Ordering::Relaxed);
            writer.delete(1, word);
            add(&writer, object(0, 0), by_name, State::Writing);
            // SYNC model-step: Release; a thread that sees the step finds the object.
            step.store(2, Ordering::Release);
        });
        // SYNC model-step: Acquire; as above.
        let before = steps.load(Ordering::Acquire);
        let hit = find(&table, &keys(object(0, 0), by_name));
        let after = steps.load(Ordering::Relaxed);
        match hit {
            Some(hit) => assert!(hit.word.is(State::Sealed) || after >= 1),
            None => assert!(before < 2 && after >= 1, "{before} {after}"),
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_mend_hides_nothing() {
    // A recovery freed the first, the middle or the last record of the chain.
    for dead in 0..3 {
        model(5, move |by_name| {
            let table = chain(3, by_name);
            let word = table.records[dead].load_with(Ordering::Relaxed);
            let doomed = word.in_state(State::Doomed);
            table.records[dead].swap(word, doomed).unwrap();
            let writer = table.clone();
            let writer = thread::spawn(move || {
                writer.mend();
                // The slot may be reused only now, and may lead a walk that stands on it to another
                // chain.
                writer.slots().give(&writer.index(), dead as u32, doomed, 0).unwrap();
                add(&writer, object(1, 0), by_name, State::Sealed);
            });
            for n in (0..3).filter(|n| *n != dead) {
                let hit = find(&table, &keys(object(0, n), by_name)).unwrap();
                assert_eq!((hit.slot, hit.word.generation()), (n as u32, 1));
            }
            writer.join().unwrap();
        });
    }
}

#[test]
fn a_mend_publishes_what_removals_do() {
    // A miss caused by the recovery's removal has seen what preceded the removal.
    model(99, |by_name| {
        let table = chain(2, by_name);
        let step = Arc::new(AtomicU32::new(0));
        let (writer, stepped) = (table.clone(), step.clone());
        let writer = thread::spawn(move || {
            stepped.store(1, Ordering::Relaxed);
            let word = writer.records[0].load_with(Ordering::Relaxed);
            writer.records[0].swap(word, word.in_state(State::Doomed)).unwrap();
            writer.mend();
        });
        if find(&table, &keys(object(0, 0), by_name)).is_none() {
            assert_eq!(step.load(Ordering::Relaxed), 1);
        }
        writer.join().unwrap();
    });
}

/// A creator makes objects and dies; another client takes the last of them, the head, out.
fn mend_after(
    table: &Arc<Table>,
    create: impl FnOnce(&Table) -> u32 + Send + 'static,
) -> thread::JoinHandle<()> {
    let (creator, writer) = (table.clone(), table.clone());
    let creator = thread::spawn(move || create(&creator));
    thread::spawn(move || {
        let record = &writer.records[creator.join().unwrap() as usize];
        let word = record.load_with(Ordering::Relaxed);
        record.swap(word, word.in_state(State::Doomed)).unwrap();
        writer.mend();
    })
}

#[test]
fn a_mended_head_brings_its_chain() {
    // A walk that sees the head that a recovery stored sees the links that other clients stored
    // after it before they died.
    for by_name in [false, true] {
        explore(2, move || {
            let table = chain(1, by_name);
            let writer = mend_after(&table, move |creator| {
                add(creator, object(0, 1), by_name, State::Writing);
                add(creator, object(0, 2), by_name, State::Writing)
            });
            let hit = find(&table, &keys(object(0, 0), by_name)).unwrap();
            assert_eq!((hit.slot, hit.word.generation()), (0, 1));
            writer.join().unwrap();
        });
    }
}

#[test]
fn a_rebuild_hides_nothing() {
    model(3, |by_name| {
        let table = chain(2, by_name);
        let writer = table.clone();
        let writer = thread::spawn(move || writer.rebuild());
        for n in 0..2 {
            let hit = find(&table, &keys(object(0, n), by_name)).unwrap();
            assert_eq!((hit.slot, hit.word.generation()), (n as u32, 1));
        }
        writer.join().unwrap();
        assert_eq!(table.index().live.rebuild_sequence.load(Ordering::Relaxed) % 2, 0);
    });
}

/// A slot that was the last of its chain is the first again: with its old link the chain would end
/// there.
fn come_back(table: &Table, by_name: bool) {
    table.delete(0, table.records[0].load_with(Ordering::Relaxed));
    assert_eq!(add(table, object(0, 3), by_name, State::Sealed), 0);
}

#[test]
fn a_removal_after_the_head_brings_the_link_of_the_head() {
    model(2, |by_name| {
        let table = chain(3, by_name);
        let writer = table.clone();
        let writer = thread::spawn(move || {
            come_back(&writer, by_name);
            writer.delete(1, writer.records[1].load_with(Ordering::Relaxed));
        });
        let hit = find(&table, &keys(object(0, 2), by_name)).unwrap();
        assert_eq!((hit.slot, hit.word.generation()), (2, 1));
        writer.join().unwrap();
    });
}

#[test]
fn a_mended_head_brings_its_link() {
    model(2, |by_name| {
        let table = chain(2, by_name);
        let writer = mend_after(&table, move |creator| {
            come_back(creator, by_name);
            add(creator, object(0, 2), by_name, State::Writing)
        });
        let hit = find(&table, &keys(object(0, 1), by_name)).unwrap();
        assert_eq!((hit.slot, hit.word.generation()), (1, 1));
        writer.join().unwrap();
    });
}

#[test]
fn an_insertion_and_a_removal_hide_nothing_after_them() {
    // An object is inserted, in a fresh or a reused slot, and then removed again.
    for (used, leaves) in [(false, false), (true, false), (false, true), (true, true)] {
        model(99, move |by_name| {
            let table = chain(1, by_name);
            if used {
                let slot = add(&table, object(1, 0), by_name, State::Sealed);
                table.delete(slot, table.records[slot as usize].load_with(Ordering::Relaxed));
            }
            let writer = table.clone();
            let writer = thread::spawn(move || {
                let first = add(&writer, object(0, 1), by_name, State::Writing);
                if leaves {
                    // After another object, and at the head.
                    let second = add(&writer, object(0, 2), by_name, State::Writing);
                    writer
                        .delete(first, writer.records[first as usize].load_with(Ordering::Relaxed));
                    writer.delete(
                        second,
                        writer.records[second as usize].load_with(Ordering::Relaxed),
                    );
                }
            });
            let hit = find(&table, &keys(object(0, 0), by_name)).unwrap();
            assert_eq!((hit.slot, hit.word.generation()), (0, 1));
            writer.join().unwrap();
        });
    }
}

#[test]
fn a_head_that_comes_back_brings_its_chain() {
    model(99, |by_name| {
        let table = chain(1, by_name);
        let writer = table.clone();
        let writer = thread::spawn(move || {
            add(&writer, object(0, 1), by_name, State::Writing);
            let last = add(&writer, object(0, 2), by_name, State::Writing);
            writer.delete(last, writer.records[last as usize].load_with(Ordering::Relaxed));
        });
        let hit = find(&table, &keys(object(0, 0), by_name)).unwrap();
        assert_eq!((hit.slot, hit.word.generation()), (0, 1));
        writer.join().unwrap();
    });
}

#[test]
fn a_rebuild_that_is_begun_again_hides_nothing() {
    model(4, |by_name| {
        let table = chain(1, by_name);
        let writer = table.clone();
        let writer = thread::spawn(move || {
            // A rebuild is killed when some chains are cut and some are whole; the next owner
            // rebuilds from the start.
            writer.index().begin_rebuild();
            writer.index().rebuild_chains().unwrap();
            writer.rebuild();
        });
        assert!(find(&table, &keys(object(0, 0), by_name)).is_some());
        writer.join().unwrap();
        assert!(find(&table, &keys(object(0, 0), by_name)).is_some());
    });
}

#[test]
fn a_slot_that_comes_back_to_its_chain_brings_its_link() {
    // The slot was the last of the chain, and is the first then: its old link ends the chain.
    model(2, |by_name| {
        let table = chain(2, by_name);
        let writer = table.clone();
        let writer = thread::spawn(move || {
            writer.delete(0, writer.records[0].load_with(Ordering::Relaxed));
            add(&writer, object(0, 2), by_name, State::Sealed);
        });
        let hit = find(&table, &keys(object(0, 1), by_name)).unwrap();
        assert_eq!((hit.slot, hit.word.generation()), (1, 1));
        writer.join().unwrap();
    });
}
