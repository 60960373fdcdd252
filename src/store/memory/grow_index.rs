//! Memory for more buckets. A create that finds that they have to grow reserves some of it, after it
//! has given the lock back; the next ones go on.

use crate::error::Result;
use crate::protocols::index::{Buckets, Index};
use crate::store::lock::locked::Locked;
use crate::store::memory::bare_buckets::BareBuckets;
use crate::store::session::Session;
use crate::sync::Ordering::{Relaxed, Release};

/// The most buckets that are reserved at once: 64 KiB.
const STEP: u32 = 8192;

impl Locked<'_> {
    /// Makes a step of the growth of the buckets, before an object is placed.
    #[inline(always)]
    pub fn grow_index(&self, index: &Index<'_>, named: bool) -> Result<()> {
        if index.grow_ids()? {
            self.session.bare_buckets.note(BareBuckets::IDS);
        }
        if named && index.grow_names()? {
            self.session.bare_buckets.note(BareBuckets::NAMES);
        }
        Ok(())
    }
}

impl Session {
    /// Reserves memory for more buckets if some are needed. Without it all goes on as before, with
    /// longer chains.
    #[inline(always)]
    pub fn back_wanted_buckets(&self) {
        if self.bare_buckets.any() {
            self.back_buckets();
        }
    }

    #[cold]
    fn back_buckets(&self) {
        let wanted = self.bare_buckets.take();
        let (index, geometry) = (self.segment.index(), &self.segment.facts.geometry);
        let kinds = [
            (BareBuckets::IDS, index.ids(), geometry.id_buckets_at),
            (BareBuckets::NAMES, index.names(), geometry.name_buckets_at),
        ];
        for (_, buckets, at) in kinds.into_iter().filter(|(kind, ..)| wanted & kind != 0) {
            if self.reserve_buckets(&buckets, at).is_err() {
                self.bare_buckets.pause();
            }
        }
    }

    #[inline(never)]
    fn reserve_buckets(&self, buckets: &Buckets<'_>, at: u64) -> Result<()> {
        let from = buckets.growth.reserved.load(Relaxed);
        let wanted = (2 * buckets.in_use()?).min(buckets.words.len()) as u32;
        let to = from.saturating_add(STEP).min(wanted);
        let Some(more) = to.checked_sub(from).filter(|more| *more > 0) else { return Ok(()) };
        let (start, len) = (at + u64::from(from) * 8, u64::from(more) * 8);
        self.cgroup_allowance.ensure_room(len)?;
        self.back(self.segment.index_fd.fd()?, start, len)?;
        if self.segment.facts.huge_pages() {
            self.segment.collapse_index(start, start + len);
        }
        // If the lock is busy, a later create does the same again.
        if let Some(_locked) = self.try_lock() {
            // SYNC reserved: Release; the memory is there.
            buckets.growth.reserved.fetch_max(to, Release);
        }
        Ok(())
    }
}
