//! The heap: the bytes of sealed objects, to be read, and of a creator's object, to be written.
#![allow(unsafe_code)] // copies into and out of object memory

use super::copy::copy;
use super::written::Written;
use crate::error::{Error, Result, Status};
use crate::layout::extent::{Extent, UNIT};
use crate::layout::header::Reserved;
use crate::sync::{Ordering, kill_point};
use crate::sys::map::{HUGE_PAGE, Map};
use crate::sys::verified_fd::VerifiedFd;
use crate::sys::{SysResult, file, file_copy, fs};
use once_cell::sync::OnceCell;
use std::io::IoSlice;
use std::ops::Range;
use std::os::fd::BorrowedFd;

/// The heap file, mapped read-only, and from the first create on also read-write.
pub struct Heap {
    fd: VerifiedFd,
    readable: Map,
    writable: OnceCell<Map>,
    /// `None` where data is never written by system calls.
    written: OnceCell<Option<Written>>,
    capacity: u64,
    chunk_shift: u32,
}

/// The bytes of a sealed object or of the creator's own object. They lie in the heap and are
/// reserved.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// First byte; not null, even if there are no bytes.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: u64,
}

/// The bytes of a creator's object.
#[derive(Clone, Copy, Debug)]
pub struct BytesMut {
    /// First byte; not null, even if there are no bytes.
    pub ptr: *mut u8,
    /// Number of bytes.
    pub len: u64,
}

impl Heap {
    /// Maps the heap file for reading.
    pub fn new(fd: VerifiedFd, capacity: u64, chunk_size: u64) -> Result<Self> {
        let readable = Map::read_only(fd.unverified(), capacity as usize)
            .map_err(|errno| errno.because("cannot map the heap"))?;
        let chunk_shift = chunk_size.trailing_zeros();
        let (writable, written) = (OnceCell::new(), OnceCell::new());
        Ok(Self { fd, readable, writable, written, capacity, chunk_shift })
    }

