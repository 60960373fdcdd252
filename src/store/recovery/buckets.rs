//! Repair of the buckets, before all chains are made again.

use crate::error::Result;
use crate::layout::header::Growth;
use crate::store::lock::locked::Locked;
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::{AtomicU32, AtomicU64};
use crate::sys::file;

const WORD: u64 = size_of::<u64>() as u64;

impl Locked<'_> {
    /// Corrects the numbers of buckets that cannot be right, and clears the buckets that are not in
    /// use.
    pub fn repair_buckets(&self) -> Result<()> {
        let (index, geometry) =
            (self.session.segment.index(), &self.session.segment.facts.geometry);
        for (buckets, at) in
            [(index.ids(), geometry.id_buckets_at), (index.names(), geometry.name_buckets_at)]
        {
            if !buckets.are_sound() {
                let wanted = (index.used() as usize).next_power_of_two();
                let wanted = wanted.clamp(buckets.first, buckets.words.len());
                self.use_buckets(buckets.mask, buckets.growth, at, wanted, buckets.first)?;
            }
            self.clear_buckets(buckets.words, buckets.in_use()?, at)?;
        }
        Ok(())
    }

    /// Uses as many buckets as are wanted, or, if there is no memory for them, the first ones.
    #[inline(never)]
    fn use_buckets(
        &self,
        mask: &AtomicU32,
        growth: &Growth,
        at: u64,
        wanted: usize,
        first: usize,
    ) -> Result<()> {
        let index = self.session.segment.index_fd.fd()?;
        let backed = self.session.back(index, at, wanted as u64 * WORD);
        let count = if backed.is_ok() { wanted } else { first } as u32;
        // SYNC reserved: Release; the memory is there.
        growth.reserved.store(count, Release);
        // SYNC reserved: Release; as above.
        mask.store(count - 1, Release);
        Ok(())
    }

    /// Makes the buckets from number `count` on 0. Those that have no memory are left alone.
    #[inline(never)]
    fn clear_buckets(&self, words: &[AtomicU64], count: usize, at: u64) -> Result<()> {
        const PAGE: u64 = 4096;
        let index = self.session.segment.index_fd.fd()?;
        let (mut from, end) = (at + count as u64 * WORD, at + words.len() as u64 * WORD);
        while let Some(data) = file::next_data(index, from).filter(|data| *data < end) {
            let next = (data.max(from) / PAGE + 1) * PAGE;
            let range = (data.max(from) - at) / WORD..(next.min(end) - at) / WORD;
            for word in &words[range.start as usize..range.end as usize] {
                if word.load(Relaxed) != 0 {
                    word.store(0, Relaxed);
                }
            }
            from = next;
        }
        Ok(())
    }
}
