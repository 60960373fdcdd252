//! The C artefacts: this crate names the exported functions, so that each library is built once,
//! keeps some memory for when there is no more, and says what a panic is.

mod panic;
mod spare;
mod unload;

pub use plasma_core::ffi::*;

#[global_allocator]
static ALLOCATOR: spare::Spare = spare::Spare;
