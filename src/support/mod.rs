//! Helpers for all layers that know nothing about stores.

pub mod fallible;
pub mod pattern;
