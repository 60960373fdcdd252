//! Options of creating.
#![allow(unsafe_code)] // `unsafe impl Growing`, and the names of C functions

use super::raw::{self, Growing};
use super::{CONNECT_FLAGS, CREATE_FLAGS, check_flags, invalid, timeout};
use crate::error::Result;
use crate::options::CreateOptions;
use crate::support::fallible;
use std::ffi::{c_char, c_void};

/// Longest name of an object in bytes, without its NUL.
pub const PLASMA_NAME_MAX: usize = 255;

/// plasma_create: fill the memory with zeros first.
pub const PLASMA_CREATE_ZEROED: u32 = 0x10000;
/// plasma_create: pin the object against eviction from the start.
pub const PLASMA_CREATE_PINNED: u32 = 0x20000;

/// One entry of an object's metadata, a dictionary from text to bytes.
///
/// By convention the keys "format" and "schema" describe the data (binary,
/// arrow, protobuf, json, ...). Frozen: its size never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_metadata_t {
    /// UTF-8, not empty, NUL-terminated.
    pub key: *const c_char,
    /// Any bytes; may be NULL if value_size is 0.
    pub value: *const c_void,
    /// Size of value in bytes.
    pub value_size: u64,
}

/// Options of plasma_create(). Initialize with PLASMA_CREATE_OPTIONS_INIT.
/// Grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_create_options_t {
    /// sizeof(plasma_create_options_t)
    pub struct_size: u32,
    /// PLASMA_CREATE_* bits.
    pub flags: u32,
    /// A name, unique in the store: 1 to 255 bytes of UTF-8; NULL for none.
    pub name: *const c_char,
    /// metadata_count entries of at most 64 KiB in all; NULL for none.
    pub metadata: *const plasma_metadata_t,
    /// Number of entries in metadata.
    pub metadata_count: u64,
    /// How long to wait for space, in milliseconds: 0 does not wait, -1 waits
    /// forever. It does not bound the wait for the writer lock, which lasts up
    /// to the longer of this and lock_timeout_ms.
    pub timeout_ms: i64,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<plasma_create_options_t>() == 40);
    assert!(size_of::<plasma_metadata_t>() == 24);
};

// SAFETY: repr(C), `struct_size` first, integers and pointers that may be NULL, no padding (the
// asserted size is the sum).
unsafe impl Growing for plasma_create_options_t {
    const TYPE: &'static str = "plasma_create_options_t";
    const INIT: &'static str = "PLASMA_CREATE_OPTIONS_INIT";
    const MIN_SIZE: usize = size_of::<plasma_create_options_t>();
}

/// A key and its value.
pub(super) fn metadata<'a>(
    key: *const c_char,
    value: *const c_void,
    value_size: u64,
) -> Result<(&'a str, &'a [u8])> {
    Ok((raw::required_text(key, "key")?, raw::bytes(value, value_size, "value")?))
}

/// A name that must not be NULL.
#[inline]
pub(super) fn name<'a>(name: *const c_char) -> Result<&'a str> {
    let name = raw::required_text(name, "name")?;
    match name.len() {
        0..=PLASMA_NAME_MAX => Ok(name),
        long => Err(invalid(format!("name has {long} bytes; the limit is {PLASMA_NAME_MAX}"))),
    }
}

/// Calls `call` with the options of creating; NULL means all defaults.
#[inline(always)]
pub(super) fn with_create<R>(
    options: *const plasma_create_options_t,
    call: impl FnOnce(&CreateOptions<'_>) -> Result<R>,
) -> Result<R> {
    if options.is_null() {
        return call(&CreateOptions::default());
    }
    with_given(options, call)
}

/// As [`with_create`], where options are given. Apart, so that the frame of a call without options
/// stays small.
#[inline(never)]
fn with_given<R>(
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
