//! The data of an object that is put: it is copied into memory that is reserved meanwhile.
//!
//! In memory that nobody has written, a system call copies faster than stores through the mapping,
//! for which the kernel first zeroes each page and enters it in the page table. In chunks that the
//! object covers alone it reserves the memory as well.

use crate::error::Result;
use crate::layout::extent::Extent;
use crate::segment::BytesMut;
use crate::store::call::Call;
use crate::store::memory::reserve::STEP;
use crate::store::objects::source::{FileSource, Source};
use crate::store::session::Session;
use crate::support::fallible;
use crate::sys::file;
use std::io::IoSlice;
use std::ops::Range;

/// From this size on system calls may copy: the first copy through the mapping takes as long as
/// they do.
const WRITE_FROM: u64 = 32 << 10;

/// A copy of data into its extent.
struct CopyIn<'a> {
    session: &'a Session,
    call: &'a Call<'a>,
    extent: Extent,
    source: Source<'a>,
    /// Where the bytes end that are copied.
    done: u64,
    /// Where the data ends: before the end of the extent if the file does.
    end: u64,
}

impl Session {
    /// Backs the extent of an object with memory, and copies its data there. Returns the bytes.
    #[inline(always)]
    pub fn copy_in(&self, call: &Call<'_>, extent: Extent, source: Source<'_>) -> Result<BytesMut> {
        let copy = CopyIn { session: self, call, extent, source, done: 0, end: extent.size };
        if extent.size >= WRITE_FROM && !self.segment.facts.huge_pages() {
            return copy.by_chunks();
        }
        self.reserve_extent(call, extent)?;
        if let Source::Parts([data]) = source {
            let bytes = self.segment.heap.write(extent, &self.segment.header().reserved)?;
            bytes.copy_from(data);
            return Ok(bytes);
        }
        copy.at_once()
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
        session.for_each_bare_run(call, first..last + 1, &mut |run| {
            if let Some(written) = session.segment.heap.written()? {
                run.clone().for_each(|chunk| written.forget(chunk));
            }
            let own = self.own_chunks(&run);
            session.reserve_run(call, run.start..own.start)?;
            if !self.write_run(&own)? {
                session.reserve_run(call, own.clone())?;
            }
            session.reserve_run(call, own.end..run.end)
        })?;
        self.fill_to(extent.size)?;
        self.bytes()
    }

    /// Returns those of the chunks that the object covers alone: all but the first and the last.
    fn own_chunks(&self, run: &Range<u32>) -> Range<u32> {
        let covers = |chunk: u32| {
            let (start, len) = self.session.segment.heap.chunk_range(chunk);
            let end = self.extent.offset() + self.extent.size;
            self.extent.offset() <= start && start + len <= end
        };
        let start = if covers(run.start) { run.start } else { run.start + 1 };
        let end = if covers(run.end - 1) { run.end } else { run.end - 1 };
        start.min(end)..end
    }

    /// Writes to chunks without memory that the object covers alone. Returns `false` where the file
    /// system refuses, and the chunks are as before: until its bit is set, nobody else uses one.
    fn write_run(&mut self, run: &Range<u32>) -> Result<bool> {
        let heap = &self.session.segment.heap;
        let (start, len) = heap.range_of(run);
        if run.is_empty() || heap.written()?.is_none() {
            return Ok(false);
        }
        let from = start - self.extent.offset();
        self.fill_to(from)?;
        if self.done < from {
            return Ok(false);
        }
        let wrote = self.write(from..from + len);
        if !matches!(wrote, Ok(true)) {
            file::punch_hole(heap.fd()?, start, len)
                .map_err(|errno| errno.because("cannot return memory to the system"))?;
            return wrote;
        }
        self.session.lock(self.call)?.mark_chunks_reserved(run.clone());
        self.proceed(from + len);
        self.note(from..from + len)?;
        Ok(true)
    }

