//! Help for all layers that knows nothing of stores.

pub mod fallible;
