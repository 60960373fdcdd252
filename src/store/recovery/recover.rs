//! Recovery: make everything again that is derived from the object table.
//!
//! Runs when the writer lock was taken from the dead, or was left needing it. Idempotent: it can be
//! killed at any point, and the next one begins anew. Readers go on meanwhile and notice nothing,
//! unless the chains have to be made anew: while the rebuild sequence is odd a lookup that misses scans the
//! table.

use crate::error::{Error, Result, Status};
use crate::layout::extent::Extent;
use crate::layout::record::Record;
use crate::layout::word::{RecordWord, State};
use crate::protocols::alloc::{self, Allocator, Outcome, OwnedExtent};
use crate::store::lock::acquire::Guard;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering;

impl Session {
    /// Recover, holding the lock.
    pub fn recover(&self, _guard: &Guard<'_>) -> Result<()> {
        let index = self.segment.index();
        self.mend_header()?;
        self.segment.abandoned().take();
        self.free_orphans()?;
        self.rebuild_allocator()?;
        self.segment.header().shards.iter().for_each(|shard| shard.slot_cache.reset());
        self.segment.slots().rebuild(&index)?;
        self.rebuild_limbo()?;
        self.mend_reserved()?;
        if !index.mend_chains()? {
            index.begin_rebuild();
            index.rebuild_chains()?;
        }
        self.append_gap();
        self.count(&self.segment.header().counters.recoveries, 1);
        index.end_rebuild();
        self.segment.wake_everybody();
        Ok(())
    }

    /// WRITING records of the dead, and those that were given up, become FREE; what they owned is found
    /// free by the rebuild.
    fn free_orphans(&self) -> Result<()> {
        let mut judged: Option<((u32, u64), bool)> = None;
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            loop {
                let word = record.load();
                if word.state().is_none() {
                    return Err(nonsense(slot, word));
                }
                if !word.is(State::Writing) {
                    break;
                }
                let creator = (
                    record.creator_slot.load(Ordering::Relaxed),
                    record.creator_nonce.load(Ordering::Relaxed),
                );
                let alive = match judged {
                    Some((known, alive)) if known == creator => alive,
                    _ => self.is_client_alive(creator.0, creator.1),
                };
                judged = Some((creator, alive));
                let next = word.generation().saturating_add(1);
                // A failed swap: it was sealed before its creator left.
                let given_up = word.has(RecordWord::ABANDONED);
                let why = if given_up { 0 } else { RecordWord::ORPHANED };
                let free = RecordWord::new(next, why, State::Free);
                if alive && !given_up || record.swap(word, free).is_ok() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn rebuild_allocator(&self) -> Result<()> {
        let mut owned = fallible::with_room(self.segment.index().used() as usize)?;
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            if record.load().is(State::Free) {
                continue;
            }
            for (which, extent) in owned_extents(record) {
                let tag = u64::from(slot) << 2 | which as u64;
                let extent = OwnedExtent { start: extent.start, len: extent.len(), tag };
                fallible::push(&mut owned, extent)?;
            }
        }
        loop {
            let capacity = self.segment.facts.geometry.units();
            let rebuilt =
                self.segment.allocator().rebuild(capacity, &mut owned, &mut |tag, block| {
                    if let Ok(record) = self.record((tag >> 2) as u32) {
                        // An extent in both places of a pair is one block.
                        let which = (tag & 3) as usize;
                        record.blocks[which].store(block, Ordering::Relaxed);
                        if same_place(record, which) {
                            record.blocks[which ^ 1].store(block, Ordering::Relaxed);
                        }
                    }
                })?;
            match rebuilt {
                Outcome::NeedBlocks(count) => self.reserve_blocks_locked(count)?,
                _ => return Ok(()),
            }
        }
    }

    fn rebuild_limbo(&self) -> Result<()> {
        self.segment.header().shards.iter().for_each(|shard| shard.limbo.reset());
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            let word = record.load();
            if word.is(State::Doomed) {
                let shard = self.shard(record.creator_slot.load(Ordering::Relaxed));
                shard.limbo.push(slot, record, word);
            }
        }
        Ok(())
    }
}

/// Whether both extents of the pair that `which` belongs to begin at one place.
fn same_place(record: &Record, which: usize) -> bool {
    let pair = if which < 2 { &record.data } else { &record.meta };
    let (a, b) = (pair.load(0), pair.load(1));
    !a.is_empty() && !b.is_empty() && a.start == b.start
}

/// All heap that a record owns: place (data 0, data 1, metadata 0, metadata 1) and extent.
pub fn owned_extents(record: &Record) -> impl Iterator<Item = (usize, Extent)> {
    [(0, &record.data), (2, &record.meta)].into_iter().flat_map(|(which, pair)| {
        let (a, b) = (pair.load(0), pair.load(1));
        let same = !a.is_empty() && !b.is_empty() && a.start == b.start;
        let keep_a = !a.is_empty() && (!same || a.len() >= b.len());
        let keep_b = !b.is_empty() && (!same || a.len() < b.len());
        let first = keep_a.then_some((which, a));
        first.into_iter().chain(keep_b.then_some((which + 1, b)))
    })
}

/// Units before an extent of a record that become free with it. Without the lock the block may be
/// another's by now: then none.
pub fn lead_of(allocator: &Allocator<'_>, record: &Record, which: usize, extent: Extent) -> u64 {
    let block = record.blocks[which].load(Ordering::Relaxed);
    let extent = alloc::Extent { start: extent.start, len: extent.len(), block };
    allocator.lead_of(extent).unwrap_or(0)
}

#[cold]
fn nonsense(slot: u32, word: RecordWord) -> Error {
    Error::new(Status::Corrupt, format!("record {slot} holds {:#x}", word.0))
}
