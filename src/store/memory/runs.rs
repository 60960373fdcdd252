//! Runs of chosen and free blocks that touch each other.

use crate::error::Result;
use crate::store::clients::lease_counts::WordMap;
use crate::support::fallible;

/// Runs, by their ends.
#[derive(Default)]
pub struct Runs {
    ends: WordMap<u64>,
    starts: WordMap<u64>,
    /// The two longest: start and length.
    longest: [(u64, u64); 2],
}

impl Runs {
    /// Takes the run that ends at this unit; returns its start.
    pub fn take_before(&mut self, unit: u64) -> Option<u64> {
        let start = self.ends.remove(&unit)?;
        self.starts.remove(&start);
        Some(start)
    }

    /// Takes the run that starts at this unit; returns its end.
    pub fn take_after(&mut self, unit: u64) -> Option<u64> {
        let end = self.starts.remove(&unit)?;
        self.ends.remove(&end);
        Some(end)
    }

    /// Adds a run, whose parts were taken.
    pub fn add(&mut self, start: u64, end: u64) -> Result<()> {
        self.starts.try_reserve(1).map_err(|_| fallible::refused())?;
        self.ends.try_reserve(1).map_err(|_| fallible::refused())?;
        self.starts.insert(start, end);
        self.ends.insert(end, start);
        let new = (start, end - start);
        let inside = |&(at, len): &(u64, u64)| len > 0 && at >= start && at < end;
        let [first, second] = self.longest;
        self.longest = match (inside(&first), inside(&second)) {
            (true, true) => [new, (0, 0)],
            (true, false) => [new, second],
            (false, true) => [first, new],
            (false, false) if new.1 > second.1 => [first, new],
            (false, false) => [first, second],
        };
        if self.longest[1].1 > self.longest[0].1 {
            self.longest.reverse();
        }
        Ok(())
    }

    /// The lengths of the two longest runs, or of the longest and of free memory of this length
    /// that is in no run.
    pub fn longest_with(&self, free: u64) -> (u64, u64) {
        let [first, second] = self.longest.map(|(_, len)| len);
        if free > first { (free, first) } else { (first, second.max(free)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_grow_together_and_the_longest_two_are_known() {
        let mut runs = Runs::default();
        runs.add(10, 20).unwrap();
        runs.add(30, 35).unwrap();
        runs.add(50, 51).unwrap();
        assert_eq!((runs.longest_with(0), runs.longest_with(7)), ((10, 5), (10, 7)));
        assert_eq!(runs.longest_with(12), (12, 10));
        assert_eq!((runs.take_before(30), runs.take_after(20)), (None, None));
        let (start, end) = (runs.take_before(20).unwrap(), runs.take_after(30).unwrap());
        runs.add(start, end).unwrap();
        assert_eq!(runs.longest_with(0), (25, 0));
    }
}
