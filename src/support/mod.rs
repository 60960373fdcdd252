//! Helpers for all layers that know nothing about stores.

pub mod fallible;
