//! Recovery and check: structures that derive from the object table are rebuilt, or compared.

mod buckets;
mod check;
pub mod header;
pub mod recover;
pub mod repair;
pub mod reserved;
