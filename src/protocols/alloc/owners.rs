//! Owners of used blocks, and steps from block to block, for the search for objects whose eviction
//! makes room. An owner is a hint of the caller, which proves it by its own record.

use super::blocks::LoadedBlock;
use super::{Allocator, corrupt};
use crate::error::Result;
use crate::layout::block::BlockState;
use crate::sync::Ordering::Relaxed;

/// A block as the search for room sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The number of the block.
    pub block: u32,
    /// First unit.
    pub start: u64,
    /// Length in units.
    pub len: u64,
    /// It is free.
    pub free: bool,
    /// The slot that was last named as its owner, if it is used.
    pub owner: Option<u32>,
    prev: u32,
    next: u32,
}

impl Stretch {
    /// The unit after it.
    pub fn end(&self) -> u64 {
        self.start + self.len
    }
}

impl<'a> Allocator<'a> {
    /// Names the owner of a used block; 0 is no block.
    #[inline]
    pub fn set_owner(&self, block: u32, owner: u32) {
        if let Some(node) = self.blocks.get((block as usize).wrapping_sub(1))
            && matches!(BlockState::unpack(node.extent.load(Relaxed)), Some(BlockState::Used(_)))
        {
            node.left.store(owner.wrapping_add(1), Relaxed);
        }
    }

    /// Returns a block that is used or free.
    pub fn stretch(&self, block: u32) -> Result<Stretch> {
        self.load_block(block).map(|block| seen(&block))
    }

    /// Returns the block before this one, which has not changed since it was returned.
    #[inline]
    pub fn stretch_before(&self, of: &Stretch) -> Result<Option<Stretch>> {
        if of.prev == 0 && of.start == 0 {
            return Ok(None);
        }
        let before = self.load_block(of.prev)?;
        if before.next != of.block || before.end() != of.start {
            return Err(corrupt("a block and the one before it disagree"));
        }
        Ok(Some(seen(&before)))
    }

    /// Returns the block after this one, which has not changed since it was returned.
    #[inline]
    pub fn stretch_after(&self, of: &Stretch) -> Result<Option<Stretch>> {
        if of.next == 0 && of.end() == self.capacity_units() {
            return Ok(None);
        }
        let after = self.load_block(of.next)?;
        if after.prev != of.block || after.start != of.end() {
            return Err(corrupt("a block and the one after it disagree"));
        }
        Ok(Some(seen(&after)))
    }

    /// Returns the block at unit 0.
    pub fn first_stretch(&self) -> Result<Stretch> {
        self.stretch(self.state.first.load(Relaxed))
    }
}

#[inline]
fn seen(block: &LoadedBlock<'_>) -> Stretch {
    let LoadedBlock { number, start, len, free, node, prev, next } = *block;
    let owner = if free { None } else { node.left.load(Relaxed).checked_sub(1) };
    Stretch { block: number, start, len, free, owner, prev, next }
}
