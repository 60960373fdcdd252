//! Which parts of the heap this process has copied data to.
//!
//! The first copy to a page through a mapping costs a fault, and zeros where no process has written
//! before. A system call has neither cost, so it makes the first copy. Later copies go through the
//! mapping, which is faster then. A wrong answer costs time only.

use crate::error::Result;
use crate::support::fallible;
use crate::sync::local::{AtomicU64, Ordering::Relaxed};
use std::ops::Range;

/// The granules of a chunk: a word has a bit for each.
const GRANULES: u32 = u64::BITS;

/// The granules of the heap whose last byte was copied by this process.
pub struct Written {
    chunks: Box<[AtomicU64]>,
    granule: u64,
}

impl Written {
    /// Nothing is written yet.
    pub fn new(capacity: u64, chunk_size: u64) -> Result<Self> {
        let chunks = capacity.div_ceil(chunk_size);
        let chunks = fallible::collect((0..chunks).map(|_| AtomicU64::new(0)))?;
        let granule = (chunk_size / u64::from(GRANULES)).max(1);
        Ok(Self { chunks: chunks.into_boxed_slice(), granule })
    }

    fn granules(&self) -> u64 {
        self.chunks.len() as u64 * u64::from(GRANULES)
    }

    fn has(&self, granule: u64) -> bool {
        let word = self.chunks.get((granule / u64::from(GRANULES)) as usize);
        word.is_none_or(|word| word.load(Relaxed) >> (granule % u64::from(GRANULES)) & 1 == 1)
    }

    /// Returns the first run in `range` that was not written.
    pub fn find_fresh(&self, range: &Range<u64>) -> Option<Range<u64>> {
        let (first, end) = (range.start / self.granule, range.end.div_ceil(self.granule));
        let end = end.min(self.granules());
        let fresh = (first..end).find(|granule| !self.has(*granule))?;
        let next = (fresh + 1..end).find(|granule| self.has(*granule)).unwrap_or(end);
        Some((fresh * self.granule).max(range.start)..(next * self.granule).min(range.end))
    }

    /// Notes that `range` was written.
    pub fn note(&self, range: &Range<u64>) {
        for granule in range.start / self.granule..(range.end / self.granule).min(self.granules()) {
            if let Some(word) = self.chunks.get((granule / u64::from(GRANULES)) as usize) {
                word.fetch_or(1 << (granule % u64::from(GRANULES)), Relaxed);
            }
        }
    }

    /// Notes that a chunk lost its memory.
    pub fn forget(&self, chunk: u32) {
        if let Some(word) = self.chunks.get(chunk as usize) {
            word.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_granule_is_written_with_its_last_byte() {
        let written = Written::new(64 * 30 + 1, 64 * 10).unwrap();
        let all = 0..64 * 30 + 1;
        assert_eq!(written.find_fresh(&all), Some(all.clone()));
        written.note(&(5..25));
        assert_eq!(written.find_fresh(&all), Some(20..all.end));
        written.note(&(25..40));
        written.note(&(50..60));
        assert_eq!(written.find_fresh(&(3..all.end)), Some(40..50));
        assert_eq!(written.find_fresh(&(43..47)), Some(43..47));
        assert_eq!(written.find_fresh(&(50..60)), None);
        written.note(&(0..1 << 40));
        assert_eq!(written.find_fresh(&(0..64 * 30)), None);
        written.forget(1);
        assert_eq!(written.find_fresh(&all), Some(640..1280));
        written.forget(99);
        assert_eq!(written.find_fresh(&(1 << 40..1 << 41)), None);
    }
}
