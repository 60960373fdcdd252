//! Files and directories, always addressed by a descriptor of a directory and a name in it.
#![allow(unsafe_code)] // system calls

pub use super::access::accessible;
use super::descriptor::{Low, own};
pub use super::dir::list_dir;
use super::{Errno, SysResult, check, file_limit, retry};
use crate::sync::{kill_point, pause_point};
use libc::c_int;
use std::ffi::{CStr, CString};
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// The most bytes that one system call reserves, so that signals and other threads get a turn.
const RESERVE_STEP: u64 = 64 << 20;
/// The size to which steps shrink that signals interrupt.
const RESERVE_STEP_MIN: u64 = 2 << 20;

/// The attributes of a file, as `stat` returns them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Device of the file.
    pub dev: u64,
    /// Number of the file on that device.
    pub ino: u64,
    /// Type and permission bits.
    pub mode: u32,
    /// Number of names (hard links) of the file.
    pub nlink: u64,
    /// Uid of the owner.
    pub uid: u32,
    /// Gid of the owning group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Allocated blocks of 512 bytes.
    pub blocks: u64,
}

impl Stat {
    /// Returns the type bits of `mode` (`S_IF*`).
    pub const fn kind(&self) -> u32 {
        self.mode & libc::S_IFMT
    }

    /// Returns whether it is a directory.
    pub const fn is_dir(&self) -> bool {
        self.kind() == libc::S_IFDIR
    }

    /// Returns whether it is a regular file.
    pub const fn is_file(&self) -> bool {
        self.kind() == libc::S_IFREG
    }

    /// Returns whether it is a symbolic link.
    pub const fn is_symlink(&self) -> bool {
        self.kind() == libc::S_IFLNK
    }

    /// Returns the permission bits of `mode`, including set-id and sticky bits.
    pub const fn perm(&self) -> u32 {
        self.mode & 0o7777
    }

    /// Returns whether both are the same file.
    pub const fn same_file(&self, other: &Stat) -> bool {
        self.dev == other.dev && self.ino == other.ino
    }
}

#[allow(clippy::unnecessary_cast)] // the widths differ between architectures
impl From<libc::stat> for Stat {
    fn from(s: libc::stat) -> Self {
        Self {
            dev: s.st_dev as u64,
            ino: s.st_ino as u64,
            mode: s.st_mode,
            nlink: s.st_nlink as u64,
            uid: s.st_uid,
            gid: s.st_gid,
            size: s.st_size as u64,
            blocks: s.st_blocks as u64,
        }
    }
}

/// Returns the descriptor for the kernel; `None` is the working directory.
pub(super) fn at(dir: Option<BorrowedFd<'_>>) -> RawFd {
    dir.map_or(libc::AT_FDCWD, |dir| dir.as_raw_fd())
}

/// Returns an offset or length in the kernel's type.
fn offset(value: u64) -> SysResult<libc::off_t> {
    value.try_into().map_err(|_| Errno(libc::EFBIG))
}

/// Opens `name` in `dir` (`None`: the working directory). `mode` is used when a file is created.
#[track_caller]
pub fn open_at(
    dir: Option<BorrowedFd<'_>>,
    name: &CStr,
    flags: c_int,
    mode: u32,
) -> SysResult<OwnedFd> {
    // O_TMPFILE includes the bit of O_DIRECTORY.
    if flags & (libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY) != 0 {
        kill_point("create a file");
    } else {
        pause_point("open");
    }
    let writable = flags & libc::O_ACCMODE != libc::O_RDONLY;
    let _low = writable.then(Low::occupy);
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: `name` ends in NUL and outlives the call.
    own(retry(|| unsafe { libc::openat(at(dir), name.as_ptr(), flags, mode) })?)
}

/// Returns a nameless file in `dir`, readable and writable. [`link_tmpfile`] names it.
#[track_caller]
pub fn tmpfile_at(dir: BorrowedFd<'_>, mode: u32) -> SysResult<OwnedFd> {
    open_at(Some(dir), c".", libc::O_TMPFILE | libc::O_RDWR, mode)
}

