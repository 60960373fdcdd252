//! Shards: what clients delete, and what that leaves for what they create next.

use crate::sync::{AtomicU32, AtomicU64};

/// Shards of a store. A client has the one of its own slot modulo this, so that what one process
/// frees, and its processor has in its caches, is what that process uses again.
pub const SHARDS: usize = 8;

/// The longest extent that a magazine keeps, in units: as many as a shard of 512 bytes has stacks for.
pub const KEPT_UNITS: usize = 122;

/// The most slots that a magazine holds.
pub const MAGAZINE_SLOTS: u32 = 1024;

/// A magazine keeps no more than this part of the heap.
pub const MAGAZINE_PART: u64 = 256;

/// Doomed objects.
#[repr(C)]
#[derive(Debug)]
pub struct Limbo {
    /// The one that was doomed last: slot + 1.
    pub head: AtomicU32,
    /// How many.
    pub count: AtomicU32,
    /// Heap units that they keep.
    pub units: AtomicU64,
}

/// Free slots that kept their memory: a stack for each length.
#[repr(C)]
#[derive(Debug)]
pub struct Magazine {
    /// Slots in all stacks.
    pub count: AtomicU32,
    /// Units that these slots keep.
    pub units: AtomicU32,
    /// The slot that was freed last, by its units less 1: slot + 1.
    pub heads: [AtomicU32; KEPT_UNITS],
}

/// What the clients of a shard delete. Changed under the lock.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Shard {
    /// Objects that they deleted or evicted.
    pub limbo: Limbo,
    /// For objects that they create.
    pub magazine: Magazine,
}

#[cfg(not(any(loom, shuttle)))]
const _: () = assert!(size_of::<Shard>() == 512);
