//! Reclaim: from SEALED over DOOMED to FREE, once nobody leases it.
//!
//! Doomed objects are in limbo: a list through their records. A scan of all leases, outside the
//! lock, finds those that nobody holds; as no new lease on a doomed object can be validated, they
//! may be freed whenever the lock is taken next.

use crate::error::{Result, Status};
use crate::layout::header::Lifecycle;
use crate::layout::shard::{Limbo, SHARDS, Shard};
use crate::protocols::lease;
use crate::store::call::Call;
use crate::store::clients::lease_counts::WordSet;
use crate::store::recovery::repair::starts_over;
use crate::store::session::Session;
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

impl Session {
    /// For the delete of an object with `size` bytes of data: pays, and scans when that is enough.
    pub fn reclaim_for_delete(&self, call: &Call<'_>, size: u64) -> Result<()> {
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

    /// Free everything in limbo that nobody leases; returns how many objects that were.
    pub fn reclaim(&self, call: &Call<'_>) -> Result<u64> {
        let header = self.segment.header();
        self.reclaim_from(call, &header.shards.each_ref())
    }

    fn reclaim_from(&self, call: &Call<'_>, shards: &[&Shard]) -> Result<u64> {
        self.paid.store(0, local::Ordering::Relaxed);
        let mut free = self.collect_limbo(call, shards)?;
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
            let mut locked = self.lock(call)?;
            if self.segment.lifecycle()? == Lifecycle::Closing {
                locked.poison();
            }
            drop(locked);
            drop(self.lock(call)?);
        }
        if self.segment.lifecycle()? != Lifecycle::Live {
            self.ensure_open()?;
            return Ok(0);
        }
        if free.is_empty() { Ok(0) } else { self.free_from_limbo(call, shards, &free) }
    }

    /// Slot and generation, as leases on it say, of everything in limbo.
    fn collect_limbo(&self, call: &Call<'_>, shards: &[&Shard]) -> Result<WordSet> {
        let mut all = WordSet::default();
        let is_empty =
            |limbo: &Limbo| (limbo.head.load(Relaxed), limbo.count.load(Relaxed)) == (0, 0);
        if shards.iter().all(|shard| is_empty(&shard.limbo)) {
            return Ok(all);
        }
        let mut mended = false;
        'again: loop {
            let mut locked = self.lock(call)?;
            for Shard { limbo, .. } in shards {
                match locked.walk_limbo(limbo, &mut all) {
                    Ok(()) => {}
                    Err(error) => {
                        locked.poison();
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

    fn free_from_limbo(&self, call: &Call<'_>, shards: &[&Shard], free: &WordSet) -> Result<u64> {
        let (mut freed, mut mended) = (0, false);
        'again: loop {
            let mut locked = self.lock(call)?;
            for shard in shards {
                match locked.free_limbo(&shard.limbo, free, &mut freed) {
                    Ok(()) => {}
                    Err(error) => {
                        locked.poison();
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
}

/// What came of a scan after a call has done what it was asked for. Unless the store is gone, that is no
/// failure of the call: whoever needs the memory frees it, or is told what keeps it from being freed.
pub fn deferred(reclaimed: Result<u64>) -> Result<()> {
    match reclaimed {
        Err(error) if error.status() == Status::StoreGone => Err(error),
        _ => Ok(()),
    }
}
