//! A leased object.

use crate::segment::Bytes;
use crate::store::handles::table::Handle;

/// A leased object.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Its slot.
    pub slot: u32,
    /// Its generation.
    pub generation: u32,
    /// Its bytes.
    pub bytes: Bytes,
}

/// The outcome of a get at one instant.
pub enum GetOutcome {
    /// Sealed, and leased by the handle.
    Held(Handle, Held),
    /// Being written.
    Writing,
    /// Not there.
    Absent,
}
