//! Give and take extents of the heap: a protocol over slices of shared words. Offsets, no pointers.
//!
//! Blocks tile the heap from unit 0 to its capacity, each used or free, chained by address; no two
//! free ones touch. A free block hangs in the bin of its length; a bitmap finds the next bin that
//! is not empty. Bins only steer the search: blocks are split exactly.
//!
//! All calls run under the writer lock, which orders them: every access is Relaxed. A process may
//! be killed between any two stores; its successor then calls [`Allocator::rebuild`]. Nothing read
//! is trusted: numbers and lengths are checked, loops are bounded, and nonsense is `Corrupt`. A
//! call that returns `Corrupt` may have stopped half way; only a rebuild mends it.

mod bins;
mod blocks;
mod check;
mod find;
#[cfg(test)]
mod fixture;
#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(any(loom, shuttle))))]
mod model;
mod rebuild;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod walk;

use crate::error::{Error, Result, Status};
use crate::layout::block::{AllocState, Bins, Block, BlockState, MAX_UNITS};
use crate::sync::Ordering::Relaxed;

pub use check::Tiling;
pub use rebuild::Owned;

/// A used stretch of the heap, in units, and the number of its block (never 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First unit.
    pub start: u64,
    /// Units.
    pub len: u64,
    /// The number of the block: its index plus one.
    pub block: u32,
}

/// What a call that may need memory came to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Done.
    Done(T),
    /// No free block fits; nothing changed.
    NoFit,
    /// Nothing changed: this many blocks must be backed by memory first. Twice the number of used
    /// extents plus one is always enough.
    NeedBlocks(u32),
}

/// The allocator of one heap, for the length of a critical section.
pub struct Allocator<'a> {
    state: &'a AllocState,
    bins: &'a Bins,
    /// Only those backed by memory.
    blocks: &'a [Block],
}

/// Free memory found for a request: the block, and where in it the extent shall start.
type Fit<'a> = (blocks::View<'a>, u64);

#[cold]
fn corrupt(what: &str) -> Error {
    Error::new(Status::Corrupt, format!("heap allocator: {what}"))
}

#[cold]
fn invalid(what: &str) -> Error {
    Error::new(Status::InvalidArgument, format!("heap allocator: {what}"))
}

impl<'a> Allocator<'a> {
    /// The allocator over these words. `blocks_reserved` is how many of `blocks` may be touched, as
    /// the store says it now, under the lock.
    pub fn new(
        state: &'a AllocState,
        bins: &'a Bins,
        blocks: &'a [Block],
        blocks_reserved: u32,
    ) -> Self {
        let reserved = blocks.len().min(blocks_reserved as usize).min(u32::MAX as usize - 2);
        Self { state, bins, blocks: &blocks[..reserved] }
    }

    /// Units in the heap; 0 when the state is corrupt, so that no block is inside.
    #[inline]
    pub fn capacity_units(&self) -> u64 {
        let capacity = self.state.capacity.load(Relaxed);
        if capacity <= MAX_UNITS { capacity } else { 0 }
    }

    /// Units in free blocks.
    pub fn free_units(&self) -> u64 {
        self.state.free.load(Relaxed)
    }

    /// Take `len` units at a multiple of `align` units (a power of two). A good fit: `NoFit` may be
    /// wrong when only blocks of nearly the same size are left.
    pub fn alloc(&self, len: u64, align: u64) -> Result<Outcome<Extent>> {
        self.alloc_with(len, &[(align, find::SEARCH)])
    }

    /// As [`Self::alloc`], with less alignment where there is no room for so much. `NoFit` means
    /// that no free block holds `len` units.
    pub fn alloc_preferring(&self, len: u64, align: u64) -> Result<Outcome<Extent>> {
        const PAGE: u64 = 64;
        let (exact, search) = ((1, u32::MAX), find::SEARCH);
        match align {
            0..=1 => self.alloc_with(len, &[(align, u32::MAX)]),
            2..=PAGE => self.alloc_with(len, &[(align, search), exact]),
            _ => self.alloc_with(len, &[(align, search), (PAGE, search), exact]),
        }
    }

    fn alloc_with(&self, len: u64, attempts: &[(u64, u32)]) -> Result<Outcome<Extent>> {
        for &(align, limit) in attempts {
            if !self.may_fit(len, align)? {
                return Ok(Outcome::NoFit);
            }
            if let Some((block, start)) = self.find(len, align, limit)? {
                return self.place(&block, start, len);
            }
        }
        Ok(Outcome::NoFit)
    }

