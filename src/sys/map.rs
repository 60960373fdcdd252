//! Shared mappings of files.
#![allow(unsafe_code)] // MADV_COLLAPSE, huge page alignment, not unmapping in a forked child

use super::{Errno, SysResult, fork};
use memmap2::{Advice, MmapOptions, MmapRaw};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Linux 6.1; the headers of some C libraries lack it.
const MADV_COLLAPSE: libc::c_int = 25;

/// Mappings of at least this size begin at a multiple of it, so that file and memory agree on the
/// boundaries of huge pages.
pub const HUGE_PAGE: usize = 2 << 20;

/// The smallest mapping.
const PAGE: usize = 4096;

/// Asks the processor to load the cache line at `ptr`, which may be any address.
#[inline(always)]
pub fn prefetch<T>(ptr: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads nothing and has no fault.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(ptr.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = ptr;
}

/// A shared mapping of the start of a file. It does not need the descriptor once it exists.
#[derive(Debug)]
pub struct Map {
    /// The whole mapping, which is longer than `len` when it had to be aligned.
    memory: ManuallyDrop<MmapRaw>,
    /// Offset of the first byte of the file in the mapping.
    start: usize,
    len: usize,
    /// The fork generation of the process that mapped it.
    generation: u32,
    /// Whether children of this process do not get the mapping.
    not_inherited: AtomicBool,
}

impl Map {
    /// Maps `len` bytes for reading.
    pub fn read_only(fd: BorrowedFd<'_>, len: usize) -> SysResult<Self> {
        Self::new(fd, len, libc::PROT_READ, |options| options.map_raw_read_only(&fd))
    }

    /// Maps `len` bytes for reading and writing.
    pub fn read_write(fd: BorrowedFd<'_>, len: usize) -> SysResult<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        Self::new(fd, len, protection, |options| options.map_raw(&fd))
    }

    /// As [`Map::read_only`], but aligned to a page only, as [`Map::unaligned`].
    pub fn unaligned_read_only(fd: BorrowedFd<'_>, len: usize) -> SysResult<Self> {
        Ok(Self::over(MmapOptions::new().len(len).map_raw_read_only(&fd)?, 0, len))
    }

    /// As [`Map::read_write`], but aligned to a page only: half the system calls, for files without
    /// huge pages.
    pub fn unaligned(fd: BorrowedFd<'_>, len: usize) -> SysResult<Self> {
        Ok(Self::over(MmapOptions::new().len(len).map_raw(&fd)?, 0, len))
    }

    /// Maps one page, without access, so that the locks of the open file last as long as the
    /// mapping. Children do not get it.
    pub fn guard(fd: BorrowedFd<'_>) -> SysResult<Self> {
        fork::install()?;
        let map = Self::over(MmapOptions::new().len(PAGE).map_raw_read_only(&fd)?, 0, PAGE);
        map.dont_fork()?;
        Ok(map)
    }

    /// Sets addresses aside for [`Map::place`]; until then each store faults. The mapping of a file
    /// counts towards no limit on memory.
    pub fn set_aside(fd: BorrowedFd<'_>, len: usize) -> SysResult<Self> {
        Self::unaligned_read_only(fd, len)
    }

    /// Maps `len` bytes of the file from `from` on, a multiple of the page, at offset `at` of
    /// addresses that were set aside.
    pub fn place(&self, at: usize, fd: BorrowedFd<'_>, from: u64, len: usize) -> SysResult<()> {
        let end = at.checked_add(len).ok_or(Errno(libc::EINVAL))?;
        let from = libc::off_t::try_from(from).map_err(|_| Errno(libc::EFBIG))?;
        if end > self.len || !at.is_multiple_of(PAGE) {
            return Err(Errno(libc::EINVAL));
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        let to = self.ptr().wrapping_add(at).cast();
        // SAFETY: `at .. end` lies in this mapping, and what is there was set aside, or is the same
        // part of the same file already.
        let placed = unsafe { libc::mmap(to, len, protection, flags, fd.as_raw_fd(), from) };
        if placed == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(()) }
    }

    fn new(
        fd: BorrowedFd<'_>,
        len: usize,
        protection: libc::c_int,
        map: impl FnOnce(&MmapOptions) -> std::io::Result<MmapRaw>,
    ) -> SysResult<Self> {
        if len == 0 {
            return Err(Errno(libc::EINVAL));
        }
        let spare = if len < HUGE_PAGE { 0 } else { HUGE_PAGE };
        let whole = len.checked_add(spare).ok_or(Errno(libc::ENOMEM))?;
        let memory = map(MmapOptions::new().len(whole))?;
        let start = if spare == 0 { 0 } else { memory.as_ptr().align_offset(HUGE_PAGE) };
        let made = Self::over(memory, start, len);
        if start != 0 {
            let flags = libc::MAP_SHARED | libc::MAP_FIXED;
            let at = made.ptr().cast();
            // SAFETY: `at .. at + len` lies in the mapping just made, which nobody uses yet.
            let moved = unsafe { libc::mmap(at, len, protection, flags, fd.as_raw_fd(), 0) };
            if moved == libc::MAP_FAILED {
                return Err(Errno::last());
            }
        }
        Ok(made)
    }

    fn over(memory: MmapRaw, start: usize, len: usize) -> Self {
        Self {
            memory: ManuallyDrop::new(memory),
            start,
            len,
            generation: fork::generation(),
            not_inherited: AtomicBool::new(false),
        }
    }

    /// Returns the first byte, aligned to a page, or to a huge page if the map can hold one. Stores
    /// to a read-only map fault.
    pub fn ptr(&self) -> *mut u8 {
        self.memory.as_mut_ptr().wrapping_add(self.start)
    }

    /// Returns the number of bytes that were asked for.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.len
    }

    /// Hides the mapping from children that are forked from now on, because a child would write
    /// into the parent's objects.
    pub fn dont_fork(&self) -> SysResult<()> {
        fork::install()?;
        // Relaxed: only a forked child reads it, and the child has a copy of this thread's view.
        self.not_inherited.store(true, Ordering::Relaxed);
        Ok(self.memory.advise(Advice::DontFork)?)
    }

    /// Tries to back a range with huge pages now. Returns whether the kernel did so.
    pub fn collapse(&self, offset: usize, len: usize) -> bool {
        if offset.checked_add(len).is_none_or(|end| end > self.len()) {
            return false;
        }
        let start = self.ptr().wrapping_add(offset).cast();
        // SAFETY: the range is inside this mapping, and collapsing changes no byte of it.
        unsafe { libc::madvise(start, len, MADV_COLLAPSE) == 0 }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // In a child without the mapping, these addresses may be in use for something else by now.
        if *self.not_inherited.get_mut() && self.generation != fork::generation() {
            return;
        }
        // SAFETY: dropped here and nowhere else, and not used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.memory) };
    }
}

