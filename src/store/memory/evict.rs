//! Eviction, in stores created with it: the least recently released objects go first, and only if
//! that helps.
//!
//! There is no shared list. Each release leaves a stamp in a ring of the client's own file. Before
//! a victim is chosen, the stamps of all clients are folded into the records. Candidates come from
//! a scan of the table. This process keeps them, sorted by last use. A candidate whose stamp has
//! moved is skipped, and the next scan finds it again. Objects that are sealed or released later
//! are younger than all candidates, so the order is exact as long as no ring overflows between two
//! folds.

use crate::error::{Error, Result, Status};
use crate::layout::event::EventKind;
use crate::layout::extent::UNIT;
use crate::layout::word::{RecordWord, State};
use crate::protocols::index::Hit;
use crate::segment::all_set;
use crate::store::call::Call;
use crate::store::clients::lease_counts::LeaseCounts;
use crate::store::clients::releases::fold;
use crate::store::memory::eviction_plan::{Span, Victim, plan, victims};
use crate::store::memory::extents::{lead_of, owned_extents};
use crate::store::memory::reclaim::deferred;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;
use crate::sys::ticks::Age;

/// When a request needs room, at least this fraction of the capacity is evicted.
const AHEAD_PART: u64 = 256;

/// The most objects whose order by age is kept.
const LIST: usize = 1 << 16;

