//! Waiting for a condition, and telling those who wait.
//!
//! ```text
//! waiter                              sealer
//!   s = seq                             publish
//!   hint += 1                           fence
//!   fence                               if unhinted or hint != 0:
//!   condition holds? done                   hint = 0
//!   sleep while seq == s                    seq = next, with RELAY if there are many
//!   woken, RELAY and not s? wake a few      wake all, or with RELAY a few
//!   again
//! ```
//!
//! Why nobody sleeps on a published condition. Take one round of a waiter and one sealer X; their
//! fences have an order.
//!
//! 1. X's fence is first: the check, after the waiter's fence, sees what X published before its.
//! 2. The waiter's fence is first: X's load of `hint` sees this round's count or a later value.
//!    * Not 0: X clears, which comes later than this round's count, then bumps.
//!    * 0: a sealer Y (or X) cleared it later than this round's count, and bumps after that.
//!
//!    In both cases a bump follows a clear that is later than this round's count. The bump cannot be
//!    in `s`: `s` is loaded with Acquire before the count is stored and the bump is Release, so the
//!    clear would then be earlier than the count. So `seq` leaves `s` and a wake follows: the sleep
//!    ends, or never begins. The next round is judged anew by the same two cases.
//!
//! Both orders are needed. With `hint += 1` before `s = seq`, Y's bump could slip between them and
//! the round would sleep on the bumped value with the hint already cleared. With the bump before
//! the clear, a waiter could load the bumped `seq`, and then lose its count to the clear. Any number
//! of waiters may share a word, and of two that count at once one is lost: the argument never says
//! whose count it was, only that it is not 0, and each wake reaches all.
//!
//! It does so by itself, or by relay: to wake all of many takes long, so a sealer wakes a few, and each
//! of them as many more. Linux wakes first who slept first. Whoever sleeps while `seq` is bumped
//! sleeps on an earlier value, and so do all who are ahead of it. Each of these that is woken relays, so
//! in the end it is woken itself; or a later bump took RELAY away, and then that sealer wakes all.
//! Who came later is behind them and relays nothing, so a relay ends.
//!
//! A waiter that cannot write the hint begins unhinted, and then every sealer must be unhinted: X's
//! bump is either in `s`, and the check sees the publication (Acquire), or it changes `seq`.
//!
//! A sealer that dies between clear and wake, or a waiter before it relays, leaves sleepers behind a
//! hint of 0; so may one that is stopped there, or waiters of different priorities. So every sleep is
//! bounded. A `seq` that wraps all the way round between load and sleep costs one bounded sleep as
//! well.

use crate::layout::wake::WakeWord;
use crate::sync::{AtomicU32, Ordering, fence, local};
use std::time::Duration;

/// Whom a sealer, or one that relays, wakes of many: in the models the fewest, which is the hardest.
const FEW: u32 = if cfg!(any(loom, shuttle, test)) { 1 } else { 4 };

/// How long the sleeps of one wait last at most, one after another: each is twice as long as the one
/// before, up to the longest.
///
/// A creator that dies wakes nobody. Those who wait for it notice at their next look, which is so no
/// later than they have waited already, and the first of them wakes the others.
#[derive(Clone, Copy, Debug)]
pub struct Slices {
    now: Duration,
}

impl Slices {
    /// The longest of all.
    pub const LONGEST: Duration = Duration::from_millis(100);

    /// Returns the first lasts so long.
    pub const fn from(first: Duration) -> Self {
        Self { now: first }
    }

    /// For one of several who wait for one creator: each begins a little later than another, so that
    /// they do not all look at once.
    pub fn staggered(number: u32) -> Self {
        let part = number % 8;
        Self::from(Duration::from_micros(1000 + 125 * u64::from(part)))
    }

    /// Returns the one that is next.
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// It is over, and nobody came.
    pub fn slept_out(&mut self) {
        self.now = (2 * self.now).min(Self::LONGEST);
    }
}

