//! Growth of the buckets, step by step.

use super::super::fixture::{SEED, Table};
use super::super::{ChainKind, Hit, Key, hash};
use super::SPLITS;
use crate::layout::record::{IdWords, NameHash};
use crate::layout::word::{BucketWord, CHAIN_END, State, chain_end};
use crate::sync::Ordering::Relaxed;
use proptest::prelude::*;

const FIRST: usize = 2;
const ALL: usize = 64;

fn object(n: usize) -> (IdWords, NameHash) {
    (IdWords(n as u64, 7, 9), NameHash([hash::id_hash(SEED, &IdWords(n as u64, 1, 1)), 3]))
}

fn find(table: &Table, key: &Key) -> Option<u32> {
    let hit = table.index().find(key).expect("chains are sound");
    hit.map(|Hit { slot, .. }| slot)
}

fn step(table: &Table, kind: ChainKind) -> bool {
    match kind {
        ChainKind::Id => table.index().grow_ids(),
        ChainKind::Name => table.index().grow_names(),
    }
    .unwrap()
}

/// Checks all chains.
fn sound(table: &Table) {
    let index = table.index();
    let words: Vec<_> =
        (0..index.used()).map(|slot| table.records[slot as usize].load_with(Relaxed)).collect();
    index.check_chains(&words, &mut |number, text| panic!("I{number}: {text}")).unwrap();
}

#[test]
fn buckets_double_as_objects_become_more_and_each_step_is_small() {
    let count = if cfg!(miri) { 24 } else { 60 };
    let table = Table::growing(count, FIRST, ALL);
    for n in 0..count {
        let before = table.live.id_mask.load(Relaxed);
        let split = table.table.ids.split.load(Relaxed);
        step(&table, ChainKind::Id);
        step(&table, ChainKind::Name);
        let now = table.live.id_mask.load(Relaxed);
        let splits = table.table.ids.split.load(Relaxed) - split;
        assert!(now == before || now == 2 * before + 1 && splits == 0);
        assert!(splits as usize <= SPLITS);
        let (id, name) = object(n);
        let (slot, _) = table.create(id, (n % 2 == 0).then_some(name), State::Sealed);
        assert_eq!(slot as usize, n);
        sound(&table);
        for m in 0..=n {
            let (id, name) = object(m);
            assert_eq!(find(&table, &Key::Id(id)), Some(m as u32));
            let named = find(&table, &Key::Name(name));
            assert_eq!(named, (m % 2 == 0).then_some(m as u32));
        }
        assert_eq!(find(&table, &Key::Id(object(n + 1).0)), None);
    }
    let masks =
        [&table.live.id_mask, &table.live.name_mask].map(|mask| mask.load(Relaxed) as usize + 1);
    assert!(masks[0] >= count / 2 && masks[1] >= count / 4 && masks[1] <= count, "{masks:?}");
    // All of them can go, and a rebuild changes nothing.
    table.rebuild();
    sound(&table);
    for n in 0..count {
        let word = table.records[n].load_with(Relaxed);
        table.delete(n as u32, word);
    }
    sound(&table);
    assert_eq!(table.table.named.load(Relaxed), 0);
}

#[test]
fn buckets_without_memory_or_beyond_the_most_stay_as_they_are() {
    let table = Table::growing(9, FIRST, 4);
    table.table.ids.reserved.store(2, Relaxed);
    (0..3).for_each(|n| {
        table.create(object(n).0, None, State::Sealed);
    });
    assert!(step(&table, ChainKind::Id), "memory is needed");
    assert_eq!(table.live.id_mask.load(Relaxed), 1);
    table.table.ids.reserved.store(4, Relaxed);
    (0..9).for_each(|_| assert!(!step(&table, ChainKind::Id)));
    assert_eq!((table.live.id_mask.load(Relaxed), table.table.ids.split.load(Relaxed)), (3, 4));
    (3..9).for_each(|n| {
        table.create(object(n).0, None, State::Sealed);
    });
    assert!(!step(&table, ChainKind::Id), "there are no more");
    sound(&table);
}

#[test]
fn a_mask_that_is_nonsense_is_noticed_and_the_table_has_the_answer() {
    for mask in [0, 2, 4, 5, 99, 127, u32::MAX] {
        let table = Table::growing(8, FIRST, ALL);
        (0..8).for_each(|n| {
            table.create(object(n).0, None, State::Sealed);
        });
        table.live.id_mask.store(mask, Relaxed);
        let index = table.index();
        for n in 0..8 {
            let key = Key::Id(object(n).0);
            let hit = index.find(&key).unwrap_or_else(|_| index.scan(&key));
            assert_eq!(hit.map(|hit| hit.slot), Some(n as u32));
        }
        // Under miri a long walk gives up, and the table is asked.
        let absent = index.find(&Key::Id(object(9).0));
        assert!(absent.is_err() || cfg!(miri) && absent == Ok(None));
        assert!(index.grow_ids().is_err() || mask == 5 || mask == 99);
        assert!(!index.mend_chains().unwrap());
    }
}