    /// Writes bytes with system calls. Returns `false` where the kernel refuses, or the file ends.
    fn write(&self, range: Range<u64>) -> Result<bool> {
        let heap = &self.session.segment.heap;
        let mut from = range.start;
        while from < range.end {
            self.call.ensure_not_ended()?;
            let (at, step) = (self.extent.offset() + from, from..range.end.min(from + STEP));
            let wrote = match self.source {
                Source::Parts(parts) => heap.write_parts(at, &mut slices(parts, &step)?).is_ok(),
                Source::File(file) => file.send(heap, &step, at),
            };
            if !wrote {
                return Ok(false);
            }
            from = step.end;
        }
        Ok(true)
    }

    /// Copies the bytes up to `end`, whose memory is reserved, or those that there are.
    fn fill_to(&mut self, end: u64) -> Result<()> {
        let (heap, offset) = (&self.session.segment.heap, self.extent.offset());
        while self.done < end.min(self.end) {
            let rest = offset + self.done..offset + end;
            let fresh = heap.written()?.and_then(|written| written.find_fresh(&rest));
            let Some(fresh) = fresh else { return self.copy_to(end) };
            let range = fresh.start - offset..fresh.end - offset;
            self.copy_to(range.start)?;
            if self.done < range.start {
                return Ok(());
            }
            match self.write(range.clone())? {
                true => self.proceed(range.end),
                // Where the kernel refuses, stores through the mapping do it.
                false => self.copy_to(range.end)?,
            }
            self.note(range.start..self.done)?;
        }
        Ok(())
    }

    /// Goes on behind the bytes up to `done`.
    fn proceed(&mut self, done: u64) {
        self.done = done;
        if let Source::File(file) = self.source {
            file.tell(done);
        }
    }

    /// Notes bytes that the next copy finds in this process's mapping.
    fn note(&self, range: Range<u64>) -> Result<()> {
        if let Some(written) = self.session.segment.heap.written()? {
            let offset = self.extent.offset();
            written.note(&(offset + range.start..offset + range.end));
        }
        Ok(())
    }

    /// Copies the bytes up to `end` through the mapping, or those that there are.
    fn copy_to(&mut self, end: u64) -> Result<()> {
        match self.source {
            Source::Parts(parts) => self.copy_parts_to(parts, end),
            Source::File(file) => self.read_to(file, end),
        }
    }

    fn copy_parts_to(&mut self, parts: &[&[u8]], end: u64) -> Result<()> {
        for (before, part) in placed(parts) {
            let (from, to) = (self.done.max(before), end.min(before + part.len() as u64));
            if from < to {
                let bytes = self.session.bytes_of(self.extent, &(from..to))?;
                bytes.copy_from(&part[(from - before) as usize..(to - before) as usize]);
                self.proceed(to);
            }
        }
        Ok(())
    }

    fn read_to(&mut self, file: &FileSource<'_>, end: u64) -> Result<()> {
        while self.done < end.min(self.end) {
            self.call.ensure_not_ended()?;
            let step = self.done..end.min(self.done + STEP);
            let read = file.read(step.start, self.session.bytes_of(self.extent, &step)?)?;
            self.proceed(step.start + read);
            if self.done < step.end {
                self.end = self.done;
            }
        }
        Ok(())
    }
}

/// Returns the parts and where each begins.
fn placed<'a>(parts: &'a [&'a [u8]]) -> impl Iterator<Item = (u64, &'a [u8])> {
    parts.iter().scan(0, |next, part| {
        let start = *next;
        *next += part.len() as u64;
        Some((start, *part))
    })
}

/// Returns the bytes of a range, as system calls take them.
fn slices<'a>(parts: &'a [&'a [u8]], range: &Range<u64>) -> Result<Vec<IoSlice<'a>>> {
    let mut slices = fallible::with_room(parts.len())?;
    for (before, part) in placed(parts) {
        let (from, to) = (range.start.max(before), range.end.min(before + part.len() as u64));
        if from < to {
            slices.push(IoSlice::new(&part[(from - before) as usize..(to - before) as usize]));
        }
    }
    Ok(slices)
}
