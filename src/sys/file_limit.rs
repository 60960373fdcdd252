//! The limit on the sizes of this process's files (RLIMIT_FSIZE, `ulimit -f`).
//!
//! A system call that would make a file larger than that raises SIGXFSZ, which ends the process,
//! before it fails with EFBIG. So whoever makes a file larger looks at the limit first. Stores
//! through a mapping are not affected.
#![allow(unsafe_code)] // getrlimit

use super::{Errno, SysResult, check};
use crate::error::{Error, Result, Status};
use std::mem::MaybeUninit;

/// Returns the largest size that a file may be given; `u64::MAX` when there is no limit.
pub fn largest_file() -> u64 {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: `limit` has room for the answer and outlives the call.
    let asked = check(unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, limit.as_mut_ptr()) });
    if asked.is_err() {
        return u64::MAX;
    }
    // SAFETY: getrlimit succeeded, so it filled the struct.
    match unsafe { limit.assume_init() }.rlim_cur {
        libc::RLIM_INFINITY => u64::MAX,
        limit => limit,
    }
}

/// EFBIG, without the signal, if no file may get `size` bytes.
pub(super) fn admits(size: u64) -> SysResult<()> {
    if size > largest_file() { Err(Errno(libc::EFBIG)) } else { Ok(()) }
}

/// LIMIT, with the way out, if no file may get `size` bytes: to be asked before anything is made.
pub fn refuse_beyond_file_limit(size: u64, what: &str) -> Result<()> {
    let limit = largest_file();
    if size <= limit {
        return Ok(());
    }
    Err(Error::os(
        Status::Limit,
        libc::EFBIG,
        format!(
            "{what} has {size} bytes, and files of this process may have {limit} (RLIMIT_FSIZE); \
             raise that limit (ulimit -f)"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_limit_admits_is_no_error() {
        assert_eq!(admits(largest_file()), Ok(()));
        assert!(refuse_beyond_file_limit(largest_file(), "it").is_ok());
    }
}
