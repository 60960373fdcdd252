//! The geometry of a store's files: a function of capacity, max_objects and huge pages alone.

use super::block::Block;
use super::client;
use super::event::{EVENT_ENTRIES, EventEntry};
use super::extent::{MAX_CAPACITY, UNIT};
use super::header::{CHUNKS, Header};
use super::order;
use super::record::Record;
use super::wake::{WAKE_FILE_SIZE, WakePage};
use crate::error::{Error, Result, Status};

/// Bytes reserved for the header.
pub const HEADER_SIZE: u64 = 16384;

const PAGE: u64 = 4096;

/// Size of the smallest chunk of the heap that is reserved at once: the first object in it waits
/// for all of it.
pub const MIN_CHUNK: u64 = 256 << 10;

/// Size of the smallest chunk in a store with huge pages, which are 2 MiB.
pub const MIN_HUGE_CHUNK: u64 = 4 << 20;

/// The largest number of objects that a store can have at once.
pub const MAX_OBJECTS: u64 = 1 << 30;

/// Buckets of ids, and of names, that a new store uses.
pub const FIRST_BUCKETS: u32 = 512;

/// Records reserved at creation.
pub const FIRST_RECORDS: u32 = 256;

/// Allocator blocks reserved at creation.
pub const FIRST_BLOCKS: u32 = 1024;

/// Offsets (bytes) and counts of the sections of `index`, and the size of each file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes of the heap.
    pub capacity: u64,
    /// Bytes of a chunk of the heap.
    pub chunk_size: u64,
    /// Slots of the object table.
    pub max_objects: u32,
    /// The most buckets of ids, and of names; a power of two.
    pub buckets: u32,
    /// Allocator blocks.
    pub blocks: u32,
    /// Offset of the id buckets.
    pub id_buckets_at: u64,
    /// Offset of the name buckets.
    pub name_buckets_at: u64,
    /// Offset of the events.
    pub events_at: u64,
    /// Offset of the object table.
    pub records_at: u64,
    /// Offset of the allocator blocks.
    pub blocks_at: u64,
    /// Offset of the order of use.
    pub order_at: u64,
    /// Bytes of `index`.
    pub index_size: u64,
}

impl Geometry {
    /// Returns the geometry of a store of this size, or the reason why such a store is impossible.
    pub fn new(capacity: u64, max_objects: u64, huge_pages: bool) -> Result<Self> {
        let capacity = capacity.checked_next_multiple_of(UNIT).unwrap_or(u64::MAX);
        if capacity == 0 || capacity > MAX_CAPACITY {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("capacity {capacity} is not between 64 and {MAX_CAPACITY} bytes"),
            ));
        }
        if max_objects == 0 || max_objects > MAX_OBJECTS {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("max_objects {max_objects} is not between 1 and {MAX_OBJECTS}"),
            ));
        }
        let max_objects = max_objects as u32;
        let buckets = max_objects.next_power_of_two().max(64);
        // Each object has two extents, and a third while it is resized, and a free block may follow
        // each.
        let blocks = (u64::from(max_objects) * 4 + 1024).max(u64::from(FIRST_BLOCKS));
        let blocks = blocks.min(u64::from(u32::MAX - 1)) as u32;
        let pages = |bytes: u64| bytes.next_multiple_of(PAGE);
        let id_buckets_at = HEADER_SIZE;
        let name_buckets_at = id_buckets_at + pages(u64::from(buckets) * 8);
        let events_at = name_buckets_at + pages(u64::from(buckets) * 8);
        let records_at = events_at + pages(EVENT_ENTRIES as u64 * size_of::<EventEntry>() as u64);
        let records = u64::from(max_objects.max(FIRST_RECORDS)) * size_of::<Record>() as u64;
        let blocks_at = records_at + pages(records);
        let order_at = blocks_at + pages(u64::from(blocks) * size_of::<Block>() as u64);
        let index_size = order_at + pages(order::words(max_objects) * 8);
        Ok(Self {
            capacity,
            chunk_size: chunk_size(capacity, huge_pages),
            max_objects,
            buckets,
            blocks,
            id_buckets_at,
            name_buckets_at,
            events_at,
            records_at,
            blocks_at,
            order_at,
            index_size,
        })
    }

    /// The bytes of the order of use that slots `from .. to` need beyond those of the slots before:
    /// offset and length of each stretch.
    pub fn order_of(&self, from: u32, to: u32) -> impl Iterator<Item = (u64, u64)> {
        let at = self.order_at;
        let words = order::words_of_slots(self.max_objects, from, to);
        words.filter(|(_, count)| *count > 0).map(move |(first, count)| (at + first * 8, count * 8))
    }

    /// Returns the number of buckets of ids, and of names, that a new store uses.
    pub fn first_buckets(&self) -> u32 {
        self.buckets.min(FIRST_BUCKETS)
    }

    /// Returns the heap capacity in units.
    pub const fn units(&self) -> u64 {
        self.capacity / UNIT
    }
}

/// Returns the chunk size of a heap: a power of two, so that 4096 chunks cover it.
fn chunk_size(capacity: u64, huge_pages: bool) -> u64 {
    let least = if huge_pages { MIN_HUGE_CHUNK } else { MIN_CHUNK };
    capacity.div_ceil(u64::from(CHUNKS)).next_power_of_two().max(least)
}

/// Returns a hash of every size, offset and constant that two builds must agree on.
pub fn fingerprint() -> u64 {
    mix(FACTS, Geometry::new(1 << 30, 1 << 20, false).map_or(0, |geometry| geometry.index_size))
}

