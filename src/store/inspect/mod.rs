//! What people and programs can ask about a store.

pub mod heap_map;
pub mod list;
pub mod object;
