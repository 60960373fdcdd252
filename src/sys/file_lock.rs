//! Liveness locks: open-file-description locks on whole files.
//!
//! Such a lock belongs to the open file, not to the process. The kernel frees it when the last
//! descriptor of that open file is closed, however the process dies; the descriptors of forked
//! children count. An unlock through any of them unlocks for all.
#![allow(unsafe_code)] // fcntl

use super::{Errno, SysResult, retry};
use crate::sync::{kill_point, pause_point};
use libc::c_int;
use std::os::fd::{AsRawFd, BorrowedFd};

fn lock(fd: BorrowedFd<'_>, command: c_int, kind: c_int) -> SysResult<c_int> {
    let mut lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
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
    match lock(fd, libc::F_OFD_SETLK, libc::F_WRLCK) {
        Ok(_) => Ok(true),
        Err(Errno(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Frees the lock, also for every process that inherited the open file.
#[track_caller]
pub fn unlock(fd: BorrowedFd<'_>) -> SysResult<()> {
    kill_point("unlock");
    lock(fd, libc::F_OFD_SETLK, libc::F_UNLCK).map(drop)
}

/// Returns whether another open file holds the write lock. Read locks, which every user with read
/// permission can take, do not count, nor does a lock of `fd` itself.
#[track_caller]
pub fn is_write_locked(fd: BorrowedFd<'_>) -> SysResult<bool> {
    pause_point("ask for a lock");
    Ok(lock(fd, libc::F_OFD_GETLK, libc::F_RDLCK)? != libc::F_UNLCK)
}

#[cfg(test)]
mod tests {
    use super::super::file::open_at;
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
        lock(reader.as_fd(), libc::F_OFD_SETLK, libc::F_RDLCK).unwrap();
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
}
