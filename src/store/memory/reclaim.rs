//! Reclaiming: deleted objects become FREE once no client leases them.
//!
//! DOOMED objects are in limbo, a list through their records. A scan of all leases, outside the
//! lock, finds the objects without leases. Since no new lease on a doomed object can be validated,
//! these objects may be freed whenever the lock is taken next.

use crate::error::{Result, Status};
use crate::layout::header::Lifecycle;
use crate::layout::shard::{Limbo, SHARDS, Shard};
use crate::layout::word::LeaseWord;
use crate::protocols::lease;
use crate::store::call::Call;
use crate::store::clients::client_view::ClientView;
use crate::store::clients::lease_counts::WordSet;
use crate::store::memory::evict::BATCH;
use crate::store::recovery::repair::starts_over;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;
use crate::sync::local;

/// A delete scans the leases when the deletes of this client since its last scan have paid for one.
/// So limbo stays small, and the next objects get memory that is still in the processor's caches.
///
/// A delete pays 1, and 1 more for each [`PAID_BYTES`]. A scan costs [`SCAN`] (11 us),
/// [`SCAN_READER`] (3 to 6 us) for each reader of another user, and 1 for each member that has had
/// leases. A walk through limbo costs 1 for each [`WALKED`]
/// objects: most of them may be held for long, and each walk would visit them again.
const PAID_BYTES: u64 = 16 << 10;

const SCAN: u64 = 256;

const SCAN_READER: u64 = 64;

const WALKED: u64 = 16;

/// Up to this many evicted objects are put into a set, in which each lease is looked up.
const FEW: usize = 256;

/// The most scans of one attempt to free, each of which another client makes useless.
const TRIES: u32 = 3;

/// If more than this fraction of the store is in limbo, a scan costs only the walk.
const LIMBO_PART: u64 = 16;

impl Session {
    /// For the delete of an object with `size` bytes of data: pays, and scans if the payments
    /// suffice.
    pub fn reclaim_for_delete(&self, call: &Call<'_>, size: u64) -> Result<()> {
        self.reclaim_for_deletes(call, [size].into_iter())
    }

    /// As [`Session::reclaim_for_delete`], for several objects.
    #[inline]
    pub fn reclaim_for_deletes(
        &self,
        call: &Call<'_>,
        sizes: impl Iterator<Item = u64>,
    ) -> Result<()> {
        if self.pay_for_scan(sizes.map(|size| 1 + size / PAID_BYTES).sum()) {
            let shards = self.shards_to_scan();
            self.scans.fetch_add(1, local::Ordering::Relaxed);
            deferred(self.reclaim_from(call, &shards).map(drop))?;
        }
        Ok(())
    }

    /// Adds a payment; whether the payments suffice for a scan.
    fn pay_for_scan(&self, more: u64) -> bool {
        // Two threads that add at once may lose one payment: then a scan comes a little later.
        let paid = self.paid.load(local::Ordering::Relaxed) + more;
        self.paid.store(paid, local::Ordering::Relaxed);
        let large = self.limbo_is_large();
        if paid < SCAN && !large {
            return false;
        }
        let doomed = self.shards_to_scan().map(|shard| u64::from(shard.limbo.count.load(Relaxed)));
        let walk = doomed.iter().sum::<u64>() / WALKED;
        let cost = self.visit_cost();
        paid >= walk && large || paid >= walk + SCAN + SCAN_READER * cost.readers + cost.members
    }

    /// The shards whose limbo the next scan for a delete frees: this client's own, and one other in
    /// rotation, since the clients that deleted its objects may have left.
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

    /// Frees every object in limbo without a lease; returns the number of objects freed.
    pub fn reclaim(&self, call: &Call<'_>) -> Result<u64> {
        let header = self.segment.header();
        self.reclaim_from(call, &header.shards.each_ref())
    }

    fn reclaim_from(&self, call: &Call<'_>, shards: &[&Shard]) -> Result<u64> {
        self.paid.store(0, local::Ordering::Relaxed);
        for _ in 0..TRIES {
            let marks = self.mark_limbo(call, shards)?;
            if marks.last.iter().all(Option::is_none) {
                return Ok(0);
            }
            let mut leased = WordSet::default();
            let may_free = self.scan_doomed(call, &mut |view, lease| {
                if !leased.contains(&lease.0) && view.is_alive()? {
                    leased.try_reserve(1).map_err(|_| fallible::refused())?;
                    leased.insert(lease.0);
                }
                Ok(())
            })?;
            if !may_free {
                return Ok(0);
            }
            let freed = self.free_from_limbo(call, shards, &marks, &leased)?;
            if let Some(freed) = freed {
                return Ok(freed);
            }
        }
        Ok(0)
    }

