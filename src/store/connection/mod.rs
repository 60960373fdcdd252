//! A connection: how a client joins a store and leaves it.

pub mod leave;
pub mod own_file;
