//! Each promise of the allocator, by example.

use super::fixture::{Heap, got};
use super::{Extent, Outcome, OwnedExtent};
use crate::error::Status;
use crate::layout::block::MAX_UNITS;
use crate::sync::Ordering::Relaxed;

#[test]
fn an_empty_heap_takes_one_extent_of_exactly_its_capacity() {
    for capacity in [1, 7, 8, 1000, 1 << 30, MAX_UNITS - 1, MAX_UNITS] {
        let heap = Heap::new(capacity, 4);
        let alloc = heap.alloc();
        for paged in [false, true] {
            let all = got(alloc.alloc(capacity, paged)).unwrap();
            assert_eq!((all.start, all.len), (0, capacity));
            assert_eq!((alloc.free_units(), alloc.largest_free().unwrap()), (0, 0));
            assert_eq!(got(alloc.alloc(1, paged)), None);
            alloc.free(all).unwrap();
            alloc.check().unwrap();
        }
        assert_eq!(got(alloc.alloc(capacity + 1, true)), None);
    }
}

#[test]
fn a_fresh_heap_is_filled_from_below() {
    let heap = Heap::new(1 << 20, 64);
    let starts: Vec<u64> =
        (0..5).map(|_| got(heap.alloc().alloc(3, false)).unwrap().start).collect();
    assert_eq!(starts, [0, 3, 6, 9, 12]);
}

/// Makes holes of these lengths, in this order, each followed by a used unit.
fn with_holes(heap: &Heap, lens: &[u64]) -> Vec<Extent> {
    let alloc = heap.alloc();
    let mut all = Vec::new();
    for &len in lens {
        all.push(got(alloc.alloc(len, false)).unwrap());
        got(alloc.alloc(1, false)).unwrap();
    }
    all.iter().for_each(|hole| alloc.free(*hole).unwrap());
    alloc.check().unwrap();
    all
}

#[test]
fn the_shortest_hole_that_fits_is_taken_and_the_first_of_several() {
    let heap = Heap::new(1 << 20, 64);
    // 1100, 1101 and 1102 share a bin.
    let holes = with_holes(&heap, &[1102, 40, 1101, 1100, 1101, 41, 900]);
    let alloc = heap.alloc();
    for (len, at) in [(1101, 2), (1000, 3), (41, 5), (1101, 4), (1101, 0), (30, 1), (901, 7)] {
        let start = holes.get(at).map_or(holes[6].start + 901, |hole| hole.start);
        assert_eq!(got(alloc.alloc(len, false)).unwrap().start, start, "{len}");
        alloc.check().unwrap();
    }
}

#[test]
fn whether_anything_fits_is_known_exactly() {
    // All holes share a bin, and the longest is last.
    let heap = Heap::new(1025 * 8 + 28, 64);
    let holes = with_holes(&heap, &[1024, 1025, 1026, 1027, 1028, 1029, 1030, 1031]);
    let alloc = heap.alloc();
    assert_eq!(got(alloc.alloc(1032, false)), None);
    assert_eq!(got(alloc.alloc(1031, true)).unwrap().start, holes[7].start);
    assert_eq!(got(alloc.alloc(1031, false)), None);
    assert_eq!(alloc.largest_free().unwrap(), 1030);
}

const PAGE: u64 = 64;
const HUGE_PAGE: u64 = 32768;

/// Returns how many extents of this length a heap holds, how many of them start at a page, and how
/// many at a huge page.
fn filled_with(len: u64, capacity: u64) -> (u64, u64, u64) {
    let heap = Heap::new(capacity, 2000);
    let alloc = heap.alloc();
    let all: Vec<_> = std::iter::from_fn(|| got(alloc.alloc(len, true))).collect();
    let at = |page| all.iter().filter(|extent| extent.start.is_multiple_of(page)).count() as u64;
    let counts = (all.len() as u64, at(PAGE), at(HUGE_PAGE));
    alloc.check().unwrap();
    all.iter().for_each(|extent| alloc.free(*extent).unwrap());
    assert_eq!((alloc.largest_free().unwrap(), alloc.lead_units()), (capacity, 0));
    counts
}

