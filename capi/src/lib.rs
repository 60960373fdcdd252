//! The C artefacts: this crate only names the exported functions, so that each library is built once.

pub use plasma_core::ffi::*;
