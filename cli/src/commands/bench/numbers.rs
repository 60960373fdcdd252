//! The numbers that are measured.

use crate::failure::{Exit, Failure, Result};
use crate::interrupt;

/// Bytes of the object that is copied.
pub const LARGE: usize = 64 << 20;
/// Bytes of a small object.
pub const SMALL: usize = 1024;

/// What was measured: times in nanoseconds, rates in bytes a second.
pub struct Numbers {
    pub memcpy: Floor,
    pub wake: Floor,
    pub get: f64,
    pub put: f64,
    pub hand_over: f64,
    pub first_copy: f64,
    pub copy: f64,
}

impl Numbers {
    /// How many times longer a hand-over takes than what it cannot do without: a put, and the wake
    /// of who waits.
    pub fn hand_over_times(&self) -> f64 {
        self.hand_over / (self.put + self.wake.mean())
    }
}

/// A floor, measured before and after everything else.
pub struct Floor {
    pub before: f64,
    pub after: f64,
}

impl Floor {
    pub fn mean(&self) -> f64 {
        (self.before + self.after) / 2.0
    }

    /// How far apart the two are, 0.1 for a tenth.
    pub fn drift(&self) -> f64 {
        (self.before - self.after).abs() / self.mean()
    }
}

/// The middle of many times.
pub fn median(times: &mut [f64]) -> Result<f64> {
    interrupt::check()?;
    times.sort_by(f64::total_cmp);
    let middle = times.get(times.len() / 2).copied();
    middle.ok_or_else(|| Failure::new(Exit::Failed, "nothing could be measured in that time"))
}
