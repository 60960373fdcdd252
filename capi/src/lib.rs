//! The C artefacts. This crate names the exported functions, so that each library is built once,
//! keeps spare memory for when the system has none, and defines what a panic does.

mod panic;
mod spare;
mod unload;

pub use plasma_core::ffi::*;

#[global_allocator]
static ALLOCATOR: spare::Spare = spare::Spare;
