//! Correct the map of what is reserved.

use crate::error::Result;
use crate::layout::header::CHUNKS;
use crate::layout::word::State;
use crate::segment::all_set;
use crate::store::lock::locked::Locked;
use crate::sync::Ordering::{Acquire, Release};

impl Locked<'_> {
    /// Mark the memory of sealed objects as reserved, and nothing past the heap.
    pub fn repair_reserved(&self) -> Result<()> {
        let (heap, geometry) = (&self.session.segment.heap, &self.session.segment.facts.geometry);
        let reserved = &self.session.segment.header().reserved;
        let chunks = geometry.capacity.div_ceil(geometry.chunk_size) as u32;
        for chunk in (chunks..CHUNKS).filter(|chunk| all_set(reserved, *chunk, *chunk)) {
            let bits = &reserved.0[chunk as usize / 64];
            // SYNC reserved: there is no such memory. An RMW by parts: under the lock alone bits go.
            bits.store(bits.load(Acquire) & !(1 << (chunk % 64)), Release);
        }
        for slot in 0..self.session.segment.index().used() {
            let record = self.session.record(slot)?;
            let word = record.load();
            if !word.is(State::Sealed) && !word.is(State::Doomed) {
                continue;
            }
            let extents =
                [record.data.load(word.data_index()), record.meta.load(word.meta_index())];
            for extent in extents.into_iter().filter(|extent| !extent.is_empty()) {
                // What lies outside is found where extents are compared.
                let Ok((first, last)) = heap.chunks(extent) else { continue };
                for chunk in (first..=last).filter(|chunk| !all_set(reserved, *chunk, *chunk)) {
                    self.reserve_chunk(chunk)?;
                }
            }
        }
        Ok(())
    }
}
