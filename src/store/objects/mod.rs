//! Objects: created, written, sealed, found, leased, deleted.

pub mod abort;
pub mod content;
pub mod create;
pub mod delete;
pub mod delete_many;
pub mod exchange;
pub mod fail;
pub mod failure;
pub mod find;
pub mod get;
pub mod get_counted;
pub mod get_many;
pub mod get_or_create;
pub mod held;
pub mod host;
pub mod metadata;
pub mod pin;
pub mod placement;
pub mod put_many;
pub mod release;
pub mod resize;
pub mod seal;
pub mod set_metadata;
pub mod source;
pub mod wait_ready;
pub mod writer;
