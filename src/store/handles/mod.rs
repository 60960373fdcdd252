//! Handle tables: they hold the buffers and writers that a process has handed out.

pub mod hint;
pub mod table;
pub mod writers;
