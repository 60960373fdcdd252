//! Stamps of use: which of two uses was the later one, in whatever processes they were.
//!
//! The creator of a store chooses the source of its stamps, and the header stores the choice, so
//! that all of its clients read the same source. It is the processor's counter if processor and
//! kernel rely on it. Otherwise it is a clock that is the same in every time namespace, which
//! CLOCK_MONOTONIC is not.
//!
//! Either source may go back: a counter restarts when the machine slept or moved, and a clock may
//! be set. Then all stamps are [renewed](Age::renewed).

use super::clock;

/// The source of the stamps of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticks {
    /// The processor's counter.
    Counter,
    /// Nanoseconds of CLOCK_REALTIME, as of the kernel's last tick.
    Clock,
}

impl Ticks {
    /// Returns the source for a new store on this machine.
    pub fn best() -> Self {
        if clock::has_counter() { Self::Counter } else { Self::Clock }
    }

    /// Returns a stamp.
    #[inline(always)]
    pub fn now(self) -> u64 {
        match self {
            Self::Counter => clock::counter(),
            Self::Clock => clock::coarse_realtime_ns(),
        }
    }

    /// Returns the number of stamps in a millisecond; `None` while this process has not measured
    /// it.
    pub fn per_ms(self) -> Option<u64> {
        match self {
            Self::Counter => clock::counter_per_ms(),
            Self::Clock => Some(1_000_000),
        }
    }
}

/// How far in the future a stamp may be: processors may differ slightly, and stamps are made while
/// others are inspected. A few seconds, with counters of 1 to 4 GHz and with the clock.
const TO_COME: u64 = 1 << 33;

/// The time against which stamps are judged.
#[derive(Clone, Copy, Debug)]
pub struct Age(u64);

impl Age {
    /// Judges stamps against this time, which is a stamp of now.
    pub fn at(now: u64) -> Self {
        Self(now)
    }

    /// Returns the stamp as one that is not to come, for an order by number. A stamp from the far
    /// future was made before the source went back: it becomes older than all stamps made since,
    /// and stays in order among its own kind, as far as they are seconds apart.
    pub fn renewed(self, stamp: u64) -> u64 {
        if self.of(stamp).is_some() { stamp.min(self.0) } else { stamp >> 32 }
    }

    /// Returns how long ago the stamp was made, in stamps; `None` when that was before the source
    /// went back.
    pub fn of(self, stamp: u64) -> Option<u64> {
        (stamp <= self.0.saturating_add(TO_COME)).then(|| self.0.saturating_sub(stamp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sources_go_forward() {
        for ticks in [Ticks::Counter, Ticks::Clock] {
            let before = ticks.now();
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(ticks.now() > before, "{ticks:?}");
        }
    }

    #[test]
    fn stamps_from_before_the_source_went_back_are_oldest() {
        let now = 1 << 40;
        let age = Age::at(now);
        let before = [now + (1 << 35), now + (1 << 36), u64::MAX].map(|stamp| age.renewed(stamp));
        assert!(before.is_sorted() && before.iter().all(|stamp| *stamp < now), "{before:?}");
        assert_eq!(
            [1, now - 1, now, now + 100].map(|stamp| age.renewed(stamp)),
            [1, now - 1, now, now]
        );
    }

    #[test]
    fn a_stamp_to_come_is_of_now() {
        let age = Age::at(1 << 40);
        assert_eq!((age.of(1), age.of((1 << 40) + 9)), (Some((1 << 40) - 1), Some(0)));
        assert_eq!(age.of(1 << 41), None);
    }
}
