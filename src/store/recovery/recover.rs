//! Recovery: every structure that derives from the object table is rebuilt.
//!
//! It runs after the writer lock was taken from a dead owner, or was released in need of recovery.
//! It is idempotent: it can be killed at any point, and the next recovery starts from the
//! beginning. Readers continue during a recovery and do not notice it, unless the chains are
//! rebuilt: while the rebuild sequence is odd, a lookup that misses scans the table.

use crate::error::{Error, Result, Status};
use crate::layout::word::{RecordWord, State};
use crate::protocols::alloc::{Outcome, OwnedExtent};
use crate::store::lock::locked::Locked;
use crate::store::memory::extents::{owned_extents, same_place};
use crate::support::fallible;
use crate::sync::Ordering;

impl Locked<'_> {
    /// Recovers.
    pub fn recover(&self) -> Result<()> {
        let segment = &self.session.segment;
        let index = segment.index();
        self.repair_header()?;
        self.session.segment.abandoned().take();
        self.free_orphans()?;
        self.rebuild_allocator()?;
        self.session.segment.header().shards.iter().for_each(|shard| shard.slot_cache.reset());
        self.session.segment.slots().rebuild(&index)?;
        self.rebuild_limbo()?;
        if segment.facts.lru() {
            self.rebuild_order();
        }
        self.repair_reserved()?;
        if !index.mend_chains()? {
            index.begin_rebuild();
            self.repair_buckets()?;
            index.rebuild_chains()?;
        }
        self.session.append_gap();
        self.session.count(&self.session.segment.header().counters.recoveries, 1);
        index.end_rebuild();
        self.session.segment.wake_everybody();
        Ok(())
    }

    /// WRITING records of dead clients, and records that were given up, become FREE; the rebuild
    /// finds their memory free.
    fn free_orphans(&self) -> Result<()> {
        let mut judged: Option<(u64, bool)> = None;
        for slot in 0..self.session.segment.index().used() {
            let record = self.session.record(slot)?;
            loop {
                let word = record.load();
                if word.state().is_none() {
                    return Err(nonsense(slot, word));
                }
                if !word.is(State::Writing) {
                    break;
                }
                let creator = record.creator_serial.load(Ordering::Relaxed);
                let alive = match judged {
                    Some((known, alive)) if known == creator => alive,
                    _ => self.session.may_be_alive(creator),
                };
                judged = Some((creator, alive));
                let next = word.generation().saturating_add(1);
                // A swap fails if the object was sealed before its creator left.
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
        let segment = &self.session.segment;
        let lru = segment.facts.lru();
        let mut owned = fallible::with_room(self.session.segment.index().used() as usize)?;
        for slot in 0..self.session.segment.index().used() {
            let record = self.session.record(slot)?;
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
            let capacity = self.session.segment.facts.geometry.units();
            let rebuilt = self.session.segment.allocator().rebuild(
                capacity,
                &mut owned,
                &mut |tag, block| {
                    if let Ok(record) = self.session.record((tag >> 2) as u32) {
                        // An extent at both indexes of a pair is one block.
                        let which = (tag & 3) as usize;
                        record.blocks[which].store(block, Ordering::Relaxed);
                        if lru {
                            segment.allocator().set_owner(block, (tag >> 2) as u32);
                        }
                        if same_place(record, which) {
                            record.blocks[which ^ 1].store(block, Ordering::Relaxed);
                        }
                    }
                },
            )?;
            match rebuilt {
                Outcome::NeedBlocks(count) => self.reserve_blocks(count)?,
                _ => return Ok(()),
            }
        }
    }

    fn rebuild_limbo(&self) -> Result<()> {
        self.session
            .segment
            .header()
            .shards
            .iter()
            .for_each(|shard| self.reset_limbo(&shard.limbo));
        for slot in 0..self.session.segment.index().used() {
            let record = self.session.record(slot)?;
            let word = record.load();
            if word.is(State::Doomed) {
                let shard = self.session.shard(record.creator_slot.load(Ordering::Relaxed));
                self.push_limbo(&shard.limbo, slot, record, word);
            }
        }
        Ok(())
    }
}

#[cold]
fn nonsense(slot: u32, word: RecordWord) -> Error {
    Error::new(Status::Corrupt, format!("record {slot} holds {:#x}", word.0))
}
