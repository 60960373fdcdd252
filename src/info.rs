//! The descriptions of objects, clients and stores.

use crate::id::ObjectId;
use crate::options::Eviction;
use std::fmt;

/// The state of an object for a caller.
#[repr(i32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectState {
    /// The object does not exist.
    #[default]
    Absent = 0,
    /// Its creator has not sealed it yet.
    Writing = 1,
    /// It can be read.
    Sealed = 2,
    /// Deleted or evicted, but a client still holds it. Only in lists, and for held buffers.
    Deleted = 3,
    /// Its creator could not make it; a get receives the creator's message.
    Failed = 4,
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
    /// The number of leases on it at this instant.
    pub lease_count: u32,
    /// The last known use, in microseconds since the Unix epoch.
    pub last_use_us: i64,
    /// Its name; empty if it has none.
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
    /// Whether it connected to read only.
    pub read_only: bool,
    /// Whether it holds its liveness lock.
    pub alive: bool,
    /// Whether it is stopped, as by SIGSTOP.
    pub stopped: bool,
    /// Whether a thread of it waits for an object, for room or for events; `false` for readers of
    /// other users, whose waits nobody else sees.
    pub waiting: bool,
    /// When it connected, in microseconds since the Unix epoch.
    pub connect_time_us: i64,
    /// The number of leases it holds.
    pub lease_count: u64,
    /// Bytes of data of the objects under its leases, each counted once.
    pub leased_bytes: u64,
    /// Bytes of data of objects it has not sealed yet.
    pub writing_bytes: u64,
}

/// Statistics of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Bytes for data and metadata.
    pub capacity: u64,
    /// Bytes in use by objects, including deleted objects that a client holds.
    pub used: u64,
    /// Bytes reserved in the file system.
    pub reserved: u64,
    /// The largest free run of bytes.
    pub largest_free: u64,
    /// The most objects at once.
    pub max_objects: u64,
    /// The number of objects being written.
    pub objects_writing: u64,
    /// The number of sealed objects.
    pub objects_sealed: u64,
    /// The number of deleted objects that a client still holds.
    pub objects_deleted: u64,
    /// The number of pinned objects, sealed or not.
    pub pinned: u64,
    /// The number of leases.
    pub leases: u64,
    /// The number of connected clients.
    pub clients: u64,
    /// Objects evicted since the store was created.
    pub evictions: u64,
    /// Bytes of data and metadata evicted since the store was created.
    pub evicted_bytes: u64,
    /// Recoveries since the store was created.
    pub recoveries: u64,
    /// Dead clients reaped since the store was created.
    pub reaped_clients: u64,
    /// Writer locks taken from dead owners since the store was created.
    pub lock_steals: u64,
    /// The file system of the store.
    pub file_system: String,
    /// Bytes of deleted objects that a client still holds; a part of `used`.
    pub deleted_bytes: u64,
    /// Permissions of the store's files.
    pub mode: u32,
    /// The behavior of the store when it is full.
    pub eviction: Eviction,
    /// Whether the store is removed when its last client leaves.
    pub ephemeral: bool,
    /// Whether the store requests huge pages.
    pub huge_pages: bool,
    /// The number of failed objects.
    pub objects_failed: u64,
}

/// How a wait for many objects ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitOutcome {
    /// How many of the objects are sealed, or failed.
    pub ready: usize,
    /// Whether that is as many as the call asked for; otherwise the time ran out.
    pub enough: bool,
}

/// The most problems that a report keeps; it counts all of them.
const MAX_PROBLEMS: usize = 64;

/// The report of a check. Experimental: may change between minor versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// The number of records inspected, free records included.
    pub records: u64,
    /// The number of objects: being written, sealed, or deleted and not yet freed.
    pub objects: u64,
    /// The number of stretches of memory that the records own.
    pub extents: u64,
    /// The number of free stretches.
    pub free_blocks: u64,
    /// The number of living clients.
    pub clients: u64,
    /// The number of their leases.
    pub leases: u64,
    /// The first 64 problems.
    pub problems: Vec<Problem>,
    /// The number of problems; 0 in a sound store.
    pub problem_count: u64,
}

/// A problem of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The invariant of docs/internals/invariants.md that does not hold: 3 for I3.
    pub invariant: u32,
    /// A description of the problem.
    pub text: String,
}

/// The constant facts of a store. Experimental: may change between minor versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreFacts {
    /// When the store was created, in microseconds since the Unix epoch.
    pub create_time_us: i64,
    /// Permissions of its files.
    pub mode: u32,
    /// The behavior of the store when it is full.
    pub eviction: Eviction,
    /// Whether the store is removed when its last client leaves.
    pub ephemeral: bool,
    /// Whether the store requests huge pages.
    pub huge_pages: bool,
    /// The bytes of a chunk: memory is reserved in chunks.
    pub chunk_size: u64,
    /// The most bytes that one reader of another uid may hold.
    pub reader_quota: u64,
    /// The most readers of other uids at once.
    pub max_readers: u32,
}

/// The positions of the objects in the heap of a store. Experimental: may change between minor
/// versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapMap {
    /// The bytes of the heap. The parts outside all blocks are free.
    pub capacity: u64,
    /// The reserved stretches: offset and bytes, in order, no two of them adjacent.
    pub reserved: Vec<(u64, u64)>,
    /// The blocks in use, by offset.
    pub blocks: Vec<HeapBlock>,
}

/// A stretch of a heap in use. Experimental: may change between minor versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapBlock {
    /// Its first byte.
    pub offset: u64,
    /// Its bytes, including the rounding to 64.
    pub size: u64,
    /// The object it belongs to.
    pub id: ObjectId,
    /// The state of the object; `Absent` for memory that is being returned to the system.
    pub state: ObjectState,
    /// Whether the block is of name and metadata, rather than data.
    pub metadata: bool,
    /// Whether the object is pinned against eviction.
    pub pinned: bool,
    /// When the object was created, in microseconds since the Unix epoch.
    pub create_time_us: i64,
    /// The number of leases on the object.
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
    /// The state of the object; several deleted objects may have the same id.
    pub state: ObjectState,
    /// When the object was created, in microseconds since the Unix epoch: distinguishes objects
    /// with the same id.
    pub create_time_us: i64,
}

/// The owner of the writer lock, and the waits, at this instant. Experimental: may change between
/// minor versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Activity {
    /// The client that owns the writer lock: [`ClientInfo::slot`].
    pub lock_owner: Option<u32>,
    /// Whether other clients wait for the writer lock.
    pub lock_wanted: bool,
    /// The number of threads that wait for objects, events or room. Those of readers of other users
    /// are not counted, and those of the dead are until they are reaped.
    pub waits: u32,
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
