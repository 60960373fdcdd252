//! The free blocks of one bin: a treap, ordered by length and address. The priority of a block is a
//! hash of its number, so it takes no memory, and the depth of the tree is logarithmic whatever the
//! lengths and addresses are.

use super::blocks::LoadedBlock;
use super::{Allocator, bins::bin_of, corrupt};
use crate::error::{Error, Result};
use crate::layout::block::{Block, BlockState};
use crate::sync::AtomicU32;
use crate::sync::Ordering::Relaxed;

/// Maximum number of steps of one walk. A tree of 2^32 blocks has a depth of about 90, and the
/// probability that it is deeper than this limit is below 10^-90. A deeper tree contains a cycle or
/// is corrupt.
const STEPS: u32 = 256;

/// Length and address of a block, the order of the tree.
type Key = (u64, u64);

/// Maps block numbers to pseudo-random priorities. It is a permutation: no two blocks have the same
/// priority.
#[inline(always)]
pub(super) const fn priority(number: u32) -> u32 {
    let x = (number ^ number >> 16).wrapping_mul(0x7feb_352d);
    let x = (x ^ x >> 15).wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

/// Counts the steps of a walk and fails when there are too many.
struct Steps(u32);

impl Steps {
    #[inline(always)]
    fn step(&mut self) -> Result<()> {
        self.0 += 1;
        if self.0 > STEPS { Err(too_deep()) } else { Ok(()) }
    }
}

#[cold]
fn too_deep() -> Error {
    corrupt("the tree of a bin has no end")
}

impl<'a> Allocator<'a> {
    /// Returns the root of a bin whose bit says that it is not empty.
    #[inline(always)]
    fn root(&self, bin: usize) -> Result<u32> {
        match self.bins.roots[bin].load(Relaxed) {
            0 => Err(corrupt("an empty bin looks filled")),
            root => Ok(root),
        }
    }

    /// Returns a block in the tree of a bin, and its length.
    #[inline(always)]
    fn leaf(&self, number: u32) -> Result<(&'a Block, u64)> {
        let node = self.node(number)?;
        match BlockState::unpack(node.extent.load(Relaxed)) {
            Some(BlockState::Free(len)) => Ok((node, len)),
            _ => Err(corrupt("a bin holds a block that is not free")),
        }
    }

    /// Returns the link of block `number` that leads towards `key`.
    #[inline(always)]
    fn towards(&self, number: u32, key: Key) -> Result<&'a AtomicU32> {
        let (node, len) = self.leaf(number)?;
        let less = (len, node.start.load(Relaxed)) < key;
        Ok(if less { &node.right } else { &node.left })
    }

    /// Puts a free block into its bin.
    #[inline(always)]
    pub(super) fn link(&self, number: u32, start: u64, len: u64) -> Result<()> {
        let node = self.node(number)?;
        let bin = bin_of(len);
        if self.is_filled(bin) {
            return self.insert(bin, number, node, (len, start));
        }
        node.left.store(0, Relaxed);
        node.right.store(0, Relaxed);
        self.bins.roots[bin].store(number, Relaxed);
        self.mark_filled(bin);
        Ok(())
    }

    /// Inserts a block into a tree: below the blocks of higher priority, above the others.
    fn insert(&self, bin: usize, number: u32, node: &'a Block, key: Key) -> Result<()> {
        let mut steps = Steps(0);
        let mut link = &self.bins.roots[bin];
        let mut next = self.root(bin)?;
        while next != 0 && priority(next) > priority(number) {
            steps.step()?;
            link = self.towards(next, key)?;
            next = link.load(Relaxed);
        }
        link.store(number, Relaxed);
        // The subtree that was here is split: smaller keys go to the left of the new block, larger
        // ones to its right.
        let (mut less, mut more) = (&node.left, &node.right);
        while next != 0 {
            steps.step()?;
            let (other, len) = self.leaf(next)?;
            let (side, inner) = match (len, other.start.load(Relaxed)) < key {
                true => (&mut less, &other.right),
                false => (&mut more, &other.left),
            };
            side.store(next, Relaxed);
            *side = inner;
            next = inner.load(Relaxed);
        }
        less.store(0, Relaxed);
        more.store(0, Relaxed);
        Ok(())
    }

    /// Takes a free block out of its bin.
    #[inline(always)]
    pub(super) fn unlink(&self, block: &LoadedBlock<'_>) -> Result<()> {
        let bin = bin_of(block.len);
        if !self.is_filled(bin) {
            return Err(corrupt("a free block is in no bin"));
        }
        if !self.is_alone(block, bin) {
            return self.remove(bin, block);
        }
        self.mark_empty(bin);
        Ok(())
    }

    /// Returns whether this block is the only one in its bin.
    #[inline(always)]
    pub(super) fn is_alone(&self, block: &LoadedBlock<'_>, bin: usize) -> bool {
        self.bins.roots[bin].load(Relaxed) == block.number
            && block.node.left.load(Relaxed) == 0
            && block.node.right.load(Relaxed) == 0
    }

    /// Takes a block out of a tree that contains other blocks.
    fn remove(&self, bin: usize, block: &LoadedBlock<'_>) -> Result<()> {
        let mut steps = Steps(0);
        let mut link = &self.bins.roots[bin];
        let mut next = self.root(bin)?;
        while next != block.number {
            steps.step()?;
            link = self.towards(next, (block.len, block.start))?;
            next = link.load(Relaxed);
        }
        // The two subtrees of the block are merged in its place, higher priorities first.
        let (mut less, mut more) = (block.node.left.load(Relaxed), block.node.right.load(Relaxed));
        while less != 0 && more != 0 {
            steps.step()?;
            let (upper, inner) = match priority(less) > priority(more) {
                true => {
                    let inner = &self.node(less)?.right;
                    (&mut less, inner)
                }
                false => {
                    let inner = &self.node(more)?.left;
                    (&mut more, inner)
                }
            };
            link.store(*upper, Relaxed);
            link = inner;
            *upper = inner.load(Relaxed);
        }
        link.store(less | more, Relaxed);
        Ok(())
    }

    /// Returns the shortest block of a bin that has at least `len` units, and the first by address
    /// of several.
    #[inline(always)]
    pub(super) fn least_of(&self, bin: usize, len: u64) -> Result<Option<LoadedBlock<'a>>> {
        let mut steps = Steps(0);
        let mut best = 0;
        let mut next = self.root(bin)?;
        while next != 0 {
            steps.step()?;
            let (node, found) = self.leaf(next)?;
            let side = if found >= len {
                best = next;
                &node.left
            } else {
                &node.right
            };
            next = side.load(Relaxed);
        }
        if best == 0 { Ok(None) } else { self.in_bin(best, bin).map(Some) }
    }

    /// Returns the longest block of a bin that is not empty.
    pub(super) fn greatest_of(&self, bin: usize) -> Result<LoadedBlock<'a>> {
        let mut steps = Steps(0);
        let mut next = self.root(bin)?;
        loop {
            steps.step()?;
            match self.node(next)?.right.load(Relaxed) {
                0 => return self.in_bin(next, bin),
                right => next = right,
            }
        }
    }

    /// Returns a free block that was found in this bin.
    #[inline(always)]
    fn in_bin(&self, number: u32, bin: usize) -> Result<LoadedBlock<'a>> {
        let block = self.load_block(number)?;
        if !block.free || bin_of(block.len) != bin {
            return Err(corrupt("a block is in the wrong bin"));
        }
        Ok(block)
    }
}
