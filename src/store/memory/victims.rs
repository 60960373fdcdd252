//! The search for objects whose eviction makes room for a request, under the writer lock. Nothing
//! is evicted before a place is found.
//!
//! 1. The oldest object goes alone if its memory and the free memory beside it suffice.
//! 2. Otherwise the oldest are joined into runs, until a run suffices, as many units are chosen as
//!    the request needs, or [`SEEDS`] objects.
//! 3. Otherwise a window slides over the surroundings of the longest runs, between walls.
//! 4. Otherwise it slides over the whole heap. So "no place" is exact.
//!
//! Objects that are met and may not go count as used now, so no search meets them soon again.

use crate::error::Result;
use crate::layout::record::Record;
use crate::layout::word::{RecordWord, State};
use crate::protocols::alloc::{Allocator, Stretch};
use crate::protocols::index::Hit;
use crate::protocols::order::Order;
use crate::store::call::Call;
use crate::store::clients::lease_counts::WordSet;
use crate::store::lock::locked::Locked;
use crate::store::memory::extents::owned_extents;
use crate::store::memory::runs::Runs;
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;

/// The most objects that are chosen by their age alone when the request needs a run of several.
const SEEDS: usize = 256;

/// The scan of all leases is shared by up to this many objects, and by this part of the capacity.
pub const SHARED: usize = 16;
pub const SHARED_PART: u64 = 512;

/// Between two looks at the interruptions and the deadline of the call.
const STEPS: u64 = 1024;

/// Memory that a request needs, in units.
#[derive(Clone, Copy)]
pub struct Need {
    pub data: u64,
    pub meta: u64,
    /// Memory that is not reserved is of no use.
    pub reserved_only: bool,
}

impl Need {
    pub fn all(self) -> u64 {
        self.data + self.meta
    }

    /// Whether two stretches of these lengths hold it.
    fn fits(self, (first, second): (u64, u64)) -> bool {
        let (large, small) = (self.data.max(self.meta), self.data.min(self.meta));
        first >= large && (small == 0 || second >= small || first >= large + small)
    }
}

/// The objects that a search chose.
pub struct Search<'a> {
    pub locked: &'a Locked<'a>,
    pub call: &'a Call<'a>,
    pub allocator: Allocator<'a>,
    pub order: Order<'a>,
    /// Slots of objects with leases.
    pub leased: &'a WordSet,
    pub now: u64,
    /// Those that were chosen by their age alone are held in the order of use, and come first.
    pub chosen: Vec<Hit>,
    units: u64,
    /// The slots of objects that may not go, or whose memory is of no use.
    passed: Vec<u32>,
    runs: Runs,
    /// The length of the run of each chosen object when it was chosen, and its block.
    pub seeds: Vec<(u64, u32)>,
    /// The free block that was longest when the search began is not in a run.
    longest_free: u64,
    steps: u64,
}

impl<'a> Search<'a> {
    pub fn new(locked: &'a Locked<'a>, call: &'a Call<'a>, leased: &'a WordSet) -> Result<Self> {
        let segment = &locked.session.segment;
        let allocator = segment.allocator();
        Ok(Self {
            longest_free: allocator.largest_free()?,
            allocator,
            order: segment.order(),
            now: segment.facts.ticks_source().now(),
            locked,
            call,
            leased,
            chosen: Vec::new(),
            units: 0,
            passed: Vec::new(),
            runs: Runs::default(),
            seeds: Vec::new(),
            steps: 0,
        })
    }

    /// Chooses the oldest objects, until `count` objects or `units` units are chosen.
    pub fn choose_oldest(mut self, count: usize, units: u64) -> Result<Vec<Hit>> {
        let chosen = self.add_oldest(count, units);
        self.finish(chosen.map(|()| true))
    }

    /// Chooses objects that make room for the request; none if nothing does.
    pub fn make_room(mut self, need: Need) -> Result<Vec<Hit>> {
        let found = self.find_room(need);
        let found = match found {
            Ok(true) if self.chosen.len() < SHARED => {
                // The objects of a window are not held yet.
                self.chosen.iter().for_each(|hit| self.order.hold(hit.slot));
                let capacity = self.locked.session.segment.facts.geometry.units();
                self.add_oldest(SHARED, capacity / SHARED_PART).map(|()| true)
            }
            other => other,
        };
        self.finish(found)
    }

