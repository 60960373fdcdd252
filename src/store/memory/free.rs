//! Free the memory and the slot of an object.

use crate::error::Result;
use crate::layout::extent::{Extent, ExtentPair};
use crate::layout::record::Record;
use crate::layout::word::{RecordWord, State};
use crate::protocols::alloc;
use crate::protocols::index::set_free;
use crate::store::lock::locked::Locked;
use crate::store::memory::extents::for_each_owned;
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;

impl Locked<'_> {
    /// Removes an object that was never sealed from the index and frees it. `flags` is ORPHANED or
    /// 0.
    pub fn free_object(&mut self, slot: u32, word: RecordWord, flags: u64) -> Result<()> {
        if self.session.segment.facts.lru() {
            self.session.segment.order().hold(slot);
        }
        self.tolerate(self.session.segment.index().unlink(slot, word))?;
        self.free_record(slot, word, flags)
    }

    /// Frees the extents and the slot of a record that is in no chain.
    pub fn free_record(&mut self, slot: u32, word: RecordWord, flags: u64) -> Result<()> {
        let record = self.session.record(slot)?;
        let keeps = match self.give_extents_back(record, word) {
            Ok(keeps) => keeps,
            Err(error) => {
                self.tolerate(Err(error))?;
                None
            }
        };
        // This step cannot be undone: from here on the record is free, even if the rest fails.
        let last = set_free(record, slot, word, flags)? == u32::MAX;
        match keeps {
            Some(units) => {
                self.session
                    .shard(record.creator_slot.load(Relaxed))
                    .slot_cache
                    .push(record, slot, units);
                Ok(())
            }
            None if last => Ok(()),
            None => self
                .tolerate(self.session.segment.slots().push(&self.session.segment.index(), slot)),
        }
    }

    /// Frees the extents and the slots of records that are in no chain; no slot cache keeps any.
    pub fn free_records(&mut self, records: &[(u32, RecordWord)]) -> Result<()> {
        let session = self.session;
        let mut extents = fallible::with_room(records.len())?;
        for &(slot, _) in records {
            let record = session.record(slot)?;
            for_each_owned(record, |which, extent| {
                let block = record.blocks[which].load(Relaxed);
                let (start, len) = (extent.start, extent.len());
                fallible::push(&mut extents, alloc::Extent { start, len, block })
            })?;
        }
        self.tolerate(session.segment.allocator().free_all(&mut extents))?;
        for &(slot, word) in records {
            let record = session.record(slot)?;
            for pair in [&record.data, &record.meta] {
                for i in 0..2 {
                    // Most are empty, and a store costs more than a load.
                    if !pair.load(i).is_empty() {
                        pair.store(i, Extent::default());
                    }
                }
            }
            if set_free(record, slot, word, 0)? != u32::MAX {
                self.tolerate(session.segment.slots().push(&session.segment.index(), slot))?;
            }
        }
        Ok(())
    }

    /// Returns the memory of a record to the allocator, except the memory that a slot cache will
    /// keep. Returns the units of that.
    #[inline]
    fn give_extents_back(&self, record: &Record, word: RecordWord) -> Result<Option<u64>> {
        let keeps = self.units_to_keep(record, word);
        if keeps.is_none() {
            self.free_pair(record, 0, &record.data)?;
        }
        self.free_pair(record, 2, &record.meta)?;
        Ok(keeps)
    }

    /// Frees the extents of a pair, whose blocks begin at `which`.
    #[inline]
    fn free_pair(&self, record: &Record, which: usize, pair: &ExtentPair) -> Result<()> {
        if pair.is_empty() { Ok(()) } else { self.free_either(record, which, pair) }
    }

    fn free_either(&self, record: &Record, which: usize, pair: &ExtentPair) -> Result<()> {
        let (a, b) = (pair.load(0), pair.load(1));
        // Two extents with the same start belong to an interrupted resize: the record owns the
        // longer one.
        let same = !a.is_empty() && !b.is_empty() && a.start == b.start;
        let owned = match (same, a.len() >= b.len()) {
            (false, _) => [Some(a), Some(b)],
            (true, true) => [Some(a), None],
            (true, false) => [None, Some(b)],
        };
        for (i, extent) in owned.into_iter().enumerate() {
            if let Some(extent) = extent.filter(|extent| !extent.is_empty()) {
                let block = record.blocks[which + i].load(Relaxed);
                let (start, len) = (extent.start, extent.len());
                self.session.segment.allocator().free(alloc::Extent { start, len, block })?;
                pair.store(i, Default::default());
            }
        }
        Ok(())
    }

    /// Frees the objects that were given up without the lock.
    pub fn free_abandoned(&mut self) -> Result<()> {
        self.session.segment.abandoned().take();
        for slot in 0..self.session.segment.index().used() {
            let word = self.session.record(slot)?.load();
            if word.is(State::Writing) && word.has(RecordWord::ABANDONED) {
                self.free_object(slot, word, 0)?;
            }
        }
        Ok(())
    }
}
