//! Waiting for a condition, and telling those who wait.
//!
//! ```text
//! waiter                              sealer
//!   s = seq                             publish
//!   hint = 1                            fence
//!   fence                               if unhinted or hint != 0:
//!   condition holds? done                   hint = 0
//!   sleep while seq == s                    seq += 1
//!   again                                   wake all
//! ```
//!
//! Why nobody sleeps on a published condition. Take one round of a waiter and one sealer X; their
//! fences have an order.
//!
//! 1. X's fence is first: the check, after the waiter's fence, sees what X published before its.
//! 2. The waiter's fence is first: X's load of `hint` sees this round's 1 or a later value.
//!    * Not 0: X clears, which comes later than this round's 1, then bumps.
//!    * 0: a sealer Y (or X) cleared it later than this round's 1, and bumps after that.
//!
//!    In both cases a bump follows a clear that is later than this round's 1. The bump cannot be in
//!    `s`: `s` is loaded with Acquire before the 1 is stored and the bump is Release, so the clear
//!    would then be earlier than the 1. So `seq` leaves `s` and a wake follows: the sleep ends, or
//!    never begins. The next round is judged anew by the same two cases.
//!
//! Both orders are needed. With `hint = 1` before `s = seq`, Y's bump could slip between them and
//! the round would sleep on the bumped value with the hint already cleared. With the bump before
//! the clear, a waiter could load the bumped `seq`, and then lose its 1 to the clear. Any number of
//! waiters may share a word: the argument never says whose 1 it was, and each wake is to all.
//!
//! A waiter that cannot write the hint begins unhinted, and then every sealer must be unhinted: X's
//! bump is either in `s`, and the check sees the publication (Acquire), or it changes `seq`.
//!
//! A sealer that dies between clear and wake leaves sleepers behind a hint of 0. So every sleep is
//! bounded. A `seq` that wraps all the way round between load and sleep costs one bounded sleep as
//! well.

use crate::layout::wake::WakeWord;
use crate::sync::{Ordering, fence, local};

/// Begin a round of waiting on all `words`: `each` gets the value of `seq` to sleep on. Check the
/// condition after this, and sleep only if it does not hold.
pub fn begin_all<'a>(
    words: impl IntoIterator<Item = &'a WakeWord>,
    hinted: bool,
    mut each: impl FnMut(u32),
) {
    for word in words {
        // SYNC wake-seq: a bump that is seen brings its clear, and the publication, before us.
        each(word.seq.load(Ordering::Acquire));
        if hinted {
            // Relaxed: ordered after the load by its Acquire, before the check by the fence.
            word.hint.store(1, Ordering::Relaxed);
        }
    }
    // SYNC wake-fence: hint before check, against publication before the sealer's look at the hint.
    fence(Ordering::SeqCst);
}

impl WakeWord {
    /// Begin a round of waiting; returns the value of `seq` to sleep on.
    pub fn begin(&self) -> u32 {
        let mut seen = 0;
        begin_all([self], true, |seq| seen = seq);
        seen
    }

    /// Begin a round without the right to write the hint. Sealers must be unhinted.
    pub fn begin_unhinted(&self) -> u32 {
        let mut seen = 0;
        begin_all([self], false, |seq| seen = seq);
        seen
    }
}

/// Tell the waiters on `words` what was published before this call.
///
/// `unhinted` does not trust the hints: where foreign readers are admitted, who cannot write them.
pub fn announce<'a>(
    words: impl IntoIterator<Item = &'a WakeWord>,
    unhinted: bool,
    wake: &mut impl FnMut(&'a WakeWord),
) {
    // SYNC wake-fence: publication before hint, for all words at once.
    fence(Ordering::SeqCst);
    for word in words {
        // Relaxed: placed by the fence.
        if unhinted || word.hint.load(Ordering::Relaxed) != 0 {
            // Relaxed: ordered before the bump by its Release.
            word.hint.store(0, Ordering::Relaxed);
            // SYNC wake-seq: whoever sees the bump stores its hint after our clear. Every change of
            // `seq` is an RMW, so later bumps carry this one along.
            word.seq.fetch_add(1, Ordering::Release);
            wake(word);
        }
    }
}

/// How long to probe before sleeping, learnt from how probing went. One per client and kind of
/// wait; a heuristic only, so its races do not matter.
#[derive(Debug)]
pub struct Spin {
    limit: local::AtomicU32,
}

impl Spin {
    /// The fewest probes, unless spinning is off: enough to notice that times have changed.
    pub const MIN: u32 = 16;
    /// The most probes: about what a sleep and a wake cost.
    pub const MAX: u32 = 512;

    /// What a sleep and a wake take at least between processors: a wait that is over in less than
    /// twice this would have been worth a longer spin.
    const SHORT_NS: u64 = 60_000;

    /// A policy. With one processor (`parallel` false) it never spins.
    pub fn new(parallel: bool) -> Self {
        Self { limit: local::AtomicU32::new(if parallel { 4 * Self::MIN } else { 0 }) }
    }

    /// Probes to make before the next sleep.
    pub fn limit(&self) -> u32 {
        self.limit.load(local::Ordering::Relaxed)
    }

    /// Probe until there is an answer or the limit is reached, and learn from it.
    pub fn probe<T>(&self, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
        let limit = self.limit();
        for used in 1..=limit {
            if let Some(answer) = probe() {
                // Answers that come late in the spin say that a longer one pays.
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

    /// A sleep was over as soon as this: how long one should have probed for, unless spinning is off.
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

#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
#[cfg(all(test, not(any(loom, shuttle))))]
mod threads;