/// Names a nameless file, atomically. EEXIST when the name is taken.
#[track_caller]
pub fn link_tmpfile(fd: BorrowedFd<'_>, dir: BorrowedFd<'_>, name: &CStr) -> SysResult<()> {
    kill_point("link");
    let path = CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).expect("no NUL inside");
    let link = |from, path: &CStr, flags| {
        // SAFETY: both names end in NUL and outlive the call.
        check(unsafe { libc::linkat(from, path.as_ptr(), dir.as_raw_fd(), name.as_ptr(), flags) })
    };
    match link(libc::AT_FDCWD, &path, libc::AT_SYMLINK_FOLLOW) {
        // /proc is missing or belongs to another pid namespace. This way needs a capability before
        // Linux 6.10.
        Err(Errno(libc::ENOENT)) => link(fd.as_raw_fd(), c"", libc::AT_EMPTY_PATH),
        done => done,
    }
    .map(drop)
}

/// Removes the name of a file.
#[track_caller]
pub fn unlink_at(dir: Option<BorrowedFd<'_>>, name: &CStr) -> SysResult<()> {
    kill_point("unlink");
    // SAFETY: `name` ends in NUL and outlives the call.
    check(unsafe { libc::unlinkat(at(dir), name.as_ptr(), 0) }).map(drop)
}

/// Removes an empty directory.
#[track_caller]
pub fn remove_dir_at(dir: Option<BorrowedFd<'_>>, name: &CStr) -> SysResult<()> {
    kill_point("rmdir");
    // SAFETY: `name` ends in NUL and outlives the call.
    check(unsafe { libc::unlinkat(at(dir), name.as_ptr(), libc::AT_REMOVEDIR) }).map(drop)
}

/// Makes a directory of this mode, whatever the umask is. It keeps the set-group-ID bit of its
/// parent, so that files in it get the group of the directory.
#[track_caller]
pub fn make_dir_at(dir: Option<BorrowedFd<'_>>, name: &CStr, mode: u32) -> SysResult<()> {
    kill_point("mkdir");
    // SAFETY: `name` ends in NUL and outlives the call.
    check(unsafe { libc::mkdirat(at(dir), name.as_ptr(), mode) })?;
    let made = stat_at(dir, name)?.perm();
    if made & 0o777 == mode {
        return Ok(());
    }
    let mode = mode | made & 0o2000;
    kill_point("chmod");
    // SAFETY: as above.
    check(unsafe { libc::fchmodat(at(dir), name.as_ptr(), mode, 0) }).map(drop)
}

/// Renames unless the new name is taken (EEXIST). EINVAL where the file system cannot guarantee
/// that.
#[track_caller]
pub fn rename_noreplace(
    old_dir: Option<BorrowedFd<'_>>,
    old: &CStr,
    new_dir: Option<BorrowedFd<'_>>,
    new: &CStr,
) -> SysResult<()> {
    kill_point("rename");
    // A direct system call, because older C libraries lack the function.
    // SAFETY: both names end in NUL and outlive the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            at(old_dir),
            old.as_ptr(),
            at(new_dir),
            new.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    })
    .map(drop)
}

/// Returns the attributes of an open file.
#[track_caller]
pub fn stat_fd(fd: BorrowedFd<'_>) -> SysResult<Stat> {
    stat(fd.as_raw_fd(), c"", libc::AT_EMPTY_PATH)
}

/// Returns the attributes of the file `name`; symbolic links are not followed.
#[track_caller]
pub fn stat_at(dir: Option<BorrowedFd<'_>>, name: &CStr) -> SysResult<Stat> {
    stat(at(dir), name, libc::AT_SYMLINK_NOFOLLOW)
}

#[track_caller]
fn stat(dir: RawFd, name: &CStr, flags: c_int) -> SysResult<Stat> {
    pause_point("stat");
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `name` ends in NUL, `stat` has room for the answer; both outlive the call.
    retry(|| unsafe { libc::fstatat(dir, name.as_ptr(), stat.as_mut_ptr(), flags) })?;
    // SAFETY: fstatat succeeded, so it filled the struct.
    Ok(unsafe { stat.assume_init() }.into())
}

/// Sets the length of a file; EFBIG where this process may not make a file of that size.
#[track_caller]
pub fn set_len(fd: BorrowedFd<'_>, len: u64) -> SysResult<()> {
    admits(fd, len)?;
    kill_point("truncate");
    let len = offset(len)?;
    // SAFETY: `fd` is open for the call. The caller answers for mappings of a file that becomes shorter.
    retry(|| unsafe { libc::ftruncate(fd.as_raw_fd(), len) }).map(drop)
}

/// Returns EFBIG before a system call that would exceed the limit on file sizes and raise SIGXFSZ.
/// The kernel does not check the limit within the current size of a file.
fn admits(fd: BorrowedFd<'_>, size: u64) -> SysResult<()> {
    file_limit::admits(size).or_else(|errno| match stat_fd(fd)?.size {
        has if has >= size => Ok(()),
        _ => Err(errno),
    })
}

