//! The C artefacts: this crate names the exported functions, so that each library is built once,
//! and keeps some memory for when there is no more.

mod spare;

pub use plasma_core::ffi::*;

#[global_allocator]
static ALLOCATOR: spare::Spare = spare::Spare;
