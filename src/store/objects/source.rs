//! Where the data of a new object comes from.

use crate::error::Result;
use crate::layout::extent::{Extent, UNIT};
use crate::segment::{BytesMut, Heap};
use crate::store::session::Session;
use crate::sys::file_copy;
use crate::sys::verified_fd::VerifiedFd;
use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::os::fd::BorrowedFd;

/// Data that is copied into a new object.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// Parts that lie one after the other in the object.
    Parts(&'a [&'a [u8]]),
    /// A file, which may change meanwhile. This process does not map it: where others truncate a
    /// mapped file, a load is SIGBUS.
    File(&'a FileSource<'a>),
}

/// A file from some byte on.
pub struct FileSource<'a> {
    file: BorrowedFd<'a>,
    start: u64,
    copied: Cell<u64>,
    tell: &'a dyn Fn(u64),
    /// The heap, opened again; `None` where that fails.
    heap: OnceCell<Option<VerifiedFd>>,
}

impl<'a> FileSource<'a> {
    /// A file from byte `start` on. `tell` is called with the number of bytes that are copied.
    pub fn new(file: BorrowedFd<'a>, start: u64, tell: &'a dyn Fn(u64)) -> Self {
        Self { file, start, copied: Cell::new(0), tell, heap: OnceCell::new() }
    }

    /// The bytes that were copied by the last attempt to make an object of it.
    pub fn copied(&self) -> u64 {
        self.copied.get()
    }

    /// Notes, and tells the caller, how many bytes are copied.
    pub fn tell(&self, copied: u64) {
        self.copied.set(copied);
        (self.tell)(copied);
    }

    /// Lets the kernel copy a range of the data to the heap from its byte `at` on. Returns `false`
    /// where the kernel refuses, or the file ends.
    pub fn send(&self, heap: &Heap, range: &Range<u64>, at: u64) -> bool {
        let again = self.heap.get_or_init(|| heap.reopen().ok());
        let Some(to) = again.as_ref().and_then(|again| again.get().ok()) else { return false };
        let len = range.end - range.start;
        let from = self.start.saturating_add(range.start);
        file_copy::send(self.file, from, to, at, len).is_ok_and(|sent| sent == len)
    }

    /// Reads the data from byte `from` on into memory. Returns the number of bytes: fewer where the
    /// file ends.
    pub fn read(&self, from: u64, bytes: BytesMut) -> Result<u64> {
        bytes
            .read_from(self.file, self.start.saturating_add(from))
            .map_err(|errno| errno.because("cannot read the file"))
    }
}

impl Session {
    /// The bytes of a range of an extent, which may begin anywhere.
    pub fn bytes_of(&self, extent: Extent, range: &Range<u64>) -> Result<BytesMut> {
        // An extent begins at a unit.
        let (skip, start) = (range.start % UNIT, extent.start + range.start / UNIT);
        let there = Extent { start, size: skip + range.end - range.start };
        let bytes = self.segment.heap.write(there, &self.segment.header().reserved)?;
        Ok(bytes.after(skip))
    }
}
