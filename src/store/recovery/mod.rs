//! Recovery: what derives from the object table is made again, and checked.

pub mod check;
pub mod header;
pub mod recover;
pub mod repair;
pub mod reserved;
