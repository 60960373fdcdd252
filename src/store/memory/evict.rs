//! Eviction, in stores made with it: least recently released first, and only when it will help.
//!
//! There is no shared list. Each release leaves a stamp in a ring of the client's own file; before
//! a victim is chosen the stamps of all clients are folded into the records. Candidates come from a
//! scan of the table, sorted by last use and kept by this process; one whose stamp has moved since
//! is passed over and found again by the next scan. What is sealed or released later is younger
//! than all of them, so the order is exact while no ring overflows between two folds.

use crate::error::{Error, Result, Status};
use crate::layout::event::EventKind;
use crate::layout::extent::UNIT;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::Hit;
use crate::segment::{Segment, all_set};
use crate::store::call::Call;
use crate::store::clients::lease_counts::LeaseCounts;
use crate::store::memory::reclaim::deferred;
use crate::store::recovery::recover::{lead_of, owned_extents};
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;
use crate::sys::ticks::Age;

/// When more than this part of the capacity would go in order of age, the gap with the oldest
/// content goes instead.
const PATIENCE_PART: u64 = 8;

/// When a request needs room, this part of the capacity is evicted, if it is more.
const AHEAD_PART: u64 = 256;

/// Objects whose order of age is kept.
const LIST: usize = 1 << 16;

/// Plans for one request: each may find that its victims were used meanwhile.
const ATTEMPTS: u32 = 8;

/// A sealed object that may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Victim {
    /// Its place in the order of age, when it was chosen.
    order: u64,
    last_use: u64,
    slot: u32,
    generation: u32,
}

/// A stretch of heap as eviction sees it.
#[derive(Clone, Copy)]
struct Span {
    start: u64,
    len: u64,
    /// The object that could be evicted; `None` is a wall.
    victim: Option<Victim>,
}

/// Note a release in the record, if it is still the same object.
pub fn fold(segment: &Segment, lease: LeaseWord, ticks: u64) {
    // A client may write nonsense into its ring: a slot that is not there, or a time to come.
    let index = segment.index();
    let Ok(record) = index.record(lease.slot()) else { return };
    if record.load().generation() != lease.generation() {
        return;
    }
    let age = Age::at(segment.facts.ticks_source().now());
    let used = age.clamp(ticks);
    let mut known = record.last_use.load(Relaxed);
    while age.order(used) > age.order(known) {
        match record.last_use.compare_exchange(known, used, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(now) => known = now,
        }
    }
}

