//! The heap allocator: hands out extents of the heap and takes them back. It works on slices of
//! shared words, with offsets and never pointers.
//!
//! Blocks tile the heap from unit 0 to its capacity. Each block is used or free, blocks are chained
//! by address, and no two free blocks touch. A free block is in the bin of its length; each bin is
//! a tree, and a bitmap finds the next bin that is not empty. So finding the shortest block that
//! fits takes a number of steps that is logarithmic in the number of free blocks, and blocks are
//! split exactly.
//!
//! An extent starts at a page boundary where that costs little. The memory skipped before it is its
//! lead: it belongs to the extent's block and is freed with it, because a lead that was free would
//! be a hole that outlives its neighbours. Records do not mention leads, so a rebuild turns them
//! into free memory.
//!
//! All calls run under the writer lock, which orders them, so every access is Relaxed. A process
//! may be killed between any two stores; the next owner of the lock then calls
//! [`Allocator::rebuild`]. No value that is read is trusted: numbers and lengths are checked, loops
//! are bounded, and an impossible value is `Corrupt`. A call that returns `Corrupt` may have
//! stopped half way, and only a rebuild repairs that.

mod bins;
mod blocks;
mod check_blocks;
mod find;
#[cfg(test)]
mod fixture;
#[cfg(all(test, not(any(loom, shuttle, miri))))]
mod fragmentation;
#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(any(loom, shuttle))))]
mod model;
mod owners;
mod pages;
mod rebuild;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod tree;
mod walk;

use crate::error::{Error, Result, Status};
use crate::layout::block::{AllocState, Bins, Block, BlockState, MAX_UNITS};
use crate::sync::Ordering::Relaxed;

pub use check_blocks::Tiling;
pub use owners::Stretch;
pub use rebuild::OwnedExtent;

/// A used extent of the heap, in units, and the number of its block (never 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First unit.
    pub start: u64,
    /// Length in units.
    pub len: u64,
    /// The number of the block: its index plus one.
    pub block: u32,
}

/// The result of a call that may need more blocks.
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

/// The allocator of one heap, for the duration of a critical section.
pub struct Allocator<'a> {
    state: &'a AllocState,
    bins: &'a Bins,
    /// Only the blocks that are backed by memory.
    blocks: &'a [Block],
}

#[cold]
fn corrupt(what: &str) -> Error {
    Error::new(Status::Corrupt, format!("heap allocator: {what}"))
}

#[cold]
fn invalid(what: &str) -> Error {
    Error::new(Status::InvalidArgument, format!("heap allocator: {what}"))
}

impl<'a> Allocator<'a> {
    /// Returns the allocator over these words. `blocks_reserved` is the number of `blocks` that may
    /// be touched, as the store has it now, under the lock.
    pub fn new(
        state: &'a AllocState,
        bins: &'a Bins,
        blocks: &'a [Block],
        blocks_reserved: u32,
    ) -> Self {
        let reserved = blocks.len().min(blocks_reserved as usize).min(u32::MAX as usize - 2);
        Self { state, bins, blocks: &blocks[..reserved] }
    }

    /// Returns the number of units in the heap; 0 when the state is corrupt, so that no block lies
    /// inside.
    #[inline]
    pub fn capacity_units(&self) -> u64 {
        let capacity = self.state.capacity.load(Relaxed);
        if capacity <= MAX_UNITS { capacity } else { 0 }
    }

    /// Returns the number of units in free blocks.
    pub fn free_units(&self) -> u64 {
        self.state.free.load(Relaxed)
    }

    /// Returns the number of units that are leads.
    pub fn lead_units(&self) -> u64 {
        self.state.lead.load(Relaxed)
    }

    /// Takes `len` units from the shortest free block that has at least `len`. With `paged` they
    /// start at a page boundary where that costs little. `NoFit` means that no free block holds
    /// `len` units.
    pub fn alloc(&self, len: u64, paged: bool) -> Result<Outcome<Extent>> {
        if !self.may_fit(len)? {
            return Ok(Outcome::NoFit);
        }
        match self.find(len)? {
            Some(block) => {
                let lead = self.lead(paged, block.start, block.end(), len);
                self.carve(&block, block.start, lead, len)
            }
            None => Ok(Outcome::NoFit),
        }
    }

    /// Returns whether `len` is at most the capacity. Fails if `len` is 0 or the capacity is
    /// corrupt.
    fn may_fit(&self, len: u64) -> Result<bool> {
        if len == 0 {
            return Err(invalid("an empty extent"));
        }
        match self.capacity_units() {
            0 => Err(corrupt("bad capacity")),
            capacity => Ok(len <= capacity),
        }
    }

    /// Frees an extent and merges it with the free blocks beside it.
    pub fn free(&self, extent: Extent) -> Result<()> {
        let (own, lead) = self.owned(extent)?;
        let before = self.before(&own)?.filter(|b| b.free);
        let after = self.after(&own)?.filter(|a| a.free);
        self.sub_lead(lead)?;
        self.add_free(own.len)?;
        match (before, after) {
            (None, None) => {
                own.node.extent.store(BlockState::Free(own.len).pack(), Relaxed);
                self.link(own.number, own.start, own.len)
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
                self.unlink(&a)?;
                self.resize_free(&b, b.start, b.len + own.len + a.len)?;
                self.join(b.number, a.next)?;
                self.give_node(own.number)?;
                self.give_node(a.number)
            }
        }
    }

