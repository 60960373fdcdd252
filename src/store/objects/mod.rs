//! Objects: created, written, sealed, found, leased, deleted.

pub mod create;
pub mod get;
pub mod get_counted;
pub mod get_or_create;
pub mod metadata;
pub mod placement;
pub mod writer;
