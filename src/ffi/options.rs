//! Options of connecting and creating.
#![allow(unsafe_code)] // `unsafe impl Growing`, and the names of C functions

use super::invalid;
use super::raw::{self, Growing};
use crate::error::Result;
use crate::options::{ConnectOptions, CreateOptions, Eviction};
use crate::support::fallible;
use std::ffi::{c_char, c_void};
use std::time::Duration;

/// Bytes in a name, without its NUL.
pub const PLASMA_NAME_MAX: usize = 255;

/// plasma_connect: fail with STORE_NOT_FOUND when there is no store.
pub const PLASMA_CONNECT_EXISTING: u32 = 0x1;
/// plasma_connect: fail with STORE_EXISTS when there is a store.
pub const PLASMA_CONNECT_EXCLUSIVE: u32 = 0x2;
/// plasma_connect: only read. Implies PLASMA_CONNECT_EXISTING.
pub const PLASMA_CONNECT_READ_ONLY: u32 = 0x4;
/// plasma_connect: a store made now is removed when its last client leaves.
/// If that was killed, or READ_ONLY, the store stays until the next connects,
/// or `plasma reap --all` is run.
pub const PLASMA_CONNECT_EPHEMERAL: u32 = 0x8;
/// plasma_connect: a store made now reserves its whole capacity at once.
pub const PLASMA_CONNECT_RESERVE: u32 = 0x10;

/// plasma_create: fill the memory with zeros first.
pub const PLASMA_CREATE_ZEROED: u32 = 0x10000;
/// plasma_create: pin the object against eviction from the start.
pub const PLASMA_CREATE_PINNED: u32 = 0x20000;

/// Eviction: a full store refuses; nothing is ever lost. The default.
pub const PLASMA_EVICTION_NONE: u32 = 0;
/// Eviction: the least recently released objects make room.
pub const PLASMA_EVICTION_LRU: u32 = 1;

const CONNECT_FLAGS: u32 = PLASMA_CONNECT_EXISTING
    | PLASMA_CONNECT_EXCLUSIVE
    | PLASMA_CONNECT_READ_ONLY
    | PLASMA_CONNECT_EPHEMERAL
    | PLASMA_CONNECT_RESERVE;
const CREATE_FLAGS: u32 = PLASMA_CREATE_ZEROED | PLASMA_CREATE_PINNED;
const _: () = assert!(CONNECT_FLAGS & CREATE_FLAGS == 0);

/// How to connect. Begin with PLASMA_CONNECT_OPTIONS_INIT. Grows.
///
/// A field that is 0 takes the default; on a store that exists 0 accepts what
/// is there, and another value than the store's is MISMATCH.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_connect_options_t {
    /// sizeof(plasma_connect_options_t)
    pub struct_size: u32,
    /// PLASMA_CONNECT_* bits; 0 opens the store, or creates it.
    pub flags: u32,
    /// Bytes for data and metadata. Default: 1 GiB, or half of what is free
    /// in the file system if that is less.
    pub capacity: u64,
    /// Objects at once. Default: capacity / 1024, within 1024 .. 16 Mi.
    pub max_objects: u64,
    /// Permissions of a new store, exact whatever the umask: 0600 (default),
    /// 0640, 0644, 0660 or 0664.
    pub mode: u32,
    /// PLASMA_EVICTION_NONE (default) or PLASMA_EVICTION_LRU.
    pub eviction: u32,
    /// 1: huge pages (2 MiB), where the kernel gives them. Default: 0.
    pub huge_pages: u32,
    /// 0.
    pub reserved: u32,
    /// How long a call waits for the writer lock, in ms, if its own timeout_ms
    /// is not longer: then as long as that. -1 (and 0): forever.
    pub lock_timeout_ms: i64,
    /// Bytes, of data and metadata, that one reader of another uid may keep
    /// from being freed: the gets with which it would hold more are LIMIT.
    /// Default: half of the capacity.
    pub reader_quota: u64,
    /// Readers of other uids at once, each of whom may hold reader_quota.
    /// Default, and the most: 1024.
    pub max_readers: u64,
}

/// One entry of an object's metadata, a dictionary from text to bytes.
///
/// The keys "format" and "schema" are the custom for saying what the data is
/// (binary, arrow, protobuf, json, ...). Frozen: it never grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_metadata_t {
    /// UTF-8, not empty, NUL-terminated.
    pub key: *const c_char,
    /// Any bytes; may be NULL when value_size is 0.
    pub value: *const c_void,
    /// Bytes in value.
    pub value_size: u64,
}

