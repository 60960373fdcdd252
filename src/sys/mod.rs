//! The kernel interface: the only module that makes system calls.
//!
//! Every wrapper is safe to call, and fails with a bare [`Errno`]. The meaning of an errno for a
//! user depends on the operation, so the layers above describe it. All file descriptors are
//! close-on-exec, and none is 0, 1 or 2.

mod access;
pub mod cgroup;
pub mod clock;
mod descriptor;
mod dir;
pub mod event_fd;
pub mod file;
pub mod file_copy;
pub mod file_limit;
pub mod file_lock;
pub mod fork;
pub mod fs;
pub mod futex;
mod kernel_file;
pub mod map;
pub mod membarrier;
pub mod process;
pub mod random;
pub mod thread;
pub mod ticks;
pub mod verified_fd;

#[cfg(test)]
mod testing;

use crate::error::{Error, Status};
use std::fmt;

/// The reason why a system call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

/// The result of a system call.
pub type SysResult<T> = Result<T, Errno>;

impl Errno {
    /// Returns the errno of this thread's last failed call.
    fn last() -> Self {
        Self::from(std::io::Error::last_os_error())
    }
}

impl Errno {
    /// Turns this errno into the error of a call. `what` says which operation failed.
    #[cold]
    pub fn because(self, what: impl fmt::Display) -> Error {
        let status = match self.0 {
            libc::EACCES | libc::EPERM | libc::EROFS => Status::Permission,
            libc::ENOSPC | libc::ENOMEM | libc::EDQUOT => Status::OutOfMemory,
            // EAGAIN: the limit of threads is reached, or there is no memory for one.
            libc::EMFILE | libc::ENFILE | libc::EAGAIN | libc::EFBIG => Status::Limit,
            libc::EOPNOTSUPP | libc::ENOSYS => Status::Unsupported,
            libc::ENAMETOOLONG => Status::InvalidArgument,
            _ => Status::System,
        };
        let remedy = match self.0 {
            libc::EMFILE => "; raise the limit of open files (ulimit -n), or disconnect clients",
            libc::ENOSPC => "; df -h and df -i show whether bytes or files (inodes) are missing",
            libc::EDQUOT => {
                "; a disk quota of bytes or files is used up: quota shows which one, df does not"
            }
            libc::ENOMEM => {
                "; raise the limit of address space (ulimit -v), or use a smaller store"
            }
            libc::EFBIG => {
                "; raise the limit of file sizes (ulimit -f), or use a file system for larger files"
            }
            _ => "",
        };
        Error::os(status, self.0, format!("{what}: {self}{remedy}"))
    }
}

impl From<std::io::Error> for Errno {
    /// Errors that std created itself have no errno and count as EINVAL.
    fn from(error: std::io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EINVAL))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl std::error::Error for Errno {}

/// Returns the value of a call, which is -1 when it failed.
fn check<T: From<i8> + PartialEq>(returned: T) -> SysResult<T> {
    if returned == T::from(-1) { Err(Errno::last()) } else { Ok(returned) }
}

/// As [`check`], but repeats the call while signals interrupt it.
fn retry<T: From<i8> + PartialEq>(mut call: impl FnMut() -> T) -> SysResult<T> {
    loop {
        match check(call()) {
            Err(Errno(libc::EINTR)) => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_system_and_a_quota_have_different_remedies() {
        let of = |errno| Errno(errno).because("cannot make it");
        for errno in [libc::ENOSPC, libc::EDQUOT] {
            assert_eq!((of(errno).status(), of(errno).errno()), (Status::OutOfMemory, errno));
        }
        assert!(of(libc::ENOSPC).to_string().contains("df -i"));
        assert!(of(libc::EDQUOT).to_string().contains("quota shows"));
    }

    #[test]
    fn an_errno_says_its_text_and_number() {
        assert_eq!(Errno(libc::ENOENT).to_string(), "No such file or directory (os error 2)");
    }
}
