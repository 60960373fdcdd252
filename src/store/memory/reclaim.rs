//! Reclaim: from SEALED over DOOMED to FREE, once nobody leases it.
//!
//! Doomed objects are in limbo: a list through their records. A scan of all leases, outside the
//! lock, finds those that nobody holds; as no new lease on a doomed object can be validated, they
//! may be freed whenever the lock is taken next.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::event::EventKind;
use crate::layout::extent::ExtentPair;
use crate::layout::header::Lifecycle;
use crate::layout::record::{IdWords, Record};
use crate::layout::shard::{Limbo, SHARDS, Shard};
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::alloc;
use crate::protocols::index::{Hit, Key, set_free};
use crate::protocols::lease;
use crate::store::call::Call;
use crate::store::clients::lease_counts::WordSet;
use crate::store::lock::acquire::Guard;
use crate::store::recovery::mend::starts_over;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;
use crate::sync::local;

/// A delete scans the leases when the deletes of this client since its last scan have paid for one. So
/// little is in limbo, and the next objects find memory that is in the processor's caches still.
///
/// A delete pays 1, and 1 more for each so many bytes. A scan costs so much, and so much for each client
/// that is looked at: 11 us and 3 to 6 us. A walk through limbo costs 1 for each so many objects: most may
/// be held for long, and would be walked over again and again.
const PAID_BYTES: u64 = 16 << 10;
const SCAN: u64 = 256;
const SCAN_CLIENT: u64 = 64;
const WALKED: u64 = 16;

/// When more than this part of the store is in limbo, it is scanned for the walk alone.
const LIMBO_PART: u64 = 16;

impl Limbo {
    /// Put a doomed record first: under the lock.
    pub fn push(&self, slot: u32, record: &Record, word: RecordWord) {
        record.link.store(self.head.load(Relaxed), Relaxed);
        self.head.store(slot + 1, Relaxed);
        self.count.store(self.count.load(Relaxed).wrapping_add(1), Relaxed);
        let units = self.units.load(Relaxed).wrapping_add(units_of(record, word));
        self.units.store(units, Relaxed);
    }

    /// Forget all of it: under the lock.
    pub fn reset(&self) {
        self.head.store(0, Relaxed);
        self.count.store(0, Relaxed);
        self.units.store(0, Relaxed);
    }
}

impl Session {
    /// Delete an object: gone at once for new gets; its memory follows the last release.
    pub fn delete(&self, call: &Call<'_>, id: &ObjectId) -> Result<()> {
        self.ensure_writable()?;
        let key = Key::Id(IdWords::from(id));
        let size = loop {
            let mut guard = self.lock(call)?;
            let Some(hit) = self.find_locked(&mut guard, &key) else {
                return Err(Error::plain(Status::NotFound));
            };
            if hit.word.is(State::Writing) {
                drop(guard);
                if self.reap_if_orphan(call, hit)? {
                    continue;
                }
                return Err(Error::plain(Status::NotSealed));
            }
            let sizes = self.record(hit.slot)?.sizes(hit.word);
            self.doom(&mut guard, hit)?;
            drop(guard);
            self.append_event(EventKind::Deleted, id, sizes);
            break sizes.data;
        };
        if self.pay_for_scan(1 + size / PAID_BYTES) {
            let shards = self.shards_to_scan();
            self.scans.fetch_add(1, local::Ordering::Relaxed);
            deferred(self.reclaim_from(call, &shards))?;
        }
        Ok(())
    }

    /// Whether that was enough.
    fn pay_for_scan(&self, more: u64) -> bool {
        // Two threads that add at once may lose one of the two: a scan comes a little later.
        let paid = self.paid.load(local::Ordering::Relaxed) + more;
        self.paid.store(paid, local::Ordering::Relaxed);
        let large = self.limbo_is_large();
        if paid < SCAN && !large {
            return false;
        }
        let doomed = self.shards_to_scan().map(|shard| u64::from(shard.limbo.count.load(Relaxed)));
        let walk = doomed.iter().sum::<u64>() / WALKED;
        paid >= walk && large || paid >= walk + SCAN + SCAN_CLIENT * self.known_clients()
    }

    /// The shards whose limbo the next scan for a delete frees: its own, and another, by turns, since
    /// those who deleted that may have left.
    fn shards_to_scan(&self) -> [&Shard; 2] {
        let turn = self.scans.load(local::Ordering::Relaxed) % (SHARDS as u32 - 1);
        [self.shard(self.own.slot), self.shard(self.own.slot + 1 + turn)]
    }