/// Makes the file system reserve memory for a range. After a failure a part may be reserved.
#[track_caller]
pub fn reserve(fd: BorrowedFd<'_>, start: u64, len: u64) -> SysResult<()> {
    let end = start.checked_add(len).ok_or(Errno(libc::EFBIG))?;
    offset(end)?;
    admits(fd, end)?;
    let (mut done, mut step) = (start, RESERVE_STEP);
    while done < end {
        let piece = step.min(end - done);
        match fallocate(fd, 0, done, piece) {
            Ok(()) => done += piece,
            // tmpfs undoes an interrupted piece. Smaller pieces succeed in spite of a steady timer
            // signal.
            Err(Errno(libc::EINTR)) => step = (step / 2).max(RESERVE_STEP_MIN),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives the memory of a range back. The range reads as zeros and is not reserved afterwards.
#[track_caller]
pub fn punch_hole(fd: BorrowedFd<'_>, start: u64, len: u64) -> SysResult<()> {
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    if len == 0 {
        return Ok(());
    }
    loop {
        match fallocate(fd, mode, start, len) {
            Err(Errno(libc::EINTR)) => {}
            done => return done,
        }
    }
}

#[track_caller]
fn fallocate(fd: BorrowedFd<'_>, mode: c_int, start: u64, len: u64) -> SysResult<()> {
    kill_point("fallocate");
    let (start, len) = (offset(start)?, offset(len)?);
    // SAFETY: `fd` is open for the call, and no pointer is passed.
    check(unsafe { libc::fallocate(fd.as_raw_fd(), mode, start, len) }).map(drop)
}

/// Sets the permission bits exactly, whatever the umask is.
#[track_caller]
pub fn set_mode(fd: BorrowedFd<'_>, mode: u32) -> SysResult<()> {
    kill_point("chmod");
    // SAFETY: `fd` is open for the call, and no pointer is passed.
    retry(|| unsafe { libc::fchmod(fd.as_raw_fd(), mode) }).map(drop)
}

/// Returns the offset of the next data at or after `start`; `None` when the rest is a hole. Moves
/// the offset of `fd`, which positional reads do not use.
pub fn next_data(fd: BorrowedFd<'_>, start: u64) -> Option<u64> {
    let from = offset(start).ok()?;
    // SAFETY: `fd` is open for the call, and no pointer is passed.
    let found = retry(|| unsafe { libc::lseek(fd.as_raw_fd(), from, libc::SEEK_DATA) });
    match found {
        Ok(at) => u64::try_from(at).ok(),
        Err(Errno(libc::ENXIO)) => None,
        // The file system does not know holes, so everything is data.
        Err(_) => Some(start),
    }
}

/// Gives a file to another user. Its group does not change.
#[track_caller]
pub fn set_owner(fd: BorrowedFd<'_>, uid: u32) -> SysResult<()> {
    kill_point("chown");
    // SAFETY: `fd` is open for the call, and no pointer is passed.
    retry(|| unsafe { libc::fchown(fd.as_raw_fd(), uid, libc::gid_t::MAX) }).map(drop)
}

/// Reads until `buffer` is full or the file ends. Returns the number of bytes.
#[track_caller]
pub fn read_at(fd: BorrowedFd<'_>, buffer: &mut [u8], start: u64) -> SysResult<usize> {
    pause_point("read");
    let mut done = 0;
    while done < buffer.len() {
        let from = offset(start.saturating_add(done as u64))?;
        let rest = &mut buffer[done..];
        let (to, room) = (rest.as_mut_ptr().cast(), rest.len());
        // SAFETY: `to` and `room` are the unread rest of `buffer`, which is borrowed mutably.
        match retry(|| unsafe { libc::pread(fd.as_raw_fd(), to, room, from) })? {
            0 => break,
            n => done += n as usize,
        }
    }
    Ok(done)
}

/// The most parts that one system call writes (IOV_MAX).
const MAX_PARTS: usize = 1024;

/// Writes all of `parts`, one after the other. EFBIG, without the signal, beyond the limit on file
/// sizes. After a failure a part may be written.
#[track_caller]
pub fn write_at(fd: BorrowedFd<'_>, parts: &mut [IoSlice<'_>], start: u64) -> SysResult<()> {
    let len = parts.iter().map(|part| part.len() as u64).sum::<u64>();
    // Unlike that of other calls, the kernel checks this limit within the size of the file, too.
    file_limit::admits(start.checked_add(len).ok_or(Errno(libc::EFBIG))?)?;
    let (mut rest, mut at) = (parts, start);
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        kill_point("write");
        let (count, from) = (rest.len().min(MAX_PARTS), offset(at)?);
        // SAFETY: an IoSlice is an iovec, and these outlive the call with the bytes that they name.
        let written = retry(|| unsafe {
            libc::pwritev(fd.as_raw_fd(), rest.as_ptr().cast(), count as c_int, from)
        })?;
        if written == 0 {
            return Err(Errno(libc::EIO));
        }
        at += written as u64;
        IoSlice::advance_slices(&mut rest, written as usize);
    }
    Ok(())
}

/// Returns a second descriptor of the directory `dir` with an offset of its own.
pub(super) fn reopen_dir(dir: BorrowedFd<'_>) -> SysResult<OwnedFd> {
    open_at(Some(dir.as_fd()), c".", libc::O_RDONLY | libc::O_DIRECTORY, 0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::TempDir;
    use super::*;

    #[test]
    fn a_name_is_given_once() {
        let dir = TempDir::new();
        let make = || tmpfile_at(dir.fd(), 0o600).unwrap();
        let first = make();
        let mut parts = [IoSlice::new(b"fi"), IoSlice::new(b""), IoSlice::new(b"rst")];
        write_at(first.as_fd(), &mut parts, 0).unwrap();
        link_tmpfile(first.as_fd(), dir.fd(), c"a").unwrap();
        let lost = link_tmpfile(make().as_fd(), dir.fd(), c"a");
        assert_eq!(lost, Err(Errno(libc::EEXIST)));
        let mut bytes = [0; 9];
        assert_eq!(read_at(dir.open(c"a").as_fd(), &mut bytes, 1), Ok(4));
        assert_eq!(&bytes[..4], b"irst");
        let stat = stat_at(Some(dir.fd()), c"a").unwrap();
        assert!(stat.same_file(&stat_fd(first.as_fd()).unwrap()));
        assert!(stat.is_file() && stat.nlink == 1 && stat.size == 5 && stat.perm() == 0o600);
    }

    #[test]
    fn rename_never_replaces() {
        let dir = TempDir::new();
        let at = Some(dir.fd());
        make_dir_at(at, c"a", 0o700).unwrap();
        make_dir_at(at, c"b", 0o700).unwrap();
        assert_eq!(rename_noreplace(at, c"a", at, c"b"), Err(Errno(libc::EEXIST)));
        remove_dir_at(at, c"b").unwrap();
        rename_noreplace(at, c"a", at, c"b").unwrap();
        assert!(stat_at(at, c"b").unwrap().is_dir());
    }

    #[test]
    fn reserved_memory_is_counted_and_goes_back() {
        let dir = TempDir::new();
        let file = dir.open(c"f");
        let blocks = || stat_fd(file.as_fd()).unwrap().blocks * 512;
        set_len(file.as_fd(), 80 << 20).unwrap();
        assert_eq!(blocks(), 0);
        reserve(file.as_fd(), 0, 68 << 20).unwrap();
        assert!(blocks() >= 68 << 20);
        punch_hole(file.as_fd(), 1 << 20, 67 << 20).unwrap();
        assert!(blocks() < 2 << 20);
        assert_eq!(reserve(file.as_fd(), u64::MAX, 2), Err(Errno(libc::EFBIG)));
        assert_eq!(stat_fd(file.as_fd()).unwrap().size, 80 << 20);
    }

    #[test]
    fn modes_ignore_the_umask_and_links_are_seen() {
        let dir = TempDir::new();
        let file = dir.open(c"f");
        set_mode(file.as_fd(), 0o666).unwrap();
        assert_eq!(stat_fd(file.as_fd()).unwrap().perm(), 0o666);
        let path = std::path::PathBuf::from(format!("/proc/self/fd/{}", dir.fd().as_raw_fd()));
        std::os::unix::fs::symlink("f", path.join("l")).unwrap();
        assert!(stat_at(Some(dir.fd()), c"l").unwrap().is_symlink());
        let opened = open_at(Some(dir.fd()), c"l", libc::O_RDONLY | libc::O_NOFOLLOW, 0);
        assert_eq!(opened.unwrap_err(), Errno(libc::ELOOP));
        unlink_at(Some(dir.fd()), c"l").unwrap();
        assert_eq!(stat_at(Some(dir.fd()), c"l"), Err(Errno(libc::ENOENT)));
    }
}