#[test]
#[cfg_attr(miri, ignore = "too many extents")]
fn a_heap_full_of_extents_at_pages_holds_nearly_as_many() {
    const MIB: u64 = (1 << 20) / 64;
    let units = |bytes: u64| bytes.div_ceil(64);
    // An extent for which alignment to a huge page costs too much starts at a page.
    assert_eq!(filled_with(units((4 << 20) + 100), 512 * MIB), (127, 127, 1));
    assert_eq!(filled_with(5 * MIB, 512 * MIB), (102, 102, 51));
    assert_eq!(filled_with(8 * MIB, 512 * MIB), (64, 64, 64));
    // If each took one page more, only nine would fit.
    assert_eq!(filled_with(units(1_000_000), units(10_000_000)), (10, 1, 1));
    // Slightly shorter than a multiple of a huge page, and slightly longer.
    assert_eq!(filled_with(128 * MIB - 10, 1024 * MIB), (8, 8, 8));
    assert_eq!(filled_with(126 * MIB + 10, 1024 * MIB).0, 8);
    for len in (1..2000).chain([9999, 65536, 100_000, 131_000]) {
        let capacity = 16 * MIB;
        let (held, most) =
            (filled_with(len, capacity.min(len * 1500)).0, capacity.min(len * 1500) / len);
        assert!(held * 50 >= most * 49, "{held} of {most} extents of {len} units");
    }
}

#[test]
fn a_lead_dies_with_its_extent() {
    let heap = Heap::new(1 << 22, 64);
    let alloc = heap.alloc();
    let small = got(alloc.alloc(1, true)).unwrap();
    let page = got(alloc.alloc(64 * PAGE, true)).unwrap();
    let huge = got(alloc.alloc(64 * HUGE_PAGE, true)).unwrap();
    assert_eq!((small.start, page.start, huge.start), (0, PAGE, HUGE_PAGE));
    assert_eq!(alloc.lead_units(), PAGE - 1 + HUGE_PAGE - 65 * PAGE);
    assert_eq!(alloc.lead_of(page), Some(PAGE - 1));
    assert_eq!(alloc.lead_of(huge), Some(HUGE_PAGE - 65 * PAGE));
    alloc.check().unwrap();
    // The lead between the two extents is not used for another extent.
    let last = got(alloc.alloc(1, true)).unwrap();
    assert_eq!(last.start, huge.start + huge.len);
    alloc.free(page).unwrap();
    assert_eq!(got(alloc.alloc(65 * PAGE - 1, false)).unwrap().start, 1);
    alloc.check().unwrap();
}

#[test]
fn an_extent_that_shrinks_keeps_no_lead_that_is_too_long_for_it() {
    let heap = Heap::new(1 << 20, 64);
    let alloc = heap.alloc();
    got(alloc.alloc(1, true)).unwrap();
    let mut it = got(alloc.alloc(64 * 64, true)).unwrap();
    for (len, lead) in [(63 * 50, 63), (63 * 50 - 1, 0), (1, 0)] {
        assert_eq!(alloc.shrink(it, len).unwrap(), Outcome::Done(()));
        it.len = len;
        assert_eq!((it.start, alloc.lead_of(it), alloc.lead_units()), (64, Some(lead), lead));
        alloc.check().unwrap();
    }
    assert_eq!(got(alloc.alloc(63, false)).unwrap().start, 1);
    // With free memory before it, the lead merges with that.
    let all = [1, 1, 64 * 64].map(|len| got(alloc.alloc(len, true)).unwrap());
    alloc.free(all[1]).unwrap();
    let lead = alloc.lead_units();
    assert!(lead > 0);
    assert_eq!(alloc.shrink(all[2], 1).unwrap(), Outcome::Done(()));
    assert_eq!(got(alloc.alloc(lead + 1, false)).unwrap().start, all[1].start);
    alloc.check().unwrap();
}

#[test]
fn memory_at_a_page_is_given_up_where_there_is_no_room_for_a_lead() {
    let heap = Heap::new(HUGE_PAGE + 100, 64);
    let alloc = heap.alloc();
    let first = got(alloc.alloc(1, true)).unwrap();
    let rest = HUGE_PAGE + 99;
    assert_eq!(got(alloc.alloc(rest, true)).unwrap().start, 1);
    alloc.check().unwrap();
    alloc.free(first).unwrap();
}

