//! The header of the `index` file.
//!
//! Cache lines are grouped by the calls that change them: a line that a get reads is never changed
//! by create, seal or release.

use super::block::{AllocState, Bins};
use super::event::EventHead;
use super::shard::{SHARDS, Shard};
use crate::sync::{AtomicU32, AtomicU64};

/// First word of an index file.
pub const MAGIC: u64 = u64::from_le_bytes(*b"plasmaIX");

/// Whether a store accepts calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// In use.
    Live = 1,
    /// The last client of an EPHEMERAL store checks whether it is the last; only under the lock.
    Closing = 2,
    /// Removed; no call begins after this.
    Gone = 3,
}

impl Lifecycle {
    /// Decodes a word of shared memory.
    pub const fn decode(word: u32) -> Option<Self> {
        match word {
            1 => Some(Self::Live),
            2 => Some(Self::Closing),
            3 => Some(Self::Gone),
            _ => None,
        }
    }
}

/// Set in `Identity::flags`: removed when the last client leaves.
pub const FLAG_EPHEMERAL: u32 = 1;
/// Set in `Identity::flags`: evicts the least recently released.
pub const FLAG_LRU: u32 = 2;
/// Set in `Identity::flags`: collapse full 2 MiB runs.
pub const FLAG_HUGE_PAGES: u32 = 4;
/// Set in `Identity::flags`: readers without write permission are admitted.
pub const FLAG_FOREIGN_READERS: u32 = 8;

/// Set in `Identity::flags`: stamps of use are values of the processor's counter, else of a clock.
pub const FLAG_COUNTER: u32 = 16;

/// All flags.
pub const ALL_FLAGS: u32 =
    FLAG_EPHEMERAL | FLAG_LRU | FLAG_HUGE_PAGES | FLAG_FOREIGN_READERS | FLAG_COUNTER;

/// Number of chunks of the heap, one bit each in the reserved map.
pub const CHUNKS: u32 = 4096;

/// Number of host names that a store remembers.
pub const HOSTS: usize = 64;

/// The identity of the store. Written once, before the store is published.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Identity {
    /// [`MAGIC`].
    pub magic: AtomicU64,
    /// [`super::LAYOUT_VERSION`].
    pub version: AtomicU32,
    /// `FLAG_*`.
    pub flags: AtomicU32,
    /// Hash of every size, offset and constant of the layout.
    pub fingerprint: AtomicU64,
    /// Random identity of this store.
    pub nonce: AtomicU64,
    /// Bytes of the heap; a multiple of 64.
    pub capacity: AtomicU64,
    /// Bytes of a chunk of the heap; a power of two.
    pub chunk_size: AtomicU64,
    /// Slots of the object table.
    pub max_objects: AtomicU32,
    /// The most buckets of ids, and of names; a power of two.
    pub buckets: AtomicU32,
    /// Permissions of `index` and `heap`.
    pub mode: AtomicU32,
    /// Number of names that count in `readers/`, counted from the first.
    pub max_readers: AtomicU32,
    /// Key of the hashes.
    pub seed: [AtomicU64; 2],
    /// A stamp of use at creation, which relates stamps to times.
    pub ticks: AtomicU64,
    /// Microseconds since the Unix epoch at creation.
    pub epoch_us: AtomicU64,
    /// Bytes that the leases of one file in `readers/` may keep from being freed.
    pub reader_quota: AtomicU64,
    _pad: [AtomicU64; 2],
}

/// Words that every call reads and that rarely change.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Live {
    /// Odd while the chains are being rebuilt.
    pub rebuild_sequence: AtomicU64,
    /// [`Lifecycle`].
    pub lifecycle: AtomicU32,
    /// Records of the object table that are backed by memory.
    pub records_reserved: AtomicU32,
    /// Number of id buckets in use - 1.
    pub id_mask: AtomicU32,
    /// Number of name buckets in use - 1.
    pub name_mask: AtomicU32,
    _pad: [AtomicU64; 5],
}

