//! Reservation: parts of the store are backed with memory before they are used.
//!
//! The file system is asked outside the lock. The map of reserved chunks changes under the lock.

use crate::error::{Result, Status};
use crate::layout::extent::Extent;
use crate::layout::record::Record;
use crate::segment::all_set;
use crate::store::call::Call;
use crate::store::memory::allowance::CGROUP_STEP;
use crate::store::session::Session;
use crate::sync::Ordering;
use std::ops::Range;

/// The most bytes that one system call reserves or copies: the kernel lets no other process write or
/// reserve meanwhile.
pub const STEP: u64 = 4 << 20;

impl Session {
    /// Ensures that every chunk under `extent` is backed by memory.
    #[inline(never)]
    pub fn reserve_extent(&self, call: &Call<'_>, extent: Extent) -> Result<()> {
        if extent.is_empty() {
            return Ok(());
        }
        let (first, last) = self.segment.heap.chunks(extent)?;
        match all_set(&self.segment.header().reserved, first, last) {
            true => Ok(()),
            false => self.reserve_chunks(call, first..last + 1),
        }
    }

    #[cold]
    fn reserve_chunks(&self, call: &Call<'_>, chunks: Range<u32>) -> Result<()> {
        self.for_each_bare_run(call, chunks, &mut |run| self.reserve_run(call, run))
    }

    /// Calls `back` for each run of the chunks that has no memory yet, if the memory cgroup has room.
    /// A run has at most [`STEP`] bytes, or one chunk.
    pub fn for_each_bare_run(
        &self,
        call: &Call<'_>,
        chunks: Range<u32>,
        back: &mut dyn FnMut(Range<u32>) -> Result<()>,
    ) -> Result<()> {
        let bare = |chunk: &u32| !all_set(&self.segment.header().reserved, *chunk, *chunk);
        let bytes = |run: &Range<u32>| self.segment.heap.range_of(run).1;
        let (mut room, mut next) = (0, chunks.start);
        while let Some(first) = (next..chunks.end).find(bare) {
            next = first + 1;
            while next < chunks.end && bare(&next) && bytes(&(first..next + 1)) <= STEP {
                next += 1;
            }
            let run = first..next;
            if room < bytes(&run) {
                let left = (first..chunks.end).filter(bare).map(|chunk| bytes(&(chunk..chunk + 1)));
                room = left.sum::<u64>().min(CGROUP_STEP).max(bytes(&run));
                self.cgroup_allowance.ensure_room(room)?;
            }
            call.ensure_not_ended()?;
            room -= bytes(&run);
            back(run)?;
        }
        Ok(())
    }

    /// Backs neighbouring chunks with memory.
    pub fn reserve_run(&self, call: &Call<'_>, run: Range<u32>) -> Result<()> {
        let (start, len) = self.segment.heap.range_of(&run);
        if run.is_empty() {
            return Ok(());
        }
        if self.segment.facts.huge_pages() {
            self.segment.heap.collapse(start, len);
        }
        self.back(self.segment.heap.fd()?, start, len)?;
        self.lock(call)?.mark_chunks_reserved(run);
        Ok(())
    }

    /// Backs more records of the object table with memory: a quarter more, at least 1024 and at most 1
    /// MiB, so that no create waits for the memory of many others.
    pub fn reserve_records(&self, call: &Call<'_>) -> Result<()> {
        let now = self.segment.header().live.records_reserved.load(Ordering::Relaxed);
        let geometry = &self.segment.facts.geometry;
        let next = now.saturating_add((now / 4).clamp(1024, 5461)).min(geometry.max_objects);
        let size = size_of::<Record>() as u64;
        let (start, len) = (u64::from(now) * size, u64::from(next.saturating_sub(now)) * size);
        self.cgroup_allowance.ensure_room(len)?;
        let at = geometry.records_at + start;
        self.back(self.segment.index_fd.fd()?, at, len)?;
        if self.segment.facts.lru() {
            for (at, len) in geometry.order_of(now, next) {
                self.back(self.segment.index_fd.fd()?, at, len)?;
            }
        }
        if self.segment.facts.huge_pages() {
            self.segment.collapse_index(at, at + len);
        }
        self.lock(call)?.mark_records_reserved(next);
        Ok(())
    }

    /// Backs at least `count` allocator blocks with memory: a quarter more than there are, as of records.
    pub fn reserve_blocks(&self, call: &Call<'_>, count: u32) -> Result<()> {
        let next = self.back_blocks(count)?;
        self.lock(call)?.mark_blocks_reserved(next);
        Ok(())
    }

    /// As [`Session::reserve_blocks`]. At the limit, the count of blocks in use may be wrong: the
    /// first time, a rebuild is requested.
    pub fn more_blocks(&self, call: &Call<'_>, count: u32, repaired: &mut bool) -> Result<()> {
        match self.reserve_blocks(call, count) {
            Err(error) if error.status() == Status::Limit && !std::mem::replace(repaired, true) => {
                self.lock(call)?.poison();
                Ok(())
            }
            done => done,
        }
    }
}