/// The most plans for one request: the victims of a plan may be used before they are evicted.
const ATTEMPTS: u32 = 8;

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
            match self.evict_oldest(call) {
                Ok(Some(size)) => evicted += size,
                Ok(None) => break,
                Err(error) if error.status() == Status::Timeout && evicted > 0 => break,
                Err(error) => return Err(error),
            }
        }
        deferred(self.reclaim(call))?;
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
        let capacity = self.segment.facts.geometry.units();
        for _ in 0..ATTEMPTS {
            let leased = self.fold_and_collect_leases()?;
            let mut evicted = self.evict_ahead(call, &leased, data, meta)?;
            if !evicted {
                let spans = self.collect_spans(&leased, reserved_only)?;
                let Some(planned) = plan(&spans, capacity, data, meta)? else { return Ok(false) };
                for victim in planned {
                    evicted |= self.evict_victim(call, victim)?.is_some();
                }
                let mut later = victims(spans.into_iter())?;
                later.truncate(LIST);
                *self.victims.lock() = later.into();
            }
            if evicted {
                self.reclaim(call)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Evicts the oldest known objects while each of them makes room for the request by itself, and
    /// some more: the scan of all leases costs the same for one object as for many. Returns whether
    /// any object was evicted; `false` without a scan if the oldest object is too small.
    fn evict_ahead(
        &self,
        call: &Call<'_>,
        leased: &LeaseCounts,
        data: u64,
        meta: u64,
    ) -> Result<bool> {
        let enough = (data + meta).max(self.segment.facts.geometry.units() / AHEAD_PART);
        let mut gone = 0;
        let mut any = false;
        loop {
            let oldest = self.victims.lock().front().copied();
            let Some(victim) = oldest else { break };
            let record = self.record(victim.slot)?;
            let word = record.load();
            let is_same = record.last_use.load(Relaxed) == victim.last_use
                && word.generation() == victim.generation;
            let own_data = record.data.load(word.data_index()).len();
            let own_meta = record.meta.load(word.meta_index()).len();
            if is_same && leased.of(victim.slot) == 0 {
                // Each extent of the request takes the place of the one of its kind.
                if own_data < data || own_meta < meta {
                    break;
                }
                if self.evict_victim(call, victim)?.is_some() {
                    any = true;
                    gone += own_data + own_meta;
                }
            }
            self.victims.lock().pop_front();
            if any && gone >= enough {
                break;
            }
        }
        Ok(any)
    }

    /// Evicts the least recently released object that may go; returns its bytes.
    fn evict_oldest(&self, call: &Call<'_>) -> Result<Option<u64>> {
        let leased = self.fold_and_collect_leases()?;
        for _ in 0..2 {
            while let Some(victim) = self.next_victim() {
                if leased.of(victim.slot) == 0
                    && let Some(size) = self.evict_victim(call, victim)?
                {
                    return Ok(Some(size));
                }
            }
            let found = victims(self.collect_spans(&leased, false)?.into_iter())?;
            if found.is_empty() {
                return Ok(None);
            }
            *self.victims.lock() = found.into();
        }
        Ok(None)
    }

    fn next_victim(&self) -> Option<Victim> {
        self.victims.lock().pop_front()
    }

    /// Evicts this object unless it was used, pinned, deleted or leased since it was chosen.
    fn evict_victim(&self, call: &Call<'_>, victim: Victim) -> Result<Option<u64>> {
        let mut locked = self.lock(call)?;
        let record = self.record(victim.slot)?;
        let word = record.load();
        let same = word.generation() == victim.generation && word.is(State::Sealed);
        if !same || word.has(RecordWord::PINNED) || record.last_use.load(Relaxed) != victim.last_use
        {
            return Ok(None);
        }
        let (id, sizes) = (record.id(), record.sizes(word));
        let _announcement = self.begin_announcement();
        locked.doom(Hit { slot: victim.slot, word })?;
        let counters = &self.segment.header().counters;
        self.count(&counters.evictions, 1);
        self.count(&counters.evicted_bytes, sizes.all());
        drop(locked);
        self.notify_gone(EventKind::Evicted, &id, sizes);
        Ok(Some(sizes.all()))
    }

    /// Folds the stamps of all living clients; returns their leases.
    fn fold_and_collect_leases(&self) -> Result<LeaseCounts> {
        let mut leases = LeaseCounts::new(self.segment.index().used())?;
        self.scan_clients(|mut view| {
            view.fold_releases(|lease, ticks| fold(&self.segment, lease, ticks));
            view.leases(|lease| self.count_lease(&mut leases, lease))
        })?;
        Ok(leases)
    }

    /// Every owned stretch of the heap with its lead, by address. Objects without memory have an
    /// empty stretch.
    fn collect_spans(&self, leased: &LeaseCounts, reserved_only: bool) -> Result<Vec<Span>> {
        let mut spans = if reserved_only { self.collect_unreserved()? } else { Vec::new() };
        let age = Age::at(self.segment.facts.ticks_source().now());
        let allocator = self.segment.allocator();
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            let word = record.load();
            if word.is(State::Free) {
                continue;
            }
            let generation = word.generation();
            let wall =
                !word.is(State::Sealed) || word.has(RecordWord::PINNED) || leased.of(slot) > 0;
            let last_use = record.last_use.load(Relaxed);
            let order = age.order(last_use);
            let victim = (!wall).then_some(Victim { order, last_use, slot, generation });
            let before = spans.len();
            for (which, extent) in owned_extents(record) {
                let lead = lead_of(&allocator, record, which, extent);
                let (start, len) = (extent.start - lead, extent.len() + lead);
                let span = Span { start, len, victim };
                fallible::push(&mut spans, span)?;
            }
            if spans.len() == before && victim.is_some() {
                fallible::push(&mut spans, Span { start: 0, len: 0, victim })?;
            }
        }
        spans.sort_unstable_by_key(|span| span.start);
        Ok(spans)
    }

    /// Chunks without backing memory.
    fn collect_unreserved(&self) -> Result<Vec<Span>> {
        let geometry = &self.segment.facts.geometry;
        let reserved = &self.segment.header().reserved;
        let chunks = 0..geometry.capacity.div_ceil(geometry.chunk_size) as u32;
        let bare = chunks.filter(|chunk| !all_set(reserved, *chunk, *chunk));
        let wall = |chunk| {
            let (start, len) = self.segment.heap.chunk_range(chunk);
            Span { start: start / UNIT, len: len / UNIT, victim: None }
        };
        fallible::collect(bare.map(wall))
    }
}
