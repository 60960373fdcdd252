//! Random calls compared with a list of ranges, and random corruption.

use super::fixture::{Heap, got};
use super::{Extent, Outcome, OwnedExtent};
use crate::sync::Ordering::Relaxed;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Alloc(u64, bool),
    Within(u64, bool),
    TakeAt(u64, u64),
    Free(usize),
    Shrink(usize, u64),
    Grow(usize, u64),
    Rebuild,
}

const CAPACITY: u64 = 20000;
/// Usable memory alternates with unusable memory in runs of this many units.
const RUN: u64 = 64;

fn step() -> impl Strategy<Value = Step> {
    // Some lengths are aligned to pages, and there are few lengths, so that blocks of one length
    // meet in a bin.
    let len =
        || prop_oneof![4 => 1..40u64, 3 => 40..700u64, 3 => 3100..3300u64, 1 => 700..20100u64];
    prop_oneof![
        12 => (len(), any::<bool>()).prop_map(|(l, paged)| Step::Alloc(l, paged)),
        2 => (1..80u64, any::<bool>()).prop_map(|(l, paged)| Step::Within(l, paged)),
        2 => (0..20100u64, 1..300u64).prop_map(|(s, l)| Step::TakeAt(s, l)),
        10 => any::<usize>().prop_map(Step::Free),
        3 => (any::<usize>(), any::<u64>()).prop_map(|(i, l)| Step::Shrink(i, l)),
        3 => (any::<usize>(), 0..300u64).prop_map(|(i, l)| Step::Grow(i, l)),
        1 => Just(Step::Rebuild),
    ]
}

/// Returns the next usable run: the even multiples of `RUN`.
fn next_usable(from: u64, end: u64) -> Option<(u64, u64)> {
    let run = from / (2 * RUN) * (2 * RUN);
    let start = if from < run + RUN { from } else { run + 2 * RUN };
    let stop = (start / RUN + 1) * RUN;
    (start < end).then_some((start, stop.min(end)))
}

/// The expected state: used extents, each with its lead, in any order.
struct Model(Vec<(Extent, u64)>);

