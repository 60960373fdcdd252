//! A directory of this process in /dev/shm, removed when the process ends normally.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Returns the directory. `PLASMA_FUZZ_DIR` names one that somebody else removes: libFuzzer ends a
/// process without running further code, and `make fuzz` cleans up after it.
pub fn dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let parent = std::env::var_os("PLASMA_FUZZ_DIR").map(PathBuf::from);
        let removes = parent.is_none();
        let path = parent
            .unwrap_or_else(|| PathBuf::from("/dev/shm"))
            .join(format!("plasma-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("/dev/shm can be written");
        if removes {
            remove_at_exit();
        }
        path
    })
}

/// Returns a store's address in a directory of this thread.
pub fn address(name: &str) -> PathBuf {
    let thread = format!("{:?}", std::thread::current().id());
    let digits: String = thread.chars().filter(char::is_ascii_digit).collect();
    let path = dir().join(digits);
    std::fs::create_dir_all(&path).expect("/dev/shm can be written");
    path.join(name)
}

#[allow(unsafe_code)] // one call of atexit
fn remove_at_exit() {
    extern "C" fn remove() {
        // An error cannot be reported any longer.
        let _ = std::fs::remove_dir_all(dir());
    }
    // SAFETY: a function of this program, which is there until it ends.
    let _ = unsafe { libc::atexit(remove) };
}
