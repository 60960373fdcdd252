//! Handles: the tables that buffers and writers in the hands of callers name.

pub mod hint;
pub mod table;
pub mod writers;