/// The hash of all but the size of an index.
const FACTS: u64 = {
    use super::block::{AllocState, BINS};
    use super::client::{ClientHeader, Release};
    use super::header::{Counters, Growth, HOSTS, Identity, Live, Table};
    use super::members::{self, MemberHeader, MembersHeader, Slot};
    use super::shard::{CACHED_UNITS, Limbo, SHARDS, Shard, SlotCache};
    use super::wake::{ALL_BUCKETS, OPEN_WORDS, ROW_WORDS, Tags, WAKE_RESERVED, WakeWord};
    use super::{HASH_K0 as K0, HASH_K1 as K1};
    use std::mem::offset_of;
    let sizes = [
        size_of::<usize>(),
        size_of::<Header>(),
        size_of::<Identity>(),
        size_of::<Live>(),
        size_of::<Table>(),
        size_of::<Growth>(),
        size_of::<Counters>(),
        size_of::<AllocState>(),
        size_of::<Shard>(),
        size_of::<Record>(),
        size_of::<Block>(),
        size_of::<EventEntry>(),
        size_of::<WakePage>(),
        size_of::<ClientHeader>(),
        size_of::<Release>(),
        size_of::<MembersHeader>(),
        size_of::<Slot>(),
        size_of::<MemberHeader>(),
    ];
    let offsets = [
        offset_of!(Header, live),
        offset_of!(Header, reserved),
        offset_of!(Header, lock),
        offset_of!(Header, table),
        offset_of!(Header, counters),
        offset_of!(Header, events),
        offset_of!(Header, alloc),
        offset_of!(Header, bins),
        offset_of!(Header, hosts),
        offset_of!(Header, shards),
        offset_of!(Identity, capacity),
        offset_of!(Identity, seed),
        offset_of!(Identity, epoch_us),
        offset_of!(Identity, max_readers),
        offset_of!(Identity, reader_quota),
        offset_of!(Live, lifecycle),
        offset_of!(Live, records_reserved),
        offset_of!(Live, id_mask),
        offset_of!(Live, name_mask),
        offset_of!(Table, free_head),
        offset_of!(Table, blocks_reserved),
        offset_of!(Table, had_client),
        offset_of!(Table, clearing),
        offset_of!(Table, latest_use),
        offset_of!(Table, ids),
        offset_of!(Table, names),
        offset_of!(Table, named),
        offset_of!(Shard, slot_cache),
        offset_of!(Limbo, units),
        offset_of!(SlotCache, heads),
        offset_of!(Record, id_link),
        offset_of!(Record, data),
        offset_of!(Record, name_link),
        offset_of!(Record, name_hash),
        offset_of!(Record, meta),
        offset_of!(Record, creator_serial),
        offset_of!(Record, blocks),
        offset_of!(Record, creator_slot),
        offset_of!(Record, link),
        offset_of!(Record, creator_start),
        offset_of!(Record, payload),
        offset_of!(ClientHeader, nonce),
        offset_of!(ClientHeader, flags),
        offset_of!(ClientHeader, lease_high),
        offset_of!(ClientHeader, joined),
        offset_of!(ClientHeader, released),
        offset_of!(WakePage, clients),
        offset_of!(WakePage, tags),
        offset_of!(WakePage, subscribers),
        offset_of!(WakeWord, announcing),
        offset_of!(WakeWord, waiting),
        offset_of!(WakeWord, subscribed),
        offset_of!(MembersHeader, serials),
        offset_of!(MembersHeader, locks),
        offset_of!(MembersHeader, beacon),
        offset_of!(MembersHeader, own),
        offset_of!(Slot, lease_high),
        offset_of!(Slot, lease_room),
        offset_of!(MemberHeader, joined),
        offset_of!(MemberHeader, pid),
        offset_of!(MemberHeader, released),
    ];
    let [kind, time, size, metadata] = super::event::FIELD_BITS;
    let constants = [
        super::LAYOUT_VERSION as u64,
        HEADER_SIZE,
        WAKE_FILE_SIZE,
        UNIT,
        MIN_CHUNK,
        FIRST_BUCKETS as u64,
        CHUNKS as u64,
        BINS as u64,
        HOSTS as u64,
        SHARDS as u64,
        CACHED_UNITS as u64,
        WAKE_RESERVED,
        ALL_BUCKETS as u64,
        ROW_WORDS as u64,
        OPEN_WORDS as u64,
        Tags::BITS as u64,
        EVENT_ENTRIES as u64,
        order::FAN as u64,
        client::READERS as u64,
        members::SLOTS as u64,
        members::UNDERTAKERS as u64,
        members::LOCKS as u64,
        members::PAGES_AT,
        members::LEVELS_AT,
        members::RINGS_AT,
        members::MORE_LEVELS_AT,
        client::MAX_LEASES as u64,
        client::RELEASES as u64,
        client::LEASES_OFFSET,
        K0,
        K1,
        super::word::CHAIN_END as u64,
        super::word::State::Failed as u64,
        ((kind << 24) | (time << 16) | (size << 8) | metadata) as u64,
    ];
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < sizes.len() + offsets.len() + constants.len() {
        let fact = if at < sizes.len() {
            sizes[at] as u64
        } else if at < sizes.len() + offsets.len() {
            offsets[at - sizes.len()] as u64
        } else {
            constants[at - sizes.len() - offsets.len()]
        };
        hash = mix(hash, fact);
        at += 1;
    }
    hash
};

/// FNV-1a over the little-endian bytes of a fact.
const fn mix(mut hash: u64, fact: u64) -> u64 {
    let mut byte = 0;
    while byte < 8 {
        hash = (hash ^ (fact >> (8 * byte) & 0xff)).wrapping_mul(0x0100_0000_01b3);
        byte += 1;
    }
    hash
}
