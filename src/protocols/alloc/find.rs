//! Search: best fit through the bins, and first fit by address where only some memory is usable.

use super::bins::bin_of;
use super::blocks::LoadedBlock;
use super::{Allocator, Extent, Outcome, pages};
use crate::error::Result;

impl<'a> Allocator<'a> {
    /// Returns the shortest free block that holds `len` units, and the first by address of several.
    #[inline(always)]
    pub(super) fn find(&self, len: u64) -> Result<Option<LoadedBlock<'a>>> {
        let own = bin_of(len);
        if self.is_filled(own)
            && let Some(block) = self.least_of(own, len)?
        {
            return Ok(Some(block));
        }
        // All blocks of the bins above are longer than `len`.
        match self.filled_from(own + 1)? {
            Some(bin) => self.least_of(bin, 0),
            None => Ok(None),
        }
    }

    /// Returns the number of units of the largest free block.
    pub fn largest_free(&self) -> Result<u64> {
        match self.highest_filled()? {
            Some(bin) => Ok(self.greatest_of(bin)?.len),
            None => Ok(0),
        }
    }

    /// Takes the `len` units of usable memory that have the lowest address.
    ///
    /// `next_usable(from, end)` returns the first run `(from', end')` of usable memory in `from ..
    /// end`, not empty and as long as possible, or `None`. Visits all blocks, so `NoFit` is exact.
    pub fn alloc_within(
        &self,
        len: u64,
        paged: bool,
        next_usable: &mut dyn FnMut(u64, u64) -> Option<(u64, u64)>,
    ) -> Result<Outcome<Extent>> {
        if !self.may_fit(len)? {
            return Ok(Outcome::NoFit);
        }
        for block in self.walk() {
            let block = block?;
            let mut from = block.start;
            while block.free && block.end() - from >= len {
                let Some((start, end)) = next_usable(from, block.end()) else { break };
                let (start, end) = (start.max(from), end.min(block.end()));
                if start.checked_add(len).is_some_and(|stop| stop <= end) {
                    return self.carve(&block, start, self.lead(paged, start, end, len), len);
                }
                if end <= from {
                    break;
                }
                from = end;
            }
        }
        Ok(Outcome::NoFit)
    }

    /// Returns the units to skip between `from` and an extent of `len` units.
    #[inline(always)]
    pub(super) fn lead(&self, paged: bool, from: u64, end: u64, len: u64) -> u64 {
        if paged { pages::lead(self.capacity_units(), from, end, len) } else { 0 }
    }

    /// Takes exactly these units if one free block contains all of them. Visits the blocks before
    /// them.
    pub fn take_at(&self, start: u64, len: u64) -> Result<Outcome<Extent>> {
        if !self.may_fit(len)? {
            return Ok(Outcome::NoFit);
        }
        for block in self.walk() {
            let block = block?;
            if block.end() <= start {
                continue;
            }
            let fits = block.free && start >= block.start && block.end() - start >= len;
            return if fits { self.carve(&block, start, 0, len) } else { Ok(Outcome::NoFit) };
        }
        Ok(Outcome::NoFit)
    }
}