impl Model {
    fn gaps(&self) -> Vec<(u64, u64)> {
        let mut used: Vec<_> =
            self.0.iter().map(|(e, lead)| (e.start - lead, e.start + e.len)).collect();
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

    /// Returns the shortest gap that holds `len` units, and the first by address of several.
    fn best(&self, len: u64) -> Option<(u64, u64)> {
        self.gaps().into_iter().filter(|(s, e)| e - s >= len).min_by_key(|(s, e)| (e - s, *s))
    }

    fn first_within(&self, len: u64) -> Option<u64> {
        let fits = |&start: &u64| {
            let inside = self.gaps().iter().any(|&(s, e)| s <= start && start + len <= e);
            inside && (start..start + len).all(|unit| (unit / RUN).is_multiple_of(2))
        };
        // Candidates: the starts of gaps and of runs.
        let gaps = self.gaps().into_iter().map(|gap| gap.0);
        let mut starts: Vec<u64> = (0..CAPACITY).step_by(RUN as usize).chain(gaps).collect();
        starts.sort_unstable();
        starts.into_iter().find(fits)
    }
}

/// Returns the lead of an extent in a gap that begins at `start`.
fn lead_from(start: u64, extent: Extent, paged: bool) -> u64 {
    let lead = extent.start - start;
    assert!(
        lead == 0 || paged && extent.start.is_multiple_of(64) && lead * 50 <= extent.len,
        "{extent:?}"
    );
    lead
}

fn apply(heap: &Heap, model: &mut Model, step: &Step) {
    let alloc = heap.alloc();
    let mut added = None;
    let count = model.0.len().max(1);
    match *step {
        Step::Alloc(len, paged) => {
            let best = model.best(len);
            added = got(alloc.alloc(len, paged)).map(|e| {
                let (from, to) = best.expect("room for it");
                assert!(e.len == len && e.start + len <= to, "{e:?} is not in {from} .. {to}");
                (e, lead_from(from, e, paged))
            });
            assert_eq!(added.is_some(), best.is_some(), "NoFit must be exact");
        }
        Step::Within(len, paged) => {
            let first = model.first_within(len);
            added = got(alloc.alloc_within(len, paged, &mut next_usable))
                .map(|e| (e, lead_from(first.expect("room for it"), e, paged)));
            assert_eq!(added.is_some(), first.is_some(), "NoFit must be exact");
        }
        Step::TakeAt(start, len) => {
            added = got(alloc.take_at(start, len)).map(|e| (e, 0));
            let fits = model.gaps().iter().any(|&(s, e)| s <= start && start + len <= e);
            assert_eq!(added.map(|(e, _)| (e.start, e.len)), fits.then_some((start, len)));
        }
        Step::Free(i) if !model.0.is_empty() => {
            let (extent, lead) = model.0.swap_remove(i % count);
            assert_eq!(alloc.lead_of(extent), Some(lead));
            alloc.free(extent).unwrap();
        }
        Step::Shrink(i, len) if !model.0.is_empty() => {
            let (extent, lead) = &mut model.0[i % count];
            let (before, len) = (extent.len, len % extent.len + 1);
            assert_eq!(alloc.shrink(*extent, len).unwrap(), Outcome::Done(()));
            extent.len = len;
            if len < before && *lead * 50 > len {
                *lead = 0;
            }
        }
        Step::Grow(i, more) if !model.0.is_empty() => {
            let (extent, _) = model.0[i % count];
            let (end, len) = (extent.start + extent.len, extent.len + more);
            let fits = more == 0 || model.gaps().iter().any(|g| g.0 == end && g.1 >= end + more);
            assert_eq!(alloc.grow_in_place(extent, len).unwrap(), fits);
            model.0[i % count].0.len += if fits { more } else { 0 };
        }
        Step::Rebuild => {
            let extents = model.0.iter().enumerate();
            let mut extents: Vec<_> = extents
                .map(|(i, (e, _))| OwnedExtent { start: e.start, len: e.len, tag: i as u64 })
                .collect();
            let mut assign = |tag: u64, block| {
                // Leads become free memory.
                let (extent, lead) = &mut model.0[tag as usize];
                (extent.block, *lead) = (block, 0);
            };
            let outcome = alloc.rebuild(CAPACITY, &mut extents, &mut assign);
            assert_eq!(outcome.unwrap(), Outcome::Done(()));
        }
        _ => {}
    }
    model.0.extend(added);
    alloc.check().unwrap();
    assert_eq!(alloc.lead_units(), model.0.iter().map(|(_, lead)| lead).sum::<u64>());
    let mut gaps = Vec::new();
    alloc.for_each_free(&mut |start, len| gaps.push((start, start + len))).unwrap();
    assert_eq!(gaps, model.gaps());
    let largest = gaps.iter().map(|g| g.1 - g.0).max().unwrap_or(0);
    assert_eq!(alloc.largest_free().unwrap(), largest);
}

/// Makes every call once. The results do not matter, only that each call returns.
fn call_everything(heap: &Heap, extents: &[Extent]) {
    let alloc = heap.alloc();
    let mut held: Vec<Extent> = extents.to_vec();
    for (len, paged) in [(1, false), (17, false), (300, true), (3200, true), (40, true)] {
        let outcomes = [
            alloc.alloc(len, paged),
            alloc.alloc(len + 1, !paged),
            alloc.alloc_within(len, paged, &mut next_usable),
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

/// Miri is a thousand times slower than the processor.
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
        flips in prop::collection::vec((0..10u32, any::<usize>(), any::<u64>(), 0..3u32), 1..6),
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
                3 => narrow(&block.left),
                4 => narrow(&block.right),
                5 => narrow([&s.spare, &s.fresh, &s.first][i % 3]),
                6 => wide([&s.capacity, &s.free, &s.lead][i % 3]),
                7 => wide(&s.nonempty[i % s.nonempty.len()]),
                8 => narrow(&s.filled),
                _ => narrow(&heap.bins.roots[i % heap.bins.roots.len()]),
            }
        }
        let extents: Vec<Extent> = model.0.iter().map(|(extent, _)| *extent).collect();
        call_everything(&heap, &extents);
        // Whatever the words contain, a rebuild from the owned extents repairs them.
        apply(&heap, &mut model, &Step::Rebuild);
    }
}
