//! What a store tells about its objects, its clients and itself.

use crate::id::ObjectId;
use crate::options::Eviction;
use std::fmt;

/// The state of an object as a caller sees it.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectState {
    /// There is no such object.
    Absent = 0,
    /// Its creator has not sealed it yet.
    Writing = 1,
    /// It can be read.
    Sealed = 2,
    /// Deleted or evicted, and somebody still holds it. Only in lists, and of held buffers.
    Deleted = 3,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its id.
    pub id: ObjectId,
    /// Its state.
    pub state: ObjectState,
    /// Whether it is pinned against eviction.
    pub pinned: bool,
    /// Whether it has a name.
    pub named: bool,
    /// Bytes of data.
    pub data_size: u64,
    /// Bytes of metadata.
    pub metadata_size: u64,
    /// When it was created, in microseconds since the Unix epoch.
    pub create_time_us: i64,
    /// From create to seal in microseconds; -1 until sealed.
    pub construct_duration_us: i64,
    /// The creator's process id in the creator's pid namespace.
    pub creator_pid: i32,
    /// Leases on it at this instant.
    pub lease_count: u32,
    /// The last known use, in microseconds since the Unix epoch.
    pub last_use_us: i64,
    /// Its name, or the empty string.
    pub name: String,
    /// `host/pid@start` of the creator.
    pub creator_address: String,
}

/// One connected process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientInfo {
    /// Its slot in the store.
    pub slot: u32,
    /// Its process id in its own pid namespace.
    pub pid: i32,
    /// The inode of its pid namespace.
    pub pid_namespace: u64,
    /// Its user.
    pub uid: u32,
    /// The name of its program.
    pub comm: String,
    /// Whether it may only read.
    pub read_only: bool,
    /// Whether it holds its liveness lock.
    pub alive: bool,
    /// Whether it is stopped, as by SIGSTOP.
    pub stopped: bool,
    /// When it connected, in microseconds since the Unix epoch.
    pub connect_time_us: i64,
    /// Leases it holds.
    pub lease_count: u64,
    /// Bytes of data of the objects under its leases, each counted once.
    pub leased_bytes: u64,
    /// Bytes of data of objects it has not sealed yet.
    pub writing_bytes: u64,
}

/// Counters of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Bytes for data and metadata.
    pub capacity: u64,
    /// Bytes in use: of objects, with those of the deleted that somebody holds.
    pub used: u64,
    /// Bytes reserved in the file system.
    pub reserved: u64,
    /// The largest free run of bytes.
    pub largest_free: u64,
    /// Objects at once.
    pub max_objects: u64,
    /// Objects being written.
    pub objects_writing: u64,
    /// Sealed objects.
    pub objects_sealed: u64,
    /// Deleted objects that somebody still holds.
    pub objects_deleted: u64,
    /// Pinned objects, sealed or not.
    pub pinned: u64,
    /// Leases.
    pub leases: u64,
    /// Connected clients.
    pub clients: u64,
    /// Objects evicted so far.
    pub evictions: u64,
    /// Bytes of data and metadata evicted so far.
    pub evicted_bytes: u64,
    /// Recoveries so far.
    pub recoveries: u64,
    /// Dead clients reaped so far.
    pub reaped_clients: u64,
    /// Writer locks taken from the dead so far.
    pub lock_steals: u64,
    /// The file system the store lives on.
    pub file_system: String,
    /// Bytes that deleted objects keep because somebody holds them; a part of `used`.
    pub deleted_bytes: u64,
    /// Permissions of the store's files.
    pub mode: u32,
    /// What it does when it is full.
    pub eviction: Eviction,
    /// Whether it goes when its last client leaves.
    pub ephemeral: bool,
    /// Whether it asks for huge pages.
    pub huge_pages: bool,
}

/// How a wait for many objects ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitOutcome {
    /// How many of the objects are sealed.
    pub ready: usize,
    /// Whether that is as many as the call asked for; otherwise the time ran out.
    pub enough: bool,
}

