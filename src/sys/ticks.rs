//! Stamps of use: which of two uses was the later one, in whatever processes they were.
//!
//! The creator of a store chooses the source of its stamps, and the header stores the choice, so
//! that all of its clients read the same source. It is the processor's counter if processor and
//! kernel rely on it. Otherwise it is a clock that is the same in every time namespace, which
//! CLOCK_MONOTONIC is not.
//!
//! Either source may go back: a counter restarts when the machine slept or moved, and a clock may
//! be set. So stamps are not compared as numbers but by their [`age`](Age).

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

    /// Returns the position of a stamp in the order of age, oldest first. A stamp from the far
    /// future was made before the source went back: it is older than all stamps made since, and
    /// ordered among its own kind.
    pub fn order(self, stamp: u64) -> u64 {
        stamp.wrapping_sub(self.0.wrapping_add(TO_COME + 1))
    }

    /// Returns the stamp, or now if it is in the near future.
    pub fn clamp(self, stamp: u64) -> u64 {
        stamp.min(self.0)
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

    fn sorted(now: u64, mut stamps: Vec<u64>) -> Vec<u64> {
        stamps.sort_by_key(|stamp| Age::at(now).order(*stamp));
        stamps
    }

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
        let before = [now + (1 << 35), now + (1 << 36), u64::MAX];
        let since = [1, 5, now - 1, now, now + 100];
        let all: Vec<u64> = before.into_iter().chain(since).collect();
        assert_eq!(sorted(now, all.iter().rev().copied().collect()), all);
        // Shortly after a counter restarted.
        assert_eq!(sorted(5, vec![3, 1 << 60, 1 << 59, 5]), [1 << 59, 1 << 60, 3, 5]);
        // At the largest value.
        assert_eq!(sorted(u64::MAX, vec![u64::MAX, 1 << 40]), [1 << 40, u64::MAX]);
    }

    #[test]
    fn a_stamp_to_come_is_of_now() {
        let age = Age::at(1 << 40);
        assert_eq!((age.clamp(7), age.clamp(u64::MAX)), (7, 1 << 40));
        assert_eq!((age.of(1), age.of((1 << 40) + 9)), (Some((1 << 40) - 1), Some(0)));
        assert_eq!(age.of(1 << 41), None);
    }
}
