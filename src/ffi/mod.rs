//! The C API: what `plasma.h` declares, and nothing else.
//!
//! Every function converts its arguments, makes one call of the Rust API and converts the result.
//! The header lists them in the order of a user's life (see `tests/header.rs`, which keeps
//! `include/plasma.h` equal to this code). The words here are read by C programmers.
//!
//! A *valid pointer* is NULL, or points to a value of its type that nobody else writes during the
//! call; two pointers of one call do not overlap. References with `Option` take such pointers
//! without unsafe code. What a reference cannot express (arrays, strings, structs that grow,
//! handles that are freed) goes through `raw`, the only module here with unsafe blocks.
#![allow(non_camel_case_types)] // the names C sees
#![allow(unsafe_code)] // `#[unsafe(no_mangle)]`: each name begins with `plasma_`

mod buffer;
mod check;
mod client;
mod error;
mod event;
mod id;
mod info;
mod list;
mod manage;
mod metadata;
mod options;
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
pub use error::*;
pub use event::*;
pub use id::*;
pub use info::*;
pub use list::*;
pub use manage::*;
pub use metadata::*;
pub use options::*;
pub use read::*;
pub use read_many::*;
pub use status::*;
pub use version::*;
pub use write::*;
pub use write_many::*;

use crate::error::{Error, Result, Status};

/// The value behind a required pointer.
#[inline(always)]
fn arg<T>(pointer: Option<T>, name: &'static str) -> Result<T> {
    #[cold]
    fn null(name: &str) -> Error {
        invalid(format!("{name} is NULL"))
    }
    pointer.ok_or_else(|| null(name))
}

/// An argument that can never be right, in words.
#[cold]
fn invalid(detail: impl Into<String>) -> Error {
    Error::new(Status::InvalidArgument, detail)
}
