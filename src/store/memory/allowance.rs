//! The memory cgroup is asked for room before memory is reserved, but not for every small chunk.

use crate::error::Result;
use crate::segment::refuse_beyond_cgroup;
use crate::sync::local::{AtomicU64, Ordering::Relaxed};
use crate::sys::clock;

/// The bytes that one check of the memory cgroup covers. A check takes about 20 system calls, 70 to
/// 130 us, which would be noticeable for each chunk. It cannot see what other processes allocate
/// afterwards.
pub const CGROUP_STEP: u64 = 64 << 20;

/// What a check covers beyond the call that made it, for a short time: a part of the room that it
/// found, because other processes check at the same time. Objects need one chunk after the other.
#[derive(Default)]
pub struct CgroupAllowance {
    bytes: AtomicU64,
    until_ns: AtomicU64,
}

impl CgroupAllowance {
    const PART: u64 = 16;
    const TIME_NS: u64 = 10_000_000;

    /// Checks that the memory cgroup has room.
    pub fn ensure_room(&self, bytes: u64) -> Result<()> {
        let now = clock::monotonic_ns();
        let take = |left: u64| left.checked_sub(bytes);
        // Relaxed: two threads that see a stale time or an old allowance reserve little more.
        if now < self.until_ns.load(Relaxed)
            && self.bytes.fetch_update(Relaxed, Relaxed, take).is_ok()
        {
            return Ok(());
        }
        let left = refuse_beyond_cgroup(bytes)?;
        if left >= CGROUP_STEP {
            self.bytes.store((left / Self::PART).min(CGROUP_STEP), Relaxed);
            self.until_ns.store(now + Self::TIME_NS, Relaxed);
        }
        Ok(())
    }
}
