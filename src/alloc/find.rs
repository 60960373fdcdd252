//! Search: good fit through the bins, first fit by address where memory must be usable.

use super::bins::{bin_above, bin_of};
use super::blocks::View;
use super::{Allocator, Extent, Fit, Outcome, corrupt};
use crate::error::Result;
use crate::sync::Ordering::Relaxed;

/// Blocks looked at when only the request's own bins are left.
pub(super) const SEARCH: u32 = 64;

/// Blocks looked at before larger ones are split, so that a hole is used again by its like.
const PEEK: u32 = 4;

/// A free block that is not so many times as long as the request is used from its end, a longer one,
/// or the last of the heap, from its start, where an extent can grow. In a heap that is nearly full
/// this leaves fewer pieces: measured by `mixed` of the benchmark.
const GROWS: u64 = 16;

/// Where `len` units at this alignment start in a free block, if they fit.
#[inline(always)]
fn fit_in(block: &View<'_>, len: u64, align: u64) -> Option<u64> {
    if block.next == 0 || block.len / GROWS >= len {
        return fit(block.start, block.end(), len, align);
    }
    let start = block.end().checked_sub(len)? & !(align - 1);
    (start >= block.start).then_some(start)
}

/// Where `len` units at this alignment start in `from .. end`, if they fit.
#[inline(always)]
fn fit(from: u64, end: u64, len: u64, align: u64) -> Option<u64> {
    let start = from.checked_add(align - 1)? & !(align - 1);
    (start.checked_add(len)? <= end).then_some(start)
}

impl<'a> Allocator<'a> {
    /// A free block that holds the request. Looks at `limit` blocks of the request's own bins;
    /// with alignment 1 and no limit, none is found only if there is none.
    #[inline(always)]
    pub(super) fn find(&self, len: u64, align: u64, limit: u32) -> Result<Option<Fit<'a>>> {
        // Blocks of the bins `own .. sure` may fit, those from `sure` up do.
        let (own, sure) = (bin_of(len), bin_above(len + align - 1));
        if let Some(fit) = self.search(own, sure, len, align, PEEK)? {
            return Ok(Some(fit));
        }
        let Some(bin) = self.nonempty_from(sure) else {
            return self.search(own, sure, len, align, limit);
        };
        let block = self.view(self.head(bin)?)?;
        match fit_in(&block, len, align) {
            Some(start) if block.free => Ok(Some((block, start))),
            _ => Err(corrupt("a block is in the wrong bin")),
        }
    }

    /// The first of at most `limit` blocks in the bins `from .. to` that holds the request.
    #[inline(always)]
    fn search(
        &self,
        from: usize,
        to: usize,
        len: u64,
        align: u64,
        limit: u32,
    ) -> Result<Option<Fit<'a>>> {
        let mut seen = 0;
        let mut from = from;
        while from < to {
            let Some(bin) = self.nonempty_from(from).filter(|&bin| bin < to) else { break };
            let mut number = self.head(bin)?;
            while number != 0 {
                if seen == limit {
                    return Ok(None);
                }
                seen += 1;
                let block = self.view(number)?;
                if !block.free || seen as usize > self.blocks.len() {
                    return Err(corrupt("a bin holds a used block, or a ring"));
                }
                if let Some(start) = fit_in(&block, len, align) {
                    return Ok(Some((block, start)));
                }
                number = block.node.bin_next.load(Relaxed);
            }
            from = bin + 1;
        }
        Ok(None)
    }

    /// Units of the largest free block. Looks at every block of the highest bin in use.
    pub fn largest_free(&self) -> Result<u64> {
        let Some(bin) = self.highest_nonempty() else { return Ok(0) };
        let mut number = self.head(bin)?;
        let mut largest = 0;
        for _ in 0..self.blocks.len() {
            let block = self.view(number)?;
            if !block.free || bin_of(block.len) != bin {
                return Err(corrupt("a block is in the wrong bin"));
            }
            largest = largest.max(block.len);
            number = block.node.bin_next.load(Relaxed);
            if number == 0 {
                return Ok(largest);
            }
        }
        Err(corrupt("a bin is a ring"))
    }

    /// Take `len` units, aligned, from usable memory only: the lowest that there are.
    ///
    /// `next_usable(from, end)` names the first run `(from', end')` of usable memory in `from ..
    /// end`, not empty and as long as it can be, or none. Visits all blocks: `NoFit` is exact.
    pub fn alloc_within(
        &self,
        len: u64,
        align: u64,
        next_usable: &mut dyn FnMut(u64, u64) -> Option<(u64, u64)>,
    ) -> Result<Outcome<Extent>> {
        if !self.may_fit(len, align)? {
            return Ok(Outcome::NoFit);
        }
        for block in self.walk() {
            let block = block?;
            let mut from = block.start;
            while block.free && block.end() - from >= len {
                let Some((start, end)) = next_usable(from, block.end()) else { break };
                let (start, end) = (start.max(from), end.min(block.end()));
                if let Some(start) = fit(start, end, len, align) {
                    return self.place(&block, start, len);
                }
                if end <= from {
                    break;
                }
                from = end;
            }
        }
        Ok(Outcome::NoFit)
    }

    /// Take exactly these units, if one free block holds them all. Visits the blocks before them.
    pub fn take_at(&self, start: u64, len: u64) -> Result<Outcome<Extent>> {
        if !self.may_fit(len, 1)? {
            return Ok(Outcome::NoFit);
        }
        for block in self.walk() {
            let block = block?;
            if block.end() <= start {
                continue;
            }
            let fits = block.free && start >= block.start && block.end() - start >= len;
            return if fits { self.place(&block, start, len) } else { Ok(Outcome::NoFit) };
        }
        Ok(Outcome::NoFit)
    }
}
