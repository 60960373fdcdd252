//! A heap's words in private memory, for tests.

use super::{Allocator, Extent, Outcome};
use crate::error::Result;
use crate::layout::block::{AllocState, Bins, Block};

pub(super) struct Heap {
    pub state: AllocState,
    pub bins: Bins,
    pub blocks: Vec<Block>,
}

impl Heap {
    /// Returns a heap of one free block.
    pub fn new(capacity: u64, blocks: u32) -> Self {
        let blocks = (0..blocks).map(|_| Block::zeroed()).collect();
        let heap = Self { state: AllocState::zeroed(), bins: Bins::zeroed(), blocks };
        assert_eq!(heap.alloc().reset(capacity).unwrap(), Outcome::Done(()));
        heap
    }

    pub fn alloc(&self) -> Allocator<'_> {
        self.alloc_with(self.blocks.len() as u32)
    }

    pub fn alloc_with(&self, reserved: u32) -> Allocator<'_> {
        Allocator::new(&self.state, &self.bins, &self.blocks, reserved)
    }
}

/// Returns the extent, or none where none fits.
#[track_caller]
pub(super) fn got(outcome: Result<Outcome<Extent>>) -> Option<Extent> {
    match outcome.unwrap() {
        Outcome::Done(extent) => Some(extent),
        Outcome::NoFit => None,
        Outcome::NeedBlocks(count) => panic!("needs {count} blocks"),
    }
}