/// How many problems a report keeps; it counts them all.
const MAX_PROBLEMS: usize = 64;

/// What a check of a store found. Experimental: may change between minor versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// Records looked at, free ones among them.
    pub records: u64,
    /// Objects: being written, sealed, or deleted and not yet freed.
    pub objects: u64,
    /// Stretches of memory that they own.
    pub extents: u64,
    /// Stretches that are free.
    pub free_blocks: u64,
    /// Living clients.
    pub clients: u64,
    /// Their leases.
    pub leases: u64,
    /// What is wrong: the first 64.
    pub problems: Vec<Problem>,
    /// How much is wrong; 0 in a sound store.
    pub problem_count: u64,
}

/// Something that is wrong with a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The invariant of docs/internals/invariants.md that does not hold: 3 for I3.
    pub invariant: u32,
    /// What was found.
    pub text: String,
}

/// What never changes about a store. Experimental: may change between minor versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreFacts {
    /// When it was made, in microseconds since the Unix epoch.
    pub create_time_us: i64,
    /// Permissions of its files.
    pub mode: u32,
    /// What it does when it is full.
    pub eviction: Eviction,
    /// Whether it goes when its last client leaves.
    pub ephemeral: bool,
    /// Whether it asks for huge pages.
    pub huge_pages: bool,
    /// Memory is reserved in chunks of so many bytes.
    pub chunk_size: u64,
    /// Bytes that one reader of another uid may hold.
    pub reader_quota: u64,
    /// Readers of other uids at once.
    pub max_readers: u32,
}

/// Where the objects of a store lie in its heap. Experimental: may change between minor versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeapMap {
    /// Bytes of the heap. What no block covers is free.
    pub capacity: u64,
    /// The chunks that have memory: offset and bytes, in order, no two of them touching.
    pub reserved: Vec<(u64, u64)>,
    /// What is in use, by offset.
    pub blocks: Vec<HeapBlock>,
}

/// A stretch of a heap in use. Experimental: may change between minor versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapBlock {
    /// Its first byte.
    pub offset: u64,
    /// Its bytes, the rounding to 64 among them.
    pub size: u64,
    /// The object it belongs to.
    pub id: ObjectId,
    /// The state of the object; `Absent` is memory that is being given back to the system.
    pub state: ObjectState,
    /// Name and metadata, else data.
    pub metadata: bool,
    /// Pinned against eviction.
    pub pinned: bool,
    /// When the object was created, in microseconds since the Unix epoch.
    pub create_time_us: i64,
    /// Leases on the object.
    pub lease_count: u32,
}

/// One client's lease on one object, or its right to write it. Experimental: may change between
/// minor versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holding {
    /// The client: [`ClientInfo::slot`].
    pub client: u32,
    /// The object.
    pub id: ObjectId,
    /// Its state; of the deleted there may be several with one id.
    pub state: ObjectState,
    /// When the object was created: tells objects of one id apart.
    pub create_time_us: i64,
}

/// Who waits for what, at this instant, as far as is known: each count is of words that somebody
/// may sleep on, is 0 when nobody has waited, and may keep a while counting who gave up.
/// Experimental: may change between minor versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// The client that owns the writer lock: [`ClientInfo::slot`].
    pub lock_owner: Option<u32>,
    /// Whether others wait for the writer lock.
    pub lock_wanted: bool,
    /// Ids that are waited for.
    pub id_waits: u32,
    /// Names that are waited for.
    pub name_waits: u32,
    /// Whether somebody waits for more than 128 ids at once.
    pub many_wait: bool,
    /// Whether somebody waits for events.
    pub events_wait: bool,
}

impl CheckReport {
    pub(crate) fn add(&mut self, invariant: u32, text: String) {
        self.problem_count += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { invariant, text });
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I{}: {}", self.invariant, self.text)
    }
}
