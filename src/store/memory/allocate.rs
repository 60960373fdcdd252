//! Allocation of heap memory.

use crate::error::Result;
use crate::layout::extent::{UNIT, units};
use crate::protocols::alloc::{self, Outcome};
use crate::segment::Segment;
use crate::store::lock::locked::Locked;
use crate::store::memory::extents::ExtentKind;

/// An extent without memory.
pub const NOTHING: alloc::Extent = alloc::Extent { start: 0, len: 0, block: 0 };

impl Locked<'_> {
    /// Allocates heap for `size` bytes; an empty extent for 0. With `reserved_only`, only reserved
    /// memory is used.
    pub fn allocate(
        &self,
        kind: ExtentKind,
        size: u64,
        reserved_only: bool,
    ) -> Result<Outcome<alloc::Extent>> {
        if size == 0 {
            return Ok(Outcome::Done(NOTHING));
        }
        // Only data is mapped page by page elsewhere.
        let paged = kind == ExtentKind::Data;
        let allocator = self.session.segment.allocator();
        if !reserved_only {
            return allocator.alloc(units(size), paged);
        }
        allocator.alloc_within(units(size), paged, &mut |from, end| {
            reserved_run(&self.session.segment, from, end)
        })
    }
}

/// The next run of reserved units in `from .. end`.
pub fn reserved_run(segment: &Segment, from: u64, end: u64) -> Option<(u64, u64)> {
    let chunk_units = segment.facts.geometry.chunk_size / UNIT;
    let reserved = &segment.header().reserved;
    let is_reserved = |chunk: u64| crate::segment::all_set(reserved, chunk as u32, chunk as u32);
    let (first, last) = (from / chunk_units, end.div_ceil(chunk_units));
    let start = (first..last).find(|&chunk| is_reserved(chunk))?;
    let stop = (start..last).find(|&chunk| !is_reserved(chunk)).unwrap_or(last);
    Some(((start * chunk_units).max(from), (stop * chunk_units).min(end)))
}