    fn limbo_is_large(&self) -> bool {
        let limbo = &self.shard(self.own.slot).limbo;
        let geometry = &self.segment.facts.geometry;
        limbo.units.load(Relaxed) > geometry.units() / LIMBO_PART
            || u64::from(limbo.count.load(Relaxed)) > u64::from(geometry.max_objects) / LIMBO_PART
    }

    /// Make a SEALED object DOOMED: under the lock.
    pub fn doom(&self, guard: &mut Guard<'_>, hit: Hit) -> Result<()> {
        let record = self.record(hit.slot)?;
        let mut word = hit.word;
        // A creator seals without the lock; whatever else changes a word has it.
        while let Err(now) = record.swap(word, word.in_state(State::Doomed)) {
            if now.generation() != word.generation() || !now.is(State::Sealed) {
                return Err(Error::new(Status::Corrupt, "a sealed record changed under the lock"));
            }
            word = now;
        }
        guard.bear(self.segment.index().unlink(hit.slot, word))?;
        self.shard(self.own.slot).limbo.push(hit.slot, record, word);
        Ok(())
    }

    /// Free everything in limbo that nobody leases; returns how many objects that were.
    pub fn reclaim(&self, call: &Call<'_>) -> Result<u64> {
        let header = self.segment.header();
        self.reclaim_from(call, &header.shards.each_ref())
    }

    fn reclaim_from(&self, call: &Call<'_>, shards: &[&Shard]) -> Result<u64> {
        self.paid.store(0, local::Ordering::Relaxed);
        let mut free = self.limbo(call, shards)?;
        if free.is_empty() {
            return Ok(0);
        }
        lease::doomed();
        self.scan_clients(|view| {
            view.doomed_leases(|lease| {
                free.remove(&lease.0);
            })
        })?;
        self.ensure_linked()?;
        if self.segment.lifecycle()? == Lifecycle::Closing {
            // With the lock nobody is leaving: then it is nonsense.
            let mut guard = self.lock(call)?;
            if self.segment.lifecycle()? == Lifecycle::Closing {
                guard.poison();
            }
            drop(guard);
            drop(self.lock(call)?);
        }
        if self.segment.lifecycle()? != Lifecycle::Live {
            self.ensure_open()?;
            return Ok(0);
        }
        if free.is_empty() { Ok(0) } else { self.free_from_limbo(call, shards, &free) }
    }

