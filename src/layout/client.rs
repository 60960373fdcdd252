//! The file of a reader of another user: its identity, its leases, and its releases.
//!
//! Only its owner maps it. Other clients read it with `pread`, because the owner may truncate it.
//! Clients that may write to the store have slots in the file `members` instead.

use crate::sync::{AtomicU32, AtomicU64};

/// Most names that count in `readers/`.
pub const READERS: u32 = 1024;

/// Lease words of a client: buffers that one client can hold at once.
pub const MAX_LEASES: u32 = 1 << 20;

/// Lease words that are reserved at a time.
pub const LEASE_CHUNK: u32 = 4096;

/// Entries of the release ring.
pub const RELEASES: u32 = 2048;

/// Offset of the release ring.
pub const RELEASES_OFFSET: u64 = 4096;

/// Offset of the lease words.
pub const LEASES_OFFSET: u64 = RELEASES_OFFSET + RELEASES as u64 * size_of::<[u64; 2]>() as u64;

/// Size of a client file; what lies past the lease words in use is a hole.
pub const FILE_SIZE: u64 = LEASES_OFFSET + MAX_LEASES as u64 * 8;

/// First words of a client file.
pub const CLIENT_MAGIC: u64 = u64::from_le_bytes(*b"plasmaCL");

/// Set in `flags` by a client that only reads.
pub const FLAG_READ_ONLY: u32 = 1;

/// The head of a client file.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct ClientHeader {
    /// [`CLIENT_MAGIC`].
    pub magic: AtomicU64,
    /// Random identity: distinguishes this client from a later one in the same slot.
    pub nonce: AtomicU64,
    /// Process id in its own namespace.
    pub pid: AtomicU32,
    /// Effective user id.
    pub uid: AtomicU32,
    /// Inode of the PID namespace.
    pub pid_namespace: AtomicU64,
    /// Process start time in clock ticks since boot.
    pub start_time: AtomicU64,
    /// Time of the connection, in microseconds since the Unix epoch.
    pub connect_time_us: AtomicU64,
    /// Process name, NUL padded.
    pub comm: [AtomicU64; 2],
    /// [`FLAG_READ_ONLY`].
    pub flags: AtomicU32,
    /// Number of lease words that may be in use, counted from the first.
    pub lease_high: AtomicU32,
    /// Not 0 while the client uses the store: from the end of its join to the start of its leave.
    pub joined: AtomicU32,
    _unused0: AtomicU32,
    _unused: [AtomicU64; 6],
    /// Number of releases ever written to the ring. It is on its own line, because it changes with
    /// each release.
    pub released: AtomicU64,
    _pad: [AtomicU64; 7],
}

/// One release in the ring of a client of a store with eviction.
#[repr(C)]
#[derive(Debug)]
pub struct Release {
    /// The stamp of the release; written first.
    pub ticks: AtomicU64,
    /// The released [`super::word::LeaseWord`].
    pub lease: AtomicU64,
}

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    assert!(size_of::<ClientHeader>() == 192);
    assert!(std::mem::offset_of!(ClientHeader, lease_high) == 68);
    assert!(std::mem::offset_of!(ClientHeader, released) == 128);
    assert!(size_of::<Release>() == 16);
    assert!(LEASES_OFFSET == 36864);
};
