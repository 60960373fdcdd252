//! The writer lock.

pub mod acquire;
pub mod locked;