    /// Slot and generation, as leases on it say, of everything in limbo.
    fn limbo(&self, call: &Call<'_>, shards: &[&Shard]) -> Result<WordSet> {
        let mut all = WordSet::default();
        let is_empty =
            |limbo: &Limbo| (limbo.head.load(Relaxed), limbo.count.load(Relaxed)) == (0, 0);
        if shards.iter().all(|shard| is_empty(&shard.limbo)) {
            return Ok(all);
        }
        let mut mended = false;
        'again: loop {
            let mut guard = self.lock(call)?;
            for Shard { limbo, .. } in shards {
                match self.walk_limbo(limbo, &mut all) {
                    Ok(()) => {}
                    Err(error) => {
                        guard.poison();
                        if !starts_over(&mut mended, &error) {
                            return Err(error);
                        }
                        all.clear();
                        continue 'again;
                    }
                }
            }
            return Ok(all);
        }
    }

    fn walk_limbo(&self, limbo: &Limbo, all: &mut WordSet) -> Result<()> {
        let count = limbo.count.load(Relaxed);
        if count > self.segment.index().used() {
            return Err(not_limbo());
        }
        all.try_reserve(count as usize).map_err(|_| fallible::refused())?;
        let mut link = limbo.head.load(Relaxed);
        for _ in 0..count {
            let slot = link.wrapping_sub(1);
            let record = self.record(slot)?;
            let word = record.load();
            if !word.is(State::Doomed) {
                return Err(not_limbo());
            }
            all.insert(LeaseWord::new(word.generation(), slot).0);
            link = record.link.load(Relaxed);
        }
        if link == 0 { Ok(()) } else { Err(not_limbo()) }
    }

    fn free_from_limbo(&self, call: &Call<'_>, shards: &[&Shard], free: &WordSet) -> Result<u64> {
        let (mut freed, mut mended) = (0, false);
        'again: loop {
            let mut guard = self.lock(call)?;
            for shard in shards {
                match self.free_limbo_locked(&mut guard, &shard.limbo, free, &mut freed) {
                    Ok(()) => {}
                    Err(error) => {
                        guard.poison();
                        if !starts_over(&mut mended, &error) {
                            return Err(error);
                        }
                        continue 'again;
                    }
                }
            }
            return Ok(freed);
        }
    }

    fn free_limbo_locked(
        &self,
        guard: &mut Guard<'_>,
        limbo: &Limbo,
        free: &WordSet,
        freed: &mut u64,
    ) -> Result<()> {
        let mut before: Option<u32> = None;
        let mut link = limbo.head.load(Relaxed);
        for _ in 0..=self.segment.facts.geometry.max_objects {
            if link == 0 {
                return Ok(());
            }
            let slot = link - 1;
            let record = self.record(slot)?;
            let next = record.link.load(Relaxed);
            let word = record.load();
            if !word.is(State::Doomed) {
                return Err(not_limbo());
            }
            if free.contains(&LeaseWord::new(word.generation(), slot).0) {
                match before {
                    None => limbo.head.store(next, Relaxed),
                    Some(before) => self.record(before)?.link.store(next, Relaxed),
                }
                limbo.count.store(limbo.count.load(Relaxed).wrapping_sub(1), Relaxed);
                let left = limbo.units.load(Relaxed).wrapping_sub(units_of(record, word));
                limbo.units.store(left, Relaxed);
                self.free_record(guard, slot, word, 0)?;
                *freed += 1;
            } else {
                before = Some(slot);
            }
            link = next;
        }
        Err(not_limbo())
    }

    /// Take an object that was never sealed out of the index and free it: under the lock. `flags`
    /// is ORPHANED or nothing.
    pub fn free_object(
        &self,
        guard: &mut Guard<'_>,
        slot: u32,
        word: RecordWord,
        flags: u64,
    ) -> Result<()> {
        guard.bear(self.segment.index().unlink(slot, word))?;
        self.free_record(guard, slot, word, flags)
    }

    /// Free the extents and the slot of a record that is in no chain: under the lock.
    fn free_record(
        &self,
        guard: &mut Guard<'_>,
        slot: u32,
        word: RecordWord,
        flags: u64,
    ) -> Result<()> {
        let record = self.record(slot)?;
        let keeps = match self.give_extents_back(record, word) {
            Ok(keeps) => keeps,
            Err(error) => {
                guard.bear(Err(error))?;
                None
            }
        };
        // What nothing else can undo: from here on it is free, whatever becomes of the rest.
        let last = set_free(record, slot, word, flags)? == u32::MAX;
        match keeps {
            Some(units) => {
                self.shard(record.creator_slot.load(Relaxed)).slot_cache.push(record, slot, units);
                Ok(())
            }
            None if last => Ok(()),
            None => guard.bear(self.segment.slots().push(&self.segment.index(), slot)),
        }
    }

    /// Give the memory of a record back to the allocator, all but what a slot cache is to keep: how much
    /// that is.
    #[inline]
    fn give_extents_back(&self, record: &Record, word: RecordWord) -> Result<Option<u64>> {
        let keeps = self.units_to_keep(record, word)?;
        if keeps.is_none() {
            self.free_pair(record, 0, &record.data)?;
        }
        self.free_pair(record, 2, &record.meta)?;
        Ok(keeps)
    }

    /// Free the extents of a pair, whose blocks are those from `which` on.
    #[inline]
    fn free_pair(&self, record: &Record, which: usize, pair: &ExtentPair) -> Result<()> {
        let (a, b) = (pair.load(0), pair.load(1));
        if a.is_empty() && b.is_empty() {
            return Ok(());
        }
        // Two extents at one place are one that was being resized: the longer one is owned.
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
                self.segment.allocator().free(alloc::Extent { start, len, block })?;
                pair.store(i, Default::default());
            }
        }
        Ok(())
    }
}

#[cold]
fn not_limbo() -> Error {
    Error::new(Status::Corrupt, "the list of deleted objects is none")
}

/// What came of a scan after a call has done what it was asked for. Unless the store is gone, that is no
/// failure of the call: whoever needs the memory frees it, or is told what keeps it from being freed.
pub fn deferred(reclaimed: Result<u64>) -> Result<()> {
    match reclaimed {
        Err(error) if error.status() == Status::StoreGone => Err(error),
        _ => Ok(()),
    }
}

/// Heap units that a record owns.
pub fn units_of(record: &Record, word: RecordWord) -> u64 {
    record.data.load(word.data_index()).len() + record.meta.load(word.meta_index()).len()
}
