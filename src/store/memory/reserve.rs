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
            false => self.reserve_chunks(call, first, last),
        }
    }

    #[cold]
    fn reserve_chunks(&self, call: &Call<'_>, first: u32, last: u32) -> Result<()> {
        self.for_each_bare_chunk(call, first, last, &mut |chunk| self.reserve_chunk(call, chunk))
    }

    /// Calls `back` for each of the chunks that has no memory yet, if the memory cgroup has room.
    pub fn for_each_bare_chunk(
        &self,
        call: &Call<'_>,
        first: u32,
        last: u32,
        back: &mut dyn FnMut(u32) -> Result<()>,
    ) -> Result<()> {
        let bare = |chunk: &u32| !all_set(&self.segment.header().reserved, *chunk, *chunk);
        let len = |chunk| self.segment.heap.chunk_range(chunk).1;
        let mut room = 0;
        for chunk in (first..=last).filter(bare) {
            if room < len(chunk) {
                let left = (chunk..=last).filter(bare).map(len).sum::<u64>();
                room = left.min(CGROUP_STEP).max(len(chunk));
                self.cgroup_allowance.ensure_room(room)?;
            }
            call.ensure_not_ended()?;
            room -= len(chunk);
            back(chunk)?;
        }
        Ok(())
    }

    /// Backs a chunk with memory.
    pub fn reserve_chunk(&self, call: &Call<'_>, chunk: u32) -> Result<()> {
        let (start, len) = self.segment.heap.chunk_range(chunk);
        if self.segment.facts.huge_pages() {
            self.segment.heap.collapse(start, len);
        }
        self.back(self.segment.heap.fd()?, start, len)?;
        self.lock(call)?.mark_chunk_reserved(chunk);
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
