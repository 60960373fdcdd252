//! Where a client's file is.

use crate::error::{Error, Result, Status};
use crate::layout::client::SLOTS;
use crate::segment::Segment;
use std::fmt;
use std::os::fd::BorrowedFd;

/// Where a client's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientPath {
    /// In `readers/`, else in `clients/`.
    pub in_readers: bool,
    /// Its name there.
    pub slot: u32,
}

impl ClientPath {
    /// The number by which people know the client: readers, and then guests, come after the others.
    pub fn number(self) -> u32 {
        if self.in_readers || self.slot >= SLOTS { SLOTS + self.slot } else { self.slot }
    }

    /// The directory that it is in; an error when the store has none, or its descriptor is closed.
    pub fn dir(self, segment: &Segment) -> Result<BorrowedFd<'_>> {
        match (&segment.readers, self.in_readers) {
            (Some(readers), true) => readers.fd(),
            (None, true) => Err(Error::new(Status::Internal, "this store admits no readers")),
            _ => segment.clients.fd(),
        }
    }
}

impl fmt::Display for ClientPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", if self.in_readers { "readers" } else { "clients" }, self.slot)
    }
}
