//! The other clients of the store: their files, whether they are alive, and what they hold.

pub mod client_file;
pub mod client_path;
pub mod client_view;
pub mod holders;
pub mod known;
pub mod lease_counts;
pub mod liveness;
pub mod orphans;
pub mod reap;
pub mod registry;
pub mod releases;
