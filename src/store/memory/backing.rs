//! Backing: requests to the file system for memory.

use crate::error::{Error, Result, Status};
use crate::layout::block::Block;
use crate::store::lock::locked::Locked;
use crate::store::session::Session;
use crate::sync::Ordering;
use crate::sys::{file, fs};
use std::ops::Range;
use std::os::fd::BorrowedFd;

impl Session {
    pub fn back_blocks(&self, count: u32) -> Result<u32> {
        let geometry = &self.segment.facts.geometry;
        let now = self.segment.header().table.blocks_reserved.load(Ordering::Relaxed);
        if count > geometry.blocks {
            return Err(Error::new(
                Status::Limit,
                format!("the heap is in {count} pieces, but the limit is {}", geometry.blocks),
            ));
        }
        let next = count.max(now.saturating_add((now / 4).clamp(1024, 32768))).min(geometry.blocks);
        let size = size_of::<Block>() as u64;
        let (start, len) = (u64::from(now) * size, u64::from(next.saturating_sub(now)) * size);
        self.cgroup_allowance.ensure_room(len)?;
        self.back(self.segment.index_fd.fd()?, geometry.blocks_at + start, len)?;
        Ok(next)
    }

    pub fn back(&self, fd: BorrowedFd<'_>, start: u64, len: u64) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        // Check first where a failed attempt leaves part of the memory behind; tmpfs undoes the
        // attempt.
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
        // Free bytes say nothing about a quota or about the memory limit of a container.
        let words = match errno {
            libc::EDQUOT => format!(
                "{needs}, which a quota of {name} does not grant; delete objects, or see `quota`: \
                 df does not show it"
            ),
            libc::ENOMEM => {
                format!("{needs}, which the system does not have; delete objects, or add memory")
            }
            _ if free >= len => format!(
                "{needs}, but {name} refuses although {free} are free; see df -i, and the space that \
                 the file system reserves for root"
            ),
            _ => format!(
                "{needs}, but {name} has {free} left; delete objects, or make it larger (mount -o \
                 remount,size=..., docker --shm-size)"
            ),
        };
        Error::os(Status::OutOfMemory, errno, words)
    }
}

impl Locked<'_> {
    /// Notes that chunks of the heap have memory.
    pub fn mark_chunks_reserved(&self, chunks: Range<u32>) {
        for chunk in chunks {
            // SYNC reserved: Release; the memory is there before any client learns of it.
            self.session.segment.header().reserved.0[chunk as usize / 64]
                .fetch_or(1 << (chunk % 64), Ordering::Release);
        }
    }

    /// Notes that the first `count` records of the object table have memory.
    pub fn mark_records_reserved(&self, count: u32) {
        // SYNC reserved: Release; as above.
        self.session.segment.header().live.records_reserved.fetch_max(count, Ordering::Release);
    }

    /// Notes that the first `count` blocks of the allocator have memory.
    pub fn mark_blocks_reserved(&self, count: u32) {
        // SYNC reserved: Release; as above.
        self.session.segment.header().table.blocks_reserved.fetch_max(count, Ordering::Release);
    }

    /// For a recovery: backs a chunk that contains an object and is not marked as reserved.
    pub fn reserve_chunk(&self, chunk: u32) -> Result<()> {
        let heap = &self.session.segment.heap;
        let (start, len) = heap.chunk_range(chunk);
        self.session.back(heap.fd()?, start, len)?;
        self.mark_chunks_reserved(chunk..chunk + 1);
        Ok(())
    }

    /// For a recovery, during which no other client can make progress: backs at least `count`
    /// allocator blocks.
    pub fn reserve_blocks(&self, count: u32) -> Result<()> {
        self.mark_blocks_reserved(self.session.back_blocks(count)?);
        Ok(())
    }
}