    /// Whether the heap is large enough; an error when the request makes no sense.
    fn may_fit(&self, len: u64, align: u64) -> Result<bool> {
        if len == 0 || !align.is_power_of_two() || align > MAX_UNITS {
            return Err(invalid("an empty extent or a bad alignment"));
        }
        match self.capacity_units() {
            0 => Err(corrupt("bad capacity")),
            capacity => Ok(len <= capacity),
        }
    }

    /// Give an extent back. Its neighbours, if free, become one with it.
    pub fn free(&self, extent: Extent) -> Result<()> {
        let own = self.owned(extent)?;
        let before = self.before(&own)?.filter(|b| b.free);
        let after = self.after(&own)?.filter(|a| a.free);
        self.add_free(own.len)?;
        match (before, after) {
            (None, None) => {
                own.node.extent.store(BlockState::Free(own.len).pack(), Relaxed);
                self.link(own.number, own.len)
            }
            (Some(b), None) => {
                self.resize_free(&b, b.start, b.len + own.len)?;
                self.join(b.number, own.next)?;
                self.give_node(own.number)
            }
            (None, Some(a)) => {
                self.resize_free(&a, own.start, own.len + a.len)?;
                self.join(own.prev, a.number)?;
                self.give_node(own.number)
            }
            (Some(b), Some(a)) => {
                self.unlink(a.number, a.len)?;
                self.resize_free(&b, b.start, b.len + own.len + a.len)?;
                self.join(b.number, a.next)?;
                self.give_node(own.number)?;
                self.give_node(a.number)
            }
        }
    }

    /// Give the end of an extent back, so that `len` units stay.
    pub fn shrink(&self, extent: Extent, len: u64) -> Result<Outcome<()>> {
        let own = self.owned(extent)?;
        let Some(rest) = own.len.checked_sub(len).filter(|_| len > 0) else {
            return Err(invalid("shrink to nothing, or to more"));
        };
        if rest == 0 {
            return Ok(Outcome::Done(()));
        }
        let cut = own.start + len;
        match self.after(&own)? {
            Some(after) if after.free => {
                self.resize_free(&after, cut, after.len + rest)?;
            }
            _ => {
                let Some([tail]) = self.take_nodes()? else {
                    return Ok(self.need_blocks(1));
                };
                self.set(tail, cut, BlockState::Free(rest))?;
                self.join(own.number, tail)?;
                self.join(tail, own.next)?;
                self.link(tail, rest)?;
            }
        }
        own.node.extent.store(BlockState::Used(len).pack(), Relaxed);
        self.add_free(rest)?;
        Ok(Outcome::Done(()))
    }

    /// Extend an extent to `len` units if the memory behind it is free. Needs no blocks.
    pub fn grow_in_place(&self, extent: Extent, len: u64) -> Result<bool> {
        let own = self.owned(extent)?;
        let Some(more) = len.checked_sub(own.len) else {
            return Err(invalid("grow to less"));
        };
        if more == 0 {
            return Ok(true);
        }
        let Some(after) = self.after(&own)?.filter(|a| a.free && a.len >= more) else {
            return Ok(false);
        };
        self.sub_free(more)?;
        if after.len == more {
            self.unlink(after.number, after.len)?;
            self.join(own.number, after.next)?;
            self.give_node(after.number)?;
        } else {
            self.resize_free(&after, after.start + more, after.len - more)?;
        }
        own.node.extent.store(BlockState::Used(len).pack(), Relaxed);
        Ok(true)
    }

    /// Whether no memory beside an extent is free, so that nothing would join it if it were.
    pub fn is_enclosed(&self, extent: Extent) -> Result<bool> {
        let own = self.owned(extent)?;
        let before = self.before(&own)?.is_some_and(|before| before.free);
        let after = self.after(&own)?.is_some_and(|after| after.free);
        Ok(!before && !after)
    }

    /// The used block that an object record calls its own.
    fn owned(&self, extent: Extent) -> Result<blocks::View<'a>> {
        let own = self.view(extent.block)?;
        if own.free || own.start != extent.start || own.len != extent.len {
            return Err(corrupt("a record and its block disagree"));
        }
        Ok(own)
    }

    fn add_free(&self, len: u64) -> Result<()> {
        let sum = self.state.free.load(Relaxed).checked_add(len);
        let Some(free) = sum.filter(|&free| free <= self.capacity_units()) else {
            return Err(corrupt("more is free than there is"));
        };
        self.state.free.store(free, Relaxed);
        Ok(())
    }

    fn sub_free(&self, len: u64) -> Result<()> {
        let Some(free) = self.state.free.load(Relaxed).checked_sub(len) else {
            return Err(corrupt("less is free than was found"));
        };
        self.state.free.store(free, Relaxed);
        Ok(())
    }
}
