//! Rebuild: derives blocks, bins and counters from the extents that the object table owns.

use super::{Allocator, Outcome, corrupt};
use crate::error::{Error, Result, Status};
use crate::layout::block::{Block, BlockState, MAX_UNITS};
use crate::sync::Ordering::Relaxed;

/// An extent that a record owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedExtent {
    /// First unit.
    pub start: u64,
    /// Length in units; not 0.
    pub len: u64,
    /// Identifies the extent to the caller.
    pub tag: u64,
}

impl Allocator<'_> {
    /// Makes the whole heap one free block.
    pub fn reset(&self, capacity_units: u64) -> Result<Outcome<()>> {
        self.rebuild(capacity_units, &mut [], &mut |_, _| ())
    }

    /// Rebuilds everything from `extents`, whatever the words contain now.
    ///
    /// `assign(tag, block)` is called with the number of each extent's block. Extents that overlap
    /// or leave the heap are `Corrupt`. After an error or `NeedBlocks` nothing has changed except
    /// the order of `extents`.
    pub fn rebuild(
        &self,
        capacity_units: u64,
        extents: &mut [OwnedExtent],
        assign: &mut dyn FnMut(u64, u32),
    ) -> Result<Outcome<()>> {
        let count = plan(capacity_units, extents)?;
        if count > self.blocks.len() as u64 {
            return Ok(Outcome::NeedBlocks(u32::try_from(count).unwrap_or(u32::MAX)));
        }

        self.state.capacity.store(capacity_units, Relaxed);
        self.state.free.store(0, Relaxed);
        self.state.spare.store(0, Relaxed);
        self.state.fresh.store(count as u32, Relaxed);
        self.state.first.store(1, Relaxed);
        self.state.lead.store(0, Relaxed);
        self.state.filled.store(0, Relaxed);
        self.state.nonempty.iter().for_each(|word| word.store(0, Relaxed));

        let mut writer = Writer { alloc: self, number: count as u32, next: 0 };
        let mut end = capacity_units;
        for extent in extents.iter().rev() {
            writer.free(extent.start + extent.len, end)?;
            let used = BlockState::Used(extent.len);
            assign(extent.tag, writer.block(extent.start, used)?.0);
            end = extent.start;
        }
        writer.free(0, end)?;
        Ok(Outcome::Done(()))
    }
}

/// Sorts and checks the extents. Returns the number of blocks for them and for the gaps between
/// them.
fn plan(capacity: u64, extents: &mut [OwnedExtent]) -> Result<u64> {
    if !(1..=MAX_UNITS).contains(&capacity) {
        return Err(corrupt("bad capacity"));
    }
    extents.sort_unstable_by_key(|extent| extent.start);
    let mut count = 0;
    let mut end = 0;
    for &OwnedExtent { start, len, tag } in extents.iter() {
        let outside = || {
            let detail = format!(
                "the extent of {len} units at unit {start} ({tag:#x}) overlaps \
                 another or leaves the heap of {capacity} units"
            );
            Error::new(Status::Corrupt, detail)
        };
        let gap = start.checked_sub(end).ok_or_else(outside)?;
        end = start.checked_add(len).filter(|&e| len > 0 && e <= capacity).ok_or_else(outside)?;
        count += 1 + u64::from(gap > 0);
    }
    Ok(count + u64::from(end < capacity))
}

/// Writes blocks in descending order of address and number.
struct Writer<'w, 'a> {
    alloc: &'w Allocator<'a>,
    number: u32,
    next: u32,
}

impl<'a> Writer<'_, 'a> {
    fn block(&mut self, start: u64, state: BlockState) -> Result<(u32, &'a Block)> {
        let number = self.number;
        let node = self.alloc.node(number)?;
        self.number -= 1;
        node.prev.store(self.number, Relaxed);
        node.next.store(self.next, Relaxed);
        self.alloc.set(number, start, state)?;
        self.next = number;
        Ok((number, node))
    }

    /// Writes a free block over `start .. end`, unless that is empty.
    fn free(&mut self, start: u64, end: u64) -> Result<()> {
        if start == end {
            return Ok(());
        }
        let (number, _) = self.block(start, BlockState::Free(end - start))?;
        self.alloc.add_free(end - start)?;
        self.alloc.link(number, start, end - start)
    }
}
