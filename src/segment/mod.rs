//! The segment: the files of one store, mapped and checked. Only here do bytes become types.

pub mod address;
mod beside;
mod cast;
mod copy;
mod files;
mod heap;
mod members;
mod nearby;
mod open;
mod parent;
mod publish;
mod remove;
mod wake;
mod written;

pub use address::{Address, directory_of_words};
pub use cast::{Section, Single};
pub use files::{slot_name, slot_of};
pub use heap::{Bytes, BytesMut, Heap, all_set};
pub use members::{Life, Members, OwnWords, refused};
pub use nearby::Nearby;
pub use open::{Access, open};
pub use publish::{NewStore, create, refuse_beyond_cgroup};
pub use remove::{finish_removal, remove};

use crate::error::{Error, Result, Status};
use crate::layout::LAYOUT_VERSION;
use crate::layout::block::Block;
use crate::layout::event::EventEntry;
use crate::layout::geometry::{Geometry, fingerprint};
use crate::layout::header::{
    FLAG_COUNTER, FLAG_EPHEMERAL, FLAG_FOREIGN_READERS, FLAG_HUGE_PAGES, FLAG_LRU, Header,
    Identity, Lifecycle, MAGIC,
};
use crate::layout::order;
use crate::layout::record::Record;
use crate::layout::wake::WakePage;
use crate::options::Eviction;
use crate::protocols::alloc::Allocator;
use crate::protocols::events::{EventRing, Subscribers};
use crate::protocols::index::hash::Seed;
use crate::protocols::index::{Abandoned, Index, Slots};
use crate::protocols::lifecycle::LifecycleWord;
use crate::protocols::order::Order;
use crate::protocols::wake::{Waiters, open as open_words};
use crate::protocols::writer_lock::WriterLock;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::sys::map::{HUGE_PAGE, Map};
use crate::sys::ticks::Ticks;
use crate::sys::verified_fd::VerifiedFd;
use crate::sys::{SysResult, futex};
use std::sync::Arc;
use wake::Wake;

/// The constants of a store, copied out of its header once and checked.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Offsets and counts.
    pub geometry: Geometry,
    /// `FLAG_*`.
    pub flags: u32,
    /// Permissions of `index` and `heap`.
    pub mode: u32,
    /// Bytes that the leases of one file in `readers/` may keep from being freed.
    pub reader_quota: u64,
    /// Number of names that count in `readers/`.
    pub max_readers: u32,
    /// Key of the hashes.
    pub seed: Seed,
    /// Clock ticks at creation.
    pub ticks: u64,
    /// Microseconds since the Unix epoch at creation.
    pub epoch_us: i64,
}

impl Facts {
    /// Returns whether `identity` is still that of the store these facts were copied from.
    pub fn is_identity(&self, identity: &Identity) -> bool {
        let wide = |word: &AtomicU64| word.load(Ordering::Relaxed);
        let half = |word: &AtomicU32| word.load(Ordering::Relaxed);
        let geometry = &self.geometry;
        wide(&identity.magic) == MAGIC
            && half(&identity.version) == LAYOUT_VERSION
            && wide(&identity.fingerprint) == fingerprint()
            && half(&identity.flags) == self.flags
            && half(&identity.mode) == self.mode
            && half(&identity.max_readers) == self.max_readers
            && wide(&identity.reader_quota) == self.reader_quota
            && wide(&identity.capacity) == geometry.capacity
            && wide(&identity.chunk_size) == geometry.chunk_size
            && half(&identity.max_objects) == geometry.max_objects
            && half(&identity.buckets) == geometry.buckets
            && [wide(&identity.seed[0]), wide(&identity.seed[1])] == self.seed.0
            && wide(&identity.ticks) == self.ticks
            && wide(&identity.epoch_us) as i64 == self.epoch_us
    }

    /// Returns whether the store is removed when its last client leaves.
    pub fn ephemeral(&self) -> bool {
        self.flags & FLAG_EPHEMERAL != 0
    }
    /// Returns whether the store evicts the least recently released objects.
    pub fn lru(&self) -> bool {
        self.flags & FLAG_LRU != 0
    }
    /// Returns the policy of a full store.
    pub fn eviction(&self) -> Eviction {
        if self.lru() { Eviction::Lru } else { Eviction::None }
    }
    /// Returns whether the store collapses full 2 MiB runs.
    pub fn huge_pages(&self) -> bool {
        self.flags & FLAG_HUGE_PAGES != 0
    }
    /// Returns the source of stamps of use.
    #[inline(always)]
    pub fn ticks_source(&self) -> Ticks {
        if self.flags & FLAG_COUNTER != 0 { Ticks::Counter } else { Ticks::Clock }
    }
    /// Returns whether readers without write permission are admitted, so that hints are not
    /// trusted.
    pub fn foreign_readers(&self) -> bool {
        self.flags & FLAG_FOREIGN_READERS != 0
    }
}

/// An open store.
pub struct Segment {
    /// The directory of the store.
    pub dir: VerifiedFd,
    /// `members`.
    pub members: Members,
    /// `readers/`, in stores that admit them.
    pub readers: Option<VerifiedFd>,
    /// `index`, through the descriptor that it was opened with.
    pub index_fd: VerifiedFd,
    /// The constants of the store.
    pub facts: Facts,
    /// Whether `index` and the heap are mapped read-only.
    pub read_only: bool,
    /// Whether the wake words can be written.
    pub can_hint: bool,
    /// The heap.
    pub heap: Heap,
    index_map: Arc<Map>,
    header: Single<Header>,
    id_buckets: Section<AtomicU64>,
    name_buckets: Section<AtomicU64>,
    events: Section<EventEntry>,
    records: Section<Record>,
    blocks: Section<Block>,
    order: Section<AtomicU64>,
    order_shape: order::Shape,
    wake: Wake,
}

