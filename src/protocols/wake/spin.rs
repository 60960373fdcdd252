//! How long to probe before sleeping.

use crate::sync::local;

/// How long to probe before sleeping, learnt from earlier waits. There is one per client and kind
/// of wait. It is a heuristic, so its races do not matter.
#[derive(Debug)]
pub struct Spin {
    limit: local::AtomicU32,
}

impl Spin {
    /// The fewest probes, unless spinning is off: enough to notice when waits become shorter.
    pub const MIN: u32 = 16;
    /// The most probes: they take about as long as a sleep and a wake.
    pub const MAX: u32 = 512;

    /// The least time that a sleep and a wake take between processors. A wait that ends within
    /// twice this time would have justified a longer spin.
    const SHORT_NS: u64 = 60_000;

    /// Creates a policy. With one processor (`parallel` false) it never spins.
    pub fn new(parallel: bool) -> Self {
        Self { limit: local::AtomicU32::new(if parallel { 4 * Self::MIN } else { 0 }) }
    }

    /// Returns the number of probes to make before the next sleep.
    pub fn limit(&self) -> u32 {
        self.limit.load(local::Ordering::Relaxed)
    }

    /// Probes until there is an answer or the limit is reached, and learns from the result.
    pub fn probe<T>(&self, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
        let limit = self.limit();
        for used in 1..=limit {
            if let Some(answer) = probe() {
                // Answers that come late in the spin suggest that a longer spin pays.
                if used > limit / 2 {
                    self.learn((limit * 2).min(Self::MAX));
                }
                return Some(answer);
            }
            pause();
        }
        if limit > Self::MIN {
            self.learn((limit - limit / 4).max(Self::MIN));
        }
        None
    }

    /// Learns from a sleep that ended after `ns`, unless spinning is off.
    pub fn slept(&self, ns: u64) {
        let limit = self.limit();
        if limit > 0 && ns < Self::SHORT_NS {
            self.learn((limit * 2).min(Self::MAX));
        }
    }

    fn learn(&self, limit: u32) {
        self.limit.store(limit, local::Ordering::Relaxed);
    }
}

fn pause() {
    #[cfg(loom)]
    ::loom::thread::yield_now();
    #[cfg(shuttle)]
    ::shuttle::thread::yield_now();
    #[cfg(not(any(loom, shuttle)))]
    std::hint::spin_loop();
}
