//! Memory: it is reserved, allocated, reclaimed, evicted, kept for the next object, and returned.

pub mod allocate;
pub mod allowance;
pub mod backing;
pub mod bare_buckets;
pub mod evict;
pub mod extents;
pub mod free;
pub mod free_heap;
pub mod full;
pub mod grow_index;
pub mod limbo;
pub mod reclaim;
pub mod reserve;
pub mod room;
pub mod runs;
pub mod slot_cache;
pub mod trim;
pub mod use_order;
pub mod victims;
pub mod window;
pub mod windows;
