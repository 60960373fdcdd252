//! How long one sleep of a wait may last.

use std::time::Duration;

/// The bounds of the consecutive sleeps of one wait: each is twice as long as the one before, up to
/// the longest.
///
/// A creator that dies wakes nobody. Its waiters notice at their next check, which comes no later
/// than the time that they have waited already, and the first of them wakes the others.
#[derive(Clone, Copy, Debug)]
pub struct Slices {
    next: Duration,
    /// Sets the lengths of different waiters apart.
    number: u32,
}

impl Slices {
    /// The longest sleep of a waiter that may miss an announcement, or the death of a creator.
    pub const SHORT: Duration = Duration::from_millis(100);
    /// The longest sleep of a few waiters that miss nothing but what the dead did not announce.
    pub const LONG: Duration = Duration::from_secs(1);

    /// The longest sleep, however many waiters there seem to be.
    const LONGEST: Duration = Duration::from_secs(60);

    /// Creates slices that are as long as they may be.
    pub const fn longest(number: u32) -> Self {
        Self { next: Duration::MAX, number }
    }

    /// Creates slices for one of several waiters on one creator. Each begins slightly later than
    /// another, so that they do not all check at once.
    pub fn staggered(number: u32) -> Self {
        let part = number % 8;
        Self { next: Duration::from_micros(1000 + 125 * u64::from(part)), number }
    }

    /// Returns the length of the next sleep, which is about `most` at most.
    pub fn length(&self, most: Duration) -> Duration {
        self.next.min(most + most / 64 * (self.number % 16))
    }

    /// Returns the most for one of `sleepers` threads. The more there are, the longer each sleeps:
    /// one of them checks every 50 ms, or every 10 ms where a creator that they wait for may die.
    pub fn most(sleepers: u32, creator: bool) -> Duration {
        match creator {
            true => Self::SHORT.max(Duration::from_millis(10) * sleepers),
            false => Self::LONG.max(Duration::from_millis(50) * sleepers),
        }
        .min(Self::LONGEST)
    }

    /// Records that a sleep ended without a wake.
    pub fn slept_out(&mut self) {
        self.next = self.next.saturating_mul(2);
    }
}

/// The number of topics of a large wait. Others often wake it, because it is in many buckets, and
/// each check takes it long.
const LARGE: usize = 64;

/// How many wakes for nothing a wait may have before it stays deaf for a time. A small wait may have
/// one more for each thread of its client, which the wake may have been for.
const WAKES: u32 = 4;

/// Ten times what the check of one topic takes: all waiters together check for nothing for about a
/// tenth of the time.
const CALM_PER_TOPIC: Duration = Duration::from_micros(3);

/// How many checks a large wait makes for one registration while it is as deaf as a wait can be.
const CHECKS: u32 = 8;

/// The wakes for nothing of one wait. A waiter that is often woken for what it does not wait for
/// does not register for a time: it would slow down those that announce.
#[derive(Clone, Copy, Debug)]
pub struct Deafness {
    topics: usize,
    wakes: u32,
    /// Checks to make before the wait registers again.
    checks: u32,
}

impl Deafness {
    /// Begins to count for a wait for a number of `topics`.
    pub const fn new(topics: usize) -> Self {
        Self { topics, wakes: 0, checks: 0 }
    }

    /// Records that a part of what the wait is for has come.
    pub fn advanced(&mut self) {
        *self = Self::new(self.topics);
    }

    /// Whether a wake is taken for one for nothing without a check, which takes a large wait long.
    pub fn presumes(&self) -> bool {
        self.topics >= LARGE && self.wakes > 0
    }

    /// Whether the wait only checks now and then, and does not register.
    pub fn is_lasting(&self) -> bool {
        self.checks > 0
    }

    /// Returns for how long to stay deaf after a check that found nothing, if the wait does not yet
    /// register again.
    pub fn goes_on(&mut self) -> Option<Duration> {
        self.checks = self.checks.checked_sub(1)?;
        Some(Slices::LONG)
    }

    /// Records that the wait was woken for nothing after `slept`, while this number of `threads` of
    /// its client waited, and `sleepers` in all; returns for how long to stay deaf.
    ///
    /// The count of a small wait starts again at 0 after 100 ms without such a wake. A large one may
    /// have slept that long only because all processors were busy with the checks of others like it.
    pub fn woken_for_nothing(
        &mut self,
        slept: Duration,
        threads: u32,
        sleepers: impl FnOnce() -> u32,
    ) -> Option<Duration> {
        let large = self.topics >= LARGE;
        if slept >= if large { 2 * Slices::LONG } else { Slices::SHORT } {
            self.wakes = 0;
        }
        self.wakes = self.wakes.saturating_add(1);
        let mut free = WAKES.saturating_add(if large { 0 } else { threads });
        let mut least = Duration::ZERO;
        if large || self.wakes >= free {
            let topics = u32::try_from(self.topics).unwrap_or(u32::MAX);
            least = CALM_PER_TOPIC.saturating_mul(topics.saturating_mul(sleepers()));
        }
        if least >= Slices::LONG {
            // So large a crowd is woken all the time.
            free = 0;
        }
        let beyond = self.wakes.checked_sub(free)?;
        let pause = Duration::from_millis(1 << beyond.min(10)).max(least);
        if large && pause >= Slices::LONG {
            self.checks = CHECKS - 1;
        }
        Some(pause.min(Slices::LONG))
    }
}