#[test]
fn extents_with_a_lead_grow_in_place() {
    let heap = Heap::new(1 << 20, 64);
    let alloc = heap.alloc();
    got(alloc.alloc(1, true)).unwrap();
    let mut it = got(alloc.alloc(64 * 64, true)).unwrap();
    assert!(alloc.grow_in_place(it, 64 * 65).unwrap());
    it.len = 64 * 65;
    assert_eq!((alloc.lead_of(it), alloc.lead_units()), (Some(63), 63));
    alloc.check().unwrap();
    alloc.free(it).unwrap();
    assert_eq!(alloc.lead_units(), 0);
}

#[test]
fn blocks_are_asked_for_exactly_and_nothing_changes() {
    let heap = Heap::new(1 << 20, 3);
    let short = heap.alloc_with(1);
    assert_eq!(short.alloc(1, false).unwrap(), Outcome::NeedBlocks(2));
    short.check().unwrap();
    let alloc = heap.alloc();
    let whole = got(alloc.alloc_within(5, false, &mut |_, end| Some((7, end)))).unwrap();
    assert_eq!(whole.start, 7);
    assert_eq!(alloc.take_at(100, 5).unwrap(), Outcome::NeedBlocks(5));
    assert_eq!(alloc.alloc(1 << 10, false).unwrap(), Outcome::NeedBlocks(4));
    alloc.check().unwrap();
    let all = got(alloc.alloc((1 << 20) - 12, false)).unwrap();
    assert_eq!(alloc.shrink(all, 9).unwrap(), Outcome::NeedBlocks(4));
    assert_eq!(alloc.shrink(whole, 5).unwrap(), Outcome::Done(()));
    alloc.check().unwrap();
}

#[test]
fn grow_takes_the_memory_after_an_extent_and_shrink_frees_it() {
    let heap = Heap::new(100, 8);
    let alloc = heap.alloc();
    let mut a = got(alloc.alloc(10, false)).unwrap();
    let b = got(alloc.alloc(10, false)).unwrap();
    assert!(!alloc.grow_in_place(a, 11).unwrap());
    alloc.free(b).unwrap();
    for len in [11, 100] {
        assert!(alloc.grow_in_place(a, len).unwrap());
        a.len = len;
        alloc.check().unwrap();
    }
    assert!(!alloc.grow_in_place(a, 101).unwrap());
    for len in [40, 1] {
        assert_eq!(alloc.shrink(a, len).unwrap(), Outcome::Done(()));
        a.len = len;
        alloc.check().unwrap();
    }
    assert_eq!(alloc.largest_free().unwrap(), 99);
}

#[test]
fn usable_runs_are_tried_one_by_one() {
    let heap = Heap::new(100, 8);
    let alloc = heap.alloc();
    let runs = [(2, 6), (20, 25), (90, 100)];
    let mut next = |from: u64, end: u64| {
        let run = runs.iter().find(|r| r.1 > from && r.0 < end)?;
        Some((run.0.max(from), run.1.min(end)))
    };
    let mut take = |len| got(alloc.alloc_within(len, true, &mut next)).map(|e| e.start);
    assert_eq!(take(5), Some(20));
    assert_eq!(take(4), Some(2));
    assert_eq!(take(6), Some(90));
    assert_eq!(take(5), None);
    assert_eq!(take(4), Some(96));
    alloc.check().unwrap();
}

#[test]
fn a_record_that_disagrees_with_its_block_is_corrupt() {
    let heap = Heap::new(100, 8);
    let alloc = heap.alloc();
    let a = got(alloc.alloc(10, false)).unwrap();
    for mut wrong in [a; 4].into_iter().enumerate() {
        match wrong.0 {
            0 => wrong.1.start += 1,
            1 => wrong.1.len -= 1,
            2 => wrong.1.block = 0,
            _ => wrong.1.block = u32::MAX,
        }
        assert_eq!(alloc.free(wrong.1).unwrap_err().status(), Status::Corrupt);
    }
    alloc.free(a).unwrap();
    assert_eq!(alloc.free(a).unwrap_err().status(), Status::Corrupt);
    alloc.check().unwrap();
}

