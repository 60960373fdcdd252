//! A walk over all blocks in the order of their addresses.

use super::blocks::LoadedBlock;
use super::{Allocator, corrupt};
use crate::error::Result;
use crate::sync::Ordering::Relaxed;

/// Iterates over blocks by address. Ends after the last block or after an error.
pub(super) struct Walk<'w, 'a> {
    alloc: &'w Allocator<'a>,
    number: u32,
    prev: u32,
    end: u64,
    done: bool,
}

impl<'a> Walk<'_, 'a> {
    fn step(&mut self) -> Result<LoadedBlock<'a>> {
        let block = self.alloc.load_block(self.number)?;
        // Addresses only increase, so the walk ends even if the blocks form a cycle.
        if block.start != self.end || block.prev != self.prev {
            return Err(corrupt("a block and the one before it disagree"));
        }
        (self.prev, self.end, self.number) = (block.number, block.end(), block.next);
        self.done = self.end == self.alloc.capacity_units();
        if self.done && block.next != 0 {
            return Err(corrupt("the chain of blocks goes on"));
        }
        Ok(block)
    }
}

impl<'a> Iterator for Walk<'_, 'a> {
    type Item = Result<LoadedBlock<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let block = self.step();
        self.done |= block.is_err();
        Some(block)
    }
}

impl<'a> Allocator<'a> {
    pub(super) fn walk(&self) -> Walk<'_, 'a> {
        let number = self.state.first.load(Relaxed);
        Walk { alloc: self, number, prev: 0, end: 0, done: false }
    }

    /// Calls `each` with (start, len, used, block number) of each block, lowest address first.
    pub fn for_each_block(&self, each: &mut dyn FnMut(u64, u64, bool, u32)) -> Result<()> {
        self.walk().try_for_each(|block| {
            let block = block?;
            each(block.start, block.len, !block.free, block.number);
            Ok(())
        })
    }

    /// Calls `each` with (start, len) of each free block, lowest address first.
    pub fn for_each_free(&self, each: &mut dyn FnMut(u64, u64)) -> Result<()> {
        self.for_each_block(&mut |start, len, used, _| {
            if !used {
                each(start, len);
            }
        })
    }
}
