//! Eviction, in stores created with it: the least recently released objects go first, and only if
//! that helps.
//!
//! Each release leaves a stamp in a ring of the client's own file. Before victims are chosen, the
//! stamps of all clients are folded into the order of use, at most [`FOLDED`] at once. Which objects
//! go is decided by `victims`.

use crate::error::{Error, Result, Status};
use crate::layout::extent::UNIT;
use crate::layout::record::Record;
use crate::layout::word::LeaseWord;
use crate::protocols::index::Hit;
use crate::store::call::Call;
use crate::store::clients::lease_counts::WordSet;
use crate::store::clients::releases::is_current;
use crate::store::lock::locked::Locked;
use crate::store::memory::reclaim::deferred;
use crate::store::memory::victims::{Need, Search};
use crate::store::recovery::repair::starts_over;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::local;

/// The most stamps that are folded at once, the clients taking turns.
const FOLDED: u64 = 4096;

/// The most objects that are evicted before the lock is given up.
pub const BATCH: usize = 4096;

/// Leases and uses, as a scan of the clients found them.
struct Uses {
    /// The slots of objects with leases.
    leased: WordSet,
    /// Releases that are not in the order of use yet.
    folded: Vec<(LeaseWord, u64)>,
}

/// What an eviction evicted.
struct Gone {
    bytes: u64,
    /// The objects, in this order.
    objects: Vec<LeaseWord>,
}

impl Session {
    /// Evicts until `bytes` of data and metadata are gone, or nothing more may go; returns the
    /// bytes evicted.
    pub fn evict(&self, call: &Call<'_>, bytes: u64) -> Result<u64> {
        self.ensure_writable()?;
        if !self.segment.facts.lru() {
            return Err(Error::new(
                Status::Unsupported,
                "the store was created without eviction; delete objects",
            ));
        }
        let mut evicted = 0;
        while evicted < bytes {
            let left = bytes - evicted;
            let choose = |search: Search<'_>| search.choose_oldest(BATCH, left.div_ceil(UNIT));
            match self.evict_chosen(call, left, choose) {
                Ok(gone) if gone.objects.is_empty() => break,
                Ok(gone) => {
                    evicted += gone.bytes;
                    deferred(self.free_evicted(call, &gone.objects))?;
                }
                Err(error) if error.status() == Status::Timeout && evicted > 0 => break,
                Err(error) => return Err(error),
            }
        }
        deferred(self.reclaim(call).map(drop))?;
        Ok(evicted)
    }

    /// Evicts the objects that are in the way of extents of `data` and `meta` units, or of a record
    /// if both are 0; `false` if that cannot help. With `reserved_only`, memory that is not
    /// reserved is of no use.
    pub fn evict_for(
        &self,
        call: &Call<'_>,
        data: u64,
        meta: u64,
        reserved_only: bool,
    ) -> Result<bool> {
        let need = Need { data, meta, reserved_only };
        let gone = self.evict_chosen(call, u64::MAX, |search| search.make_room(need))?;
        if gone.objects.is_empty() {
            return Ok(false);
        }
        self.free_evicted(call, &gone.objects)?;
        Ok(true)
    }

    /// Evicts what `choose` chooses, until `bytes` are gone.
    fn evict_chosen(
        &self,
        call: &Call<'_>,
        bytes: u64,
        choose: impl Fn(Search<'_>) -> Result<Vec<Hit>>,
    ) -> Result<Gone> {
        let uses = self.collect_uses()?;
        let mut repaired = false;
        loop {
            let mut locked = self.lock(call)?;
            locked.note_uses(&uses.folded);
            let chosen = Search::new(&locked, call, &uses.leased).and_then(&choose);
            match chosen {
                Ok(victims) => return self.evict_all(call, locked, &victims, bytes),
                Err(error) => {
                    if error.status() == Status::Corrupt {
                        locked.poison();
                    }
                    if !starts_over(&mut repaired, &error) {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Evicts these objects, except those that changed while the lock was given up between batches.
    fn evict_all<'a>(
        &'a self,
        call: &Call<'_>,
        locked: Locked<'a>,
        victims: &[Hit],
        bytes: u64,
    ) -> Result<Gone> {
        let mut held = Some(locked);
        let mut gone = Gone { bytes: 0, objects: fallible::with_room(victims.len())? };
        let mut events = fallible::with_room(victims.len().min(BATCH))?;
        let mut objects = fallible::with_room(victims.len().min(BATCH))?;
        // All that the search holds in the order of use is in the first batch.
        for batch in victims.chunks(BATCH) {
            self.touch_records(batch.iter().map(|hit| hit.slot));
            let mut locked = match held.take() {
                Some(locked) => locked,
                None if call.is_late() => break,
                None => {
                    call.ensure_not_ended()?;
                    self.lock(call)?
                }
            };
            let _announcement = self.begin_announcement();
            let before = gone.bytes;
            for &Hit { slot, word } in batch {
                let record = self.record(slot)?;
                let sizes = record.sizes(word);
                if gone.bytes >= bytes {
                    self.segment.order().let_go(slot, 0);
                } else if record.load() == word {
                    events.push((record.id(), sizes));
                    objects.push((slot, word));
                    gone.objects.push(LeaseWord::new(word.generation(), slot));
                    gone.bytes += sizes.all();
                }
            }
            locked.doom_all(&objects).inspect_err(|_| locked.poison())?;
            let counters = &self.segment.header().counters;
            self.count(&counters.evictions, objects.len() as u64);
            self.count(&counters.evicted_bytes, gone.bytes - before);
            drop(locked);
            self.notify_evicted(&events);
            objects.clear();
            events.clear();
        }
        Ok(gone)
    }

    /// Brings records into the processor's caches, before many are worked on one after another.
    pub fn touch_records(&self, slots: impl Iterator<Item = u32>) {
        slots.filter_map(|slot| self.record(slot).ok()).for_each(Record::touch);
    }

    /// Scans the clients for leases and uses.
    fn collect_uses(&self) -> Result<Uses> {
        let mut uses = Uses { leased: WordSet::default(), folded: Vec::new() };
        let first = self.fold_turn.load(local::Ordering::Relaxed);
        let (mut client, mut next, mut left) = (0, 0, FOLDED);
        self.scan_clients(|mut view| {
            if client >= first && left > 0 {
                let mut pushed = Ok(());
                view.fold_releases(&mut left, |lease, ticks| {
                    let refused = fallible::push(&mut uses.folded, (lease, ticks));
                    pushed = std::mem::replace(&mut pushed, Ok(())).and(refused);
                });
                pushed?;
                if left == 0 {
                    next = client;
                }
            }
            client += 1;
            let mut refused = Ok(());
            view.leases(|lease| {
                if is_current(&self.segment, lease) {
                    match uses.leased.try_reserve(1) {
                        Ok(()) => drop(uses.leased.insert(u64::from(lease.slot()))),
                        Err(_) => refused = Err(fallible::refused()),
                    }
                }
            })?;
            refused
        })?;
        self.fold_turn.store(next, local::Ordering::Relaxed);
        Ok(uses)
    }
}
