//! The path of a client's file.

use crate::error::{Error, Result, Status};
use crate::layout::client::SLOTS;
use crate::segment::Segment;
use std::fmt;
use std::os::fd::BorrowedFd;

/// The path of a client's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientPath {
    /// In `readers/`, else in `clients/`.
    pub in_readers: bool,
    /// Its name there.
    pub slot: u32,
}

impl ClientPath {
    /// The number of the client for people: readers, and then guests, come after the other clients.
    pub fn number(self) -> u32 {
        if self.in_readers || self.slot >= SLOTS { SLOTS + self.slot } else { self.slot }
    }

    /// The directory of the file. Returns an error if the store has no such directory, or its
    /// descriptor is closed.
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