    /// Calls `each` for all leases on objects that were DOOMED before, of living clients and of dead
    /// ones; whether what has no lease may be freed.
    fn scan_doomed(
        &self,
        call: &Call<'_>,
        each: &mut dyn FnMut(&ClientView<'_>, LeaseWord) -> Result<()>,
    ) -> Result<bool> {
        lease::begin_scan();
        self.scan_clients(|view| view.doomed_leases(|lease| each(&view, lease)))?;
        self.ensure_linked()?;
        if self.segment.lifecycle()? == Lifecycle::Closing {
            // While this client holds the lock no client is leaving, so the word is corrupt.
            let mut locked = self.lock(call)?;
            if self.segment.lifecycle()? == Lifecycle::Closing {
                locked.poison();
            }
            drop(locked);
            drop(self.lock(call)?);
        }
        if self.segment.lifecycle()? != Lifecycle::Live {
            self.ensure_open()?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Frees the objects that this client evicted, in this order, except those that a client leases.
    pub fn free_evicted(&self, call: &Call<'_>, evicted: &[LeaseWord]) -> Result<()> {
        // Few objects are looked up for each lease, or all leases for each of many objects.
        let few = evicted.len() <= FEW;
        let mut known = WordSet::default();
        known.try_reserve(if few { evicted.len() } else { 0 }).map_err(|_| fallible::refused())?;
        if few {
            known.extend(evicted.iter().map(|object| object.0));
        }
        let may_free = self.scan_doomed(call, &mut |view, lease| {
            if few {
                if known.contains(&lease.0) && view.is_alive()? {
                    known.remove(&lease.0);
                }
            } else if view.is_alive()? {
                known.try_reserve(1).map_err(|_| fallible::refused())?;
                known.insert(lease.0);
            }
            Ok(())
        })?;
        if !may_free || (few && known.is_empty()) {
            return Ok(());
        }
        let is_free = |object: LeaseWord| known.contains(&object.0) == few;
        for batch in evicted.rchunks(BATCH) {
            self.touch_records(batch.iter().map(|object| object.slot()));
            let mut locked = self.lock(call)?;
            let limbo = &self.shard(self.own.slot).limbo;
            let freed = locked.free_first(limbo, batch.iter().rev().copied(), &is_free);
            freed.inspect_err(|_| locked.poison())?;
            drop(locked);
            call.ensure_not_ended()?;
        }
        Ok(())
    }

    /// The object that was doomed last in each of these limbos. All others in the limbo were doomed
    /// before it.
    fn mark_limbo(&self, call: &Call<'_>, shards: &[&Shard]) -> Result<Marks> {
        let is_empty =
            |limbo: &Limbo| (limbo.head.load(Relaxed), limbo.count.load(Relaxed)) == (0, 0);
        if shards.iter().all(|shard| is_empty(&shard.limbo)) {
            return Ok(Marks::default());
        }
        let mut repaired = false;
        loop {
            let mut locked = self.lock(call)?;
            let mut marks = Marks { rebuilt: self.rebuilt(), ..Marks::default() };
            let marked = shards.iter().zip(&mut marks.last).try_for_each(|(shard, mark)| {
                *mark = locked.first_in_limbo(&shard.limbo)?;
                Ok(())
            });
            match marked {
                Ok(()) => return Ok(marks),
                Err(error) => {
                    locked.poison();
                    if !starts_over(&mut repaired, &error) {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn rebuilt(&self) -> u64 {
        self.segment.header().live.rebuild_sequence.load(Relaxed)
    }

    /// Frees what has no lease among the marked objects and those that were doomed before them;
    /// returns the number, or `None` if nothing was freed because another client freed what was
    /// marked, or a recovery made the limbos again, in another order.
    fn free_from_limbo(
        &self,
        call: &Call<'_>,
        shards: &[&Shard],
        marks: &Marks,
        leased: &WordSet,
    ) -> Result<Option<u64>> {
        let (mut freed, mut found, mut repaired) = (0, false, false);
        'again: loop {
            let mut locked = self.lock(call)?;
            if self.rebuilt() != marks.rebuilt {
                return Ok(found.then_some(freed));
            }
            for (shard, mark) in shards.iter().zip(&marks.last) {
                let Some(mark) = *mark else { continue };
                match locked.free_limbo(&shard.limbo, mark, leased, &mut freed) {
                    Ok(had) => found |= had,
                    Err(error) => {
                        locked.poison();
                        if !starts_over(&mut repaired, &error) {
                            return Err(error);
                        }
                        continue 'again;
                    }
                }
            }
            return Ok(found.then_some(freed));
        }
    }
}

/// What limbos contained before a scan.
#[derive(Default)]
struct Marks {
    /// For each of some limbos, the object that was doomed last.
    last: [Option<LeaseWord>; SHARDS],
    /// The rebuild sequence. A recovery advances it, and makes the limbos again in the order of the
    /// table: what was doomed after a mark may follow it then.
    rebuilt: u64,
}

/// Converts the result of a scan that follows a completed call. Unless the store is gone, a failed
/// scan is no failure of the call: the next call that needs the memory frees it, or reports why it
/// cannot.
pub fn deferred(reclaimed: Result<()>) -> Result<()> {
    match reclaimed {
        Err(error) if error.status() == Status::StoreGone => Err(error),
        _ => Ok(()),
    }
}
