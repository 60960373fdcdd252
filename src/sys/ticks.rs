//! Stamps of use: which of two uses, in whatever processes, was the later one.
//!
//! The maker of a store chooses their source, and its header keeps the choice, so that all of its
//! clients read the same. It is the processor's counter where processor and kernel rely on it; else a
//! clock that goes on in every time namespace alike, which CLOCK_MONOTONIC does not.
//!
//! Either may go back: a counter that begins anew when the machine slept or moved, a clock that is
//! set. So stamps are not compared as numbers but by their [`age`](Age).

use super::clock;

/// Where the stamps of a store come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticks {
    /// The processor's counter.
    Counter,
    /// Nanoseconds of CLOCK_REALTIME, as of the kernel's last tick.
    Clock,
}

impl Ticks {
    /// What a new store is to use on this machine.
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

    /// Stamps in a millisecond; `None` while this process has not measured it.
    pub fn per_ms(self) -> Option<u64> {
        match self {
            Self::Counter => clock::counter_per_ms(),
            Self::Clock => Some(1_000_000),
        }
    }
}

/// How far stamps may be to come: processors may differ a little, and stamps are made while others
/// are looked at. Some seconds, by counters of 1 to 4 GHz and by the clock.
const TO_COME: u64 = 1 << 33;

/// A time against which stamps are judged.
#[derive(Clone, Copy, Debug)]
pub struct Age(u64);

impl Age {
    /// Against this time, which is a stamp of now.
    pub fn at(now: u64) -> Self {
        Self(now)
    }

    /// Returns the place of a stamp in the order of age, the oldest first. What is far to come was
    /// made before the source went back: older than all that was made since, and in an order of its
    /// own.
    pub fn order(self, stamp: u64) -> u64 {
        stamp.wrapping_sub(self.0.wrapping_add(TO_COME + 1))
    }

    /// Returns the stamp, or now if it is to come.
    pub fn clamp(self, stamp: u64) -> u64 {
        stamp.min(self.0)
    }

    /// How long ago it was, in stamps; `None` when it was before the source went back.
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
    fn what_was_stamped_before_the_source_went_back_is_oldest() {
        let now = 1 << 40;
        let before = [now + (1 << 35), now + (1 << 36), u64::MAX];
        let since = [1, 5, now - 1, now, now + 100];
        let all: Vec<u64> = before.into_iter().chain(since).collect();
        assert_eq!(sorted(now, all.iter().rev().copied().collect()), all);
        // Soon after a counter began anew.
        assert_eq!(sorted(5, vec![3, 1 << 60, 1 << 59, 5]), [1 << 59, 1 << 60, 3, 5]);
        // At the end of all numbers.
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
