//! The numbers that are measured.

use crate::failure::{Exit, Failure, Result};
use crate::interrupt;

/// Bytes of the object that is copied.
pub const LARGE: usize = 64 << 20;
/// Bytes of a small object.
pub const SMALL: usize = 1024;

/// The results: times in nanoseconds, rates in bytes per second.
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
    /// The time of a hand-over divided by that of its necessary parts: a put, and the wake of the
    /// waiting thread.
    pub fn hand_over_times(&self) -> f64 {
        self.hand_over / (self.put + self.wake.mean())
    }
}

/// A lower bound, measured before and after everything else.
pub struct Floor {
    pub before: f64,
    pub after: f64,
}

impl Floor {
    pub fn mean(&self) -> f64 {
        (self.before + self.after) / 2.0
    }

    /// The relative difference of the two, 0.1 for a tenth.
    pub fn drift(&self) -> f64 {
        (self.before - self.after).abs() / self.mean()
    }
}

/// The median of times.
pub fn median(times: &mut [f64]) -> Result<f64> {
    interrupt::check()?;
    times.sort_by(f64::total_cmp);
    let middle = times.get(times.len() / 2).copied();
    middle.ok_or_else(|| Failure::new(Exit::Failed, "the time was too short to measure anything"))
}