/// How to create an object. Begin with PLASMA_CREATE_OPTIONS_INIT. Grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_create_options_t {
    /// sizeof(plasma_create_options_t)
    pub struct_size: u32,
    /// PLASMA_CREATE_* bits.
    pub flags: u32,
    /// A name unique in the store: 1 to 255 bytes of UTF-8; NULL for none.
    pub name: *const c_char,
    /// metadata_count entries, 64 KiB in all with their keys; NULL for none.
    pub metadata: *const plasma_metadata_t,
    /// Entries in metadata.
    pub metadata_count: u64,
    /// How long to wait for space, in ms: 0 not at all, -1 forever. It bounds
    /// the wait for space only, not the one for the writer lock, which lasts
    /// up to the longer of this and lock_timeout_ms.
    pub timeout_ms: i64,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<plasma_connect_options_t>() == 64);
    assert!(size_of::<plasma_create_options_t>() == 40);
    assert!(size_of::<plasma_metadata_t>() == 24);
};

// SAFETY: repr(C), `struct_size` first, integers only, no padding (the asserted size is the sum).
unsafe impl Growing for plasma_connect_options_t {
    const TYPE: &'static str = "plasma_connect_options_t";
    const INIT: &'static str = "PLASMA_CONNECT_OPTIONS_INIT";
    const MIN_SIZE: usize = 48;
}

// SAFETY: as above, with pointers, which may be NULL.
unsafe impl Growing for plasma_create_options_t {
    const TYPE: &'static str = "plasma_create_options_t";
    const INIT: &'static str = "PLASMA_CREATE_OPTIONS_INIT";
    const MIN_SIZE: usize = size_of::<plasma_create_options_t>();
}

/// The least time-out that C may give: without end.
pub(super) const FOR_EVER: i64 = -1;

/// A time-out as C gives it.
#[inline]
pub(super) fn timeout(ms: i64) -> Result<Option<Duration>> {
    if ms < FOR_EVER {
        return Err(bad_timeout(ms));
    }
    Ok((ms >= 0).then(|| Duration::from_millis(ms.unsigned_abs())))
}

#[cold]
fn bad_timeout(ms: i64) -> crate::error::Error {
    invalid(format!("timeout_ms is {ms}; 0 does not wait, -1 waits for ever"))
}

fn check_flags(flags: u32, known: u32, others: u32, call: &str, other: &str) -> Result<()> {
    let unknown = flags & !known;
    if unknown == 0 {
        return Ok(());
    }
    if unknown & others != 0 {
        let unknown = unknown & others;
        return Err(invalid(format!("flags {unknown:#x} are for {other}, not for {call}")));
    }
    Err(invalid(format!("{call} does not know the flags {unknown:#x}")))
}

/// The options of connecting; NULL is all defaults.
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

/// A key and its value.
pub(super) fn metadata<'a>(
    key: *const c_char,
    value: *const c_void,
    value_size: u64,
) -> Result<(&'a str, &'a [u8])> {
    Ok((raw::required_text(key, "key")?, raw::bytes(value, value_size, "value")?))
}

/// A name that has to be there.
#[inline]
pub(super) fn name<'a>(name: *const c_char) -> Result<&'a str> {
    let name = raw::required_text(name, "name")?;
    match name.len() {
        0..=PLASMA_NAME_MAX => Ok(name),
        long => Err(invalid(format!("name has {long} bytes; the most is {PLASMA_NAME_MAX}"))),
    }
}

/// Calls `call` with the options of creating; NULL is all defaults.
pub(super) fn with_create<R>(
    options: *const plasma_create_options_t,
    call: impl FnOnce(&CreateOptions<'_>) -> Result<R>,
) -> Result<R> {
    let Some(given) = raw::input(options)? else {
        return call(&CreateOptions::default());
    };
    check_flags(given.flags, CREATE_FLAGS, CONNECT_FLAGS, "plasma_create", "plasma_connect")?;
    let count = usize::try_from(given.metadata_count).unwrap_or(usize::MAX);
    let entries = raw::array(given.metadata, count, "metadata")?;
    let mut pairs = fallible::with_room(entries.len())?;
    for entry in entries {
        pairs.push(metadata(entry.key, entry.value, entry.value_size)?);
    }
    call(&CreateOptions {
        zeroed: given.flags & PLASMA_CREATE_ZEROED != 0,
        pinned: given.flags & PLASMA_CREATE_PINNED != 0,
        name: if given.name.is_null() { None } else { Some(name(given.name)?) },
        metadata: &pairs,
        timeout: timeout(given.timeout_ms)?,
    })
}
