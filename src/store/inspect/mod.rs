//! Inspection: the questions that people and programs can ask about a store.

pub mod facts;
pub mod heap_map;
pub mod holdings;
pub mod list;
pub mod object;
pub mod snapshot;
pub mod stats;