    /// Returns the file.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        self.fd.fd()
    }

    /// Returns the first and last chunk that `extent` touches; CORRUPT unless the whole extent is
    /// in the heap.
    #[inline]
    pub fn chunks(&self, extent: Extent) -> Result<(u32, u32)> {
        self.find_chunks(extent).ok_or_else(|| outside(extent))
    }

    #[inline(always)]
    fn find_chunks(&self, extent: Extent) -> Option<(u32, u32)> {
        let start = extent.start.saturating_mul(UNIT);
        if start > self.capacity || extent.size > self.capacity - start {
            return None;
        }
        let first = start >> self.chunk_shift;
        let last = (start + extent.size.max(1) - 1) >> self.chunk_shift;
        Some((first as u32, last as u32))
    }

    /// Returns the first byte and the number of bytes of some chunks.
    pub fn range_of(&self, chunks: &Range<u32>) -> (u64, u64) {
        let [start, end] = [chunks.start, chunks.end]
            .map(|chunk| (u64::from(chunk) << self.chunk_shift).min(self.capacity));
        (start, end.saturating_sub(start))
    }

    /// Returns the byte range of a chunk.
    pub fn chunk_range(&self, chunk: u32) -> (u64, u64) {
        self.range_of(&(chunk..chunk + 1))
    }

    /// Returns the byte offset of `extent` if the whole extent is in the heap and backed by memory.
    #[inline(always)]
    fn locate(&self, extent: Extent, reserved: &Reserved) -> Option<usize> {
        let (first, last) = self.find_chunks(extent)?;
        all_set(reserved, first, last).then_some(extent.offset() as usize)
    }

    /// Returns the bytes of `extent` through the read-only map.
    #[inline]
    pub fn read(&self, extent: Extent, reserved: &Reserved) -> Result<Bytes> {
        self.find(extent, reserved).ok_or_else(|| outside(extent))
    }

    /// As [`Heap::read`], without a reason on failure.
    #[inline(always)]
    pub fn find(&self, extent: Extent, reserved: &Reserved) -> Option<Bytes> {
        if extent.is_empty() {
            return Some(Bytes { ptr: self.readable.ptr(), len: 0 });
        }
        let at = self.locate(extent, reserved)?;
        Some(Bytes { ptr: self.readable.ptr().wrapping_add(at), len: extent.size })
    }

    /// The first byte, through the read-only map.
    #[inline(always)]
    pub fn base(&self) -> *const u8 {
        self.readable.ptr()
    }

    /// Returns the start and length of a range of bytes around `extent` that is backed by memory: all
    /// of one word of the map of chunks, or the extent.
    #[inline(never)]
    pub fn find_run(&self, extent: Extent, reserved: &Reserved) -> Option<(u64, u64)> {
        let (first, last) = self.find_chunks(extent)?;
        if !all_set(reserved, first, last) {
            return None;
        }
        if first / 64 != last / 64 {
            return Some((extent.offset(), extent.size));
        }
        // Relaxed: as in `all_set`.
        let bits = reserved.0.get(first as usize / 64)?.load(Ordering::Relaxed);
        let run = run_around(bits, first % 64, last % 64);
        let [start, end] = [run.start, run.end]
            .map(|at| (u64::from(first / 64 * 64 + at) << self.chunk_shift).min(self.capacity));
        Some((start, end - start))
    }

    /// Returns the bytes of `extent` through the read-write map, which the first call makes.
    #[inline]
    pub fn write(&self, extent: Extent, reserved: &Reserved) -> Result<BytesMut> {
        let map = self.writable.get_or_try_init(|| -> Result<Map> {
            let map = Map::read_write(self.fd.fd()?, self.capacity as usize)
                .map_err(|errno| errno.because("cannot map the heap for writing"))?;
            // A child must not write into an object that its parent creates.
            map.dont_fork()
                .map_err(|errno| errno.because("cannot hide the heap from forked children"))?;
            Ok(map)
        })?;
        if extent.is_empty() {
            return Ok(BytesMut { ptr: map.ptr(), len: 0 });
        }
        let at = self.locate(extent, reserved).ok_or_else(|| outside(extent))?;
        Ok(BytesMut { ptr: map.ptr().wrapping_add(at), len: extent.size })
    }

    /// As [`Heap::write`], without a reason on failure, which may be that the map is not made yet.
    #[inline(always)]
    pub fn find_mut(&self, extent: Extent, reserved: &Reserved) -> Option<BytesMut> {
        let map = self.writable.get()?;
        let at = if extent.is_empty() { 0 } else { self.locate(extent, reserved)? };
        Some(BytesMut { ptr: map.ptr().wrapping_add(at), len: extent.size })
    }

    /// Returns where this process has written, for data that system calls may write; `None` where
    /// they may not. On tmpfs memory that was written is reserved; other file systems may only
    /// note that it is wanted.
    pub fn written(&self) -> Result<Option<&Written>> {
        let written = self.written.get_or_try_init(|| {
            let tmpfs = fs::file_system(self.fd.fd()?).is_ok_and(|found| found.name == "tmpfs");
            tmpfs.then(|| Written::new(self.capacity, 1 << self.chunk_shift)).transpose()
        })?;
        Ok(written.as_ref())
    }

    /// Writes all of `parts`, one after the other, with system calls. The extent is the caller's.
    /// After a failure a part may be written.
    #[track_caller]
    pub fn write_parts(&self, offset: u64, parts: &mut [IoSlice<'_>]) -> SysResult<()> {
        file::write_at(self.fd.get()?, parts, offset)
    }

    /// Opens the file again for [`file_copy::send`], which needs an offset of its own.
    pub fn reopen(&self) -> SysResult<VerifiedFd> {
        file_copy::reopen(&self.fd)
    }

    /// Copies bytes out with a system call, which works even where no memory is reserved.
    pub fn copy_out(&self, offset: u64, into: &mut [u8]) -> bool {
        self.fd.get().and_then(|fd| file::read_at(fd, into, offset)).is_ok_and(|n| n == into.len())
    }

    /// Backs the full 2 MiB runs of `len` bytes from `start` on with huge pages; best effort.
    /// Before they are reserved this costs no copy.
    pub fn collapse(&self, start: u64, len: u64) {
        const HUGE: u64 = HUGE_PAGE as u64;
        let Ok(fd) = self.fd.fd() else { return };
        let (first, end) = (start.next_multiple_of(HUGE), (start + len) / HUGE * HUGE);
        for run in (first..end).step_by(HUGE as usize) {
            // The kernel makes no huge page where there is no page yet.
            if file::reserve(fd, run, 1).is_err()
                || !self.readable.collapse(run as usize, HUGE_PAGE)
            {
                return;
            }
        }
    }
}

/// Returns whether the bits `first ..= last` are set.
#[inline(always)]
pub fn all_set(reserved: &Reserved, first: u32, last: u32) -> bool {
    let (first_word, last_word) = (first as usize / 64, last as usize / 64);
    let (from, to) = (u64::MAX << (first % 64), u64::MAX >> (63 - last % 64));
    // Relaxed: the bits were set before the record that needs them was published.
    let has = |word: usize, mask| {
        reserved.0.get(word).is_some_and(|bits| bits.load(Ordering::Relaxed) & mask == mask)
    };
    if first_word == last_word {
        return has(first_word, from & to);
    }
    has(first_word, from)
        && (first_word + 1..last_word).all(|word| has(word, u64::MAX))
        && has(last_word, to)
}

#[cold]
fn outside(extent: Extent) -> Error {
    Error::new(
        Status::Corrupt,
        format!("the heap at {} + {} bytes is not reserved", extent.offset(), extent.size),
    )
}

