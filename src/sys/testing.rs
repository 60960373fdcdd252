//! Real kernel objects for the tests of this module.
#![allow(unsafe_code)] // fork and waitpid

use super::{check, file, random, retry};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A directory that is removed after the test.
pub(crate) struct TempDir {
    path: PathBuf,
    fd: OwnedFd,
}

impl TempDir {
    /// Creates a directory, on tmpfs where there is one.
    pub(crate) fn new() -> Self {
        let mut nonce = [0; 8];
        random::fill(&mut nonce).unwrap();
        let shm = Path::new("/dev/shm");
        let parent = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
        let path = parent.join(format!("plasma-test-{:016x}", u64::from_ne_bytes(nonce)));
        std::fs::create_dir(&path).unwrap();
        let name = CString::new(path.to_str().unwrap()).unwrap();
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        Self { path, fd: file::open_at(None, &name, flags, 0).unwrap() }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Opens or creates a file in the directory.
    pub(crate) fn open(&self, name: &CStr) -> OwnedFd {
        file::open_at(Some(self.fd()), name, libc::O_RDWR | libc::O_CREAT, 0o600).unwrap()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.path).unwrap();
    }
}

/// Forks a child that runs `code`, and returns its exit code. `code` may do only what is
/// async-signal-safe.
pub(crate) fn in_child(code: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs `code`, which is async-signal-safe by the contract above, and exits.
    let pid = check(unsafe { libc::fork() }).unwrap();
    if pid == 0 {
        let status = code();
        // SAFETY: _exit runs no handlers and touches no memory.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: `status` is a live local.
    retry(|| unsafe { libc::waitpid(pid, &raw mut status, 0) }).unwrap();
    assert!(libc::WIFEXITED(status), "the child died of {status}");
    libc::WEXITSTATUS(status)
}

/// Waits until `true_now` returns true.
pub(crate) fn eventually(true_now: impl Fn() -> bool) {
    let start = Instant::now();
    while !true_now() {
        assert!(start.elapsed() < Duration::from_secs(10), "it does not happen");
        std::thread::yield_now();
    }
}