#[test]
fn requests_without_meaning_are_refused() {
    let heap = Heap::new(100, 8);
    let alloc = heap.alloc();
    for outcome in [alloc.alloc(0, true), alloc.take_at(5, 0)] {
        assert_eq!(outcome.unwrap_err().status(), Status::InvalidArgument);
    }
    assert_eq!(got(alloc.alloc(u64::MAX, true)), None);
    assert_eq!(got(alloc.take_at(u64::MAX, 5)), None);
    let a = got(alloc.alloc(10, false)).unwrap();
    assert!(alloc.shrink(a, 0).is_err() && alloc.shrink(a, 11).is_err());
    assert!(alloc.grow_in_place(a, 9).is_err() && !alloc.grow_in_place(a, u64::MAX).unwrap());
}

#[test]
fn rebuild_checks_before_it_writes() {
    let heap = Heap::new(100, 4);
    let alloc = heap.alloc();
    let a = got(alloc.alloc(10, false)).unwrap();
    let owned = |start, len| OwnedExtent { start, len, tag: start };
    let bad = [
        vec![owned(0, 10), owned(9, 1)],
        vec![owned(5, 5), owned(5, 5)],
        vec![owned(90, 11)],
        vec![owned(u64::MAX, 2)],
        vec![owned(3, 0)],
    ];
    for mut extents in bad {
        let outcome = alloc.rebuild(100, &mut extents, &mut |_, _| panic!("assigned"));
        assert_eq!(outcome.unwrap_err().status(), Status::Corrupt);
    }
    for capacity in [0, MAX_UNITS + 1] {
        assert!(alloc.reset(capacity).is_err());
    }
    let mut many = [owned(50, 10), owned(10, 10)];
    let outcome = alloc.rebuild(100, &mut many, &mut |_, _| panic!("assigned"));
    assert_eq!(outcome.unwrap(), Outcome::NeedBlocks(5));
    alloc.check().unwrap();
    alloc.free(a).unwrap();
}

#[test]
fn rebuild_tiles_what_is_owned_and_names_its_blocks() {
    let heap = Heap::new(100, 5);
    let alloc = heap.alloc();
    let mut owned = [(50, 10), (0, 5), (90, 10), (5, 5)].map(|(start, len)| OwnedExtent {
        start,
        len,
        tag: start,
    });
    let mut extents = Vec::new();
    let mut assign = |tag, block| extents.push((tag, block));
    assert_eq!(alloc.rebuild(100, &mut owned, &mut assign).unwrap(), Outcome::NeedBlocks(6));
    let heap = Heap::new(100, 6);
    let alloc = heap.alloc();
    assert_eq!(alloc.rebuild(100, &mut owned, &mut assign).unwrap(), Outcome::Done(()));
    alloc.check().unwrap();
    let mut blocks = Vec::new();
    alloc.for_each_block(&mut |s, l, used, b| blocks.push((s, l, used, b))).unwrap();
    assert_eq!(
        blocks,
        [
            (0, 5, true, 1),
            (5, 5, true, 2),
            (10, 40, false, 3),
            (50, 10, true, 4),
            (60, 30, false, 5),
            (90, 10, true, 6)
        ]
    );
    assert_eq!(extents, [(90, 6), (50, 4), (5, 2), (0, 1)]);
}

/// Returns the depth of each block of a bin, where the tree is sound.
fn depths(heap: &Heap, bin: usize) -> Vec<u32> {
    let mut depths = Vec::new();
    let mut left = vec![(heap.bins.roots[bin].load(Relaxed), 1)];
    while let Some((number, depth)) = left.pop() {
        if number != 0 {
            depths.push(depth);
            let block = &heap.blocks[number as usize - 1];
            left.extend([&block.left, &block.right].map(|below| (below.load(Relaxed), depth + 1)));
        }
    }
    depths
}