impl Session {
    /// Evict until `bytes` of data and metadata are gone, or nothing may go; returns how many were.
    pub fn evict(&self, call: &Call<'_>, bytes: u64) -> Result<u64> {
        self.ensure_writable()?;
        if !self.segment.facts.lru() {
            return Err(Error::new(
                Status::Unsupported,
                "the store was made without eviction, nothing in it is ever evicted; delete objects",
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

    /// Evict what stands in the way of extents of so many units (0, 0: of a record); `false` when
    /// that cannot help. With `reserved_only`, memory that is not reserved is of no use.
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
            let mut evicted = self.evict_ahead(call, &leased, data + meta)?;
            if !evicted {
                let spans = self.spans(&leased, reserved_only)?;
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

    /// Evict the oldest objects known so far while each makes room for the request by itself, and
    /// some more than that: to find out who leases what costs system calls, however many go. Whether
    /// any went; `false` without a further look when the oldest is too small.
    fn evict_ahead(&self, call: &Call<'_>, leased: &LeaseCounts, units: u64) -> Result<bool> {
        let enough = units.max(self.segment.facts.geometry.units() / AHEAD_PART);
        let mut gone = 0;
        let mut any = false;
        loop {
            let oldest = self.victims.lock().front().copied();
            let Some(victim) = oldest else { break };
            let record = self.record(victim.slot)?;
            let word = record.load();
            let is_same = record.last_use.load(Relaxed) == victim.last_use
                && word.generation() == victim.generation;
            let path = record.data.load(word.data_index()).len();
            if is_same && leased.of(victim.slot) == 0 {
                if path < units {
                    break;
                }
                if self.evict_victim(call, victim)?.is_some() {
                    any = true;
                    gone += path;
                }
            }
            self.victims.lock().pop_front();
            if any && gone >= enough {
                break;
            }
        }
        Ok(any)
    }

    /// Evict the least recently released object that may go; returns its bytes.
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
            let found = victims(self.spans(&leased, false)?.into_iter())?;
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

    /// Evict this object unless it was used, pinned, deleted or leased since it was chosen.
    fn evict_victim(&self, call: &Call<'_>, victim: Victim) -> Result<Option<u64>> {
        let mut guard = self.lock(call)?;
        let record = self.record(victim.slot)?;
        let word = record.load();
        let same = word.generation() == victim.generation && word.is(State::Sealed);
        if !same || word.has(RecordWord::PINNED) || record.last_use.load(Relaxed) != victim.last_use
        {
            return Ok(None);
        }
        let (id, sizes) = (record.id(), record.sizes(word));
        self.doom(&mut guard, Hit { slot: victim.slot, word })?;
        let counters = &self.segment.header().counters;
        self.count(&counters.evictions, 1);
        self.count(&counters.evicted_bytes, sizes.all());
        drop(guard);
        self.append_event(EventKind::Evicted, &id, sizes);
        Ok(Some(sizes.all()))
    }

    /// Fold this client's own stamps: its ring goes with its file.
    pub fn fold_own_releases(&self) {
        // Best effort: of a store that is gone the order does not matter.
        let _ = self.visit_clients(|mut view| {
            if view.nonce() == self.own.nonce {
                view.fold_releases(|lease, ticks| fold(&self.segment, lease, ticks));
            }
            Ok(())
        });
    }

    /// Fold the stamps of all living clients; returns what they lease.
    fn fold_and_collect_leases(&self) -> Result<LeaseCounts> {
        let mut leases = LeaseCounts::new(self.segment.index().used())?;
        self.scan_clients(|mut view| {
            view.fold_releases(|lease, ticks| fold(&self.segment, lease, ticks));
            view.leases(|lease| self.count_lease(&mut leases, lease))
        })?;
        Ok(leases)
    }

    /// Every owned stretch of the heap with its lead, by address. Objects without memory have an
    /// empty one.
    fn spans(&self, leased: &LeaseCounts, reserved_only: bool) -> Result<Vec<Span>> {
        let mut spans = if reserved_only { self.unreserved_walls()? } else { Vec::new() };
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

    /// Chunks without memory behind them.
    fn unreserved_walls(&self) -> Result<Vec<Span>> {
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

/// Gaps between walls, by address: start and end. Walls are what may not be evicted, and all that
/// `keeps` says.
fn gaps<'a>(
    spans: &'a [Span],
    capacity: u64,
    keeps: impl Fn(Victim) -> bool + 'a,
) -> impl Iterator<Item = (u64, u64)> + 'a {
    let mut from = 0;
    let ends = spans
        .iter()
        .filter(move |span| span.victim.is_none_or(&keeps))
        .map(|wall| (wall.start, wall.start + wall.len))
        .chain(std::iter::once((capacity, capacity)));
    ends.filter_map(move |(start, end)| {
        let gap = (from, start);
        from = from.max(end);
        (gap.1 > gap.0).then_some(gap)
    })
}

/// The two longest gaps.
fn longest(gaps: impl Iterator<Item = (u64, u64)>) -> (u64, u64) {
    gaps.map(|(from, to)| to - from).fold((0, 0), |(first, second), len| {
        if len > first { (len, first) } else { (first, second.max(len)) }
    })
}

/// Whether gaps of these lengths, the two longest, hold the request.
fn holds((first, second): (u64, u64), data: u64, meta: u64) -> bool {
    let (large, small) = (data.max(meta), data.min(meta));
    first >= large && (small == 0 || second >= small || first >= large + small)
}

/// What may be evicted, oldest first.
fn victims(spans: impl Iterator<Item = Span>) -> Result<Vec<Victim>> {
    let mut by_age = fallible::collect(spans.filter_map(|span| span.victim))?;
    by_age.sort_unstable();
    by_age.dedup();
    Ok(by_age)
}

/// Which objects to evict so that the request fits: the oldest, no more than needed; `None` when it
/// would not fit if all of them were gone.
fn plan(spans: &[Span], capacity: u64, data: u64, meta: u64) -> Result<Option<Vec<Victim>>> {
    if data == 0 && meta == 0 {
        let mut by_age = victims(spans.iter().copied())?;
        by_age.truncate(1);
        return Ok((!by_age.is_empty()).then_some(by_age));
    }
    let all_gone = longest(gaps(spans, capacity, |_| false));
    if !holds(all_gone, data, meta) {
        return Ok(None);
    }
    // The shortest run of oldest objects whose going makes room; of those without memory it makes
    // none. What is enough stays so when more go.
    let mut by_age = victims(spans.iter().copied().filter(|span| span.len > 0))?;
    let too_few = |youngest: &Victim| {
        let left = gaps(spans, capacity, |victim| victim > *youngest);
        !holds(longest(left), data, meta)
    };
    by_age.truncate(by_age.partition_point(too_few) + 1);
    let last = by_age.last().copied();
    let goes = |span: &&Span| span.victim.is_some() && span.victim <= last;
    let units: u64 = spans.iter().filter(goes).map(|span| span.len).sum();
    // In one window there is room for both, data and metadata.
    if units > capacity / PATIENCE_PART && all_gone.0 >= data + meta {
        let window = oldest_gap(spans, capacity, data + meta)?;
        if !window.is_empty() {
            return Ok(Some(window));
        }
    }
    Ok(Some(by_age))
}

/// The objects in the window of `len` units, free of walls, whose youngest content is oldest.
fn oldest_gap(spans: &[Span], capacity: u64, len: u64) -> Result<Vec<Victim>> {
    let inside = |from: u64, to: u64| {
        let first = spans.partition_point(|span| span.start + span.len <= from);
        let here = spans[first..].iter().take_while(move |span| span.start < to);
        here.filter(|span| span.len > 0)
    };
    let mut best: Option<(u64, u64)> = None;
    for (from, to) in gaps(spans, capacity, |_| false).filter(|(from, to)| to - from >= len) {
        // Windows begin at the gap's start or where an object ends.
        let ends = inside(from, to).map(|span| span.start + span.len);
        for start in std::iter::once(from).chain(ends).filter(|start| start + len <= to) {
            let uses = inside(start, start + len).filter_map(|span| span.victim);
            let youngest = uses.map(|victim| victim.order).max().unwrap_or(0);
            if best.is_none_or(|(age, _)| youngest < age) {
                best = Some((youngest, start));
            }
        }
    }
    let Some((_, start)) = best else { return Ok(Vec::new()) };
    fallible::collect(inside(start, start + len).filter_map(|span| span.victim))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u64, len: u64, last_use: Option<u64>) -> Span {
        let victim = last_use.map(|last_use| Victim {
            order: last_use,
            last_use,
            slot: start as u32,
            generation: 1,
        });
        Span { start, len, victim }
    }

    fn ages(plan: Result<Option<Vec<Victim>>>) -> Option<Vec<u64>> {
        plan.unwrap().map(|victims| victims.iter().map(|victim| victim.last_use).collect())
    }

    #[test]
    fn what_no_gap_between_walls_can_hold_is_refused() {
        let spans = [span(0, 4, Some(1)), span(4, 1, None), span(5, 5, Some(2))];
        // By age both would go, for more than an eighth of the heap: the gap goes instead.
        assert_eq!(ages(plan(&spans, 10, 5, 0)), Some(vec![2]));
        assert_eq!(ages(plan(&spans, 10, 5, 4)), Some(vec![1, 2]));
        assert_eq!(ages(plan(&spans, 10, 6, 0)), None);
        assert_eq!(ages(plan(&spans, 10, 5, 5)), None);
        assert_eq!(ages(plan(&spans, 12, 2, 2)), Some(vec![1]));
    }

    #[test]
    fn no_more_goes_than_the_request_needs() {
        let spans: Vec<Span> = (0..64).map(|i| span(i * 2, 2, Some(100 - i))).collect();
        assert_eq!(ages(plan(&spans, 128, 2, 0)), Some(vec![37]));
        assert_eq!(ages(plan(&spans, 128, 3, 0)), Some(vec![37, 38]));
        assert_eq!(ages(plan(&spans, 128, 0, 0)), Some(vec![37]));
        assert_eq!(ages(plan(&spans, 130, 2, 2)), Some(vec![37]));
    }

    #[test]
    fn the_gap_with_the_oldest_content_is_chosen() {
        let spans =
            [span(0, 2, Some(9)), span(2, 2, Some(1)), span(4, 2, Some(2)), span(6, 2, Some(8))];
        let chosen: Vec<u64> =
            oldest_gap(&spans, 8, 4).unwrap().iter().map(|v| v.last_use).collect();
        assert_eq!(chosen, [1, 2]);
        assert_eq!(oldest_gap(&[span(0, 1, None)], 4, 4).unwrap(), []);
    }
}
