//! Text files of the kernel: those in /proc, and those of control groups.

use super::file::open_at;
use super::{SysResult, file};
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

/// Size of one read.
const PIECE: usize = 4096;

fn open(path: &str) -> SysResult<OwnedFd> {
    let path = CString::new(path).map_err(std::io::Error::from)?;
    open_at(None, &path, libc::O_RDONLY, 0)
}

/// Reads as much of a file as `room` holds. Returns nothing when it cannot be read.
pub(super) fn read_small<'a>(path: &str, room: &'a mut [u8]) -> &'a [u8] {
    let read = open(path).and_then(|fd| file::read_at(fd.as_fd(), room, 0));
    &room[..read.unwrap_or(0)]
}

/// Returns the whole text of a file.
pub(super) fn read_text(path: &str) -> SysResult<String> {
    let fd = open(path)?;
    let mut text = Vec::new();
    loop {
        let from = text.len();
        text.try_reserve(PIECE).map_err(|_| super::Errno(libc::ENOMEM))?;
        text.resize(from + PIECE, 0);
        let read = file::read_at(fd.as_fd(), &mut text[from..], from as u64)?;
        text.truncate(from + read);
        if read < PIECE {
            return String::from_utf8(text).map_err(|_| super::Errno(libc::EILSEQ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_kernel_is_read_whole() {
        for path in ["/proc/self/mountinfo", "/proc/self/cgroup", "/proc/cpuinfo"] {
            let std = std::fs::read_to_string(path).unwrap();
            // Clock values in it change.
            assert_eq!(read_text(path).unwrap().lines().count(), std.lines().count(), "{path}");
        }
        let mut room = [0; 5];
        assert_eq!(read_small("/proc/version", &mut room), b"Linux");
        assert_eq!(read_small("/proc/self/none", &mut room), b"");
        assert_eq!(read_text("/proc/self/none"), Err(super::super::Errno(libc::ENOENT)));
    }
}
