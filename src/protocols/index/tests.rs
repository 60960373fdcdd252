//! Chains, slots and lookups of one thread, intact and corrupt.

use super::fixture::{Table, id_in, name_in};
use super::{Astray, Hit, Key, SlotOutcome};
use crate::error::Status;
use crate::layout::record::{IdWords, NameHash};
use crate::layout::word::{BucketWord, RecordWord, State, chain_end};
use crate::sync::Ordering::Relaxed;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

fn find(table: &Table, key: impl Into<Key>) -> Option<(u32, u32)> {
    let hit = table.index().find(&key.into()).unwrap();
    hit.map(|Hit { slot, word }| (slot, word.generation()))
}

impl From<IdWords> for Key {
    fn from(id: IdWords) -> Self {
        Key::Id(id)
    }
}

fn objects(n: usize) -> Vec<(IdWords, NameHash)> {
    (0..n).map(|n| (id_in(0, 1, n), name_in(0, 1, n))).collect()
}

/// Returns a table with all of these sealed in one chain; slot i holds object i.
fn chained(objects: &[(IdWords, NameHash)]) -> (Table, Vec<RecordWord>) {
    let table = Table::new(objects.len().max(1), 1);
    let words =
        objects.iter().map(|(id, name)| table.create(*id, Some(*name), State::Sealed).1).collect();
    (table, words)
}

#[test]
fn removal_at_the_head_in_the_middle_and_at_the_tail_leaves_the_others() {
    let objects = objects(4);
    for goes in 0..4 {
        let (table, words) = chained(&objects);
        table.delete(goes as u32, words[goes]);
        for (i, (id, name)) in objects.iter().enumerate() {
            let there = (i != goes).then_some((i as u32, 1));
            assert_eq!(find(&table, *id), there);
            assert_eq!(find(&table, *name), there);
        }
        // A slot that is not in the chain cannot be removed again.
        let version = table.id_buckets[0].load(Relaxed);
        let error = table.index().unlink(goes as u32, words[goes]).unwrap_err();
        assert_eq!(error.status(), Status::Corrupt);
        assert_eq!(table.id_buckets[0].load(Relaxed), version);
        // The slot is reused with the next generation.
        table.create(objects[goes].0, None, State::Writing);
        assert_eq!(find(&table, objects[goes].0), Some((goes as u32, 2)));
        assert_eq!(find(&table, objects[goes].1), None);
    }
}

#[test]
fn a_failure_is_found_until_it_is_deleted_whatever_is_made_again() {
    let objects = objects(2);
    let table = Table::new(1, 1);
    let (slot, word) = table.create(objects[1].0, Some(objects[1].1), State::Writing);
    table.fail(slot, word);
    for _ in 0..3 {
        assert_eq!(find(&table, objects[1].0), Some((slot, 1)));
        assert_eq!(find(&table, objects[1].1), Some((slot, 1)));
        assert_eq!(table.index().find_hot(&objects[1].0.into()).map(|(hit, _)| hit), None);
        table.rebuild();
        table.mend();
    }
    table.delete(slot, table.records[slot as usize].load_with(Relaxed));
    assert_eq!(find(&table, objects[1].0), None);
}

#[test]
fn only_what_is_written_or_sealed_is_found() {
    let table = Table::new(3, 1);
    let (id, name) = objects(1)[0];
    let (slot, word) = table.create(id, Some(name), State::Writing);
    assert_eq!(find(&table, id), Some((slot, 1)));
    let sealed = table.seal(slot, word);
    assert_eq!(find(&table, name), Some((slot, 1)));
    // Doomed, but its owner was killed before it could unlink it.
    table.records[0].swap(sealed, sealed.in_state(State::Doomed)).unwrap();
    assert_eq!((find(&table, id), find(&table, name)), (None, None));
    table.records[0].swap(sealed.in_state(State::Doomed), sealed).unwrap();
    // Hidden records have no id, and unnamed records have no name.
    let hidden = sealed.with(RecordWord::HIDDEN).without(RecordWord::NAMED);
    table.records[0].swap(sealed, hidden).unwrap();
    assert_eq!((find(&table, id), find(&table, name)), (None, None));
}

