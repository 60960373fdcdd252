//! Waiting for a condition, and waking the waiters.
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
//! Why no waiter sleeps on a published condition: take one round of a waiter and one sealer X;
//! their fences have an order.
//!
//! 1. X's fence is first: the check, after the waiter's fence, sees what X published before its
//!    fence.
//! 2. The waiter's fence is first: X's load of `hint` sees this round's count or a later value.
//!    * Not 0: X clears, which comes later than this round's count, then bumps.
//!    * 0: a sealer Y (or X) cleared it later than this round's count, and bumps after that.
//!
//! In both cases a bump follows a clear that is later than this round's count. The bump cannot be
//! in `s`: `s` is loaded with Acquire before the count is stored and the bump is Release, so the
//! clear would then be earlier than the count. So `seq` leaves `s` and a wake follows: the sleep
//! ends, or never begins. The same two cases apply to the next round.
//!
//! Both orders are needed. With `hint += 1` before `s = seq`, Y's bump could slip between them, and
//! the round would sleep on the bumped value with the hint already cleared. With the bump before
//! the clear, a waiter could load the bumped `seq` and then lose its count to the clear. Any number
//! of waiters may share a word. If two waiters count at once, one count is lost: the argument only
//! needs that the hint is not 0, and that each wake reaches all waiters.
//!
//! A wake reaches all waiters directly or by relay. Waking many takes long, so a sealer wakes a
//! few, and each of these wakes as many more. Linux wakes in the order in which the waiters went to
//! sleep. A waiter that sleeps while `seq` is bumped sleeps on an earlier value, and so do all
//! waiters ahead of it. Each of these relays when it is woken, so in the end the waiter itself is
//! woken; or a later bump took RELAY away, and then that sealer wakes all. Later waiters are queued
//! after it and relay nothing, so a relay ends.
//!
//! A waiter that cannot write the hint begins unhinted, and then every sealer must be unhinted: X's
//! bump is either in `s`, and the check sees the publication (Acquire), or it changes `seq`.
//!
//! A sealer that dies between clear and wake, or a waiter that dies before it relays, leaves
//! sleepers with a hint of 0. So may one that is stopped there, or waiters of different priorities.
//! Therefore every sleep is bounded. A `seq` that wraps all the way round between load and sleep
//! also costs one bounded sleep.

use crate::layout::wake::WakeWord;
use crate::sync::{AtomicU32, Ordering, fence, local};
use std::time::Duration;

/// How many of many waiters a sealer or a relaying waiter wakes. The models use the fewest, which
/// is the hardest case.
const FEW: u32 = if cfg!(any(loom, shuttle, test)) { 1 } else { 4 };

/// The bounds of the consecutive sleeps of one wait: each is twice as long as the one before, up to
/// the longest.
///
/// A creator that dies wakes nobody. Its waiters notice at their next check, which comes no later
/// than the time that they have waited already, and the first of them wakes the others.
#[derive(Clone, Copy, Debug)]
pub struct Slices {
    now: Duration,
}

impl Slices {
    /// The longest sleep.
    pub const LONGEST: Duration = Duration::from_millis(100);

    /// Creates slices of which the first lasts `first`.
    pub const fn from(first: Duration) -> Self {
        Self { now: first }
    }

    /// Creates slices for one of several waiters on one creator. Each begins slightly later than
    /// another, so that they do not all check at once.
    pub fn staggered(number: u32) -> Self {
        let part = number % 8;
        Self::from(Duration::from_micros(1000 + 125 * u64::from(part)))
    }

    /// Returns the length of the next sleep.
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// Records that a sleep ended without a wake.
    pub fn slept_out(&mut self) {
        self.now = (2 * self.now).min(Self::LONGEST);
    }
}

/// Begins a round of waiting on all `words`: `each` gets the value of `seq` to sleep on. The caller
/// checks the condition afterwards, and sleeps only if it does not hold. `hinted` unless the hints
/// cannot be written; `again` in all rounds of a wait but the first.
pub fn begin_all<'a>(
    words: impl IntoIterator<Item = &'a WakeWord>,
    hinted: bool,
    again: bool,
    mut each: impl FnMut(u32),
) {
    for word in words {
        // SYNC wake-seq: a bump that is seen brings its clear and its publication.
        each(word.seq.load(Ordering::Acquire));
        if hinted {
            // Relaxed: ordered after the load by its Acquire, and before the check by the fence.
            // Only a value other than 0 matters: if two waiters count at once, one is not counted.
            let others = word.hint.load(Ordering::Relaxed);
            word.hint.store(others.saturating_add((!again).into()).max(1), Ordering::Relaxed);
        }
    }
    // SYNC wake-fence: hint before check, against publication before the sealer's load of the hint.
    fence(Ordering::SeqCst);
}

impl WakeWord {
    /// Begins a round of waiting; returns the value of `seq` to sleep on.
    pub fn begin(&self) -> u32 {
        let mut seen = 0;
        begin_all([self], true, false, |seq| seen = seq);
        seen
    }

    /// Begins a round without permission to write the hint. Sealers must be unhinted.
    pub fn begin_unhinted(&self) -> u32 {
        let mut seen = 0;
        begin_all([self], false, false, |seq| seen = seq);
        seen
    }
}

/// Wakes the waiters on `words` for what was published before this call. `wake` wakes the given
/// number of sleepers on a word, the longest sleepers first.
///
/// `unhinted` means that the hints are not trusted: where foreign readers are admitted, which
/// cannot write them.
pub fn announce<'a>(
    words: impl IntoIterator<Item = &'a WakeWord>,
    unhinted: bool,
    wake: &mut impl FnMut(&'a WakeWord, u32),
) {
    // SYNC wake-fence: publication before hint, for all words at once.
    fence(Ordering::SeqCst);
    for word in words {
        // Relaxed: ordered by the fence.
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
        // SYNC wake-seq: a waiter that sees the bump stores its hint after our clear. Every change
        // of `seq` is an RMW, so later bumps carry this one along.
        match seq.compare_exchange(seen, next, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => seen = now,
        }
    }
}

/// Relays a wake: wakes the next few waiters if that was left to this one. `slept_on` are the
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

#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
#[cfg(all(test, not(any(loom, shuttle))))]
mod threads;
