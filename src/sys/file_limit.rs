//! The limit on the sizes of this process's files (RLIMIT_FSIZE, `ulimit -f`).
//!
//! A system call that would make a file larger than the limit raises SIGXFSZ, which ends the
//! process, before it fails with EFBIG. So the limit is checked before a file is enlarged. Stores
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

/// Returns EFBIG, without the signal, if no file may have `size` bytes.
pub(super) fn admits(size: u64) -> SysResult<()> {
    if size > largest_file() { Err(Errno(libc::EFBIG)) } else { Ok(()) }
}

/// Returns LIMIT and says how to raise it if no file may have `size` bytes. Called before anything
/// is created.
pub fn refuse_beyond_file_limit(size: u64, what: &str) -> Result<()> {
    let limit = largest_file();
    if size <= limit {
        return Ok(());
    }
    Err(Error::os(
        Status::Limit,
        libc::EFBIG,
        format!(
            "{what} has {size} bytes, but files of this process may have only {limit} (RLIMIT_FSIZE); \
             raise that limit (ulimit -f)"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_within_the_limit_is_no_error() {
        assert_eq!(admits(largest_file()), Ok(()));
        assert!(refuse_beyond_file_limit(largest_file(), "it").is_ok());
    }
}
