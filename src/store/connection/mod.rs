//! A connection: how a client joins a store and leaves it.

pub mod connect;
pub mod ephemeral;
pub mod join;
pub mod leave;
pub mod options;
pub mod own_client;
pub mod own_file;
pub mod own_rows;
pub mod own_slot;
pub mod remove;
