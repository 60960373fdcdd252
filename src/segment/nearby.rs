//! Many extents that lie near each other.

use super::{Bytes, Heap};
use crate::layout::extent::Extent;
use crate::layout::header::Reserved;

/// Finds the bytes of many leased objects.
pub struct Nearby<'a> {
    heap: &'a Heap,
    reserved: &'a Reserved,
    base: *const u8,
    /// A range of bytes around the last extent that was backed by memory when it was found. What of
    /// it a leased object lies in stays so.
    start: u64,
    len: u64,
}

impl<'a> Nearby<'a> {
    /// Begins with any extent of the heap.
    #[inline(always)]
    pub fn begin(heap: &'a Heap, reserved: &'a Reserved) -> Self {
        Self { heap, reserved, base: heap.base(), start: 0, len: 0 }
    }

    /// As [`Heap::find`].
    #[inline(always)]
    pub fn find(&mut self, extent: Extent) -> Option<Bytes> {
        if extent.is_empty() {
            return Some(Bytes { ptr: self.base, len: 0 });
        }
        let at = extent.offset().wrapping_sub(self.start);
        if at > self.len || extent.size > self.len - at {
            (self.start, self.len) = self.heap.find_run(extent, self.reserved)?;
        }
        Some(Bytes { ptr: self.base.wrapping_add(extent.offset() as usize), len: extent.size })
    }
}
