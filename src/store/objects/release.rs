//! Release: the end of a lease.

use crate::layout::extent::UNIT;
use crate::layout::word::LeaseWord;
use crate::protocols::lease;
use crate::protocols::lease::quota::Quota;
use crate::store::memory::extents::units_of;
use crate::store::session::Session;
use crate::sync::Ordering::Relaxed;

impl Session {
    /// Ends the lease of an entry after its last release.
    pub fn end_lease(&self, index: u32) {
        match &self.quota {
            Some(quota) if !self.forked() => self.end_counted(index, quota),
            _ => self.end_lease_hot(index),
        }
    }

    /// Whether [`Session::end_lease_hot`] does no more than to release the lease word.
    pub fn ends_plainly(&self) -> bool {
        !self.forked() && !self.segment.facts.lru()
    }

    /// As [`Session::end_lease`], in a client that does not count bytes.
    #[inline(always)]
    pub fn end_lease_hot(&self, index: u32) {
        if self.forked() {
            return;
        }
        let word = self.lease_word(index);
        if self.segment.facts.lru() {
            // Relaxed: this process's own word.
            let lease = LeaseWord(word.load(crate::sync::Ordering::Relaxed));
            self.own.stamp(lease, self.segment.facts.ticks_source());
        }
        lease::release(word);
    }

    /// As [`Session::end_lease`], in a client that counts bytes.
    pub fn end_counted(&self, index: u32, quota: &Quota) {
        let lease_word = self.lease_word(index);
        // Relaxed: this process's own word.
        let lease = LeaseWord(lease_word.load(Relaxed));
        // The size does not change while the lease exists.
        let held = self.segment.record(lease.slot()).map_or(0, |record| {
            let word = record.load();
            units_of(record, word).saturating_mul(UNIT)
        });
        if self.segment.facts.lru() {
            self.own.stamp(lease, self.segment.facts.ticks_source());
        }
        lease::release(lease_word);
        quota.give_back(held);
    }
}
