//! The heap as a picture: the use of each part.

use plasma::{HeapBlock, HeapMap, ObjectState};

/// The uses of memory, in the order of legends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// A sealed object that is not held, or the message of a failed one.
    Sealed,
    /// A sealed object that is held.
    Leased,
    /// An object that is being written.
    Writing,
    /// A deleted object; its memory is freed once a scan finds that it is not held.
    Deleted,
    /// Name and metadata of an object.
    Metadata,
    /// Being returned to the system.
    Leaving,
    /// Free, and backed by memory.
    Free,
    /// Free, and not backed by memory.
    Unbacked,
}

impl Use {
    pub const ALL: [Use; 8] = [
        Use::Sealed,
        Use::Leased,
        Use::Writing,
        Use::Deleted,
        Use::Metadata,
        Use::Leaving,
        Use::Free,
        Use::Unbacked,
    ];

    pub fn of(block: &HeapBlock) -> Use {
        match block.state {
            ObjectState::Absent => Use::Leaving,
            ObjectState::Writing => Use::Writing,
            ObjectState::Deleted => Use::Deleted,
            ObjectState::Sealed | ObjectState::Failed if block.metadata => Use::Metadata,
            ObjectState::Sealed if block.lease_count > 0 => Use::Leased,
            ObjectState::Sealed | ObjectState::Failed => Use::Sealed,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Use::Sealed => "sealed",
            Use::Leased => "leased",
            Use::Writing => "being written",
            Use::Deleted => "deleted but still held",
            Use::Metadata => "metadata",
            Use::Leaving => "being returned to the system",
            Use::Free => "free",
            Use::Unbacked => "free, without memory",
        }
    }
}

/// A part of one use; the parts are adjacent, from the first byte to the last.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    pub offset: u64,
    pub size: u64,
    pub used: Use,
    /// `None` if it is free.
    pub block: Option<&'a HeapBlock>,
}

/// The whole heap in parts. Blocks that overlap, because they were read at different instants, are
/// cut.
pub fn stretches(map: &HeapMap) -> Vec<Stretch<'_>> {
    let mut all = Vec::new();
    let mut at = 0;
    for block in &map.blocks {
        let end = block.offset.saturating_add(block.size).min(map.capacity);
        free(map, at, block.offset, &mut all);
        let offset = block.offset.max(at);
        if offset < end {
            let used = Use::of(block);
            all.push(Stretch { offset, size: end - offset, used, block: Some(block) });
        }
        at = at.max(end);
    }
    free(map, at, map.capacity, &mut all);
    all
}

/// The free parts from one byte to another.
fn free<'a>(map: &HeapMap, from: u64, to: u64, all: &mut Vec<Stretch<'a>>) {
    let mut push = |offset: u64, end: u64, used| {
        if offset < end {
            all.push(Stretch { offset, size: end - offset, used, block: None });
        }
    };
    let mut at = from;
    let first = map.reserved.partition_point(|(offset, size)| offset + size <= from);
    for (offset, size) in &map.reserved[first..] {
        if *offset >= to || at >= to {
            break;
        }
        push(at, *offset.max(&at).min(&to), Use::Unbacked);
        let begin = (*offset).max(at);
        at = (offset + size).min(to);
        push(begin, at, Use::Free);
    }
    push(at, to, Use::Unbacked);
}

/// Bytes of each use.
pub fn totals(stretches: &[Stretch<'_>]) -> Vec<(Use, u64)> {
    let sum = |used| stretches.iter().filter(|s| s.used == used).map(|s| s.size).sum();
    Use::ALL.into_iter().map(|used| (used, sum(used))).collect()
}

/// One of many equal parts of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The use of most of its used bytes; free if none is used.
    pub used: Use,
    /// The used share in eighths, rounded up.
    pub eighths: u8,
}

/// The heap in `count` cells.
pub fn cells(map: &HeapMap, count: usize) -> Vec<Cell> {
    let stretches = stretches(map);
    let edge = |i: usize| (u128::from(map.capacity) * i as u128 / count.max(1) as u128) as u64;
    let mut first = 0;
    let mut cells = Vec::with_capacity(count);
    for i in 0..count {
        let (from, to) = (edge(i), edge(i + 1));
        while stretches.get(first).is_some_and(|s| s.offset + s.size <= from) {
            first += 1;
        }
        let mut bytes = [0u64; Use::ALL.len()];
        for stretch in stretches[first..].iter().take_while(|stretch| stretch.offset < to) {
            let end = (stretch.offset + stretch.size).min(to);
            bytes[stretch.used as usize] += end.saturating_sub(stretch.offset.max(from));
        }
        let (kinds, free) = bytes.split_at(Use::Free as usize);
        let used: u64 = kinds.iter().sum();
        let most = (0..kinds.len()).max_by_key(|kind| (kinds[*kind], std::cmp::Reverse(*kind)));
        let kind = match most.filter(|_| used > 0) {
            Some(kind) => Use::ALL[kind],
            None if free[0] > 0 => Use::Free,
            None => Use::Unbacked,
        };
        let eighths = (used * 8).div_ceil((to - from).max(1)).min(8) as u8;
        cells.push(Cell { used: kind, eighths });
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(offset: u64, size: u64, lease_count: u32) -> HeapBlock {
        let mut block = HeapBlock::default();
        (block.offset, block.size) = (offset, size);
        block.state = ObjectState::Sealed;
        block.lease_count = lease_count;
        block
    }

    fn map() -> HeapMap {
        let blocks = vec![block(0, 100, 0), block(50, 100, 1), block(300, 100, 0)];
        let mut map = HeapMap::default();
        map.capacity = 1000;
        map.reserved = vec![(0, 250), (500, 250)];
        map.blocks = blocks;
        map
    }

    #[test]
    fn stretches_cover_the_heap_without_gaps_or_overlaps() {
        let map = map();
        let found: Vec<_> = stretches(&map).iter().map(|s| (s.offset, s.size, s.used)).collect();
        let expected = [
            (0, 100, Use::Sealed),
            (100, 50, Use::Leased),
            (150, 100, Use::Free),
            (250, 50, Use::Unbacked),
            (300, 100, Use::Sealed),
            (400, 100, Use::Unbacked),
            (500, 250, Use::Free),
            (750, 250, Use::Unbacked),
        ];
        assert_eq!(found, expected);
        let sum: u64 = totals(&stretches(&map)).iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(sum, 1000);
    }

    #[test]
    fn cells_show_what_most_of_them_is_used_for() {
        let cells = cells(&map(), 4);
        let expected = [(Use::Sealed, 5), (Use::Sealed, 4), (Use::Free, 0), (Use::Unbacked, 0)];
        assert_eq!(cells.iter().map(|c| (c.used, c.eighths)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_empty_heap_has_cells_too() {
        assert_eq!(cells(&HeapMap::default(), 3).len(), 3);
    }
}
