//! Check: compares all that the allocator's words say with each other.

use super::{Allocator, bins::bin_of, corrupt, tree::priority};
use crate::error::Result;
use crate::layout::block::{BIN_WORDS, BINS, BlockState};
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;

/// The role in which a block number was found.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Nowhere,
    Used,
    Free,
    InBin,
    Spare,
}

/// The result of a walk over the blocks: how much is free, and the role of each number.
pub struct Tiling {
    /// Units in free blocks.
    pub free_units: u64,
    /// Free blocks.
    pub free_blocks: u64,
    seen: Vec<Seen>,
}

fn ensure(holds: bool, what: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(corrupt(what)) }
}

impl Allocator<'_> {
    /// Checks all blocks, bins, spare blocks and counters. Allocates; for checks only.
    pub fn check(&self) -> Result<()> {
        self.check_lists(self.check_tiling()?)
    }

    /// Checks that blocks tile the heap and that no two free ones touch.
    pub fn check_tiling(&self) -> Result<Tiling> {
        let fresh = self.state.fresh.load(Relaxed) as usize;
        ensure(fresh <= self.blocks.len(), "more blocks were taken than are reserved")?;
        let mut tiling =
            Tiling { free_units: 0, free_blocks: 0, seen: fallible::repeat(Seen::Nowhere, fresh)? };
        let mut last_free = false;
        for block in self.walk() {
            let block = block?;
            let state = if block.free { Seen::Free } else { Seen::Used };
            mark(&mut tiling.seen, block.number, Seen::Nowhere, state)?;
            ensure(!(last_free && block.free), "two free blocks touch")?;
            last_free = block.free;
            tiling.free_units += if block.free { block.len } else { 0 };
            tiling.free_blocks += u64::from(block.free);
        }
        Ok(tiling)
    }

    /// Checks bins, spare blocks and counters against what a walk over the blocks found.
    pub fn check_lists(&self, tiling: Tiling) -> Result<()> {
        let Tiling { free_units, mut seen, .. } = tiling;
        ensure(free_units == self.free_units(), "the count of free units is wrong")?;
        for (at, word) in self.state.nonempty.iter().enumerate() {
            let filled = self.state.filled.load(Relaxed) >> at & 1 == 1;
            ensure(
                filled == (word.load(Relaxed) != 0),
                "the two levels of the bitmap of bins disagree",
            )?;
        }
        ensure(
            self.state.filled.load(Relaxed) >> BIN_WORDS == 0,
            "the bitmap marks bins that do not exist",
        )?;
        for bin in 0..BINS {
            self.check_bin(bin, &mut seen)?;
        }
        ensure(!seen.contains(&Seen::Free), "a free block is in no bin")?;
        let mut number = self.state.spare.load(Relaxed);
        while number != 0 {
            mark(&mut seen, number, Seen::Nowhere, Seen::Spare)?;
            let node = self.node(number)?;
            let state = BlockState::unpack(node.extent.load(Relaxed));
            ensure(state == Some(BlockState::Spare), "a spare block stands for memory")?;
            number = node.right.load(Relaxed);
        }
        ensure(!seen.contains(&Seen::Nowhere), "a block is lost")
    }

    /// Checks the tree of a bin: each block belongs to this bin, occurs once, is in order, and has
    /// a lower priority than the block above it.
    fn check_bin(&self, bin: usize, seen: &mut [Seen]) -> Result<()> {
        if !self.is_filled(bin) {
            return Ok(());
        }
        let root = self.bins.roots[bin].load(Relaxed);
        ensure(root != 0, "a bin and its bit disagree")?;
        let (mut number, mut above, mut last) = (root, Vec::new(), None);
        loop {
            while number != 0 {
                mark(seen, number, Seen::Free, Seen::InBin)?;
                fallible::push(&mut above, number)?;
                number = self.node(number)?.left.load(Relaxed);
            }
            let Some(least) = above.pop() else { return Ok(()) };
            let block = self.load_block(least)?;
            ensure(bin_of(block.len) == bin, "a block is in the wrong bin")?;
            let key = Some((block.len, block.start));
            ensure(last < key, "a bin is out of order")?;
            last = key;
            number = block.node.right.load(Relaxed);
            for below in [block.node.left.load(Relaxed), number] {
                let sorted = below == 0 || priority(below) < priority(least);
                ensure(sorted, "the priorities of a bin are out of order")?;
            }
        }
    }
}

/// Moves a block from one role to another. Each block passes once, so every list ends.
fn mark(seen: &mut [Seen], number: u32, from: Seen, to: Seen) -> Result<()> {
    match seen.get_mut((number as usize).wrapping_sub(1)) {
        Some(state) if *state == from => {
            *state = to;
            Ok(())
        }
        _ => Err(corrupt("a block is in two places")),
    }
}
