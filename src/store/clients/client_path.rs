//! Where a client is seen: in `members`, or by its file in `readers/`.

use crate::error::{Error, Result, Status};
use crate::layout::members::SLOTS;
use crate::segment::Segment;
use std::fmt;
use std::os::fd::BorrowedFd;

/// Where a client is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientPath {
    /// By a file in `readers/`, else by a slot of `members`.
    pub in_readers: bool,
    /// Its name or slot there.
    pub slot: u32,
}

impl ClientPath {
    /// The number of the client for people: readers, and undertakers, come after the other clients.
    pub fn number(self) -> u32 {
        if self.in_readers || self.slot >= SLOTS { SLOTS + self.slot } else { self.slot }
    }

    /// The directory of the file. Returns an error if the store has no such directory, or its
    /// descriptor is closed.
    pub fn dir(self, segment: &Segment) -> Result<BorrowedFd<'_>> {
        match (&segment.readers, self.in_readers) {
            (Some(readers), true) => readers.fd(),
            (None, true) => Err(Error::new(Status::Internal, "this store admits no readers")),
            (_, false) => Err(Error::new(Status::Internal, "a member has no file of its own")),
        }
    }
}

impl fmt::Display for ClientPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", if self.in_readers { "readers" } else { "members" }, self.slot)
    }
}
