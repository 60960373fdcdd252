//! Quotas: how much an untrusted reader may hold.
//!
//! The reader's library counts what it holds and refuses a get beyond the quota. A client that
//! frees memory does not trust a count in a reader's file: it sums the leases in the file itself,
//! and the leases beyond the quota do not count. So a reader that cheats loses its own views, and
//! an honest reader never does: at each instant its leases are within the quota. The leases change
//! while they are read, so the sum of one pass may be larger; a lease that a second pass finds
//! again existed at the instant between the two.
//!
//! For that a reader fences between taking a lease word and looking the object up. Either it sees
//! DOOMED what was doomed before a scan, and writes no lease on it; or the scan does not see the
//! lease that was in the word before the reader took it. So the scan finds a lease on a doomed
//! object twice only if the lease existed all the time.

use super::end_scan;
use crate::error::Result;
use crate::layout::word::LeaseWord;
use crate::support::fallible;
use crate::sync::local::{AtomicU64, Ordering};
use crate::sync::{Ordering::SeqCst, fence};

/// The bytes that one reader holds, and its limit.
#[derive(Debug)]
pub struct Quota {
    limit: u64,
    held: AtomicU64,
}

impl Quota {
    /// Creates the quota of a reader that holds nothing.
    pub fn new(limit: u64) -> Self {
        Self { limit, held: AtomicU64::new(0) }
    }

    /// Returns the bytes that the reader may hold.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Adds `bytes`, before the lease on them is written. Returns `false` and adds nothing when the
    /// reader would exceed its limit.
    pub fn take(&self, bytes: u64) -> bool {
        let mut held = self.held.load(Ordering::Relaxed);
        loop {
            let Some(more) = held.checked_add(bytes).filter(|more| *more <= self.limit) else {
                return false;
            };
            // SYNC quota: Acquire; the leases that were given back are cleared first, as seen by a
            // scan that sees the lease for which this makes room.
            let (success, failure) = (Ordering::Acquire, Ordering::Relaxed);
            match self.held.compare_exchange(held, more, success, failure) {
                Ok(_) => return true,
                Err(now) => held = now,
            }
        }
    }

    /// Subtracts `bytes`, after the lease on them was cleared.
    pub fn give_back(&self, bytes: u64) {
        let mut held = self.held.load(Ordering::Relaxed);
        loop {
            // SYNC quota: Release; after the lease was cleared. Pairs with `take`.
            let (success, failure) = (Ordering::Release, Ordering::Relaxed);
            let less = held.saturating_sub(bytes);
            match self.held.compare_exchange(held, less, success, failure) {
                Ok(_) => return,
                Err(now) => held = now,
            }
        }
    }
}

/// Called by a reader with a quota between taking a lease word and looking an object up.
pub fn fence_taken() {
    // SYNC lease: SeqCst; pairs with the fence in `begin_scan`: after it, this reader sees DOOMED;
    // before it, the scan does not see the earlier lease of this word.
    fence(SeqCst);
}

/// Calls `each` with the leases in a reader's file that count. `pass` reads the file and calls back
/// with each word and its index, in order. `bytes` returns how much a lease holds, or `None` for a
/// word that names no object.
pub fn counted(
    limit: u64,
    mut pass: impl FnMut(&mut dyn FnMut(u32, LeaseWord)) -> Result<()>,
    bytes: impl Fn(LeaseWord) -> Option<u64>,
    each: &mut dyn FnMut(LeaseWord),
) -> Result<()> {
    let (mut found, mut refused) = (Vec::new(), Ok(()));
    let mut sum = 0u64;
    pass(&mut |index, lease| {
        if let Some(bytes) = bytes(lease)
            && refused.is_ok()
        {
            sum = sum.saturating_add(bytes);
            refused = fallible::push(&mut found, (index, lease, bytes));
        }
    })?;
    refused?;
    // The first pass ends, and a second one begins.
    end_scan();
    if sum <= limit {
        found.iter().for_each(|(_, lease, _)| each(*lease));
        return Ok(());
    }
    let mut first = found.into_iter().peekable();
    let mut sum = 0u64;
    pass(&mut |index, lease| {
        while first.next_if(|(before, ..)| *before < index).is_some() {}
        let same = |found: &(u32, LeaseWord, u64)| found.0 == index && found.1 == lease;
        if let Some((_, _, bytes)) = first.next_if(same) {
            sum = sum.saturating_add(bytes);
            if sum <= limit {
                each(lease);
            }
        }
    })?;
    end_scan();
    Ok(())
}

#[cfg(all(test, loom))]
mod loom;

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// Returns the slots of the leases that count. Each lease holds 10 bytes; slot 0 stands for an
    /// invalid word.
    fn counted_in(limit: u64, passes: [&[u32]; 2]) -> Vec<u32> {
        let (mut counted_slots, mut left) = (Vec::new(), passes.into_iter());
        let pass = |each: &mut dyn FnMut(u32, LeaseWord)| {
            let words = left.next().unwrap();
            for (index, slot) in words.iter().enumerate() {
                each(index as u32, LeaseWord::new(1, *slot));
            }
            Ok(())
        };
        let bytes = |lease: LeaseWord| (lease.slot() > 0).then_some(10);
        counted(limit, pass, bytes, &mut |lease| counted_slots.push(lease.slot())).unwrap();
        counted_slots
    }

    #[test]
    fn leases_beyond_the_quota_do_not_count() {
        assert_eq!(counted_in(30, [&[1, 2, 3], &[]]), [1, 2, 3]);
        assert_eq!(counted_in(30, [&[1, 0, 2, 3, 4], &[1, 0, 2, 3, 4]]), [1, 2, 3]);
        assert_eq!(counted_in(29, [&[5, 5, 5], &[5, 5, 5]]), [5, 5]);
        assert_eq!(counted_in(9, [&[1], &[1]]), []);
    }

    #[test]
    fn leases_that_came_and_went_do_not_hide_those_that_stayed() {
        assert_eq!(counted_in(20, [&[1, 2, 3], &[0, 2, 3]]), [2, 3]);
        assert_eq!(counted_in(20, [&[1, 2, 3], &[4, 2, 3]]), [2, 3]);
        assert_eq!(counted_in(20, [&[0, 2, 3, 4], &[1, 2, 3]]), [2, 3]);
    }

    #[test]
    fn a_reader_takes_no_more_than_its_quota_and_gives_it_back() {
        let quota = Quota::new(100);
        assert!(quota.take(60) && quota.take(40) && quota.take(0));
        assert!(!quota.take(1) && !quota.take(u64::MAX));
        quota.give_back(40);
        assert!(!quota.take(41) && quota.take(40));
        quota.give_back(u64::MAX);
        assert!(quota.take(100));
    }
}
