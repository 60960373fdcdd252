//! The data of an object that is put: it is copied into memory that is reserved meanwhile.
//!
//! In memory that nobody has written, a system call copies faster than stores through the mapping,
//! for which the kernel first zeroes each page and enters it in the page table. In a chunk that the
//! object covers alone it reserves the memory as well.

use crate::error::{Error, Result, Status};
use crate::layout::extent::{Extent, UNIT};
use crate::segment::BytesMut;
use crate::store::call::Call;
use crate::store::objects::writer::ObjectWriter;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sys::file;
use std::io::IoSlice;
use std::ops::Range;

/// From this size on system calls may copy: the first copy through the mapping takes as long as
/// they do.
const WRITE_FROM: u64 = 32 << 10;

/// The most bytes that one system call copies: the kernel lets no other process write or reserve
/// meanwhile.
const STEP: u64 = 4 << 20;

/// A copy of data into its extent.
struct CopyIn<'a> {
    session: &'a Session,
    call: &'a Call<'a>,
    extent: Extent,
    parts: &'a [&'a [u8]],
    /// Where the parts begin in the extent.
    from: u64,
    /// Where the bytes end that are copied.
    done: u64,
}

impl Session {
    /// Backs the extent of an object with memory, and copies the parts of its data there. Returns the
    /// bytes.
    #[inline(always)]
    pub fn copy_in(&self, call: &Call<'_>, extent: Extent, parts: &[&[u8]]) -> Result<BytesMut> {
        let copy = CopyIn { session: self, call, extent, parts, from: 0, done: 0 };
        if extent.size >= WRITE_FROM && !self.segment.facts.huge_pages() {
            return copy.by_chunks();
        }
        self.reserve_extent(call, extent)?;
        if let [data] = parts {
            let bytes = self.segment.heap.write(extent, &self.segment.header().reserved)?;
            bytes.copy_from(data);
            return Ok(bytes);
        }
        copy.at_once()
    }

    /// Copies `bytes` to a part of an unsealed object, which has memory already.
    pub fn write_at(
        &self,
        call: &Call<'_>,
        writer: &ObjectWriter,
        from: u64,
        bytes: &[u8],
    ) -> Result<()> {
        let (record, word) = self.load_writing(writer.object)?;
        let extent = record.data.load(word.data_index());
        let end = from.checked_add(bytes.len() as u64).filter(|end| *end <= extent.size);
        let Some(end) = end else {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("{} bytes at {from} end past the end, {}", bytes.len(), extent.size),
            ));
        };
        let parts = &[bytes];
        let mut copy = CopyIn { session: self, call, extent, parts, from, done: from };
        if end - from >= WRITE_FROM && !self.segment.facts.huge_pages() {
            copy.fill_to(end)
        } else {
            copy.copy_to(end)
        }
    }
}

impl CopyIn<'_> {
    #[cold]
    fn at_once(mut self) -> Result<BytesMut> {
        self.copy_to(self.extent.size)?;
        self.bytes()
    }

    fn bytes(&self) -> Result<BytesMut> {
        let segment = &self.session.segment;
        segment.heap.write(self.extent, &segment.header().reserved)
    }

    #[cold]
    fn by_chunks(mut self) -> Result<BytesMut> {
        let (session, call, extent) = (self.session, self.call, self.extent);
        let (first, last) = session.segment.heap.chunks(extent)?;
        session.for_each_bare_chunk(call, first, last, &mut |chunk| {
            if let Some(written) = session.segment.heap.written()? {
                written.forget(chunk);
                let (start, len) = session.segment.heap.chunk_range(chunk);
                let end = extent.offset() + extent.size;
                if extent.offset() <= start && start + len <= end && self.write_chunk(chunk)? {
                    return Ok(());
                }
            }
            session.reserve_chunk(call, chunk)
        })?;
        self.fill_to(extent.size)?;
        self.bytes()
    }

    /// Writes to a chunk without memory that the object covers alone. Returns `false` where the file
    /// system refuses, and the chunk is as before: until its bit is set, nobody else uses it.
    fn write_chunk(&mut self, chunk: u32) -> Result<bool> {
        let heap = &self.session.segment.heap;
        let (start, len) = heap.chunk_range(chunk);
        let from = start - self.extent.offset();
        self.fill_to(from)?;
        let written = self.write(from..from + len);
        if !matches!(written, Ok(true)) {
            file::punch_hole(heap.fd()?, start, len)
                .map_err(|errno| errno.because("cannot return memory to the system"))?;
            return written;
        }
        self.session.lock(self.call)?.mark_chunk_reserved(chunk);
        self.note(from..from + len)?;
        Ok(true)
    }

    /// Writes bytes with system calls. Returns `false` where the kernel refuses.
    fn write(&self, range: Range<u64>) -> Result<bool> {
        let mut from = range.start;
        while from < range.end {
            self.call.ensure_not_ended()?;
            let to = range.end.min(from + STEP);
            let at = self.extent.offset() + from;
            if self.session.segment.heap.write_parts(at, &mut self.slices(from..to)?).is_err() {
                return Ok(false);
            }
            from = to;
        }
        Ok(true)
    }

    /// Copies the bytes up to `end`, whose memory is reserved.
    fn fill_to(&mut self, end: u64) -> Result<()> {
        let (heap, offset) = (&self.session.segment.heap, self.extent.offset());
        while self.done < end {
            let rest = offset + self.done..offset + end;
            let fresh = heap.written()?.and_then(|written| written.find_fresh(&rest));
            let Some(fresh) = fresh else { return self.copy_to(end) };
            let range = fresh.start - offset..fresh.end - offset;
            self.copy_to(range.start)?;
            // Where the kernel refuses, stores through the mapping do it.
            if !self.write(range.clone())? {
                self.copy_to(range.end)?;
            }
            self.note(range)?;
        }
        Ok(())
    }

    /// Notes bytes that are copied.
    fn note(&mut self, range: Range<u64>) -> Result<()> {
        self.done = range.end;
        if let Some(written) = self.session.segment.heap.written()? {
            let offset = self.extent.offset();
            written.note(&(offset + range.start..offset + range.end));
        }
        Ok(())
    }

    /// Copies the bytes up to `end` through the mapping.
    fn copy_to(&mut self, end: u64) -> Result<()> {
        let segment = &self.session.segment;
        let mut before = self.from;
        for part in self.parts {
            let after = before + part.len() as u64;
            let (from, to) = (self.done.max(before), end.min(after));
            if from < to {
                // A part may begin anywhere, but an extent begins at a unit.
                let (skip, start) = (from % UNIT, self.extent.start + from / UNIT);
                let there = Extent { start, size: skip + to - from };
                let bytes = segment.heap.write(there, &segment.header().reserved)?;
                bytes
                    .after(skip)
                    .copy_from(&part[(from - before) as usize..(to - before) as usize]);
                self.done = to;
            }
            before = after;
        }
        Ok(())
    }

    /// Returns the bytes of a range, as system calls take them.
    fn slices(&self, range: Range<u64>) -> Result<Vec<IoSlice<'_>>> {
        let mut slices = fallible::with_room(self.parts.len())?;
        let mut before = self.from;
        for part in self.parts {
            let after = before + part.len() as u64;
            let (from, to) = (range.start.max(before), range.end.min(after));
            if from < to {
                slices.push(IoSlice::new(&part[(from - before) as usize..(to - before) as usize]));
            }
            before = after;
        }
        Ok(slices)
    }
}