#[test]
fn free_slots_are_reused_first_in_first_out() {
    let objects = objects(4);
    let (table, words) = chained(&objects);
    let take = || table.slots().take(&table.index()).unwrap();
    assert_eq!(take(), SlotOutcome::Full);
    for slot in [2, 0, 3, 1] {
        table.delete(slot, words[slot as usize]);
    }
    for slot in [2, 0, 3, 1] {
        assert_eq!(take(), SlotOutcome::Slot(slot, RecordWord::new(2, 0, State::Free)));
    }
    assert_eq!(take(), SlotOutcome::Full);
    assert!(table.queue.iter().all(|word| word.load(Relaxed) == 0));
    table.live.records_reserved.store(2, Relaxed);
    table.table.used.store(2, Relaxed);
    assert_eq!(take(), SlotOutcome::NeedRecords);
}

#[test]
fn a_slot_whose_generation_would_wrap_is_retired() {
    let table = Table::new(1, 1);
    let last = RecordWord::new(u32::MAX - 1, 0, State::Free);
    table.records[0].word.store(last.0, Relaxed);
    let id = objects(1)[0].0;
    let (slot, word) = table.create(id, None, State::Sealed);
    assert_eq!(word.generation(), u32::MAX - 1);
    table.delete(slot, word);
    assert_eq!(table.slots().take(&table.index()).unwrap(), SlotOutcome::Full);
    table.rebuild();
    assert_eq!(table.slots().take(&table.index()).unwrap(), SlotOutcome::Full);
    assert_eq!(table.records[0].load_with(Relaxed).generation(), u32::MAX);
}

#[test]
fn long_chains_and_odd_sequences_are_answered_by_the_table() {
    let count = if cfg!(miri) { 8 } else { 300 };
    let objects = objects(count + 1);
    let (table, _) = chained(&objects[..count]);
    assert_eq!(find(&table, objects[0].0), Some((0, 1)));
    assert_eq!(find(&table, objects[count].0), None);
    // Killed when the chains were cut: nothing is in them, everything is there.
    table.index().begin_rebuild();
    table.id_buckets[0].store(0, Relaxed);
    table.name_buckets[0].store(0, Relaxed);
    for (i, (id, name)) in objects[..count].iter().enumerate().step_by(7) {
        assert_eq!(find(&table, *id), Some((i as u32, 1)));
        assert_eq!(find(&table, *name), Some((i as u32, 1)));
    }
    assert_eq!(find(&table, objects[count].1), None);
    table.rebuild();
    assert_eq!(find(&table, objects[count].1), None);
    assert_eq!(table.live.rebuild_sequence.load(Relaxed), 2);
}

#[test]
fn chains_are_mended_in_place_and_rebuilt_only_when_objects_are_missing() {
    let objects = objects(5);
    // The first, the last and two neighbours died: they are doomed or freed, and still in their
    // chains.
    let (table, words) = chained(&objects);
    for dead in [0, 2, 3] {
        let word = words[dead].in_state(State::Doomed);
        table.records[dead].word.store(word.0, Relaxed);
    }
    let before = BucketWord(table.id_buckets[0].load(Relaxed));
    table.mend();
    let after = BucketWord(table.id_buckets[0].load(Relaxed));
    assert_eq!((after, table.live.rebuild_sequence.load(Relaxed)), (before, 2));
    assert_eq!(table.records[4].id_link.load(Relaxed), 2);
    assert_eq!(table.records[1].id_link.load(Relaxed), chain_end(0));
    assert_eq!(table.records[1].name_link.load(Relaxed), chain_end(0));
    assert_eq!(find(&table, objects[1].1), Some((1, 1)));
    // The head died too.
    table.records[4].word.store(words[4].in_state(State::Doomed).0, Relaxed);
    table.mend();
    assert_eq!(BucketWord(table.name_buckets[0].load(Relaxed)).head(), 2);
    assert_eq!(find(&table, objects[4].0), None);

    let whole = |table: &Table| table.index().mend_chains().unwrap();
    // A link that ends early, leads astray or forms a cycle; a rebuild that was begun.
    for link in [0, 1, 4, 5, 77, chain_end(0), chain_end(1)] {
        let (table, _) = chained(&objects);
        table.records[3].name_link.store(link, Relaxed);
        assert!(!whole(&table), "{link}");
        table.rebuild();
        assert!(whole(&table));
    }
    let (table, _) = chained(&objects);
    table.index().begin_rebuild();
    assert!(!whole(&table));
}

