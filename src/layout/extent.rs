//! An extent: a contiguous range of bytes in the heap, as a record names it.

use crate::sync::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Heap memory is allocated in units of 64 bytes.
pub const UNIT: u64 = 64;

/// The largest heap: 128 TiB.
pub const MAX_CAPACITY: u64 = 1 << 47;

/// Returns the units that hold `bytes`. Saturates, so that a huge request stays huge.
pub const fn units(bytes: u64) -> u64 {
    bytes.div_ceil(UNIT)
}

/// A contiguous range of bytes in the heap; a `size` of 0 is no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// First unit.
    pub start: u64,
    /// Size in bytes.
    pub size: u64,
}

impl Extent {
    /// Returns the number of units that it covers.
    pub const fn len(self) -> u64 {
        units(self.size)
    }

    /// Returns its byte offset in the heap.
    pub const fn offset(self) -> u64 {
        self.start * UNIT
    }

    /// Returns whether it contains no memory.
    pub const fn is_empty(self) -> bool {
        self.size == 0
    }
}

/// The two extents of one kind (data or metadata) of a record.
///
/// | word   | bits   | field                         |
/// |--------|--------|-------------------------------|
/// | `wide` | 63..48 | bits 47..32 of the first unit |
/// | `wide` | 47..0  | size in bytes; 0 is no extent |
/// | `low`  | 31..0  | bits 31..0 of the first unit  |
///
/// Only the owner of a WRITING record stores here; a reader validates the record's word afterwards,
/// so Relaxed is enough.
#[repr(C)]
#[derive(Debug)]
pub struct ExtentPair {
    pub(super) wide: [AtomicU64; 2],
    pub(super) low: [AtomicU32; 2],
}

impl ExtentPair {
    /// Returns two empty extents.
    #[cfg(any(test, loom, shuttle))]
    pub fn empty() -> Self {
        Self {
            wide: [AtomicU64::new(0), AtomicU64::new(0)],
            low: [AtomicU32::new(0), AtomicU32::new(0)],
        }
    }

    /// Reads one of the two extents.
    #[inline]
    pub fn load(&self, index: usize) -> Extent {
        let wide = self.wide[index & 1].load(Relaxed);
        let low = self.low[index & 1].load(Relaxed);
        Extent { start: wide >> 48 << 32 | low as u64, size: wide & ((1 << 48) - 1) }
    }

    /// Returns whether neither has memory.
    #[inline]
    pub fn is_empty(&self) -> bool {
        let [a, b] = [&self.wide[0], &self.wide[1]].map(|wide| wide.load(Relaxed));
        (a | b) & ((1 << 48) - 1) == 0
    }

    /// Writes one of the two extents. The size is stored last when it grows from 0 and first when
    /// it becomes 0, so a rebuild never sees a size with the start of another extent.
    #[track_caller]
    pub fn store(&self, index: usize, extent: Extent) {
        let i = index & 1;
        if extent.is_empty() {
            self.wide[i].store(0, Relaxed);
            self.low[i].store(0, Relaxed);
        } else {
            self.low[i].store(extent.start as u32, Relaxed);
            self.wide[i].store(extent.start >> 32 << 48 | extent.size, Relaxed);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn extents_survive_packing_up_to_the_largest_heap() {
        let pair = ExtentPair::empty();
        let far = Extent { start: MAX_CAPACITY / UNIT - 1, size: 64 };
        let big = Extent { start: 3, size: MAX_CAPACITY };
        pair.store(0, far);
        pair.store(1, big);
        assert_eq!((pair.load(0), pair.load(1)), (far, big));
        pair.store(0, Extent::default());
        assert!(pair.load(0).is_empty());
    }
}
