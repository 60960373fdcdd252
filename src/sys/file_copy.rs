//! Copies from file to file within the kernel.
#![allow(unsafe_code)] // system calls

use super::file::open_at;
use super::verified_fd::VerifiedFd;
use super::{Errno, SysResult, check, file_limit, retry};
use crate::sync::kill_point;
use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Opens a file again for writing, with an offset of its own. It needs /proc.
#[track_caller]
pub fn reopen(file: &VerifiedFd) -> SysResult<VerifiedFd> {
    let path = CString::new(format!("/proc/self/fd/{}", file.get()?.as_raw_fd()))
        .expect("digits have no NUL");
    let again = VerifiedFd::new(open_at(None, &path, libc::O_WRONLY, 0)?)?;
    // The application may have closed the number in between.
    if again.stat().same_file(file.stat()) { Ok(again) } else { Err(Errno(libc::EBADF)) }
}

/// Copies `len` bytes of one file to another, whose offset it moves. Returns how many were copied:
/// fewer where the first file ends. EFBIG, without the signal, beyond the limit on file sizes. After
/// a failure a part may be copied.
#[track_caller]
pub fn send(
    from: BorrowedFd<'_>,
    from_start: u64,
    to: BorrowedFd<'_>,
    to_start: u64,
    len: u64,
) -> SysResult<u64> {
    let beyond = |_| Errno(libc::EFBIG);
    let end = to_start.checked_add(len).ok_or(Errno(libc::EFBIG))?;
    file_limit::admits(end)?;
    let (mut at, start) = (from_start.try_into().map_err(beyond)?, to_start.try_into());
    let start = start.map_err(beyond)?;
    // SAFETY: `to` is open for the call, and no pointer is passed.
    check(unsafe { libc::lseek(to.as_raw_fd(), start, libc::SEEK_SET) })?;
    let mut done = 0;
    while done < len {
        kill_point("send");
        let (most, offset) = ((len - done) as usize, &raw mut at);
        // SAFETY: both are open for the call, and `offset` is a local that outlives it.
        match retry(|| unsafe { libc::sendfile(to.as_raw_fd(), from.as_raw_fd(), offset, most) })? {
            0 => break,
            sent => done += sent as u64,
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::super::file::{read_at, write_at};
    use super::super::testing::TempDir;
    use super::*;
    use std::io::IoSlice;
    use std::os::fd::AsFd;

    #[test]
    fn a_copy_ends_where_the_file_does_and_moves_no_other_offset() {
        let dir = TempDir::new();
        let (from, to) = (dir.open(c"from"), VerifiedFd::new(dir.open(c"to")).unwrap());
        write_at(from.as_fd(), &mut [IoSlice::new(b"0123456789")], 0).unwrap();
        let again = reopen(&to).unwrap();
        let target = again.get().unwrap();
        assert_eq!(send(from.as_fd(), 2, target, 100, 5), Ok(5));
        assert_eq!(send(from.as_fd(), 7, target, 0, 50), Ok(3));
        assert_eq!(send(from.as_fd(), 10, target, 0, 50), Ok(0));
        assert_eq!(send(from.as_fd(), 0, target, u64::MAX, 1), Err(Errno(libc::EFBIG)));
        assert_eq!(send(from.as_fd(), u64::MAX, target, 0, 1), Err(Errno(libc::EFBIG)));
        let mut bytes = [0; 105];
        assert_eq!(read_at(to.get().unwrap(), &mut bytes, 0), Ok(105));
        assert_eq!((&bytes[..4], &bytes[100..]), (&b"789\0"[..], &b"23456"[..]));
    }
}