#[test]
fn a_walk_that_a_link_led_astray_knows_it_and_the_table_has_the_answer() {
    let objects = objects(4);
    let absent = Key::Id(id_in(0, 1, 9));
    for link in [0, 4, 5, 6, 1 << 20, chain_end(1), u32::MAX] {
        let (table, words) = chained(&objects);
        table.records[2].id_link.store(link, Relaxed);
        // The head and the objects before the damage are found.
        assert_eq!(find(&table, objects[3].0), Some((3, 1)));
        if let Ok(hit) = table.index().find(&absent) {
            assert_eq!((hit, link), (None, 4));
        }
        assert!(table.index().find_still(&absent).is_err());
        assert_eq!(table.index().scan(&absent), None);
        let hit = table.index().scan(&Key::Id(objects[0].0)).unwrap();
        assert_eq!((hit.slot, hit.word), (0, words[0]));
        // 4: a cycle. The objects that it cut off are found in the table.
        if link == 4 {
            assert_eq!(find(&table, objects[0].0), Some((0, 1)));
        }
        let error = table.index().unlink(0, words[0]).unwrap_err();
        assert_eq!(error.status(), Status::Corrupt);
        table.rebuild();
        assert_eq!(find(&table, objects[0].0), Some((0, 1)));
    }
    let (table, _) = chained(&objects);
    for head in [0, 77, chain_end(5)] {
        table.id_buckets[0].store(BucketWord::new(9, head).0, Relaxed);
        assert_eq!(table.index().find(&absent), Err(Astray));
    }
    // A free slot that was in this very chain: its link ends the chain as it should.
    let (table, words) = chained(&objects);
    table.delete(0, words[0]);
    table.id_buckets[0].store(BucketWord::new(9, 1).0, Relaxed);
    assert_eq!(table.index().find(&absent), Err(Astray));
    table.live.records_reserved.store(2, Relaxed);
    assert_eq!(table.index().record(2).unwrap_err().status(), Status::Corrupt);
}

#[test]
fn a_free_queue_that_names_an_object_is_corrupt() {
    let (table, _) = chained(&objects(2));
    table.queue[0].store(1, Relaxed);
    assert_eq!(table.slots().take(&table.index()).unwrap_err().status(), Status::Corrupt);
    table.queue[0].store(99, Relaxed);
    assert_eq!(table.slots().take(&table.index()).unwrap_err().status(), Status::Corrupt);
    let table = Table::new(1, 1);
    table.records[0].word.store(RecordWord::new(1, 0, State::Sealed).0, Relaxed);
    assert_eq!(table.slots().take(&table.index()).unwrap_err().status(), Status::Corrupt);
}

/// One operation on a table.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create(usize),
    Delete(usize),
    Rebuild,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0usize..12).prop_map(Step::Create),
        4 => (0usize..12).prop_map(Step::Delete),
        1 => Just(Step::Rebuild),
    ];
    proptest::collection::vec(step, 1..if cfg!(miri) { 12 } else { 120 })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_table_is_a_map_and_a_rebuild_changes_nothing(steps in steps()) {
        const SLOTS: usize = 8;
        let table = Table::new(SLOTS, 2);
        let object = |n: usize| (IdWords(n as u64, 1, 2), NameHash([n as u64, 3]));
        let mut truth: BTreeMap<usize, (u32, RecordWord)> = BTreeMap::new();
        let mut free: VecDeque<u32> = VecDeque::new();
        for step in steps {
            match step {
                Step::Create(n) if !truth.contains_key(&n) && truth.len() < SLOTS => {
                    let name = (n % 2 == 0).then_some(object(n).1);
                    let made = table.create(object(n).0, name, State::Sealed);
                    if let Some(oldest) = free.pop_front() {
                        prop_assert_eq!(made.0, oldest);
                    }
                    truth.insert(n, made);
                }
                Step::Delete(n) => {
                    if let Some((slot, word)) = truth.remove(&n) {
                        table.delete(slot, word);
                        free.push_back(slot);
                    }
                }
                Step::Rebuild => {
                    table.rebuild();
                    free.make_contiguous().sort_unstable();
                }
                Step::Create(_) => {}
            }
            for n in 0..12 {
                let there = truth.get(&n).map(|(slot, word)| (*slot, word.generation()));
                prop_assert_eq!(find(&table, object(n).0), there);
                prop_assert_eq!(find(&table, object(n).1), there.filter(|_| n % 2 == 0));
            }
        }
    }
}
