//! Random calls against a list of ranges, and random corruption.

use super::fixture::{Heap, got};
use super::{Extent, Outcome, Owned};
use crate::sync::Ordering::Relaxed;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Alloc(u64, u32),
    Preferring(u64, u32),
    Within(u64, u64),
    TakeAt(u64, u64),
    Free(usize),
    Shrink(usize, u64),
    Grow(usize, u64),
    Rebuild,
}

const CAPACITY: u64 = 5000;
/// Usable memory comes in runs of this many units, every other one.
const RUN: u64 = 64;

fn step() -> impl Strategy<Value = Step> {
    let len = || prop_oneof![4 => 1..40u64, 3 => 40..700u64, 1 => 700..5100u64];
    prop_oneof![
        6 => (len(), 0..8u32).prop_map(|(l, a)| Step::Alloc(l, a)),
        6 => (len(), 0..12u32).prop_map(|(l, a)| Step::Preferring(l, a)),
        2 => (1..80u64, 0..3u64).prop_map(|(l, a)| Step::Within(l, a)),
        2 => (0..5100u64, 1..300u64).prop_map(|(s, l)| Step::TakeAt(s, l)),
        10 => any::<usize>().prop_map(Step::Free),
        3 => (any::<usize>(), any::<u64>()).prop_map(|(i, l)| Step::Shrink(i, l)),
        3 => (any::<usize>(), 0..300u64).prop_map(|(i, l)| Step::Grow(i, l)),
        1 => Just(Step::Rebuild),
    ]
}

/// Usable runs: the even multiples of `RUN`.
fn next_usable(from: u64, end: u64) -> Option<(u64, u64)> {
    let run = from / (2 * RUN) * (2 * RUN);
    let start = if from < run + RUN { from } else { run + 2 * RUN };
    let stop = (start / RUN + 1) * RUN;
    (start < end).then_some((start, stop.min(end)))
}

/// The truth: used extents, in any order.
struct Model(Vec<Extent>);

impl Model {
    fn gaps(&self) -> Vec<(u64, u64)> {
        let mut used: Vec<_> = self.0.iter().map(|e| (e.start, e.start + e.len)).collect();
        used.sort_unstable();
        used.push((CAPACITY, CAPACITY));
        let mut gaps = Vec::new();
        let mut end = 0;
        for (start, stop) in used {
            assert!(start >= end, "extents overlap");
            if start > end {
                gaps.push((end, start));
            }
            end = stop;
        }
        gaps
    }

    fn fits(&self, len: u64, align: u64) -> bool {
        self.gaps().iter().any(|&(s, e)| s.next_multiple_of(align) + len <= e)
    }

    fn first_within(&self, len: u64, align: u64) -> Option<u64> {
        let fits = |&start: &u64| {
            let inside = self.gaps().iter().any(|&(s, e)| s <= start && start + len <= e);
            inside && (start..start + len).all(|unit| (unit / RUN).is_multiple_of(2))
        };
        (0..CAPACITY).step_by(align as usize).find(fits)
    }
}

fn apply(heap: &Heap, model: &mut Model, step: &Step) {
    let alloc = heap.alloc();
    let mut added = None;
    let count = model.0.len().max(1);
    match *step {
        Step::Alloc(len, align) => {
            added = got(alloc.alloc(len, 1 << align));
            assert!(added.is_none_or(|e| e.start % (1 << align) == 0 && e.len == len));
            assert!(added.is_some() || !model.fits(2 * len + (1 << align), 1), "a poor fit");
        }
        Step::Preferring(len, align) => {
            added = got(alloc.alloc_preferring(len, 1 << align));
            assert_eq!(added.is_some(), model.fits(len, 1), "NoFit must be exact");
        }
        Step::Within(len, align) => {
            added = got(alloc.alloc_within(len, 1 << align, &mut next_usable));
            assert_eq!(added.map(|e| e.start), model.first_within(len, 1 << align));
        }
        Step::TakeAt(start, len) => {
            added = got(alloc.take_at(start, len));
            let fits = model.gaps().iter().any(|&(s, e)| s <= start && start + len <= e);
            assert_eq!(added.map(|e| (e.start, e.len)), fits.then_some((start, len)));
        }
        Step::Free(i) if !model.0.is_empty() => {
            alloc.free(model.0.swap_remove(i % count)).unwrap();
        }
        Step::Shrink(i, len) if !model.0.is_empty() => {
            let extent = &mut model.0[i % count];
            let len = len % extent.len + 1;
            assert_eq!(alloc.shrink(*extent, len).unwrap(), Outcome::Done(()));
            extent.len = len;
        }
        Step::Grow(i, more) if !model.0.is_empty() => {
            let extent = model.0[i % count];
            let (end, len) = (extent.start + extent.len, extent.len + more);
            let fits = more == 0 || model.gaps().iter().any(|g| g.0 == end && g.1 >= end + more);
            assert_eq!(alloc.grow_in_place(extent, len).unwrap(), fits);
            model.0[i % count].len += if fits { more } else { 0 };
        }
        Step::Rebuild => {
            let owned =
                |(i, e): (usize, &Extent)| Owned { start: e.start, len: e.len, tag: i as u64 };
            let mut extents: Vec<_> = model.0.iter().enumerate().map(owned).collect();
            let mut assign = |tag: u64, block| model.0[tag as usize].block = block;
            let outcome = alloc.rebuild(CAPACITY, &mut extents, &mut assign);
            assert_eq!(outcome.unwrap(), Outcome::Done(()));
        }
        _ => {}
    }
    model.0.extend(added);
    alloc.check().unwrap();
    let mut gaps = Vec::new();
    alloc.for_each_free(&mut |start, len| gaps.push((start, start + len))).unwrap();
    assert_eq!(gaps, model.gaps());
    let largest = gaps.iter().map(|g| g.1 - g.0).max().unwrap_or(0);
    assert_eq!(alloc.largest_free().unwrap(), largest);
}

