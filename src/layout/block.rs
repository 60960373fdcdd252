//! The allocator's words in the file `index`: blocks, bins and the state above them.
//!
//! A block is named by its number: its place in the array plus one, so that 0 is "none".

use crate::sync::{AtomicU32, AtomicU64};
use std::array;

/// Bytes in a unit: all starts and lengths of the allocator count units.
pub const UNIT: u64 = 64;

/// The largest heap, in units.
pub const MAX_UNITS: u64 = 1 << 40;

/// Bins of free blocks: eight to each power of two, up to [`MAX_UNITS`].
pub const BINS: usize = 320;

/// Words of the bitmap that says which bins are not empty.
pub const BIN_WORDS: usize = BINS / 64;

/// A stretch of the heap: used by one owner, or free.
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
    /// The previous block of the same bin.
    pub bin_prev: AtomicU32,
    /// The next block of the same bin, or of the spare list.
    pub bin_next: AtomicU32,
}

/// What a block stands for.
///
/// | bits 63..62 | bits 61..0   | meaning                                        |
/// |-------------|--------------|------------------------------------------------|
/// | 00          | 0            | spare: on the spare list, or never used        |
/// | 01          | 1 ..= 2^40   | free: in the bin of this length                |
/// | 10          | 1 ..= 2^40   | used: a record owns it, or keeps it while FREE |
/// | other       | other        | corrupt                                        |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockState {
    /// Stands for no memory.
    Spare,
    /// Free memory, this many units.
    Free(u64),
    /// Owned memory, this many units.
    Used(u64),
}

const STATE_SHIFT: u32 = 62;
const FREE: u64 = 1;
const USED: u64 = 2;

impl BlockState {
    /// The word for this state. A length above [`MAX_UNITS`] gives a word that unpacks to nothing.
    #[inline]
    pub const fn pack(self) -> u64 {
        match self {
            BlockState::Spare => 0,
            BlockState::Free(len) => len | FREE << STATE_SHIFT,
            BlockState::Used(len) => len | USED << STATE_SHIFT,
        }
    }

    /// The state in this word, unless it is corrupt.
    #[inline]
    pub const fn unpack(word: u64) -> Option<Self> {
        let len = word & !(3 << STATE_SHIFT);
        match (word >> STATE_SHIFT, len) {
            (0, 0) => Some(BlockState::Spare),
            (FREE, 1..=MAX_UNITS) => Some(BlockState::Free(len)),
            (USED, 1..=MAX_UNITS) => Some(BlockState::Used(len)),
            _ => None,
        }
    }
}

/// What the allocator knows beside its blocks.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct AllocState {
    /// Units in the heap.
    pub capacity: AtomicU64,
    /// Units in free blocks.
    pub free: AtomicU64,
    /// First of the spare blocks, chained by `bin_next`.
    pub spare: AtomicU32,
    /// Blocks that were ever taken: those with higher numbers hold nothing.
    pub fresh: AtomicU32,
    /// The block at unit 0.
    pub first: AtomicU32,
    /// Zero.
    pub pad: AtomicU32,
    /// Bit `b % 64` of word `b / 64` is set while bin `b` is not empty.
    pub nonempty: [AtomicU64; BIN_WORDS],
}

/// The first free block of each bin.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Bins {
    /// By bin.
    pub heads: [AtomicU32; BINS],
}

impl Block {
    /// A spare block that is not in shared memory yet (tests and models).
    pub fn zeroed() -> Self {
        let [prev, next, bin_prev, bin_next] = array::from_fn(|_| AtomicU32::new(0));
        Self { start: AtomicU64::new(0), extent: AtomicU64::new(0), prev, next, bin_prev, bin_next }
    }
}

impl AllocState {
    /// A state that is not in shared memory yet (tests and models).
    pub fn zeroed() -> Self {
        let [spare, fresh, first, pad] = array::from_fn(|_| AtomicU32::new(0));
        let nonempty = array::from_fn(|_| AtomicU64::new(0));
        let [capacity, free] = array::from_fn(|_| AtomicU64::new(0));
        Self { capacity, free, spare, fresh, first, pad, nonempty }
    }
}

impl Bins {
    /// Bins that are not in shared memory yet (tests and models).
    pub fn zeroed() -> Self {
        Self { heads: array::from_fn(|_| AtomicU32::new(0)) }
    }
}

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    assert!(size_of::<Block>() == 32 && align_of::<Block>() == 8);
    assert!(size_of::<AllocState>() == 128 && size_of::<Bins>() == 4 * BINS);
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
