//! The protocols over words in shared memory: no kernel, no mappings, so that loom and miri run them.

pub mod alloc;
pub mod events;
pub mod index;
pub mod lease;
pub mod lifecycle;
pub mod wake;
pub mod writer_lock;
