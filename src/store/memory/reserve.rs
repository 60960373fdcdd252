//! Back more of the store with memory, before anybody touches it.
//!
//! The file system is asked outside the lock; the map of what is reserved changes under it.

use crate::error::{Error, Result, Status};
use crate::layout::block::Block;
use crate::layout::extent::Extent;
use crate::layout::record::Record;
use crate::segment::{all_set, refuse_beyond_cgroup};
use crate::store::call::Call;
use crate::store::session::Session;
use crate::sync::Ordering;
use crate::sys::{file, fs};
use std::os::fd::BorrowedFd;

/// What one look at the memory cgroup is for, in bytes. It is about 20 system calls, 70 to 130 us, which a
/// chunk of 4 MiB would notice; and what others take meanwhile, it cannot see.
const CGROUP_STEP: u64 = 64 << 20;

impl Session {
    /// Make sure that every chunk under `extent` is backed by memory.
    #[inline]
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
        let bare = |chunk: &u32| !all_set(&self.segment.header().reserved, *chunk, *chunk);
        let len = |chunk| self.segment.heap.chunk_range(chunk).1;
        let mut room = 0;
        for chunk in (first..=last).filter(bare) {
            if room < len(chunk) {
                let left = (chunk..=last).filter(bare).map(len).sum::<u64>();
                room = left.min(CGROUP_STEP).max(len(chunk));
                refuse_beyond_cgroup(room)?;
            }
            call.ensure_not_ended()?;
            room -= len(chunk);
            self.reserve_chunk(call, chunk)?;
        }
        Ok(())
    }

    fn reserve_chunk(&self, call: &Call<'_>, chunk: u32) -> Result<()> {
        let (start, len) = self.segment.heap.chunk_range(chunk);
        if self.segment.facts.huge_pages() {
            self.segment.heap.collapse(start, len);
        }
        self.ask(self.segment.heap.fd()?, start, len)?;
        let _guard = self.lock(call)?;
        // SYNC reserved: Release; the memory is there before anybody learns that it is.
        self.segment.header().reserved.0[chunk as usize / 64]
            .fetch_or(1 << (chunk % 64), Ordering::Release);
        Ok(())
    }

    /// Back a chunk that has an object in it and is not said to have memory: for a recovery, as
    /// [`Session::reserve_blocks_locked`].
    pub fn reserve_chunk_locked(&self, chunk: u32) -> Result<()> {
        let (start, len) = self.segment.heap.chunk_range(chunk);
        self.ask(self.segment.heap.fd()?, start, len)?;
        // SYNC reserved: Release; as above.
        self.segment.header().reserved.0[chunk as usize / 64]
            .fetch_or(1 << (chunk % 64), Ordering::Release);
        Ok(())
    }

    /// Back more records of the object table with memory: a quarter more, at least 1024.
    pub fn reserve_records(&self, call: &Call<'_>) -> Result<()> {
        let word = &self.segment.header().live.records_reserved;
        let now = word.load(Ordering::Relaxed);
        let geometry = &self.segment.facts.geometry;
        let next = now.saturating_add((now / 4).max(1024)).min(geometry.max_objects);
        let size = size_of::<Record>() as u64;
        let (start, len) = (u64::from(now) * size, u64::from(next.saturating_sub(now)) * size);
        refuse_beyond_cgroup(len)?;
        let at = geometry.records_at + start;
        self.ask(self.segment.index_fd.fd()?, at, len)?;
        if self.segment.facts.huge_pages() {
            self.segment.collapse_index(at, at + len);
        }
        let _guard = self.lock(call)?;
        // SYNC reserved: Release; as above.
        word.fetch_max(next, Ordering::Release);
        Ok(())
    }

    /// Back at least `count` allocator blocks with memory: a quarter more than there are.
    pub fn reserve_blocks(&self, call: &Call<'_>, count: u32) -> Result<()> {
        let next = self.ask_blocks(count)?;
        let _guard = self.lock(call)?;
        // SYNC reserved: Release; as above.
        self.segment.header().table.blocks_reserved.fetch_max(next, Ordering::Release);
        Ok(())
    }

    /// As [`Session::reserve_blocks`]. When there can be no more, it may be the count of those in use that
    /// is wrong: once, that is made anew.
    pub fn more_blocks(&self, call: &Call<'_>, count: u32, mended: &mut bool) -> Result<()> {
        match self.reserve_blocks(call, count) {
            Err(error) if error.status() == Status::Limit && !std::mem::replace(mended, true) => {
                self.lock(call)?.poison();
                Ok(())
            }
            done => done,
        }
    }

    /// As [`Session::reserve_blocks`] for a recovery, which holds the lock: nobody else can go on
    /// before it is done.
    pub fn reserve_blocks_locked(&self, count: u32) -> Result<()> {
        let next = self.ask_blocks(count)?;
        // SYNC reserved: Release; as above.
        self.segment.header().table.blocks_reserved.fetch_max(next, Ordering::Release);
        Ok(())
    }

    fn ask_blocks(&self, count: u32) -> Result<u32> {
        let geometry = &self.segment.facts.geometry;
        let now = self.segment.header().table.blocks_reserved.load(Ordering::Relaxed);
        if count > geometry.blocks {
            return Err(Error::new(
                Status::Limit,
                format!("the heap is in {count} pieces, the limit is {}", geometry.blocks),
            ));
        }
        let next = count.max(now.saturating_add(now / 4)).min(geometry.blocks);
        let size = size_of::<Block>() as u64;
        let (start, len) = (u64::from(now) * size, u64::from(next.saturating_sub(now)) * size);
        refuse_beyond_cgroup(len)?;
        self.ask(self.segment.index_fd.fd()?, geometry.blocks_at + start, len)?;
        Ok(next)
    }

    fn ask(&self, fd: BorrowedFd<'_>, start: u64, len: u64) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        // Looked at first where an attempt that fails half way is not undone; tmpfs undoes it.
        if fs::file_system(fd).is_ok_and(|found| found.name != "tmpfs" && found.free_bytes < len) {
            return Err(self.no_space(fd, len, libc::ENOSPC));
        }
        file::reserve(fd, start, len).map_err(|errno| match errno.0 {
            libc::ENOSPC | libc::ENOMEM | libc::EDQUOT => self.no_space(fd, len, errno.0),
            _ => errno.because(format!("cannot reserve {len} bytes")),
        })
    }

    #[cold]
    fn no_space(&self, fd: BorrowedFd<'_>, len: u64, errno: i32) -> Error {
        let (free, name) = fs::file_system(fd)
            .map_or((0, "the file system"), |found| (found.free_bytes, found.name));
        let needs = format!("{} needs {len} more bytes", self.address.display());
        // Of a quota, and of the limit of a container's memory, the free bytes tell nothing.
        let words = match errno {
            libc::EDQUOT => format!(
                "{needs}, which a quota of {name} does not grant; delete objects, or see `quota`: \
                 df does not show it"
            ),
            libc::ENOMEM => format!(
                "{needs}, which the system does not have; delete objects, or give it memory"
            ),
            _ if free >= len => format!(
                "{needs}, and {name} refuses though {free} are free; see df -i, and what the file \
                 system keeps for root"
            ),
            _ => format!(
                "{needs}, {name} has {free} left; delete objects, or make it larger (mount -o \
                 remount,size=..., docker --shm-size)"
            ),
        };
        Error::os(Status::OutOfMemory, errno, words)
    }
}
