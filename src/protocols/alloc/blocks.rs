//! Blocks: their neighbours, the spare list, and carving an extent out of a free block.
//!
//! Small steps are always inlined, here and in the bins, because passing their wide results through
//! memory doubles the cost of a call.

use super::{Allocator, Extent, Outcome, bins::bin_of, corrupt};
use crate::error::Result;
use crate::layout::block::{Block, BlockState};
use crate::sync::Ordering::Relaxed;

/// A used or free block as it was loaded. It lies inside the heap.
#[derive(Clone, Copy)]
pub(super) struct LoadedBlock<'a> {
    pub number: u32,
    pub node: &'a Block,
    pub start: u64,
    pub len: u64,
    pub free: bool,
    pub prev: u32,
    pub next: u32,
}

impl LoadedBlock<'_> {
    #[inline(always)]
    pub fn end(&self) -> u64 {
        self.start + self.len
    }
}

impl<'a> Allocator<'a> {
    #[inline(always)]
    pub(super) fn node(&self, number: u32) -> Result<&'a Block> {
        match self.blocks.get((number as usize).wrapping_sub(1)) {
            Some(node) => Ok(node),
            None => Err(corrupt("a block number is out of range")),
        }
    }

    #[inline(always)]
    pub(super) fn load_block(&self, number: u32) -> Result<LoadedBlock<'a>> {
        let node = self.node(number)?;
        let start = node.start.load(Relaxed);
        let (free, len) = match BlockState::unpack(node.extent.load(Relaxed)) {
            Some(BlockState::Free(len)) => (true, len),
            Some(BlockState::Used(len)) => (false, len),
            _ => return Err(corrupt("a block stands for no memory")),
        };
        if start.checked_add(len).is_none_or(|end| end > self.capacity_units()) {
            return Err(corrupt("a block reaches beyond the heap"));
        }
        let (prev, next) = (node.prev.load(Relaxed), node.next.load(Relaxed));
        Ok(LoadedBlock { number, node, start, len, free, prev, next })
    }

    /// Returns the block that ends where this one starts; none at unit 0.
    #[inline(always)]
    pub(super) fn before(&self, block: &LoadedBlock<'_>) -> Result<Option<LoadedBlock<'a>>> {
        if block.prev == 0 {
            if block.start != 0 || self.state.first.load(Relaxed) != block.number {
                return Err(corrupt("the chain of blocks starts late"));
            }
            return Ok(None);
        }
        let before = self.load_block(block.prev)?;
        if before.next != block.number || before.end() != block.start {
            return Err(corrupt("a block and the one before it disagree"));
        }
        Ok(Some(before))
    }

    /// Returns the block that starts where this one ends; none at the end of the heap.
    #[inline(always)]
    pub(super) fn after(&self, block: &LoadedBlock<'_>) -> Result<Option<LoadedBlock<'a>>> {
        if block.next == 0 {
            if block.end() != self.capacity_units() {
                return Err(corrupt("the chain of blocks ends early"));
            }
            return Ok(None);
        }
        let after = self.load_block(block.next)?;
        if after.prev != block.number || after.start != block.end() {
            return Err(corrupt("a block and the one after it disagree"));
        }
        Ok(Some(after))
    }

    /// Makes two blocks neighbours; 0 stands for either end of the heap.
    #[inline(always)]
    pub(super) fn join(&self, left: u32, right: u32) -> Result<()> {
        let from = if left == 0 { &self.state.first } else { &self.node(left)?.next };
        from.store(right, Relaxed);
        if right != 0 {
            self.node(right)?.prev.store(left, Relaxed);
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn set(&self, number: u32, start: u64, state: BlockState) -> Result<()> {
        let node = self.node(number)?;
        node.start.store(start, Relaxed);
        node.extent.store(state.pack(), Relaxed);
        Ok(())
    }

    /// Changes the start and length of a free block, and moves it to another bin if necessary.
    #[inline(always)]
    pub(super) fn resize_free(&self, block: &LoadedBlock<'_>, start: u64, len: u64) -> Result<()> {
        let bin = bin_of(block.len);
        let stays = bin == bin_of(len) && self.is_alone(block, bin);
        if !stays {
            self.unlink(block)?;
        }
        block.node.start.store(start, Relaxed);
        block.node.extent.store(BlockState::Free(len).pack(), Relaxed);
        if stays { Ok(()) } else { self.link(block.number, start, len) }
    }

    /// Takes `N` (at most 2) blocks that stand for no memory. `None` means that fewer were left;
    /// nothing has changed then.
    #[inline(always)]
    pub(super) fn take_nodes<const N: usize>(&self) -> Result<Option<[u32; N]>> {
        let mut spare = self.state.spare.load(Relaxed);
        let mut fresh = self.state.fresh.load(Relaxed);
        if fresh as usize > self.blocks.len() {
            return Err(corrupt("more blocks were taken than are reserved"));
        }
        let mut taken = [0; N];
        for i in 0..N {
            if spare != 0 {
                let node = self.node(spare)?;
                let bad = BlockState::unpack(node.extent.load(Relaxed)) != Some(BlockState::Spare);
                if bad || taken[..i].contains(&spare) {
                    return Err(corrupt("the spare list holds a block in use"));
                }
                taken[i] = spare;
                spare = node.right.load(Relaxed);
            } else if (fresh as usize) < self.blocks.len() {
                fresh += 1;
                taken[i] = fresh;
            } else {
                return Ok(None);
            }
        }
        self.state.spare.store(spare, Relaxed);
        self.state.fresh.store(fresh, Relaxed);
        Ok(Some(taken))
    }

    #[inline(always)]
    pub(super) fn give_node(&self, number: u32) -> Result<()> {
        let node = self.node(number)?;
        node.extent.store(BlockState::Spare.pack(), Relaxed);
        node.right.store(self.state.spare.load(Relaxed), Relaxed);
        self.state.spare.store(number, Relaxed);
        Ok(())
    }

    /// Returns the outcome after `take_nodes` found fewer than `wanted`.
    #[cold]
    pub(super) fn need_blocks<T>(&self, wanted: u32) -> Outcome<T> {
        let reserved = self.blocks.len() as u32;
        let spare = u32::from(self.state.spare.load(Relaxed) != 0);
        let fresh = reserved.saturating_sub(self.state.fresh.load(Relaxed));
        // At least one, so that a corrupt count does not make the caller spin.
        let missing = wanted.saturating_sub(spare).saturating_sub(fresh).max(1);
        Outcome::NeedBlocks(reserved + missing)
    }

    /// Turns `lead` plus `len` units of a free block, starting at `start`, into a used block. The
    /// rest of the block stays free.
    pub(super) fn carve(
        &self,
        block: &LoadedBlock<'a>,
        start: u64,
        lead: u64,
        len: u64,
    ) -> Result<Outcome<Extent>> {
        let end = start.saturating_add(lead).saturating_add(len);
        if !block.free || start < block.start || end > block.end() {
            return Err(corrupt("an extent was found where none is free"));
        }
        let (before, after) = (start - block.start, block.end() - end);
        self.before(block)?;
        self.after(block)?;
        let used = BlockState::Used(lead + len);
        let number = match (before, after) {
            (0, 0) => {
                self.unlink(block)?;
                block.node.extent.store(used.pack(), Relaxed);
                block.number
            }
            // The rest keeps the node: it is often alone in its bin, and stays in it.
            (0, _) | (_, 0) => {
                let Some([new]) = self.take_nodes()? else { return Ok(self.need_blocks(1)) };
                self.set(new, start, used)?;
                if before == 0 {
                    self.resize_free(block, end, after)?;
                    self.join(block.prev, new)?;
                    self.join(new, block.number)?;
                } else {
                    self.resize_free(block, block.start, before)?;
                    self.join(block.number, new)?;
                    self.join(new, block.next)?;
                }
                new
            }
            _ => {
                let Some([new, rest]) = self.take_nodes()? else {
                    return Ok(self.need_blocks(2));
                };
                self.set(new, start, used)?;
                self.set(rest, end, BlockState::Free(after))?;
                self.resize_free(block, block.start, before)?;
                self.join(block.number, new)?;
                self.join(new, rest)?;
                self.join(rest, block.next)?;
                self.link(rest, end, after)?;
                new
            }
        };
        self.sub_free(lead + len)?;
        self.add_lead(lead);
        Ok(Outcome::Done(Extent { start: start + lead, len, block: number }))
    }
}
