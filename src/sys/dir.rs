//! Directory listings, of directories with any number of names.
#![allow(unsafe_code)] // the getdents64 system call

use super::{SysResult, file, retry};
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Offsets of the fields of the kernel's `linux_dirent64`.
const LENGTH: usize = 16;
const NAME: usize = 19;

/// The kernel aligns entries to 8 bytes.
#[repr(C, align(8))]
struct Buffer([u8; 4 << 10]);

/// Calls `each` with the names in `dir` and their inodes, at most `max_names` times.
///
/// Returns whether the listing was complete. `.` and `..` are left out. Nothing is allocated, and
/// the offset of `dir` is neither used nor moved.
pub fn list_dir(
    dir: BorrowedFd<'_>,
    max_names: usize,
    mut each: impl FnMut(&CStr, u64),
) -> SysResult<bool> {
    let own = file::reopen_dir(dir)?;
    let mut buffer = Buffer([0; 4 << 10]);
    let mut seen = 0;
    loop {
        let (to, room) = (buffer.0.as_mut_ptr(), buffer.0.len());
        let filled =
            // SAFETY: `to` and `room` are those of `buffer`, which nothing else borrows.
            retry(|| unsafe { libc::syscall(libc::SYS_getdents64, own.as_raw_fd(), to, room) })?;
        let mut entries = &buffer.0[..filled as usize];
        if entries.is_empty() {
            return Ok(true);
        }
        while let Some((name, ino, rest)) = next(entries) {
            entries = rest;
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if seen == max_names {
                return Ok(false);
            }
            seen += 1;
            each(name, ino);
        }
    }
}

/// Returns the first entry's name and inode, and the entries after it.
fn next(entries: &[u8]) -> Option<(&CStr, u64, &[u8])> {
    let ino = u64::from_ne_bytes(*entries.first_chunk()?);
    let length = u16::from_ne_bytes(*entries.get(LENGTH..)?.first_chunk()?);
    let (entry, rest) = entries.split_at_checked(length.into())?;
    Some((CStr::from_bytes_until_nul(entry.get(NAME..)?).ok()?, ino, rest))
}

#[cfg(test)]
mod tests {
    use super::super::testing::TempDir;
    use super::*;
    use std::collections::BTreeSet;
    use std::ffi::CString;
    use std::os::fd::AsFd;

    #[test]
    fn a_listing_is_whole_or_says_that_it_is_not() {
        let dir = TempDir::new();
        let mut names = BTreeSet::new();
        // More than one buffer of entries.
        for i in 0..1500 {
            let name = CString::new(format!("file-{i:04}")).unwrap();
            let stat = file::stat_fd(dir.open(&name).as_fd()).unwrap();
            names.insert((name, stat.ino));
        }
        for _ in 0..2 {
            let mut seen = BTreeSet::new();
            let whole = list_dir(dir.fd(), 1500, |name, ino| {
                seen.insert((name.to_owned(), ino));
            });
            assert_eq!(whole, Ok(true));
            assert_eq!(seen, names);
        }
        let mut count = 0;
        assert_eq!(list_dir(dir.fd(), 1499, |_, _| count += 1), Ok(false));
        assert_eq!(count, 1499);
    }
}
