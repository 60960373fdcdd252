//! The allocator's words in the file `index`: blocks, bins and the allocator's state.
//!
//! A block is named by its number, its index in the array plus one; 0 is no block.

use crate::sync::{AtomicU32, AtomicU64};
use std::array;

/// Bytes of a unit. The allocator counts all starts and lengths in units.
pub const UNIT: u64 = 64;

/// The largest heap, in units.
pub const MAX_UNITS: u64 = 1 << 40;

/// Bins of free blocks: 32 for each power of two, up to [`MAX_UNITS`]. Models have small heaps and
/// small stacks, so they have fewer.
pub const BINS: usize = if cfg!(any(loom, shuttle)) { 128 } else { 1216 };

/// Words of the bitmap of bins that are not empty.
pub const BIN_WORDS: usize = BINS / 64;

/// A part of the heap, used by one owner or free.
#[repr(C)]
#[derive(Debug)]
pub struct Block {
    /// First unit.
    pub start: AtomicU64,
    /// Length and state: a [`BlockState`] packed by [`BlockState::pack`].
    pub extent: AtomicU64,
    /// The block that ends where this one starts.
    pub prev: AtomicU32,
    /// The block that starts where this one ends.
    pub next: AtomicU32,
    /// In the tree of its bin: the subtree of shorter blocks, and of equally long ones before this
    /// one. Of a used block in a store with eviction: its owner's slot + 1, which counts only if
    /// the owner's record names the block.
    pub left: AtomicU32,
    /// In the tree: the subtree of the other blocks. On the spare list: the next block.
    pub right: AtomicU32,
}

/// The decoded state of a block.
///
/// | bits 63..62 | bits 61..0 | meaning                                         |
/// |-------------|------------|-------------------------------------------------|
/// | 00          | 0          | spare: on the spare list, or never used         |
/// | 01          | 1 ..= 2^40 | free: in the bin of this length                 |
/// | 10          | 1 ..= 2^40 | used: a record owns it, or keeps it while FREE: |
/// |             |            | all of it or all but its lead                   |
/// | other       | other      | corrupt                                         |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockState {
    /// Stands for no memory.
    Spare,
    /// Free memory, this many units.
    Free(u64),
    /// Used memory, this many units.
    Used(u64),
}

const STATE_SHIFT: u32 = 62;
const FREE: u64 = 1;
const USED: u64 = 2;

impl BlockState {
    /// Returns the word for this state. A length above [`MAX_UNITS`] gives a word that unpacks to
    /// nothing.
    #[inline]
    pub const fn pack(self) -> u64 {
        match self {
            BlockState::Spare => 0,
            BlockState::Free(len) => len | FREE << STATE_SHIFT,
            BlockState::Used(len) => len | USED << STATE_SHIFT,
        }
    }

    /// Returns the length in this word, which may be corrupt.
    #[inline]
    pub const fn len_of(word: u64) -> u64 {
        word & !(3 << STATE_SHIFT)
    }

    /// Returns the state in this word, unless it is corrupt.
    #[inline]
    pub const fn unpack(word: u64) -> Option<Self> {
        let len = Self::len_of(word);
        match (word >> STATE_SHIFT, len) {
            (0, 0) => Some(BlockState::Spare),
            (FREE, 1..=MAX_UNITS) => Some(BlockState::Free(len)),
            (USED, 1..=MAX_UNITS) => Some(BlockState::Used(len)),
            _ => None,
        }
    }
}

/// The allocator's state besides its blocks.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct AllocState {
    /// Units in the heap.
    pub capacity: AtomicU64,
    /// Units in free blocks.
    pub free: AtomicU64,
    /// Units in leads, which are the parts of used blocks before the extents that records own.
    pub lead: AtomicU64,
    /// First of the spare blocks, chained by `right`.
    pub spare: AtomicU32,
    /// Number of blocks that were ever taken; blocks with higher numbers were never used.
    pub fresh: AtomicU32,
    /// The block at unit 0.
    pub first: AtomicU32,
    /// Bit `w` is set while word `w` of `nonempty` is not 0.
    pub filled: AtomicU32,
    /// Bit `b % 64` of word `b / 64` is set while bin `b` is not empty.
    pub nonempty: [AtomicU64; BIN_WORDS],
}

/// The roots of the trees of free blocks.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Bins {
    /// By bin. Undefined while the bin is empty.
    pub roots: [AtomicU32; BINS],
}

impl Block {
    /// Returns a spare block that is not in shared memory yet (tests and models).
    pub fn zeroed() -> Self {
        let [prev, next, left, right] = array::from_fn(|_| AtomicU32::new(0));
        Self { start: AtomicU64::new(0), extent: AtomicU64::new(0), prev, next, left, right }
    }
}

impl AllocState {
    /// Returns a state that is not in shared memory yet (tests and models).
    pub fn zeroed() -> Self {
        let [spare, fresh, first, filled] = array::from_fn(|_| AtomicU32::new(0));
        let nonempty = array::from_fn(|_| AtomicU64::new(0));
        let [capacity, free, lead] = array::from_fn(|_| AtomicU64::new(0));
        Self { capacity, free, lead, spare, fresh, first, filled, nonempty }
    }
}

impl Bins {
    /// Returns bins that are not in shared memory yet (tests and models).
    pub fn zeroed() -> Self {
        Self { roots: array::from_fn(|_| AtomicU32::new(0)) }
    }
}

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    assert!(BIN_WORDS * 64 == BINS && BIN_WORDS <= u32::BITS as usize);
    assert!(size_of::<Block>() == 32 && align_of::<Block>() == 8);
    assert!(size_of::<AllocState>() == 192 && size_of::<Bins>() == 4 * BINS);
};

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn states_pack_and_unpack() {
        for state in [BlockState::Spare, BlockState::Free(1), BlockState::Used(MAX_UNITS)] {
            assert_eq!(BlockState::unpack(state.pack()), Some(state));
        }
        for word in [1, 3 << 62, (3 << 62) | 1, 1 << 62, (1 << 62) | (MAX_UNITS + 1), u64::MAX] {
            assert_eq!(BlockState::unpack(word), None, "{word:#x}");
        }
    }
}
