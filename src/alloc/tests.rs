//! Each promise of the allocator once, by example.

use super::fixture::{Heap, got};
use super::{Outcome, Owned};
use crate::error::Status;
use crate::layout::block::MAX_UNITS;

#[test]
fn an_empty_heap_takes_one_extent_of_exactly_its_capacity() {
    for capacity in [1, 7, 8, 1000, 1 << 30, MAX_UNITS - 1, MAX_UNITS] {
        let heap = Heap::new(capacity, 4);
        let alloc = heap.alloc();
        for align in [1, 64, 32768] {
            let all = got(alloc.alloc_preferring(capacity, align)).unwrap();
            assert_eq!((all.start, all.len), (0, capacity));
            assert_eq!((alloc.free_units(), alloc.largest_free().unwrap()), (0, 0));
            assert_eq!(got(alloc.alloc_preferring(1, 1)), None);
            alloc.free(all).unwrap();
            alloc.check().unwrap();
        }
        assert_eq!(got(alloc.alloc_preferring(capacity + 1, 1)), None);
    }
}

#[test]
fn a_fresh_heap_is_filled_from_below() {
    let heap = Heap::new(1 << 20, 64);
    let starts: Vec<u64> = (0..5).map(|_| got(heap.alloc().alloc(3, 1)).unwrap().start).collect();
    assert_eq!(starts, [0, 3, 6, 9, 12]);
}

#[test]
fn what_has_free_memory_beside_it_is_not_enclosed() {
    let heap = Heap::new(40, 64);
    let alloc = heap.alloc();
    let four: Vec<_> = (0..4).map(|_| got(alloc.alloc(10, 1)).unwrap()).collect();
    let enclosed = || four.iter().map(|it| alloc.is_enclosed(*it)).collect::<Vec<_>>();
    assert!(enclosed().into_iter().all(|it| it.unwrap()), "the ends of the heap are no memory");
    alloc.free(four[0]).unwrap();
    let status = |it: crate::error::Result<bool>| it.map_err(|error| error.status());
    let now: Vec<_> = enclosed().into_iter().map(status).collect();
    assert_eq!(now, [Err(Status::Corrupt), Ok(false), Ok(true), Ok(true)]);
    alloc.free(four[3]).unwrap();
    assert!(!alloc.is_enclosed(four[2]).unwrap());
}

#[test]
fn a_hole_is_used_again_by_its_like() {
    let heap = Heap::new(1 << 20, 64);
    let alloc = heap.alloc();
    for (len, align) in [(1001, 1), (65537, 32768)] {
        let hole = got(alloc.alloc(len, align)).unwrap();
        got(alloc.alloc(1, 1)).unwrap();
        alloc.free(hole).unwrap();
        assert_eq!(got(alloc.alloc(len, align)).unwrap().start, hole.start);
    }
}

#[test]
fn alignment_is_kept_and_its_gaps_stay_free() {
    let heap = Heap::new(1 << 20, 64);
    let alloc = heap.alloc();
    let small = got(alloc.alloc(1, 1)).unwrap();
    let page = got(alloc.alloc(100, 64)).unwrap();
    let huge = got(alloc.alloc(40000, 32768)).unwrap();
    assert_eq!((small.start, page.start, huge.start), (0, 64, 32768));
    assert_eq!(got(alloc.alloc(63, 1)).unwrap().start, 1);
    alloc.check().unwrap();
}

#[test]
fn alignment_yields_where_there_is_no_room_for_it() {
    let heap = Heap::new(32768 + 100, 64);
    let alloc = heap.alloc();
    got(alloc.alloc(1, 1)).unwrap();
    assert_eq!(got(alloc.alloc(200, 32768)), None);
    assert_eq!(got(alloc.alloc_preferring(200, 32768)).unwrap().start, 64);
    assert_eq!(got(alloc.alloc_preferring(32768 + 100 - 264, 32768)).unwrap().start, 264);
}

#[test]
fn blocks_are_asked_for_exactly_and_nothing_changes() {
    let heap = Heap::new(1 << 20, 3);
    let short = heap.alloc_with(1);
    assert_eq!(short.alloc(1, 1).unwrap(), Outcome::NeedBlocks(2));
    short.check().unwrap();
    let alloc = heap.alloc();
    let whole = got(alloc.alloc_within(5, 1, &mut |_, end| Some((7, end)))).unwrap();
    assert_eq!(whole.start, 7);
    assert_eq!(alloc.take_at(100, 5).unwrap(), Outcome::NeedBlocks(5));
    assert_eq!(alloc.alloc(1 << 10, 1).unwrap(), Outcome::NeedBlocks(4));
    alloc.check().unwrap();
    let all = got(alloc.alloc((1 << 20) - 12, 1)).unwrap();
    assert_eq!(alloc.shrink(all, 9).unwrap(), Outcome::NeedBlocks(4));
    assert_eq!(alloc.shrink(whole, 5).unwrap(), Outcome::Done(()));
    alloc.check().unwrap();
}

#[test]
fn grow_takes_what_is_behind_and_shrink_gives_it_back() {
    let heap = Heap::new(100, 8);
    let alloc = heap.alloc();
    let mut a = got(alloc.alloc(10, 1)).unwrap();
    let b = got(alloc.alloc(10, 1)).unwrap();
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
    let mut take = |len, align| got(alloc.alloc_within(len, align, &mut next)).map(|e| e.start);
    assert_eq!(take(5, 1), Some(20));
    assert_eq!(take(4, 4), Some(92));
    assert_eq!(take(4, 1), Some(2));
    assert_eq!(take(5, 1), None);
    alloc.check().unwrap();
}

#[test]
fn a_record_that_disagrees_with_its_block_is_corrupt() {
    let heap = Heap::new(100, 8);
    let alloc = heap.alloc();
    let a = got(alloc.alloc(10, 1)).unwrap();
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
    for (len, align) in [(0, 1), (1, 0), (1, 3), (1, 1 << 63), (u64::MAX, 0)] {
        for outcome in [alloc.alloc(len, align), alloc.alloc_preferring(len, align)] {
            assert_eq!(outcome.unwrap_err().status(), Status::InvalidArgument);
        }
    }
    assert_eq!(got(alloc.alloc(u64::MAX, 1 << 40)), None);
    assert_eq!(got(alloc.take_at(u64::MAX, 5)), None);
    let a = got(alloc.alloc(10, 1)).unwrap();
    assert!(alloc.shrink(a, 0).is_err() && alloc.shrink(a, 11).is_err());
    assert!(alloc.grow_in_place(a, 9).is_err() && !alloc.grow_in_place(a, u64::MAX).unwrap());
}

#[test]
fn rebuild_checks_before_it_writes() {
    let heap = Heap::new(100, 4);
    let alloc = heap.alloc();
    let a = got(alloc.alloc(10, 1)).unwrap();
    let owned = |start, len| Owned { start, len, tag: start };
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
    let mut owned =
        [(50, 10), (0, 5), (90, 10), (5, 5)].map(|(start, len)| Owned { start, len, tag: start });
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