/// A parent whose chain has the records of the child in any places, and none.
#[test]
fn a_split_parts_every_pattern_of_records() {
    let ids = |bucket: u64| {
        let ids = (1..).map(|i| IdWords(i, 1, 2));
        ids.filter(move |id| hash::id_hash(SEED, id) & 3 == bucket)
    };
    for len in 0..=if cfg!(miri) { 4 } else { 7usize } {
        for pattern in 0..1u32 << len {
            let table = Table::growing(8, FIRST, 4);
            let (mut stay, mut go) = (ids(0), ids(2));
            let all: Vec<_> = (0..len)
                .map(|n| if pattern >> n & 1 == 1 { go.next() } else { stay.next() }.unwrap())
                .collect();
            all.iter().for_each(|id| {
                table.create(*id, None, State::Sealed);
            });
            table.live.id_mask.store(3, Relaxed);
            let version = BucketWord(table.id_buckets[0].load(Relaxed)).version();
            (0..2).for_each(|_| assert!(!step(&table, ChainKind::Id)));
            sound(&table);
            for (n, id) in all.iter().enumerate() {
                assert_eq!(find(&table, &Key::Id(*id)), Some(n as u32), "{len} {pattern:b}");
            }
            assert_eq!(find(&table, &Key::Id(stay.next().unwrap())), None);
            assert_eq!(find(&table, &Key::Id(go.next().unwrap())), None);
            // Nothing moved: walks in the parent need not begin again.
            let word = BucketWord(table.id_buckets[0].load(Relaxed));
            assert!(pattern != 0 || word.version() == version);
            let child = BucketWord(table.id_buckets[2].load(Relaxed));
            assert!(pattern != 0 || child.head() == chain_end(2) && child.version() == 1);
            assert!(child.head() < CHAIN_END || pattern == 0);
        }
    }
}

/// A client that died during a split leaves records in the chain of the other bucket.
#[test]
fn a_split_that_was_begun_is_noticed_and_the_chains_are_made_again() {
    let table = Table::growing(8, FIRST, 4);
    (0..8).for_each(|n| {
        table.create(object(n).0, Some(object(n).1), State::Sealed);
    });
    table.live.id_mask.store(3, Relaxed);
    table.id_buckets[2].store(
        BucketWord::new(1, table.index().first_link(&Key::Id(object(0).0)).unwrap()).0,
        Relaxed,
    );
    assert!(!table.index().mend_chains().unwrap());
    table.rebuild();
    sound(&table);
    assert_eq!(table.table.ids.split.load(Relaxed), 4);
    // What is not in use has to be 0, and what is split has to be a chain.
    let table = Table::growing(8, FIRST, 8);
    (0..3).for_each(|n| {
        table.create(object(n).0, None, State::Sealed);
    });
    assert!(table.index().mend_chains().unwrap());
    table.id_buckets[5].store(chain_end(5).into(), Relaxed);
    assert!(!table.index().mend_chains().unwrap());
    table.id_buckets[5].store(0, Relaxed);
    table.live.id_mask.store(3, Relaxed);
    assert!(table.index().mend_chains().unwrap());
    table.table.ids.split.store(4, Relaxed);
    assert!(!table.index().mend_chains().unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 128 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_table_that_grows_is_a_map(
        steps in proptest::collection::vec((0usize..40, 0u8..8), 1..if cfg!(miri) { 12 } else { 150 })
    ) {
        let table = Table::growing(40, FIRST, 16);
        let mut there = std::collections::BTreeMap::new();
        for (n, what) in steps {
            match what {
                0 => table.rebuild(),
                1 => table.mend(),
                2..=4 => {
                    if let Some((slot, word)) = there.remove(&n) {
                        table.delete(slot, word);
                    }
                }
                _ if there.contains_key(&n) => {}
                _ => {
                    step(&table, ChainKind::Id);
                    step(&table, ChainKind::Name);
                    let name = (n % 3 > 0).then_some(object(n).1);
                    there.insert(n, table.create(object(n).0, name, State::Sealed));
                }
            }
            sound(&table);
            for n in 0..40 {
                let slot = there.get(&n).map(|made| made.0);
                prop_assert_eq!(find(&table, &Key::Id(object(n).0)), slot);
                let named = slot.filter(|_| n % 3 > 0);
                prop_assert_eq!(find(&table, &Key::Name(object(n).1)), named);
            }
        }
    }
}
