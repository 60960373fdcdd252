//! Options of connecting.
#![allow(unsafe_code)] // `unsafe impl Growing`, and the names of C functions

use super::raw::{self, Growing};
use super::{CONNECT_FLAGS, CREATE_FLAGS, check_flags, invalid, timeout};
use crate::error::Result;
use crate::options::{ConnectOptions, Eviction};

/// plasma_connect: fail with STORE_NOT_FOUND if there is no store.
pub const PLASMA_CONNECT_EXISTING: u32 = 0x1;
/// plasma_connect: fail with STORE_EXISTS if there is a store.
pub const PLASMA_CONNECT_EXCLUSIVE: u32 = 0x2;
/// plasma_connect: only read. Implies PLASMA_CONNECT_EXISTING. A store whose
/// remover was killed counts as none.
pub const PLASMA_CONNECT_READ_ONLY: u32 = 0x4;
/// plasma_connect: a store created by this call is removed when its last client
/// leaves. If the last client is killed or READ_ONLY, the store stays until the
/// next client connects or `plasma reap --all` runs.
pub const PLASMA_CONNECT_EPHEMERAL: u32 = 0x8;
/// plasma_connect: reserve the whole capacity of a new store at once.
pub const PLASMA_CONNECT_RESERVE: u32 = 0x10;

/// Eviction: a full store refuses new objects and loses none. The default.
pub const PLASMA_EVICTION_NONE: u32 = 0;
/// Eviction: a full store evicts the least recently released objects.
pub const PLASMA_EVICTION_LRU: u32 = 1;

/// Options of plasma_connect(). Initialize with PLASMA_CONNECT_OPTIONS_INIT.
/// Grows.
///
/// A field that is 0 takes the default. If the store exists, 0 accepts the value
/// of the store, and any other value that differs from it is MISMATCH.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_connect_options_t {
    /// sizeof(plasma_connect_options_t)
    pub struct_size: u32,
    /// PLASMA_CONNECT_* bits; 0 opens a store, or creates it if none is there.
    pub flags: u32,
    /// Bytes for data and metadata. Default: 1 GiB, or half of the free space of
    /// the file system if that is less.
    pub capacity: u64,
    /// Maximum number of objects. Default: capacity / 1024, but at least 1024
    /// and at most 16 Mi.
    pub max_objects: u64,
    /// Permissions of a new store, whatever the umask: 0600 (default), 0640,
    /// 0644, 0660 or 0664.
    pub mode: u32,
    /// PLASMA_EVICTION_NONE (default) or PLASMA_EVICTION_LRU.
    pub eviction: u32,
    /// 1 asks for huge pages (2 MiB) where the kernel has them. Default: 0.
    pub huge_pages: u32,
    /// Must be 0.
    pub reserved: u32,
    /// How long a call waits for the writer lock, in milliseconds; a call whose
    /// own timeout_ms is longer waits as long as that. -1 and 0 wait forever.
    pub lock_timeout_ms: i64,
    /// Bytes of data and metadata that one reader of another uid may keep from
    /// being freed; a get with which it would hold more is LIMIT. Default: half
    /// of the capacity.
    pub reader_quota: u64,
    /// Maximum number of readers of other uids at once, each of which may hold
    /// reader_quota bytes. Default and largest value: 1024.
    pub max_readers: u64,
}

const _: () = assert!(size_of::<plasma_connect_options_t>() == 64);

// SAFETY: repr(C), `struct_size` first, integers only, no padding (the asserted size is the sum).
unsafe impl Growing for plasma_connect_options_t {
    const TYPE: &'static str = "plasma_connect_options_t";
    const INIT: &'static str = "PLASMA_CONNECT_OPTIONS_INIT";
    const MIN_SIZE: usize = 48;
}

/// The options of connecting; NULL means all defaults.
pub(super) fn connect_options(options: *const plasma_connect_options_t) -> Result<ConnectOptions> {
    let Some(given) = raw::input(options)? else {
        return Ok(ConnectOptions::default());
    };
    check_flags(given.flags, CONNECT_FLAGS, CREATE_FLAGS, "plasma_connect", "plasma_create")?;
    if given.reserved != 0 {
        return Err(invalid("the field reserved of plasma_connect_options_t is not 0"));
    }
    let eviction = match given.eviction {
        PLASMA_EVICTION_NONE => None,
        PLASMA_EVICTION_LRU => Some(Eviction::Lru),
        other => return Err(invalid(format!("eviction is {other}; PLASMA_EVICTION_LRU is 1"))),
    };
    let lock_timeout = match given.lock_timeout_ms {
        ..-1 => return Err(invalid("lock_timeout_ms is below -1")),
        ms => timeout(ms)?.filter(|time| !time.is_zero()),
    };
    let has = |flag| given.flags & flag != 0;
    Ok(ConnectOptions {
        existing: has(PLASMA_CONNECT_EXISTING),
        exclusive: has(PLASMA_CONNECT_EXCLUSIVE),
        read_only: has(PLASMA_CONNECT_READ_ONLY),
        ephemeral: has(PLASMA_CONNECT_EPHEMERAL),
        reserve: has(PLASMA_CONNECT_RESERVE),
        capacity: given.capacity,
        max_objects: given.max_objects,
        mode: given.mode,
        eviction,
        huge_pages: given.huge_pages,
        lock_timeout,
        reader_quota: given.reader_quota,
        max_readers: given.max_readers,
    })
}