    /// Frees extents. Those that touch each other become one block first.
    pub fn free_all(&self, extents: &mut [Extent]) -> Result<()> {
        extents.sort_unstable_by_key(|extent| extent.start);
        let mut rest = extents.iter().peekable();
        while let Some(first) = rest.next() {
            let (own, lead) = self.owned(*first)?;
            let (mut last, mut len) = (own, own.len);
            while let Some(next) = rest.next_if(|next| next.block == last.next) {
                let (block, lead) = self.owned(*next)?;
                if block.prev != last.number || block.start != last.end() {
                    return Err(corrupt("a block and the one before it disagree"));
                }
                self.sub_lead(lead)?;
                self.give_node(block.number)?;
                (last, len) = (block, len + block.len);
            }
            if last.number != own.number {
                own.node.extent.store(BlockState::Used(len).pack(), Relaxed);
                self.join(own.number, last.next)?;
            }
            self.free(Extent { len: len - lead, ..*first })?;
        }
        Ok(())
    }

    /// Frees the end of an extent so that `len` units stay, and also its lead if the lead is too
    /// long for `len` units. `NeedBlocks` may be returned after the lead was freed, which no record
    /// mentions.
    pub fn shrink(&self, extent: Extent, len: u64) -> Result<Outcome<()>> {
        let (mut own, mut lead) = self.owned(extent)?;
        let Some(rest) = extent.len.checked_sub(len).filter(|_| len > 0) else {
            return Err(invalid("shrink to nothing, or to more"));
        };
        if rest == 0 {
            return Ok(Outcome::Done(()));
        }
        if !pages::is_cheap(lead, len) {
            match self.free_lead(&own, lead)? {
                Outcome::Done(()) => (own, lead) = self.owned(extent)?,
                lacking => return Ok(lacking),
            }
        }
        let cut = extent.start + len;
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
                self.link(tail, cut, rest)?;
            }
        }
        own.node.extent.store(BlockState::Used(lead + len).pack(), Relaxed);
        self.add_free(rest)?;
        Ok(Outcome::Done(()))
    }

    /// Turns the lead of a block into free memory.
    fn free_lead(&self, own: &blocks::LoadedBlock<'_>, lead: u64) -> Result<Outcome<()>> {
        match self.before(own)? {
            Some(before) if before.free => {
                self.resize_free(&before, before.start, before.len + lead)?;
            }
            _ => {
                let Some([freed]) = self.take_nodes()? else {
                    return Ok(self.need_blocks(1));
                };
                self.set(freed, own.start, BlockState::Free(lead))?;
                self.join(own.prev, freed)?;
                self.join(freed, own.number)?;
                self.link(freed, own.start, lead)?;
            }
        }
        self.set(own.number, own.start + lead, BlockState::Used(own.len - lead))?;
        self.sub_lead(lead)?;
        self.add_free(lead)?;
        Ok(Outcome::Done(()))
    }

    /// Extends an extent to `len` units if the memory after it is free. Needs no blocks.
    pub fn grow_in_place(&self, extent: Extent, len: u64) -> Result<bool> {
        let (own, lead) = self.owned(extent)?;
        let Some(more) = len.checked_sub(extent.len) else {
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
            self.unlink(&after)?;
            self.join(own.number, after.next)?;
            self.give_node(after.number)?;
        } else {
            self.resize_free(&after, after.start + more, after.len - more)?;
        }
        own.node.extent.store(BlockState::Used(lead + len).pack(), Relaxed);
        Ok(true)
    }

    /// Returns the lead of an extent, which becomes free with it. `None` when the block does not
    /// match the extent, which a caller without the lock may see.
    pub fn lead_of(&self, extent: Extent) -> Option<u64> {
        self.owned(extent).ok().map(|(_, lead)| lead)
    }

    /// Returns the used block of an extent that a record owns, and the extent's lead.
    #[inline(always)]
    fn owned(&self, extent: Extent) -> Result<(blocks::LoadedBlock<'a>, u64)> {
        let own = self.load_block(extent.block)?;
        // The extent takes up the whole block except the lead, which is short.
        match own.len.checked_sub(extent.len) {
            Some(lead)
                if !own.free
                    && own.start.checked_add(lead) == Some(extent.start)
                    && pages::is_cheap(lead, extent.len) =>
            {
                Ok((own, lead))
            }
            _ => Err(corrupt("a record and its block disagree")),
        }
    }

    fn add_free(&self, len: u64) -> Result<()> {
        let sum = self.state.free.load(Relaxed).checked_add(len);
        let Some(free) = sum.filter(|&free| free <= self.capacity_units()) else {
            return Err(corrupt("more units are free than the heap has"));
        };
        self.state.free.store(free, Relaxed);
        Ok(())
    }

    fn sub_free(&self, len: u64) -> Result<()> {
        let Some(free) = self.state.free.load(Relaxed).checked_sub(len) else {
            return Err(corrupt("fewer units are free than were taken"));
        };
        self.state.free.store(free, Relaxed);
        Ok(())
    }

    fn add_lead(&self, len: u64) {
        if len > 0 {
            let lead = self.state.lead.load(Relaxed);
            self.state.lead.store(lead.wrapping_add(len), Relaxed);
        }
    }

    fn sub_lead(&self, len: u64) -> Result<()> {
        if len > 0 {
            let Some(lead) = self.state.lead.load(Relaxed).checked_sub(len) else {
                return Err(corrupt("fewer units are leads than were freed"));
            };
            self.state.lead.store(lead, Relaxed);
        }
        Ok(())
    }
}