#[test]
#[cfg_attr(miri, ignore = "too many blocks")]
fn a_bin_of_many_blocks_is_not_deep() {
    const COUNT: usize = 20_000;
    let heap = Heap::new(1 << 20, 2 * COUNT as u32 + 1);
    with_holes(&heap, &[3; COUNT]);
    let depths = depths(&heap, 3);
    assert_eq!(depths.len(), COUNT);
    let mean = f64::from(depths.iter().sum::<u32>()) / COUNT as f64;
    // In a tree of random order the mean depth is 2 ln n, and the maximum about three times the
    // logarithm.
    assert!(mean < 2.0 * (COUNT as f64).ln() && depths.iter().all(|depth| *depth < 45), "{mean}");
    // The same holds after a rebuild, which numbers blocks by address.
    let mut owned = Vec::new();
    let used = &mut |start, len, used, _| {
        if used {
            owned.push(OwnedExtent { start, len, tag: 0 })
        }
    };
    heap.alloc().for_each_block(used).unwrap();
    heap.alloc().rebuild(1 << 20, &mut owned, &mut |_, _| ()).map(drop).unwrap();
    assert!(self::depths(&heap, 3).iter().all(|depth| *depth < 45));
}

#[test]
#[cfg_attr(miri, ignore = "too many heaps")]
fn a_tree_with_a_ring_or_a_foreign_block_is_corrupt_and_no_walk_is_endless() {
    // 8 blocks of the bin that begins with 1024. Whatever value each link of the tree takes, every
    // call on it ends.
    let lens: Vec<u64> = (1024..1032).collect();
    let blocks = 17;
    for (at, right) in (0..blocks).flat_map(|at| [(at, false), (at, true)]) {
        for becomes in 0..=blocks as u32 + 1 {
            let heap = Heap::new(8228, 32);
            let holes = with_holes(&heap, &lens);
            let block = &heap.blocks[at];
            let link = if right { &block.right } else { &block.left };
            let was = link.load(Relaxed);
            link.store(becomes, Relaxed);
            let alloc = heap.alloc();
            let in_tree = lens.iter().zip(&holes).any(|(_, hole)| hole.block as usize == at + 1);
            if in_tree && was != becomes {
                assert_eq!(alloc.check().unwrap_err().status(), Status::Corrupt);
            }
            let mut status = Vec::new();
            for len in lens.iter().rev() {
                status.push(alloc.alloc(*len, false).map_err(|error| error.status()).err());
            }
            status.push(alloc.largest_free().map_err(|error| error.status()).err());
            let other = |status: &Option<Status>| status.is_some_and(|it| it != Status::Corrupt);
            assert!(!status.iter().any(other), "{status:?}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many heaps")]
fn neighbours_that_are_freed_together_become_one_free_block() {
    // Lengths; `true` is freed. All are freed in another order than that of their addresses.
    for kinds in 0u32..1 << 10 {
        let heap = Heap::new(400, 64);
        let alloc = heap.alloc();
        let mut all: Vec<_> = (0..10).map(|at| got(alloc.alloc(10 + at, false)).unwrap()).collect();
        let hole = all.remove(4);
        alloc.free(hole).unwrap();
        let goes = |at: usize| kinds >> at & 1 == 1;
        let mut freed: Vec<_> = (0..9).filter(|at| goes(*at)).map(|at| all[at]).collect();
        freed.reverse();
        let turn = kinds as usize % 3 % freed.len().max(1);
        freed.rotate_left(turn);
        alloc.free_all(&mut freed).unwrap();
        alloc.check().unwrap();
        let left: u64 = (0..9).filter(|at| !goes(*at)).map(|at| all[at].len).sum();
        assert_eq!(alloc.free_units(), 400 - left, "{kinds:b}");
        let mut rest: Vec<_> = (0..9).filter(|at| !goes(*at)).map(|at| all[at]).collect();
        alloc.free_all(&mut rest).unwrap();
        alloc.check().unwrap();
        assert_eq!(alloc.largest_free().unwrap(), 400);
    }
}

#[test]
fn extents_that_are_freed_twice_are_corrupt() {
    let heap = Heap::new(400, 64);
    let alloc = heap.alloc();
    let two = [got(alloc.alloc(10, false)).unwrap(), got(alloc.alloc(10, false)).unwrap()];
    let again = alloc.free_all(&mut [two[0], two[1], two[0]]);
    assert_eq!(again.map_err(|error| error.status()), Err(Status::Corrupt));
}
