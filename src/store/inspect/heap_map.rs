//! The heap map: the positions of the objects. Writers are not stopped: each entry is true at one
//! instant of the call, but the entries together need not be.

use crate::error::Result;
use crate::info::{HeapBlock, HeapMap};
use crate::layout::extent::UNIT;
use crate::layout::word::RecordWord;
use crate::segment::all_set;
use crate::store::inspect::snapshot::take_snapshot;
use crate::store::session::Session;
use crate::support::fallible;

impl Session {
    /// The positions of the objects in the heap. Extents that lie outside the heap are left out.
    pub fn heap_map(&self) -> Result<HeapMap> {
        self.ensure_open()?;
        let held = self.inspect_holders(|_| Ok(()))?;
        let capacity = self.segment.facts.geometry.units();
        let mut blocks = Vec::new();
        for slot in 0..self.segment.index().used() {
            let Some(seen) = take_snapshot(self.record(slot)?) else { continue };
            // An object that no client holds is about to be freed.
            if held.is_unheld(slot, seen.word) {
                continue;
            }
            for (metadata, start, len) in seen.extents.into_iter().flatten() {
                if start.checked_add(len).is_none_or(|end| end > capacity) {
                    continue;
                }
                let block = HeapBlock {
                    offset: start * UNIT,
                    size: len * UNIT,
                    id: seen.id,
                    state: seen.state,
                    metadata,
                    pinned: seen.word.has(RecordWord::PINNED),
                    create_time_us: seen.create_time_us,
                    lease_count: held.leases.of(slot),
                };
                fallible::push(&mut blocks, block)?;
            }
        }
        blocks.sort_unstable_by_key(|block| (block.offset, block.size));
        Ok(HeapMap { capacity: capacity * UNIT, reserved: self.reserved_runs()?, blocks })
    }

    fn reserved_runs(&self) -> Result<Vec<(u64, u64)>> {
        let geometry = &self.segment.facts.geometry;
        let chunks = geometry.capacity.div_ceil(geometry.chunk_size) as u32;
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for chunk in 0..chunks {
            if !all_set(&self.segment.header().reserved, chunk, chunk) {
                continue;
            }
            let (offset, len) = self.segment.heap.chunk_range(chunk);
            match runs.last_mut() {
                Some(last) if last.0 + last.1 == offset => last.1 += len,
                _ => fallible::push(&mut runs, (offset, len))?,
            }
        }
        Ok(runs)
    }
}