impl Segment {
    /// Returns the header of the index file.
    #[inline(always)]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the object table and its chains.
    #[inline(always)]
    pub fn index(&self) -> Index<'_> {
        let header = self.header();
        Index {
            seed: self.facts.seed,
            id_buckets: &self.id_buckets,
            name_buckets: &self.name_buckets,
            first_buckets: self.facts.geometry.first_buckets() as usize,
            records: &self.records,
            live: &header.live,
            table: &header.table,
        }
    }

    /// Backs the bytes `start .. end` of the index, which are reserved up to `end`, with huge
    /// pages; best effort. Random lookups then cause fewer TLB misses.
    pub fn collapse_index(&self, start: u64, end: u64) {
        let whole = |at: u64| at as usize / HUGE_PAGE * HUGE_PAGE;
        if whole(start) < whole(end) {
            self.index_map.collapse(whole(start), whole(end) - whole(start));
        }
    }

    /// Returns a record of the object table.
    #[inline(always)]
    pub fn record(&self, slot: u32) -> Result<&Record> {
        // Like `Index::record`, but borrows from the segment.
        if slot >= self.header().live.records_reserved.load(Ordering::Relaxed) {
            return Err(no_record(slot));
        }
        self.records.get(slot as usize).ok_or_else(|| no_record(slot))
    }

    /// Returns the queue of free slots.
    pub fn slots(&self) -> Slots<'_> {
        let table = &self.header().table;
        Slots { head: &table.free_head, tail: &table.free_tail, count: &table.free_count }
    }

    /// Returns the heap's allocator, for use under the writer lock.
    pub fn allocator(&self) -> Allocator<'_> {
        let header = self.header();
        Allocator::new(
            &header.alloc,
            &header.bins,
            &self.blocks,
            header.table.blocks_reserved.load(Ordering::Relaxed),
        )
    }

    /// Returns the order of use, of a store with eviction.
    #[inline]
    pub fn order(&self) -> Order<'_> {
        let reserved = self.header().live.records_reserved.load(Ordering::Relaxed);
        Order::new(&self.order, &self.order_shape, reserved)
    }

    /// Returns the events.
    pub fn events(&self) -> Result<EventRing<'_>> {
        let head = &self.header().events;
        EventRing::new(&head.head, &head.last_gap, &self.events)
    }

    /// Returns the subscribers to the events.
    #[inline]
    pub fn subscribers(&self) -> Subscribers<'_> {
        let page = self.wake();
        Subscribers { word: &page.subscribers, clients: &page.clients }
    }

    /// Returns the writer lock.
    pub fn lock(&self) -> WriterLock<'_> {
        WriterLock::new(&self.header().lock.word)
    }

    /// Returns the objects that were given up without the writer lock.
    #[inline(always)]
    pub fn abandoned(&self) -> Abandoned<'_> {
        Abandoned { count: &self.header().lock.abandoned }
    }

    /// Returns the file of waiters.
    pub fn wake(&self) -> &WakePage {
        &self.wake.page
    }

    /// Returns the clients that register when they wait.
    #[inline]
    pub fn waiters(&self) -> Waiters<'_> {
        let page = self.wake();
        Waiters { clients: &page.clients, tags: &page.tags, rows: page.rows.0.as_flattened() }
    }

    /// Makes sure that the row of a bucket has memory; `false` if it cannot have any.
    pub fn reserve_row(&self, bucket: u32) -> bool {
        self.wake.reserve_row(&self.dir, bucket)
    }

    /// Wakes every waiter. A client that does not sleep costs no system call.
    pub fn wake_everybody(&self) {
        let mut wake = |word| {
            futex::wake(word, u32::MAX);
        };
        self.waiters().wake_all(&mut wake);
        if self.facts.foreign_readers() {
            open_words::announce(open_words::all(&self.wake().open), &mut wake);
        }
    }

    /// Returns the lifecycle word.
    #[inline(always)]
    pub fn lifecycle_word(&self) -> LifecycleWord<'_> {
        LifecycleWord::new(&self.header().live.lifecycle)
    }

    /// Returns the lifecycle; CORRUPT if the word is invalid.
    #[inline(always)]
    pub fn lifecycle(&self) -> Result<Lifecycle> {
        self.lifecycle_word()
            .load()
            .ok_or_else(|| Error::new(Status::Corrupt, "the lifecycle word is corrupt"))
    }

    /// Returns whether its directory or its members were deleted without removing the store.
    pub fn is_deleted(&self) -> bool {
        let nameless = |fd: &VerifiedFd| fd.inspect().is_ok_and(|stat| stat.nlink == 0);
        nameless(&self.dir) || nameless(&self.members.fd)
    }

    /// Returns whether the client with this serial lives, or the error of the call that asks.
    pub fn ask(&self, serial: u64) -> SysResult<bool> {
        self.members.ask(&self.dir, serial)
    }
}

/// Refuses a mode that no store can have.
pub fn check_mode(mode: u32) -> Result<()> {
    files::Modes::new(mode).map(drop)
}

#[cold]
fn no_record(slot: u32) -> Error {
    Error::new(Status::Corrupt, format!("there is no record {slot}"))
}