#[cfg(test)]
impl Live {
    /// Of a store that is in private memory (tests and models).
    pub(crate) fn empty() -> Self {
        let half = || AtomicU32::new(0);
        Self {
            rebuild_sequence: AtomicU64::new(0),
            lifecycle: half(),
            records_reserved: half(),
            id_mask: half(),
            name_mask: half(),
            _pad: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

#[cfg(test)]
impl Table {
    /// Of a store that is in private memory (tests and models).
    pub(crate) fn empty() -> Self {
        let half = || AtomicU32::new(0);
        let growth = || Growth { reserved: half(), split: half() };
        Self {
            used: half(),
            free_head: half(),
            free_tail: half(),
            free_count: half(),
            blocks_reserved: half(),
            hosts: half(),
            had_client: half(),
            clearing: half(),
            latest_use: AtomicU64::new(0),
            ids: growth(),
            names: growth(),
            named: half(),
            _unused: half(),
        }
    }
}

/// How far the buckets of one kind have grown. Changed under the lock.
#[repr(C)]
#[derive(Debug)]
pub struct Growth {
    /// Buckets that are backed by memory, in use or not.
    pub reserved: AtomicU32,
    /// Each bucket in use below this has been split from its parent.
    pub split: AtomicU32,
}

/// Free slots, and counts of what is in use. Changed under the lock.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Table {
    /// Slots that were ever used.
    pub used: AtomicU32,
    /// Oldest free slot: slot + 1.
    pub free_head: AtomicU32,
    /// Newest free slot: slot + 1.
    pub free_tail: AtomicU32,
    /// Slots in the queue.
    pub free_count: AtomicU32,
    /// Allocator blocks that are backed by memory.
    pub blocks_reserved: AtomicU32,
    /// Host names in the table.
    pub hosts: AtomicU32,
    /// Not 0 once a client has joined.
    pub had_client: AtomicU32,
    /// Name in `readers/` that the owner of the lock is removing: slot + 1, else 0.
    pub clearing: AtomicU32,
    /// The latest stamp of use when an object was made, in stores with eviction.
    pub latest_use: AtomicU64,
    /// The id buckets.
    pub ids: Growth,
    /// The name buckets.
    pub names: Growth,
    /// Objects in the chains of names.
    pub named: AtomicU32,
    _unused: AtomicU32,
}

/// Statistics for users. Changed under the lock, except where a field says otherwise.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Counters {
    /// Number of evicted objects.
    pub evictions: AtomicU64,
    /// Bytes of data and metadata of evicted objects.
    pub evicted_bytes: AtomicU64,
    /// Number of recoveries.
    pub recoveries: AtomicU64,
    /// Number of dead clients that were reaped.
    pub reaped_clients: AtomicU64,
    /// Number of times that the lock was stolen from a dead owner.
    pub lock_steals: AtomicU64,
    _pad: [AtomicU64; 3],
}

/// The writer lock, and the first duty of its next owner, on a line of their own.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct LockLine {
    /// [`super::lock_word::LockWord`].
    pub word: AtomicU64,
    /// Number of records marked ABANDONED that the next owner of the lock frees.
    pub abandoned: AtomicU64,
    _pad: [AtomicU64; 6],
}

/// A host name, NUL padded.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Host(pub [AtomicU64; 8]);

/// The header of the index file.
#[repr(C)]
#[derive(Debug)]
pub struct Header {
    /// The identity of the store.
    pub identity: Identity,
    /// Words that every call reads.
    pub live: Live,
    /// A line for words to come.
    pub spare: [AtomicU64; 8],
    /// The writer lock.
    pub lock: LockLine,
    /// Free slots.
    pub table: Table,
    /// Statistics for users.
    pub counters: Counters,
    /// Next ticket of the events, and the ticket of the last gap.
    pub events: EventHead,
    /// The allocator.
    pub alloc: AllocState,
    /// Free blocks by size.
    pub bins: Bins,
    /// Names of the hosts of creators.
    pub hosts: [Host; HOSTS],
    /// Limbo, and free slots that keep their memory.
    pub shards: [Shard; SHARDS],
    /// One bit for each chunk of the heap that is backed by memory.
    pub reserved: Reserved,
}

/// The reserved map: lines that are mostly read.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Reserved(pub [AtomicU64; CHUNKS as usize / 64]);

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<Identity>() == 128);
    assert!(offset_of!(Header, live) == 128);
    assert!(offset_of!(Header, spare) == 192);
    assert!(offset_of!(Header, lock) == 256);
    assert!(offset_of!(Header, table) == 320);
    assert!(offset_of!(Header, counters) == 384);
    assert!(offset_of!(Header, events) == 448);
    assert!(offset_of!(Header, alloc) == 512);
    assert!(size_of::<Header>() <= super::geometry::HEADER_SIZE as usize);
};
