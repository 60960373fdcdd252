//! The C API: what `plasma.h` declares, and nothing else.
//!
//! Every function converts its arguments, makes one call of the Rust API and converts the result.
//! The doc comments are the manual of C programmers: `tests/header.rs` makes `include/plasma.h` of
//! them and orders the functions as a program needs them.
//!
//! A *valid pointer* is NULL, or points to a value of its type that no other thread writes during
//! the call; two pointers of one call do not overlap. References with `Option` take such pointers
//! without unsafe code. Arrays, strings, structs that grow, and handles that are freed, which no
//! reference can express, go through `raw`, the only module here with unsafe blocks.
#![allow(non_camel_case_types)] // the names C sees
#![allow(unsafe_code)] // `#[unsafe(no_mangle)]`: each name begins with `plasma_`

mod buffer;
mod check;
mod client;
mod connect_options;
mod create_options;
mod error;
mod event;
mod id;
mod info;
mod list;
mod manage;
mod metadata;
mod read;
mod read_many;
mod status;
mod version;
mod write;
mod write_many;

mod raw;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub use buffer::*;
pub use check::*;
pub use client::*;
pub use connect_options::*;
pub use create_options::*;
pub use error::*;
pub use event::*;
pub use id::*;
pub use info::*;
pub use list::*;
pub use manage::*;
pub use metadata::*;
pub use read::*;
pub use read_many::*;
pub use status::*;
pub use version::*;
pub use write::*;
pub use write_many::*;

use crate::error::{Error, Result, Status};
use std::time::Duration;

/// The value at a required pointer.
#[inline(always)]
fn arg<T>(pointer: Option<T>, name: &'static str) -> Result<T> {
    #[cold]
    fn null(name: &str) -> Error {
        invalid(format!("{name} is NULL"))
    }
    pointer.ok_or_else(|| null(name))
}

/// An INVALID_ARGUMENT error with its message.
#[cold]
fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, detail)
}

/// The smallest timeout in C, which waits forever.
const FOREVER: i64 = -1;

/// Converts a timeout of C, in milliseconds; `None` waits forever.
#[inline]
fn timeout(ms: i64) -> Result<Option<Duration>> {
    if ms < FOREVER {
        return Err(bad_timeout(ms));
    }
    Ok((ms >= 0).then(|| Duration::from_millis(ms.unsigned_abs())))
}

#[cold]
fn bad_timeout(ms: i64) -> Error {
    invalid(format!("timeout_ms is {ms}; 0 does not wait, -1 waits forever"))
}

/// All flags of connecting.
const CONNECT_FLAGS: u32 = PLASMA_CONNECT_EXISTING
    | PLASMA_CONNECT_EXCLUSIVE
    | PLASMA_CONNECT_READ_ONLY
    | PLASMA_CONNECT_EPHEMERAL
    | PLASMA_CONNECT_RESERVE;
/// All flags of creating.
const CREATE_FLAGS: u32 = PLASMA_CREATE_ZEROED | PLASMA_CREATE_PINNED;
const _: () = assert!(CONNECT_FLAGS & CREATE_FLAGS == 0);

/// Checks that only `known` flags are set; the error names flags that belong to the call `other`.
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
