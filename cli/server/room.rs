//! The room that a file system has.

use std::path::Path;

/// Bytes that objects can still take, with a sixteenth left for the other files of a store; `None` if
/// the file system does not tell.
pub fn free(directory: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(directory).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    Some(free - free / 16)
}
