//! Eviction plans: the choice of objects to evict for a request.

use crate::error::Result;
use crate::support::fallible;

/// If more than this fraction of the capacity would go in order of age, the gap with the oldest
/// content is evicted instead.
const PATIENCE_PART: u64 = 8;

/// A sealed object that may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Victim {
    /// Its position in the order of age when it was chosen.
    pub order: u64,
    pub last_use: u64,
    pub slot: u32,
    pub generation: u32,
}

/// A stretch of heap as eviction sees it.
#[derive(Clone, Copy)]
pub struct Span {
    pub start: u64,
    pub len: u64,
    /// The object that could be evicted; `None` for a wall.
    pub victim: Option<Victim>,
}

/// The gaps between walls, by address: start and end. A wall is a span that may not be evicted, or
/// whose victim `keeps` accepts.
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

/// Whether gaps of these lengths, the two longest, can hold the request.
fn holds((first, second): (u64, u64), data: u64, meta: u64) -> bool {
    let (large, small) = (data.max(meta), data.min(meta));
    first >= large && (small == 0 || second >= small || first >= large + small)
}

/// The objects that may be evicted, oldest first.
pub fn victims(spans: impl Iterator<Item = Span>) -> Result<Vec<Victim>> {
    let mut by_age = fallible::collect(spans.filter_map(|span| span.victim))?;
    by_age.sort_unstable();
    by_age.dedup();
    Ok(by_age)
}

/// The objects to evict so that the request fits: the oldest, and no more than needed; `None` if
/// the request would not fit even without all of them.
pub fn plan(spans: &[Span], capacity: u64, data: u64, meta: u64) -> Result<Option<Vec<Victim>>> {
    if data == 0 && meta == 0 {
        let mut by_age = victims(spans.iter().copied())?;
        by_age.truncate(1);
        return Ok((!by_age.is_empty()).then_some(by_age));
    }
    let all_gone = longest(gaps(spans, capacity, |_| false));
    if !holds(all_gone, data, meta) {
        return Ok(None);
    }
    // The shortest run of oldest objects whose eviction makes room. Objects without memory make
    // none. A sufficient run stays sufficient if it is longer.
    let mut by_age = victims(spans.iter().copied().filter(|span| span.len > 0))?;
    let too_few = |youngest: &Victim| {
        let left = gaps(spans, capacity, |victim| victim > *youngest);
        !holds(longest(left), data, meta)
    };
    by_age.truncate(by_age.partition_point(too_few) + 1);
    let last = by_age.last().copied();
    let goes = |span: &&Span| span.victim.is_some() && span.victim <= last;
    let units: u64 = spans.iter().filter(goes).map(|span| span.len).sum();
    // One window has room for both data and metadata.
    if units > capacity / PATIENCE_PART && all_gone.0 >= data + meta {
        let window = oldest_gap(spans, capacity, data + meta)?;
        if !window.is_empty() {
            return Ok(Some(window));
        }
    }
    Ok(Some(by_age))
}

/// The objects in the window of `len` units without walls whose youngest content is oldest.
fn oldest_gap(spans: &[Span], capacity: u64, len: u64) -> Result<Vec<Victim>> {
    let inside = |from: u64, to: u64| {
        let first = spans.partition_point(|span| span.start + span.len <= from);
        let here = spans[first..].iter().take_while(move |span| span.start < to);
        here.filter(|span| span.len > 0)
    };
    let mut best: Option<(u64, u64)> = None;
    for (from, to) in gaps(spans, capacity, |_| false).filter(|(from, to)| to - from >= len) {
        // Windows begin at the start of the gap or where an object ends.
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
        // In order of age both would go, more than an eighth of the heap: the gap goes instead.
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