/// Begins a round of waiting on all `words`: `each` gets the value of `seq` to sleep on. Check the
/// condition after this, and sleep only if it does not hold. `hinted` unless hints cannot be
/// written; `again` in the next rounds of one wait.
pub fn begin_all<'a>(
    words: impl IntoIterator<Item = &'a WakeWord>,
    hinted: bool,
    again: bool,
    mut each: impl FnMut(u32),
) {
    for word in words {
        // SYNC wake-seq: a bump that is seen brings its clear, and the publication, before us.
        each(word.seq.load(Ordering::Acquire));
        if hinted {
            // Relaxed: ordered after the load by its Acquire, before the check by the fence. Only that it
            // is not 0 matters: of two who count at once one is not counted.
            let others = word.hint.load(Ordering::Relaxed);
            word.hint.store(others.saturating_add((!again).into()).max(1), Ordering::Relaxed);
        }
    }
    // SYNC wake-fence: hint before check, against publication before the sealer's look at the hint.
    fence(Ordering::SeqCst);
}

impl WakeWord {
    /// Begins a round of waiting; returns the value of `seq` to sleep on.
    pub fn begin(&self) -> u32 {
        let mut seen = 0;
        begin_all([self], true, false, |seq| seen = seq);
        seen
    }

    /// Begins a round without the right to write the hint. Sealers must be unhinted.
    pub fn begin_unhinted(&self) -> u32 {
        let mut seen = 0;
        begin_all([self], false, false, |seq| seen = seq);
        seen
    }
}

/// Tells the waiters on `words` what was published before this call. `wake` wakes so many who sleep
/// on a word, the first ones first.
///
/// `unhinted` does not trust the hints: where foreign readers are admitted, who cannot write them.
pub fn announce<'a>(
    words: impl IntoIterator<Item = &'a WakeWord>,
    unhinted: bool,
    wake: &mut impl FnMut(&'a WakeWord, u32),
) {
    // SYNC wake-fence: publication before hint, for all words at once.
    fence(Ordering::SeqCst);
    for word in words {
        // Relaxed: placed by the fence.
        let hint = word.hint.load(Ordering::Relaxed);
        if unhinted || hint != 0 {
            let relay = !unhinted && hint > FEW;
            // Relaxed: ordered before the bump by its Release.
            word.hint.store(0, Ordering::Relaxed);
            bump(&word.seq, relay);
            wake(word, if relay { FEW } else { u32::MAX });
        }
    }
}

fn bump(seq: &AtomicU32, relay: bool) {
    let mut seen = seq.load(Ordering::Relaxed);
    loop {
        let next = WakeWord::bumped(seen, relay);
        // SYNC wake-seq: whoever sees the bump stores its hint after our clear. Every change of `seq` is
        // an RMW, so later bumps carry this one along.
        match seq.compare_exchange(seen, next, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => seen = now,
        }
    }
}

/// Wakes the next few, where that was left to this waiter: after it was woken from `slept_on`, the
/// values that its round of waiting began with.
pub fn relay<'a>(
    words: impl IntoIterator<Item = &'a WakeWord>,
    slept_on: impl IntoIterator<Item = u32>,
    wake: &mut impl FnMut(&'a WakeWord, u32),
) {
    for (word, slept_on) in words.into_iter().zip(slept_on) {
        // Relaxed: the kernel orders a bump before the wake that follows it.
        let seq = word.seq.load(Ordering::Relaxed);
        if seq != slept_on && seq & WakeWord::RELAY != 0 {
            wake(word, FEW);
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

    /// Returns a policy. With one processor (`parallel` false) it never spins.
    pub fn new(parallel: bool) -> Self {
        Self { limit: local::AtomicU32::new(if parallel { 4 * Self::MIN } else { 0 }) }
    }

    /// Probes to make before the next sleep.
    pub fn limit(&self) -> u32 {
        self.limit.load(local::Ordering::Relaxed)
    }

    /// Probes until there is an answer or the limit is reached, and learn from it.
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
