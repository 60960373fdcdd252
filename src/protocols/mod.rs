//! The protocols over words in shared memory. They use no kernel and no mappings, so loom and miri
//! run the code that is shipped.

pub mod alloc;
pub mod events;
pub mod index;
pub mod lease;
pub mod lifecycle;
pub mod members;
pub mod order;
pub mod wake;
pub mod writer_lock;
