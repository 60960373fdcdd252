//! Recovery and check: structures that derive from the object table are rebuilt, or compared.

pub mod check;
pub mod header;
pub mod recover;
pub mod repair;
pub mod reserved;