/// Every call once; results do not matter, only that there is one.
fn call_everything(heap: &Heap, extents: &[Extent]) {
    let alloc = heap.alloc();
    let mut held: Vec<Extent> = extents.to_vec();
    for (len, align) in [(1, 1), (17, 1), (300, 64), (5000, 1), (40, 2048)] {
        let outcomes = [
            alloc.alloc(len, align),
            alloc.alloc_preferring(len, align),
            alloc.alloc_within(len, align, &mut next_usable),
            alloc.take_at(len * 7, len),
        ];
        held.extend(outcomes.into_iter().flatten().filter_map(|outcome| match outcome {
            Outcome::Done(extent) => Some(extent),
            _ => None,
        }));
        let _ = (alloc.largest_free(), alloc.free_units(), alloc.check());
        let _ = alloc.for_each_block(&mut |start, len, _, _| assert!(start + len > start));
    }
    for (i, &extent) in held.iter().enumerate() {
        let _ = match i % 3 {
            0 => alloc.grow_in_place(extent, extent.len + 5).map(|_| ()),
            1 => alloc.shrink(extent, extent.len / 2 + 1).map(|_| ()),
            _ => Ok(()),
        };
        let _ = alloc.free(extent);
    }
}

/// Miri is a thousand times slower.
const CASES: u32 = if cfg!(miri) { 2 } else { 200 };
const STEPS: usize = if cfg!(miri) { 8 } else { 120 };

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn calls_agree_with_a_list_of_ranges(steps in prop::collection::vec(step(), 1..STEPS)) {
        let heap = Heap::new(CAPACITY, 300);
        let mut model = Model(Vec::new());
        for step in &steps {
            apply(&heap, &mut model, step);
        }
    }

    #[test]
    fn corrupt_words_give_errors(
        steps in prop::collection::vec(step(), 1..STEPS.min(40)),
        flips in prop::collection::vec((0..9u32, any::<usize>(), any::<u64>(), 0..3u32), 1..6),
    ) {
        let heap = Heap::new(CAPACITY, 100);
        let mut model = Model(Vec::new());
        for step in &steps {
            apply(&heap, &mut model, step);
        }
        let fresh = heap.state.fresh.load(Relaxed) as usize;
        for &(word, i, value, kind) in &flips {
            let block = &heap.blocks[i % fresh];
            let (i, s) = (i / 7, &heap.state);
            let small = value % (fresh as u64 + 2);
            let flip = |old: u64| match kind {
                0 => small,
                1 => old ^ (1 << (value % 64)),
                _ => value,
            };
            let wide = |w: &crate::sync::AtomicU64| w.store(flip(w.load(Relaxed)), Relaxed);
            let narrow = |w: &crate::sync::AtomicU32| {
                w.store(flip(w.load(Relaxed).into()) as u32, Relaxed);
            };
            match word {
                0 => wide(&block.start),
                1 => wide(&block.extent),
                2 => narrow([&block.prev, &block.next][i % 2]),
                3 => narrow(&block.bin_prev),
                4 => narrow(&block.bin_next),
                5 => narrow([&s.spare, &s.fresh, &s.first][i % 3]),
                6 => wide([&s.capacity, &s.free][i % 2]),
                7 => wide(&s.nonempty[i % s.nonempty.len()]),
                _ => narrow(&heap.bins.heads[i % heap.bins.heads.len()]),
            }
        }
        call_everything(&heap, &model.0);
        // Whatever the words hold, the extents that are owned bring it back.
        apply(&heap, &mut model, &Step::Rebuild);
    }
}
