//! Eviction, in stores made with it: least recently released first, and only when it will help.
//!
//! There is no shared list. Each release leaves a stamp in a ring of the client's own file; before
//! a victim is chosen the stamps of all clients are folded into the records. Candidates come from a
//! scan of the table, sorted by last use and kept by this process; one whose stamp has moved since
//! is passed over and found again by the next scan. What is sealed or released later is younger
//! than all of them, so the order is exact while no ring overflows between two folds.

use super::recover::owned_extents;
use super::session::Session;
use super::words::LeaseSet;
use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::index::Hit;
use crate::layout::event::EventKind;
use crate::layout::extent::UNIT;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::segment::{Segment, all_set};
use crate::sync::Ordering::Relaxed;
use crate::sys::clock;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// When more than this part of the capacity would go in order of age, the gap with the oldest
/// content goes instead.
const PATIENCE_PART: u64 = 8;

/// Plans for one request: each may find that its victims were used meanwhile.
const ATTEMPTS: u32 = 8;

/// A sealed object that may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Victim {
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
pub(super) fn fold(segment: &Segment, lease: LeaseWord, ticks: u64) {
    // A client may write nonsense into its ring: a slot that is not there, or a time to come.
    if let Ok(record) = segment.index().record(lease.slot())
        && record.look().generation() == lease.generation()
        && ticks <= clock::ticks()
        && ticks > record.last_use.load(Relaxed)
    {
        record.last_use.fetch_max(ticks, Relaxed);
    }
}

impl Session {
    /// Evict until `bytes` of data are gone, or nothing may go; returns how many were.
    pub fn evict(&self, bytes: u64) -> Result<u64> {
        self.check_writable()?;
        if !self.segment.facts.lru() {
            return Err(Error::new(
                Status::Unsupported,
                "the store was made without eviction, nothing in it is ever evicted; delete objects",
            ));
        }
        let mut evicted = 0;
        while evicted < bytes {
            match self.evict_oldest()? {
                Some(size) => evicted += size,
                None => break,
            }
        }
        self.reclaim()?;
        Ok(evicted)
    }

