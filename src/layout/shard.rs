//! Shards: the objects that a group of clients deleted, and the free slots that keep their memory for
//! the objects which these clients create next.

use crate::sync::{AtomicU32, AtomicU64};

/// Number of shards of a store. A client uses the shard `slot % SHARDS`, so a process uses again the
/// memory that it freed, which its processor still has in its caches.
pub const SHARDS: usize = 8;

/// Length of the longest extent that a slot cache holds, in units: a shard of 512 bytes has room for
/// the heads of this many stacks.
pub const CACHED_UNITS: usize = 122;

/// The most slots that a slot cache holds.
pub const SLOT_CACHE_SLOTS: u32 = 1024;

/// Divisor: all extents of one slot cache together are at most the heap divided by this.
pub const SLOT_CACHE_PART: u64 = 256;

/// DOOMED objects whose memory is not free yet.
#[repr(C)]
#[derive(Debug)]
pub struct Limbo {
    /// The object that was doomed last: slot + 1.
    pub head: AtomicU32,
    /// Number of objects.
    pub count: AtomicU32,
    /// Heap units of these objects.
    pub units: AtomicU64,
}

/// Free slots that keep their memory: one stack for each length.
#[repr(C)]
#[derive(Debug)]
pub struct SlotCache {
    /// Number of slots in all stacks.
    pub count: AtomicU32,
    /// Heap units of these slots.
    pub units: AtomicU32,
    /// Heads of the stacks: `heads[units - 1]` is the slot + 1 that was freed last with this length.
    pub heads: [AtomicU32; CACHED_UNITS],
}

/// The objects that the clients of one shard deleted. Changed under the writer lock only.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Shard {
    /// Objects that these clients deleted or evicted.
    pub limbo: Limbo,
    /// Free slots for objects that these clients create.
    pub slot_cache: SlotCache,
}

#[cfg(not(any(loom, shuttle)))]
const _: () = assert!(size_of::<Shard>() == 512);
