//! The extents of the heap that a record owns.

use crate::error::Result;
use crate::layout::extent::{Extent, ExtentPair};
use crate::layout::record::Record;
use crate::layout::word::RecordWord;
use crate::protocols::alloc::{self, Allocator};
use crate::sync::Ordering;

/// Whether both extents of the pair that `which` belongs to begin at the same unit.
pub fn same_place(record: &Record, which: usize) -> bool {
    let pair = if which < 2 { &record.data } else { &record.meta };
    let (a, b) = (pair.load(0), pair.load(1));
    !a.is_empty() && !b.is_empty() && a.start == b.start
}

/// All heap that a record owns: index (data 0, data 1, metadata 0, metadata 1) and extent.
pub fn owned_extents(record: &Record) -> impl Iterator<Item = (usize, Extent)> {
    [(0, &record.data), (2, &record.meta)].into_iter().flat_map(|(which, pair)| {
        let [first, second] = owned_of(pair);
        first.map(|a| (which, a)).into_iter().chain(second.map(|b| (which + 1, b)))
    })
}

/// Calls `each` with all heap that a record owns, as [`owned_extents`].
#[inline]
pub fn for_each_owned(
    record: &Record,
    mut each: impl FnMut(usize, Extent) -> Result<()>,
) -> Result<()> {
    for (which, pair) in [(0, &record.data), (2, &record.meta)] {
        let [first, second] = owned_of(pair);
        if let Some(extent) = first {
            each(which, extent)?;
        }
        if let Some(extent) = second {
            each(which + 1, extent)?;
        }
    }
    Ok(())
}

/// The extents of a pair that a record owns. Two with the same start belong to an interrupted resize:
/// it owns the longer one.
#[inline]
fn owned_of(pair: &ExtentPair) -> [Option<Extent>; 2] {
    let (a, b) = (pair.load(0), pair.load(1));
    let some = |extent: Extent| if extent.is_empty() { None } else { Some(extent) };
    match (some(a), some(b)) {
        (Some(a), Some(b)) if a.start == b.start && a.len() >= b.len() => [Some(a), None],
        (Some(a), Some(b)) if a.start == b.start => [None, Some(b)],
        both => [both.0, both.1],
    }
}

/// The units before an extent that become free with it. Without the lock the block may belong to
/// another object by now: then 0.
pub fn lead_of(allocator: &Allocator<'_>, record: &Record, which: usize, extent: Extent) -> u64 {
    let block = record.blocks[which].load(Ordering::Relaxed);
    let extent = alloc::Extent { start: extent.start, len: extent.len(), block };
    allocator.lead_of(extent).unwrap_or(0)
}

/// The heap units that a record owns.
pub fn units_of(record: &Record, word: RecordWord) -> u64 {
    record.data.load(word.data_index()).len() + record.meta.load(word.meta_index()).len()
}

/// The two kinds of extents.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ExtentKind {
    Data,
    Meta,
}

impl ExtentKind {
    pub fn pair(self, record: &Record) -> &crate::layout::extent::ExtentPair {
        match self {
            ExtentKind::Data => &record.data,
            ExtentKind::Meta => &record.meta,
        }
    }

    pub fn current(self, word: RecordWord) -> usize {
        match self {
            ExtentKind::Data => word.data_index(),
            ExtentKind::Meta => word.meta_index(),
        }
    }

    pub fn flip(self, word: RecordWord) -> RecordWord {
        let bit = match self {
            ExtentKind::Data => RecordWord::DATA1,
            ExtentKind::Meta => RecordWord::META1,
        };
        if word.has(bit) { word.without(bit) } else { word.with(bit) }
    }

    pub fn block(self, index: usize) -> usize {
        match self {
            ExtentKind::Data => index,
            ExtentKind::Meta => 2 + index,
        }
    }
}
