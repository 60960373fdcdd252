//! What the creates of a client found to be lacking: memory for more buckets.

use crate::sync::local::{AtomicU32, Ordering::Relaxed};

/// The requests that are ignored after one could not be met.
const PAUSE: u32 = 1024;

/// The kinds of buckets that need memory.
#[derive(Default)]
pub struct BareBuckets {
    kinds: AtomicU32,
    /// The number of requests that are ignored.
    pause: AtomicU32,
}

impl BareBuckets {
    /// Id buckets.
    pub const IDS: u32 = 1;
    /// Name buckets.
    pub const NAMES: u32 = 2;

    /// Notes that a kind needs memory.
    pub fn note(&self, kind: u32) {
        self.kinds.fetch_or(kind, Relaxed);
    }

    /// Whether a kind needs memory.
    #[inline(always)]
    pub fn any(&self) -> bool {
        self.kinds.load(Relaxed) != 0
    }

    /// Takes the kinds for which memory is to be asked for now.
    pub fn take(&self) -> u32 {
        let kinds = self.kinds.swap(0, Relaxed);
        let ignored = self.pause.load(Relaxed);
        if ignored == 0 {
            return kinds;
        }
        self.pause.store(ignored - 1, Relaxed);
        0
    }

    /// Memory was refused: the next requests are ignored.
    pub fn pause(&self) {
        self.pause.store(PAUSE, Relaxed);
    }
}
