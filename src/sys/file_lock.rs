//! Liveness locks: open-file-description locks on whole files, and on single bytes.
//!
//! Such a lock belongs to the open file, not to the process. The kernel frees it when the last
//! descriptor and the last mapping of that open file are gone, however the process dies; those of
//! forked children count. An unlock through any descriptor unlocks for all.
#![allow(unsafe_code)] // fcntl

use super::{Errno, SysResult, retry};
use crate::sync::{kill_point, pause_point};
use libc::c_int;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};

/// All bytes of a file, however long it becomes.
const WHOLE: Range<u64> = 0..0;

fn lock(fd: BorrowedFd<'_>, command: c_int, kind: c_int, bytes: Range<u64>) -> SysResult<c_int> {
    let offset = |at: u64| libc::off_t::try_from(at).map_err(|_| Errno(libc::EOVERFLOW));
    let mut lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: offset(bytes.start)?,
        l_len: offset(bytes.end - bytes.start)?,
        l_pid: 0,
    };
    // SAFETY: these commands take a pointer to a flock, which is a live local.
    retry(|| unsafe { libc::fcntl(fd.as_raw_fd(), command, &raw mut lock) })?;
    Ok(lock.l_type.into())
}

/// Takes the write lock unless another open file holds any lock. `fd` must be writable.
#[track_caller]
pub fn try_write_lock(fd: BorrowedFd<'_>) -> SysResult<bool> {
    kill_point("lock");
    try_lock(fd, libc::F_WRLCK, WHOLE)
}

/// As [`try_write_lock`], for one byte.
#[track_caller]
pub fn try_write_lock_byte(fd: BorrowedFd<'_>, byte: u64) -> SysResult<bool> {
    kill_point("lock");
    try_lock(fd, libc::F_WRLCK, byte..byte + 1)
}

/// Takes the read lock of one byte unless another open file holds its write lock.
#[track_caller]
pub fn try_read_lock_byte(fd: BorrowedFd<'_>, byte: u64) -> SysResult<bool> {
    kill_point("lock");
    try_lock(fd, libc::F_RDLCK, byte..byte + 1)
}

fn try_lock(fd: BorrowedFd<'_>, kind: c_int, bytes: Range<u64>) -> SysResult<bool> {
    match lock(fd, libc::F_OFD_SETLK, kind, bytes) {
        Ok(_) => Ok(true),
        Err(Errno(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Frees the lock, also for every process that inherited the open file.
#[track_caller]
pub fn unlock(fd: BorrowedFd<'_>) -> SysResult<()> {
    kill_point("unlock");
    lock(fd, libc::F_OFD_SETLK, libc::F_UNLCK, WHOLE).map(drop)
}

/// Returns whether another open file holds the write lock. Read locks, which every user with read
/// permission can take, do not count, nor does a lock of `fd` itself.
#[track_caller]
pub fn is_write_locked(fd: BorrowedFd<'_>) -> SysResult<bool> {
    pause_point("ask for a lock");
    Ok(lock(fd, libc::F_OFD_GETLK, libc::F_RDLCK, WHOLE)? != libc::F_UNLCK)
}

/// As [`is_write_locked`], for one byte.
#[track_caller]
pub fn is_byte_write_locked(fd: BorrowedFd<'_>, byte: u64) -> SysResult<bool> {
    pause_point("ask for a lock");
    Ok(lock(fd, libc::F_OFD_GETLK, libc::F_RDLCK, byte..byte + 1)? != libc::F_UNLCK)
}

/// Returns whether another open file holds any lock on one byte.
#[track_caller]
pub fn is_byte_locked(fd: BorrowedFd<'_>, byte: u64) -> SysResult<bool> {
    pause_point("ask for a lock");
    Ok(lock(fd, libc::F_OFD_GETLK, libc::F_WRLCK, byte..byte + 1)? != libc::F_UNLCK)
}

#[cfg(test)]
mod tests {
    use super::super::file::open_at;
    use super::super::map::Map;
    use super::super::testing::{TempDir, eventually, in_child};
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn the_lock_is_seen_through_another_open_file() {
        let dir = TempDir::new();
        let (mine, other) = (dir.open(c"f"), dir.open(c"f"));
        let reader = open_at(Some(dir.fd()), c"f", libc::O_RDONLY, 0).unwrap();
        assert_eq!(try_write_lock(mine.as_fd()), Ok(true));
        assert_eq!(try_write_lock(mine.as_fd()), Ok(true));
        assert_eq!(is_write_locked(mine.as_fd()), Ok(false));
        assert_eq!(try_write_lock(other.as_fd()), Ok(false));
        assert_eq!(is_write_locked(reader.as_fd()), Ok(true));
        assert_eq!(try_write_lock(reader.as_fd()), Err(Errno(libc::EBADF)));
        unlock(mine.as_fd()).unwrap();
        assert_eq!(is_write_locked(reader.as_fd()), Ok(false));
    }

    #[test]
    fn a_read_lock_does_not_look_alive() {
        let dir = TempDir::new();
        let (reader, other) = (dir.open(c"f"), dir.open(c"f"));
        lock(reader.as_fd(), libc::F_OFD_SETLK, libc::F_RDLCK, WHOLE).unwrap();
        assert_eq!(is_write_locked(other.as_fd()), Ok(false));
    }

    #[test]
    fn the_lock_goes_with_the_last_descriptor_of_any_process() {
        let dir = TempDir::new();
        let (mine, other) = (dir.open(c"f"), dir.open(c"f"));
        assert_eq!(try_write_lock(mine.as_fd()), Ok(true));
        let seen = in_child(|| i32::from(is_write_locked(other.as_fd()) == Ok(true)));
        assert_eq!(seen, 1);
        // The child's death closed only its own copy.
        assert_eq!(is_write_locked(other.as_fd()), Ok(true));
        drop(mine);
        // A child that another test forks may hold a copy for a moment.
        eventually(|| is_write_locked(other.as_fd()) == Ok(false));
    }

    #[test]
    fn a_mapping_keeps_the_lock_on_a_byte_without_a_descriptor() {
        let dir = TempDir::new();
        let (mine, other) = (dir.open(c"f"), dir.open(c"f"));
        let guard = Map::guard(mine.as_fd()).unwrap();
        assert_eq!(try_write_lock_byte(mine.as_fd(), 7), Ok(true));
        drop(mine);
        let asked = |byte| is_byte_write_locked(other.as_fd(), byte);
        assert_eq!((asked(7), asked(6), asked(8)), (Ok(true), Ok(false), Ok(false)));
        assert_eq!(try_write_lock_byte(other.as_fd(), 7), Ok(false));
        // A child neither has the lock nor ends it.
        assert_eq!(in_child(|| 1), 1);
        assert_eq!(asked(7), Ok(true));
        drop(guard);
        eventually(|| asked(7) == Ok(false));
    }

    #[test]
    fn read_locks_of_a_byte_do_not_keep_each_other_out() {
        let dir = TempDir::new();
        let (mine, hostile, other) = (dir.open(c"f"), dir.open(c"f"), dir.open(c"f"));
        lock(hostile.as_fd(), libc::F_OFD_SETLK, libc::F_RDLCK, WHOLE).unwrap();
        assert_eq!(try_read_lock_byte(mine.as_fd(), 7), Ok(true));
        drop(hostile);
        eventually(|| is_byte_locked(other.as_fd(), 8) == Ok(false));
        assert_eq!(is_byte_locked(other.as_fd(), 7), Ok(true));
    }
}
