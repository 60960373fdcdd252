//! The search for a window: consecutive blocks whose objects may all be evicted.
//!
//! Whether an object may go is read from the order of use, which is dense, and whose object a block
//! is, from the block. When a window is chosen, the records decide. If an object may not go after all
//! (its seal is not complete), the search begins again and looks at all records on its way.

use crate::error::{Error, Result, Status};
use crate::protocols::alloc::Stretch;
use crate::protocols::index::Hit;
use crate::store::memory::allocate::reserved_run;
use crate::store::memory::victims::{Need, Search};
use crate::store::memory::window::{Best, Piece, Window};
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;
use crate::sync::local;
use std::ops::Range;

/// The most runs whose surroundings are searched.
const RUNS: usize = 8;

/// A search ends after this many blocks, and [`PATIENCE`] for each object in the best window.
const LOOK: u64 = 64;
const PATIENCE: u64 = 4;

/// What a search for windows knows besides.
#[derive(Default)]
struct Known {
    /// A bit for each slot: its object is chosen.
    chosen: Vec<u64>,
    /// The records are looked at.
    careful: bool,
    /// A window that is chosen already.
    taken: Range<u64>,
    /// Blocks that were looked at.
    looked: u64,
}

impl Known {
    fn is_chosen(&self, slot: u32) -> bool {
        self.chosen.get(slot as usize / 64).is_some_and(|bits| bits >> (slot % 64) & 1 == 1)
    }

    fn set_chosen(&mut self, slot: u32) {
        if let Some(bits) = self.chosen.get_mut(slot as usize / 64) {
            *bits |= 1 << (slot % 64);
        }
    }
}