    /// Evict what stands in the way of extents of so many units (0, 0: of a record); `false` when
    /// that cannot help. With `reserved_only`, memory that is not reserved is of no use.
    pub(super) fn evict_for(&self, data: u64, meta: u64, reserved_only: bool) -> Result<bool> {
        let capacity = self.segment.facts.geometry.units();
        for _ in 0..ATTEMPTS {
            let leased = self.fold_and_collect_leases()?;
            let mut evicted = self.evict_if_enough(&leased, data + meta)?;
            if !evicted {
                let spans = self.spans(&leased, reserved_only)?;
                let Some(victims) = plan(&spans, capacity, data, meta) else { return Ok(false) };
                for victim in victims {
                    evicted |= self.evict_victim(victim)?.is_some();
                }
            }
            if evicted {
                self.reclaim()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Evict the oldest object known so far if its place alone is enough: the usual case in a store
    /// of objects of one size, and it needs no look at all the others.
    fn evict_if_enough(&self, leased: &LeaseSet, units: u64) -> Result<bool> {
        let Some(victim) = self.victims.lock().front().copied() else { return Ok(false) };
        let place = self.record(victim.slot)?.data.load(0).len();
        if place < units || leased.has(LeaseWord::new(victim.generation, victim.slot).0) {
            return Ok(false);
        }
        self.victims.lock().pop_front();
        Ok(self.evict_victim(victim)?.is_some())
    }

    /// Evict the least recently released object that may go; returns its bytes.
    fn evict_oldest(&self) -> Result<Option<u64>> {
        let leased = self.fold_and_collect_leases()?;
        for _ in 0..2 {
            while let Some(victim) = self.next_victim() {
                let held = leased.has(LeaseWord::new(victim.generation, victim.slot).0);
                if !held && let Some(size) = self.evict_victim(victim)? {
                    return Ok(Some(size));
                }
            }
            let found: VecDeque<Victim> = {
                let mut found: Vec<Victim> = self
                    .spans(&leased, false)?
                    .into_iter()
                    .filter_map(|span| span.victim)
                    .collect();
                found.sort_unstable();
                found.dedup();
                found.into()
            };
            if found.is_empty() {
                return Ok(None);
            }
            *self.victims.lock() = found;
        }
        Ok(None)
    }

    fn next_victim(&self) -> Option<Victim> {
        self.victims.lock().pop_front()
    }

    /// Evict this object unless it was used, pinned, deleted or leased since it was chosen.
    fn evict_victim(&self, victim: Victim) -> Result<Option<u64>> {
        let mut guard = self.lock()?;
        let record = self.record(victim.slot)?;
        let word = record.look();
        let same = word.generation() == victim.generation && word.is(State::Sealed);
        if !same || word.has(RecordWord::PINNED) || record.last_use.load(Relaxed) != victim.last_use
        {
            return Ok(None);
        }
        let (id, size) = (record.id(), record.data.load(word.data_index()).size);
        self.doom(Hit { slot: victim.slot, word }).inspect_err(|_| guard.spoil())?;
        let counters = &self.segment.header().counters;
        self.count(&counters.evictions, 1);
        self.count(&counters.evicted_bytes, size);
        drop(guard);
        self.tell_evicted(&id, size);
        Ok(Some(size))
    }

    fn tell_evicted(&self, id: &ObjectId, size: u64) {
        self.append_event(EventKind::Evicted, id, size);
    }

    /// Fold this client's own stamps: its ring goes with its file.
    pub(super) fn fold_own_releases(&self) {
        // Best effort: of a store that is gone the order does not matter.
        let _ = self.visit_clients(|mut view| {
            if view.nonce == self.own.nonce {
                view.fold_releases(|lease, ticks| fold(&self.segment, lease, ticks));
            }
            Ok(())
        });
    }

    /// Fold the stamps of all living clients; returns what they lease.
    fn fold_and_collect_leases(&self) -> Result<LeaseSet> {
        let mut leases = Vec::new();
        self.visit_clients(|mut view| {
            view.fold_releases(|lease, ticks| fold(&self.segment, lease, ticks));
            view.leases(|lease| leases.push(lease.0))
        })?;
        Ok(LeaseSet::new(leases))
    }

    /// Every owned stretch of the heap, by address. Objects without memory have an empty one.
    fn spans(&self, leased: &LeaseSet, reserved_only: bool) -> Result<Vec<Span>> {
        let mut spans = if reserved_only { self.unreserved_walls() } else { Vec::new() };
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            let word = record.look();
            if word.is(State::Free) {
                continue;
            }
            let generation = word.generation();
            let wall = !word.is(State::Sealed)
                || word.has(RecordWord::PINNED)
                || leased.has(LeaseWord::new(generation, slot).0);
            let last_use = record.last_use.load(Relaxed);
            let victim = (!wall).then_some(Victim { last_use, slot, generation });
            let before = spans.len();
            for (_, extent) in owned_extents(record) {
                spans.push(Span { start: extent.start, len: extent.len(), victim });
            }
            if spans.len() == before && victim.is_some() {
                spans.push(Span { start: 0, len: 0, victim });
            }
        }
        spans.sort_unstable_by_key(|span| span.start);
        Ok(spans)
    }

    /// Chunks without memory behind them.
    fn unreserved_walls(&self) -> Vec<Span> {
        let geometry = &self.segment.facts.geometry;
        let reserved = &self.segment.header().reserved;
        let chunks = 0..geometry.capacity.div_ceil(geometry.chunk_size) as u32;
        let bare = chunks.filter(|chunk| !all_set(reserved, *chunk, *chunk));
        let wall = |chunk| {
            let (start, len) = self.segment.heap.chunk_range(chunk);
            Span { start: start / UNIT, len: len / UNIT, victim: None }
        };
        bare.map(wall).collect()
    }
}

/// Gaps between walls, by address: start and end.
fn gaps(spans: &[Span], capacity: u64) -> Vec<(u64, u64)> {
    let mut gaps = Vec::new();
    let mut from = 0;
    for wall in spans.iter().filter(|span| span.victim.is_none()) {
        if wall.start > from {
            gaps.push((from, wall.start));
        }
        from = from.max(wall.start + wall.len);
    }
    if from < capacity {
        gaps.push((from, capacity));
    }
    gaps
}

/// Whether gaps of these lengths, the two largest, hold the request.
fn holds((first, second): (u64, u64), data: u64, meta: u64) -> bool {
    let (large, small) = (data.max(meta), data.min(meta));
    first >= large && (small == 0 || second >= small || first >= large + small)
}

/// Which objects to evict so that the request fits: the oldest, no more than needed; `None` when it
/// would not fit if all of them were gone.
fn plan(spans: &[Span], capacity: u64, data: u64, meta: u64) -> Option<Vec<Victim>> {
    let mut by_age: Vec<Victim> = spans.iter().filter_map(|span| span.victim).collect();
    by_age.sort_unstable();
    by_age.dedup();
    if data == 0 && meta == 0 {
        return by_age.first().map(|oldest| vec![*oldest]);
    }
    let mut lens: Vec<u64> = gaps(spans, capacity).iter().map(|(from, to)| to - from).collect();
    lens.sort_unstable_by(|a, b| b.cmp(a));
    let largest = |i: usize| lens.get(i).copied().unwrap_or(0);
    if !holds((largest(0), largest(1)), data, meta) {
        return None;
    }
    let prefix = oldest_first(spans, capacity, data, meta, by_age);
    let units: u64 = {
        let chosen: HashSet<Victim> = prefix.iter().copied().collect();
        let gone = |span: &&Span| span.victim.is_some_and(|victim| chosen.contains(&victim));
        spans.iter().filter(gone).map(|span| span.len).sum()
    };
    if units <= capacity / PATIENCE_PART || holds_only_apart(&lens, data, meta) {
        return Some(prefix);
    }
    // In one window there is room for both, data and metadata.
    let window = oldest_gap(spans, capacity, data + meta);
    Some(if window.is_empty() { prefix } else { window })
}

/// Whether data and metadata do not fit into one gap together.
fn holds_only_apart(lens: &[u64], data: u64, meta: u64) -> bool {
    lens.first().is_none_or(|largest| *largest < data + meta)
}

/// The shortest run of oldest objects whose going makes room.
fn oldest_first(
    spans: &[Span],
    capacity: u64,
    data: u64,
    meta: u64,
    by_age: Vec<Victim>,
) -> Vec<Victim> {
    let mut places: HashMap<Victim, Vec<(u64, u64)>> = HashMap::new();
    for span in spans.iter().filter(|span| span.len > 0) {
        if let Some(victim) = span.victim {
            places.entry(victim).or_default().push((span.start, span.start + span.len));
        }
    }
    // What is free already, by start and by end, and how often each length occurs.
    let all_walls: Vec<Span> = spans.iter().map(|span| Span { victim: None, ..*span }).collect();
    let mut free = FreeRuns::default();
    gaps(&all_walls, capacity).into_iter().for_each(|(from, to)| free.add(from, to));
    let mut chosen = Vec::new();
    for victim in by_age {
        // The going of an object without memory makes no room.
        let Some(extents) = places.get(&victim) else { continue };
        chosen.push(victim);
        for (from, to) in extents {
            free.add(*from, *to);
        }
        if holds(free.largest_two(), data, meta) {
            break;
        }
    }
    chosen
}

/// Free runs that grow together.
#[derive(Default)]
struct FreeRuns {
    by_start: BTreeMap<u64, u64>,
    lens: BTreeMap<u64, u32>,
}

impl FreeRuns {
    fn add(&mut self, mut from: u64, mut to: u64) {
        if let Some((start, end)) = self.by_start.range(..from).next_back().map(|(s, e)| (*s, *e))
            && end == from
        {
            self.remove(start, end);
            from = start;
        }
        if let Some(end) = self.by_start.get(&to).copied() {
            self.remove(to, end);
            to = end;
        }
        self.by_start.insert(from, to);
        *self.lens.entry(to - from).or_default() += 1;
    }

    fn remove(&mut self, from: u64, to: u64) {
        self.by_start.remove(&from);
        if let Some(count) = self.lens.get_mut(&(to - from)) {
            *count -= 1;
            if *count == 0 {
                self.lens.remove(&(to - from));
            }
        }
    }

    fn largest_two(&self) -> (u64, u64) {
        let mut lens = self.lens.iter().rev();
        match lens.next() {
            None => (0, 0),
            Some((first, count)) if *count > 1 => (*first, *first),
            Some((first, _)) => (*first, lens.next().map_or(0, |(second, _)| *second)),
        }
    }
}

/// The objects in the window of `len` units, free of walls, whose youngest content is oldest.
fn oldest_gap(spans: &[Span], capacity: u64, len: u64) -> Vec<Victim> {
    let mut best: Option<(u64, Vec<Victim>)> = None;
    for (from, to) in gaps(spans, capacity).into_iter().filter(|(from, to)| to - from >= len) {
        let inside: Vec<(&Span, Victim)> = spans
            .iter()
            .filter(|span| span.len > 0 && span.start >= from && span.start + span.len <= to)
            .filter_map(|span| span.victim.map(|victim| (span, victim)))
            .collect();
        // Windows begin at the gap's start or where an object ends.
        let starts =
            std::iter::once(from).chain(inside.iter().map(|(span, _)| span.start + span.len));
        for start in starts.filter(|start| start + len <= to) {
            let first = inside.partition_point(|(span, _)| span.start + span.len <= start);
            let window: Vec<Victim> = inside[first..]
                .iter()
                .take_while(|(span, _)| span.start < start + len)
                .map(|(_, victim)| *victim)
                .collect();
            let youngest = window.iter().map(|victim| victim.last_use).max().unwrap_or(0);
            if best.as_ref().is_none_or(|(age, _)| youngest < *age) {
                best = Some((youngest, window));
            }
        }
    }
    best.map_or_else(Vec::new, |(_, window)| window)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u64, len: u64, last_use: Option<u64>) -> Span {
        let victim =
            last_use.map(|last_use| Victim { last_use, slot: start as u32, generation: 1 });
        Span { start, len, victim }
    }

    fn ages(plan: Option<Vec<Victim>>) -> Option<Vec<u64>> {
        plan.map(|victims| victims.iter().map(|victim| victim.last_use).collect())
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
        let chosen: Vec<u64> = oldest_gap(&spans, 8, 4).iter().map(|v| v.last_use).collect();
        assert_eq!(chosen, [1, 2]);
        assert_eq!(oldest_gap(&[span(0, 1, None)], 4, 4), []);
    }
}
