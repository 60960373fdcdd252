//! The other clients of the store: who they are, whether they live, what they hold.

pub mod client_file;
pub mod lease_counts;
pub mod reap;
pub mod registry;
