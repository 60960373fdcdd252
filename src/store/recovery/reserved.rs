//! Repair of the map of reserved chunks.

use crate::error::Result;
use crate::layout::header::CHUNKS;
use crate::layout::word::State;
use crate::segment::all_set;
use crate::store::lock::locked::Locked;
use crate::sync::Ordering::{Acquire, Release};

impl Locked<'_> {
    /// Marks the memory of objects that are not being written as reserved, and nothing past the end of the heap.
    pub fn repair_reserved(&self) -> Result<()> {
        let (heap, geometry) = (&self.session.segment.heap, &self.session.segment.facts.geometry);
        let reserved = &self.session.segment.header().reserved;
        let chunks = geometry.capacity.div_ceil(geometry.chunk_size) as u32;
        for chunk in (chunks..CHUNKS).filter(|chunk| all_set(reserved, *chunk, *chunk)) {
            let bits = &reserved.0[chunk as usize / 64];
            // SYNC reserved: the heap has no such memory. A read-modify-write in parts is enough:
            // bits are cleared only under the lock.
            bits.store(bits.load(Acquire) & !(1 << (chunk % 64)), Release);
        }
        for slot in 0..self.session.segment.index().used() {
            let record = self.session.record(slot)?;
            let word = record.load();
            if !word.is_settled() && !word.is(State::Doomed) {
                continue;
            }
            let extents =
                [record.data.load(word.data_index()), record.meta.load(word.meta_index())];
            for extent in extents.into_iter().filter(|extent| !extent.is_empty()) {
                // The comparison of extents finds those that lie outside the heap.
                let Ok((first, last)) = heap.chunks(extent) else { continue };
                for chunk in (first..=last).filter(|chunk| !all_set(reserved, *chunk, *chunk)) {
                    self.reserve_chunk(chunk)?;
                }
            }
        }
        Ok(())
    }
}