impl Search<'_> {
    /// Chooses the objects of a window that holds the request, or of one for each of its parts;
    /// whether there is one.
    pub fn search_windows(&mut self, need: Need) -> Result<bool> {
        let seeds = self.chosen.len();
        for careful in [false, true] {
            let slots = self.locked.session.segment.index().used() as usize;
            let chosen = fallible::repeat(0, slots.div_ceil(64))?;
            let mut known = Known { careful, chosen, ..Known::default() };
            self.chosen.iter().for_each(|hit| known.set_chosen(hit.slot));
            match self.choose_windows(need, &mut known)? {
                Some(found) => return Ok(found),
                // A hint was wrong.
                None => self.chosen.truncate(seeds),
            }
        }
        Ok(false)
    }

    /// Chooses windows; `None` if an object may not go although the hints said so.
    fn choose_windows(&mut self, need: Need, known: &mut Known) -> Result<Option<bool>> {
        if !need.reserved_only
            && let Some(best) = self.search_surroundings(need.all(), known)?
        {
            return self.choose_window(best, known);
        }
        if let Some(best) = self.search_heap(need.all(), need.reserved_only, known)? {
            return self.choose_window(best, known);
        }
        let (large, small) = (need.data.max(need.meta), need.data.min(need.meta));
        if small == 0 {
            return Ok(Some(false));
        }
        for part in [large, small] {
            let Some(best) = self.search_heap(part, need.reserved_only, known)? else {
                return Ok(Some(false));
            };
            let Some(_) = self.choose_window(best, known)? else { return Ok(None) };
            known.taken = best.start..best.end;
        }
        Ok(Some(true))
    }

    /// Slides a window over the surroundings of the longest runs.
    fn search_surroundings(&mut self, need: u64, known: &mut Known) -> Result<Option<Best>> {
        self.seeds.sort_unstable_by_key(|&(run, _)| std::cmp::Reverse(run));
        let (mut best, mut seen): (Option<Best>, [Range<u64>; RUNS]) = Default::default();
        for at in 0..RUNS.min(self.seeds.len()) {
            let own = self.allocator.stretch(self.seeds[at].1)?;
            if seen.iter().any(|seen| seen.contains(&own.start)) {
                continue;
            }
            let limit = best.map_or(u64::MAX, |best| LOOK + PATIENCE * best.objects);
            if known.looked > limit {
                break;
            }
            let mut window = Window::new(need);
            seen[at] = self.slide_around(&own, &mut window, limit, known)?;
            let is_better = |found: &Best| best.is_none_or(|best| found.cost < best.cost);
            best = window.best.filter(is_better).or(best);
        }
        Ok(best)
    }

    /// Slides a window over the surroundings of a block, alternately to each side and at most three
    /// quarters as far as it is long; returns what it saw.
    fn slide_around(
        &mut self,
        own: &Stretch,
        window: &mut Window,
        limit: u64,
        known: &mut Known,
    ) -> Result<Range<u64>> {
        let mut sides = [Vec::new(), Vec::new()];
        let (mut open, mut at) = ([true, true], [*own, *own]);
        let reach = window.need - window.need / 4;
        while (open[0] || open[1]) && known.looked < limit {
            for side in 0..2 {
                let far = own.start - at[0].start.min(own.start) >= reach && side == 0
                    || at[1].end() - own.end() >= reach && side == 1;
                if !open[side] || far {
                    open[side] = false;
                    continue;
                }
                let next = match side {
                    0 => self.allocator.stretch_before(&at[0])?,
                    _ => self.allocator.stretch_after(&at[1])?,
                };
                known.looked += 1;
                let piece = match &next {
                    Some(next) => self.piece(next, known)?,
                    None => None,
                };
                open[side] = piece.is_some() && self.step()?;
                if let (Some(next), Some(piece)) = (next, piece) {
                    fallible::push(&mut sides[side], piece)?;
                    at[side] = next;
                }
            }
        }
        let [before, after] = &sides;
        let middle = self.piece(own, known)?;
        before
            .iter()
            .rev()
            .chain(&middle)
            .chain(after)
            .try_for_each(|piece| window.push(*piece))?;
        Ok(at[0].start..at[1].end())
    }

    /// Slides a window over the whole heap, from where the last search found one.
    fn search_heap(
        &mut self,
        need: u64,
        reserved_only: bool,
        known: &mut Known,
    ) -> Result<Option<Best>> {
        let turn = &self.locked.session.window_turn;
        let first = self.allocator.first_stretch()?;
        let start = match turn.load(local::Ordering::Relaxed) {
            0 => first,
            block => self.allocator.stretch(block).unwrap_or(first),
        };
        let mut window = Window::new(need);
        let (mut next, mut wrapped, mut since) = (Some(start), false, 0);
        loop {
            let Some(block) = next.filter(|block| !wrapped || block.start < start.start) else {
                if wrapped {
                    break;
                }
                (wrapped, next) = (true, Some(first));
                window.wall();
                continue;
            };
            if !self.step()? {
                return Ok(None);
            }
            match self.piece(&block, known)? {
                Some(piece) if block.free && reserved_only => {
                    self.push_reserved(piece, &mut window)?;
                }
                Some(piece) => window.push(piece)?,
                None => window.wall(),
            }
            since += u64::from(window.best.is_some());
            if window.best.is_some_and(|best| since > LOOK + PATIENCE * best.objects) {
                break;
            }
            next = self.allocator.stretch_after(&block)?;
        }
        let end = window.best.map_or(Ok(0), |best| self.used_after(best.last))?;
        turn.store(end, local::Ordering::Relaxed);
        Ok(window.best)
    }

    /// The first used block after this one; 0 if there is none.
    fn used_after(&self, block: u32) -> Result<u32> {
        let mut after = self.allocator.stretch_after(&self.allocator.stretch(block)?)?;
        if let Some(free) = after.filter(|after| after.free) {
            after = self.allocator.stretch_after(&free)?;
        }
        Ok(after.map_or(0, |after| after.block))
    }

    /// Adds the reserved parts of a free block.
    fn push_reserved(&self, free: Piece, window: &mut Window) -> Result<()> {
        let segment = &self.locked.session.segment;
        let (mut at, end) = (free.start, free.start + free.len);
        while let Some((from, to)) = reserved_run(segment, at, end) {
            if from > at {
                window.wall();
            }
            window.push(Piece { start: from, len: to - from, ..free })?;
            at = to;
        }
        if at < end {
            window.wall();
        }
        Ok(())
    }

    /// What a block costs; `None` for a wall.
    fn piece(&self, block: &Stretch, known: &Known) -> Result<Option<Piece>> {
        let Stretch { block: number, start, len, free, owner, .. } = *block;
        let piece = |cost| Ok(Some(Piece { block: number, start, len, cost }));
        if known.taken.contains(&start) {
            return Ok(None);
        }
        if free {
            return piece(0.0);
        }
        let Some((slot, used)) = owner.and_then(|slot| Some((slot, self.order.used(slot)?))) else {
            return Ok(None);
        };
        if used.held {
            return if known.is_chosen(slot) { piece(0.0) } else { Ok(None) };
        }
        let is_leased = !self.leased.is_empty() && self.leased.contains(&u64::from(slot));
        if used.unsealed || is_leased || known.careful && self.owner(number, slot)?.is_none() {
            return Ok(None);
        }
        let age = self.now.saturating_sub(used.stamp).max(1) as f64;
        piece(len as f64 / (age * age))
    }

    /// The object that owns a block, if it may go.
    fn owner(&self, block: u32, slot: u32) -> Result<Option<Hit>> {
        let Some((record, word)) = self.may_go(slot)? else { return Ok(None) };
        let own = [word.data_index(), 2 + word.meta_index()];
        if own.iter().any(|&which| record.blocks[which].load(Relaxed) == block) {
            return Ok(Some(Hit { slot, word }));
        }
        Err(Error::new(Status::Corrupt, format!("block {block} does not belong to record {slot}")))
    }

    /// Chooses the objects in a window; `None` if one of them may not go.
    fn choose_window(&mut self, best: Best, known: &mut Known) -> Result<Option<bool>> {
        let mut next = Some(self.allocator.stretch(best.block)?);
        while let Some(block) = next.filter(|block| block.start < best.end) {
            if !block.free
                && let Some(slot) = block.owner
                && !known.is_chosen(slot)
            {
                let Some(hit) = self.owner(block.block, slot)? else { return Ok(None) };
                known.set_chosen(slot);
                fallible::push(&mut self.chosen, hit)?;
            }
            next = self.allocator.stretch_after(&block)?;
        }
        Ok(Some(true))
    }
}