/// Maps are shared by the threads of a client.
const _: fn() = || {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Map>();
};

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::super::testing::{TempDir, in_child};
    use super::*;
    use std::os::fd::AsFd;

    fn mapped() -> (TempDir, std::os::fd::OwnedFd) {
        let dir = TempDir::new();
        let file = dir.open(c"f");
        file::set_len(file.as_fd(), 4 << 20).unwrap();
        (dir, file)
    }

    #[test]
    fn two_maps_show_one_memory() {
        let (_dir, file) = mapped();
        let writer = Map::read_write(file.as_fd(), 4 << 20).unwrap();
        let reader = Map::read_only(file.as_fd(), 4 << 20).unwrap();
        drop(file);
        // SAFETY: inside the mapping, which only this test uses.
        unsafe { writer.ptr().wrapping_add(4096).write_volatile(7) };
        // SAFETY: inside the mapping, which only this test uses.
        assert_eq!(unsafe { reader.ptr().wrapping_add(4096).read_volatile() }, 7);
        assert_eq!(reader.len(), 4 << 20);
        assert!(!writer.collapse(2 << 20, 3 << 20));
        writer.collapse(0, 2 << 20);
    }

    #[test]
    fn an_impossible_mapping_is_an_errno() {
        let (dir, file) = mapped();
        assert_eq!(Map::read_only(file.as_fd(), 0).unwrap_err(), Errno(libc::EINVAL));
        let reader = file::open_at(Some(dir.fd()), c"f", libc::O_RDONLY, 0).unwrap();
        assert_eq!(Map::read_write(reader.as_fd(), 4096).unwrap_err(), Errno(libc::EACCES));
    }

    #[test]
    fn a_child_neither_has_nor_unmaps_it() {
        let (_dir, file) = mapped();
        let map = Map::read_write(file.as_fd(), 4096).unwrap();
        map.dont_fork().unwrap();
        let address = map.ptr();
        let map = std::cell::Cell::new(Some(map));
        let kept = in_child(|| {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
            // SAFETY: NOREPLACE maps only where nothing is.
            let new = unsafe { libc::mmap(address.cast(), 4096, protection, flags, -1, 0) };
            drop(map.take());
            // SAFETY: a null vector of a page is never written when the range is not mapped.
            let gone = unsafe { libc::msync(new, 4096, libc::MS_ASYNC) };
            i32::from(new == address.cast() && gone == 0)
        });
        assert_eq!(kept, 1);
    }

    #[test]
    fn parts_of_a_file_are_placed_one_after_another() {
        let (_dir, file) = mapped();
        let whole = Map::read_write(file.as_fd(), 4 << 20).unwrap();
        let parts = Map::set_aside(file.as_fd(), 3 * PAGE).unwrap();
        parts.place(0, file.as_fd(), 8 << 12, PAGE).unwrap();
        parts.place(PAGE, file.as_fd(), 2 << 12, 2 * PAGE).unwrap();
        for (at, from) in [(0, 8 << 12), (PAGE, 2 << 12), (2 * PAGE, 3 << 12)] {
            // SAFETY: inside the mapping, which only this test uses.
            unsafe { whole.ptr().wrapping_add(from).write_volatile(at as u8 / 16 + 1) };
            // SAFETY: inside the mapping, which only this test uses.
            let seen = unsafe { parts.ptr().wrapping_add(at).read_volatile() };
            assert_eq!(seen, at as u8 / 16 + 1);
        }
        assert_eq!(parts.place(3 * PAGE, file.as_fd(), 0, PAGE), Err(Errno(libc::EINVAL)));
    }
}
