//! Memory: reserved, reclaimed, evicted, kept for the next object, given back.

pub mod evict;
pub mod full;
pub mod reclaim;
pub mod reserve;
pub mod slot_cache;
pub mod trim;
