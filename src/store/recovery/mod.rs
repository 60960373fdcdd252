//! Recovery: what derives from the object table is made again, and checked.

pub mod check;
pub mod mend;
pub mod recover;