    fn find_room(&mut self, need: Need) -> Result<bool> {
        if need.all() == 0 {
            self.add_oldest(1, 1)?;
            return Ok(!self.chosen.is_empty());
        }
        if !need.reserved_only {
            while self.chosen.len() < SEEDS && self.passed.len() < 4 * SEEDS {
                let Some(hit) = self.take_oldest()? else { break };
                self.choose(hit, true)?;
                if need.fits(self.runs.longest_with(self.longest_free)) {
                    return Ok(true);
                }
                if self.units >= need.all() {
                    break;
                }
            }
        }
        self.search_windows(need)
    }

    /// Ends the search: unless it evicts, what it holds goes back into the order of use.
    fn finish(self, found: Result<bool>) -> Result<Vec<Hit>> {
        for &slot in &self.passed {
            self.order.let_go(slot, self.now);
        }
        if let Ok(true) = found {
            return Ok(self.chosen);
        }
        let is_held = |hit: &&Hit| self.order.used(hit.slot).is_some_and(|used| used.held);
        self.chosen.iter().filter(is_held).for_each(|hit| self.order.let_go(hit.slot, 0));
        found.map(|_| Vec::new())
    }

    /// Whether the search may go on; looks at the call now and then.
    pub fn step(&mut self) -> Result<bool> {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS) {
            self.call.ensure_not_ended()?;
            return Ok(!self.call.is_late());
        }
        Ok(true)
    }

    /// Takes the oldest object that may go out of the order of use.
    fn take_oldest(&mut self) -> Result<Option<Hit>> {
        while self.step()?
            && let Some(oldest) = self.order.take_oldest()
        {
            let slot = oldest.slot;
            if let Some((_, word)) = self.may_go(slot)? {
                return Ok(Some(Hit { slot, word }));
            }
            let word = self.locked.session.record(slot)?.load();
            let is_wall = word.is(State::Writing) || word.is_settled();
            if is_wall && !word.has(RecordWord::PINNED) {
                fallible::push(&mut self.passed, slot)?;
            }
        }
        Ok(None)
    }

    /// The record of an object that may go, by its word.
    pub fn may_go(&self, slot: u32) -> Result<Option<(&'a Record, RecordWord)>> {
        let record = self.locked.session.segment.record(slot)?;
        let word = record.load();
        let goes = word.is_settled()
            && !word.has(RecordWord::PINNED)
            && !self.leased.contains(&u64::from(slot));
        Ok(goes.then_some((record, word)))
    }

    fn add_oldest(&mut self, count: usize, units: u64) -> Result<()> {
        while self.chosen.len() < count && self.units < units {
            let Some(hit) = self.take_oldest()? else { break };
            self.choose(hit, false)?;
        }
        Ok(())
    }

    /// Chooses an object that was taken out of the order of use.
    fn choose(&mut self, hit: Hit, join: bool) -> Result<()> {
        fallible::push(&mut self.chosen, hit)?;
        let record = self.locked.session.segment.record(hit.slot)?;
        for (which, extent) in owned_extents(record) {
            self.units += extent.len();
            let block = record.blocks[which].load(Relaxed);
            if join && let Ok(stretch) = self.allocator.stretch(block) {
                let run = self.join(stretch)?;
                fallible::push(&mut self.seeds, (run, block))?;
            }
        }
        Ok(())
    }

    /// Joins a chosen block with the runs and the free memory beside it; returns the length.
    fn join(&mut self, block: Stretch) -> Result<u64> {
        let (mut start, mut end) = (block.start, block.end());
        if let Some(from) = self.runs.take_before(start) {
            start = from;
        } else if let Some(before) = self.allocator.stretch_before(&block)?.filter(|it| it.free) {
            start = before.start;
            self.note_in_run(before.len);
        }
        if let Some(to) = self.runs.take_after(end) {
            end = to;
        } else if let Some(after) = self.allocator.stretch_after(&block)?.filter(|it| it.free) {
            end = after.end();
            self.note_in_run(after.len);
        }
        self.runs.add(start, end)?;
        Ok(end - start)
    }

    fn note_in_run(&mut self, free: u64) {
        if free == self.longest_free {
            self.longest_free = 0;
        }
    }
}
