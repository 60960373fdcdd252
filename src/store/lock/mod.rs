//! The writer lock.

pub mod acquire;
