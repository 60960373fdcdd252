//! The picture of a store for people: what lies where, who holds what, who waits. Writers are not
//! stopped: each entry is true at one instant of the call, all of them together need not be.

use crate::error::Result;
use crate::id::ObjectId;
use crate::info::{Activity, HeapBlock, HeapMap, Holding, ObjectState, StoreFacts};
use crate::layout::extent::UNIT;
use crate::layout::record::Record;
use crate::layout::wake::WakeWord;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::segment::all_set;
use crate::store::inspect::object::is_shown;
use crate::store::recovery::recover::owned_extents;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::fence;

/// What a look at a record found, all of it of one instant.
struct Snapshot {
    word: RecordWord,
    id: ObjectId,
    state: ObjectState,
    create_time_us: i64,
    /// Whether it is of metadata, first unit, units.
    extents: [Option<(bool, u64, u64)>; 4],
}

impl Snapshot {
    fn held_by(&self, client: u32) -> Holding {
        let Snapshot { id, state, create_time_us, .. } = *self;
        Holding { client, id, state, create_time_us }
    }
}

impl Session {
    /// What never changes.
    pub fn facts(&self) -> Result<StoreFacts> {
        self.ensure_open()?;
        let facts = &self.segment.facts;
        Ok(StoreFacts {
            create_time_us: facts.epoch_us,
            mode: facts.mode,
            eviction: facts.eviction(),
            ephemeral: facts.ephemeral(),
            huge_pages: facts.huge_pages(),
            chunk_size: facts.geometry.chunk_size,
            reader_quota: facts.reader_quota,
            max_readers: facts.max_readers,
        })
    }

    /// Where the objects lie. What a record says that cannot be is left out.
    pub fn heap_map(&self) -> Result<HeapMap> {
        self.ensure_open()?;
        let held = self.inspect_holders(|_| ())?;
        let capacity = self.segment.facts.geometry.units();
        let mut blocks = Vec::new();
        for slot in 0..self.segment.index().used() {
            let Some(seen) = take_snapshot(self.record(slot)?) else { continue };
            // What nobody holds is free at the next look.
            if held.is_unheld(slot, seen.word) {
                continue;
            }
            for (metadata, start, len) in seen.extents.into_iter().flatten() {
                if start.checked_add(len).is_none_or(|end| end > capacity) {
                    continue;
                }
                let block = HeapBlock {
                    offset: start * UNIT,
                    size: len * UNIT,
                    id: seen.id,
                    state: seen.state,
                    metadata,
                    pinned: seen.word.has(RecordWord::PINNED),
                    create_time_us: seen.create_time_us,
                    lease_count: held.leases.of(slot),
                };
                fallible::push(&mut blocks, block)?;
            }
        }
        blocks.sort_unstable_by_key(|block| (block.offset, block.size));
        Ok(HeapMap { capacity: capacity * UNIT, reserved: self.reserved_runs()?, blocks })
    }

    fn reserved_runs(&self) -> Result<Vec<(u64, u64)>> {
        let geometry = &self.segment.facts.geometry;
        let chunks = geometry.capacity.div_ceil(geometry.chunk_size) as u32;
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for chunk in 0..chunks {
            if !all_set(&self.segment.header().reserved, chunk, chunk) {
                continue;
            }
            let (offset, len) = self.segment.heap.chunk_range(chunk);
            match runs.last_mut() {
                Some(last) if last.0 + last.1 == offset => last.1 += len,
                _ => fallible::push(&mut runs, (offset, len))?,
            }
        }
        Ok(runs)
    }

    /// Every lease of every living client, and what each is writing.
    pub fn list_holdings(&self) -> Result<Vec<Holding>> {
        self.ensure_open()?;
        let mut writing = Vec::new();
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            if let Some(seen) =
                take_snapshot(record).filter(|seen| seen.state == ObjectState::Writing)
            {
                let creator = record.creator_slot.load(Relaxed);
                let nonce = record.creator_nonce.load(Relaxed);
                fallible::push(&mut writing, (creator, nonce, seen))?;
            }
        }
        let mut list = Vec::new();
        self.visit_clients(|view| {
            let client = view.path.number();
            let mut all = Ok(());
            view.leases(|lease| {
                if let (Ok(()), Some(seen)) = (&all, self.leased(lease)) {
                    all = fallible::push(&mut list, seen.held_by(client));
                }
            })?;
            all?;
            for (slot, nonce, seen) in &writing {
                let of_client = (*slot, *nonce) == (view.path.slot, view.nonce());
                if of_client && !view.path.in_readers {
                    fallible::push(&mut list, seen.held_by(client))?;
                }
            }
            Ok(())
        })?;
        list.sort_unstable_by_key(|holding| (holding.client, holding.create_time_us));
        Ok(list)
    }

    /// The object that a lease names; nothing when a client wrote nonsense.
    fn leased(&self, lease: LeaseWord) -> Option<Snapshot> {
        let record = self.record(lease.slot()).ok()?;
        take_snapshot(record).filter(|seen| seen.word.generation() == lease.generation())
    }

    /// Who waits, and for what.
    pub fn activity(&self) -> Result<Activity> {
        self.ensure_open()?;
        let (lock, wake) = (self.segment.lock().peek(), self.segment.wake());
        let hinted = |word: &WakeWord| word.hint.load(Relaxed) != 0;
        let count = |words: &[WakeWord]| words.iter().filter(|word| hinted(word)).count() as u32;
        Ok(Activity {
            lock_owner: lock.owner().map(u32::from),
            lock_wanted: lock.owner().is_some() && lock.has_waiters(),
            id_waits: count(&wake.ids),
            name_waits: count(&wake.names),
            many_wait: hinted(&wake.global.word),
            events_wait: hinted(&wake.events.word),
        })
    }
}

/// Look at a record; nothing when it is free, is nonsense, or will not settle.
fn take_snapshot(record: &Record) -> Option<Snapshot> {
    for _ in 0..1000 {
        let word = record.load();
        let state = match word.state()? {
            State::Free => return None,
            State::Writing if !is_shown(word) => ObjectState::Absent,
            State::Writing => ObjectState::Writing,
            State::Sealed => ObjectState::Sealed,
            State::Doomed => ObjectState::Deleted,
        };
        let mut extents = [None; 4];
        for (which, extent) in owned_extents(record) {
            extents[which] = Some((which >= 2, extent.start, extent.len()));
        }
        let create_time_us = record.create_time_us.load(Relaxed) as i64;
        let seen = Snapshot { word, id: record.id(), state, create_time_us, extents };
        // SYNC record-fields: as in a lookup.
        fence(Acquire);
        if record.load_with(Relaxed) == word {
            return Some(seen);
        }
    }
    None
}