// SAFETY: an address and a length; the holder decides which threads touch the bytes.
unsafe impl Send for Bytes {}
// SAFETY: as for `Send`.
unsafe impl Sync for Bytes {}
// SAFETY: as for `Bytes`.
unsafe impl Send for BytesMut {}
// SAFETY: as for `Bytes`.
unsafe impl Sync for BytesMut {}

impl Bytes {
    /// Returns the bytes as a slice.
    ///
    /// # Safety
    /// The object is sealed and leased, or the caller's own, for all of `'a`, and the map stays.
    #[inline]
    pub unsafe fn as_slice<'a>(self) -> &'a [u8] {
        // SAFETY: `Heap::read` checked the bounds; the caller keeps bytes and map.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len as usize) }
    }
}

impl BytesMut {
    /// Returns the bytes as a slice.
    ///
    /// # Safety
    /// The object is the caller's and unsealed for all of `'a`, nobody else has a slice of it, and
    /// the map stays.
    pub unsafe fn as_mut_slice<'a>(self) -> &'a mut [u8] {
        // SAFETY: `Heap::write` checked the bounds; the caller keeps bytes, map and exclusivity.
        unsafe { std::slice::from_raw_parts_mut(self.ptr, self.len as usize) }
    }

    /// Returns the bytes without the first `skip`.
    pub fn after(self, skip: u64) -> Self {
        let skip = skip.min(self.len);
        Self { ptr: self.ptr.wrapping_add(skip as usize), len: self.len - skip }
    }

    /// Copies `bytes` to the start. The extent is the caller's: no other thread or process reads it
    /// yet.
    #[track_caller]
    pub fn copy_from(self, bytes: &[u8]) {
        in_pieces(bytes.len().min(self.len as usize), |at, len| {
            let (from, to) = (bytes[at..].as_ptr(), self.ptr.wrapping_add(at));
            // SAFETY: `Heap::write` checked that `self.len` bytes lie in the map, `at + len` is no
            // more, and a slice of this process never lies in the extent of an object that is
            // being written.
            unsafe { copy(from, to, len) }
        });
    }

    /// Fills them from a file, from its byte `start` on. Returns the number of bytes: fewer where the
    /// file ends. The extent is the caller's, as for [`BytesMut::copy_from`].
    #[track_caller]
    pub fn read_from(self, file: BorrowedFd<'_>, start: u64) -> SysResult<u64> {
        kill_point("read");
        // SAFETY: `Heap::write` checked the bounds; the object is being created, and nobody has a
        // slice of it yet.
        let bytes = unsafe { self.as_mut_slice() };
        file::read_at(file, bytes, start).map(|count| count as u64)
    }

    /// Copies another extent of the same creator to the start.
    #[track_caller]
    pub fn copy_from_own(self, from: Bytes) {
        in_pieces(from.len.min(self.len) as usize, |at, len| {
            let (from, to) = (from.ptr.wrapping_add(at), self.ptr.wrapping_add(at));
            // SAFETY: both were checked by `Heap`; two extents of the allocator never overlap.
            unsafe { copy(from, to, len) }
        });
    }

    /// Fills with zeros.
    #[track_caller]
    pub fn fill_zero(self) {
        in_pieces(self.len as usize, |at, len| {
            // SAFETY: `Heap::write` checked that `self.len` bytes lie in the map.
            unsafe { std::ptr::write_bytes(self.ptr.wrapping_add(at), 0, len) }
        });
    }
}

/// Calls `copy` with offsets and lengths that cover `len` bytes: in one piece, or with the
/// kill-points feature in two pieces with a kill point before each.
#[inline(always)]
#[track_caller]
fn in_pieces(len: usize, mut copy: impl FnMut(usize, usize)) {
    let first = if cfg!(feature = "kill-points") { len.div_ceil(2) } else { len };
    kill_point("copy");
    copy(0, first);
    if first < len {
        kill_point("copy the rest");
        copy(first, len - first);
    }
}

/// Returns the run of set bits that contains the bits `first ..= last`, which are set.
fn run_around(bits: u64, first: u32, last: u32) -> Range<u32> {
    let (below, above) = (u64::MAX >> 1 >> (63 - first), u64::MAX << 1 << last);
    64 - (!bits & below).leading_zeros()..(!bits & above).trailing_zeros()
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_the_nearest_clear_bits() {
        for (from, to) in (0..64).flat_map(|from| (from + 1..=64).map(move |to| (from, to))) {
            let run = u64::MAX >> (64 - (to - from)) << from;
            let clear = |at: u32| 1u64.checked_shl(at).unwrap_or(0);
            // The same run alone, and among as many other set bits as there can be.
            let apart = !clear(to) & !from.checked_sub(1).map_or(0, clear);
            for bits in [run, apart] {
                for (first, last) in [(from, from), (from, to - 1), ((from + to) / 2, to - 1)] {
                    assert_eq!(run_around(bits, first, last), from..to, "{bits:#b}");
                }
            }
        }
    }
}
