//! The errors of a full store: they name the bytes that are in the way, and the calls that free
//! them.

use crate::error::{Error, Result, Status};
use crate::layout::extent::UNIT;
use crate::layout::word::{RecordWord, State};
use crate::store::session::Session;
use crate::sync::Ordering::Relaxed;

/// Bytes that are in the way where objects are evicted.
#[derive(Default)]
struct Walls {
    pinned: u64,
    held: u64,
    writing: u64,
}

impl Session {
    /// OUT_OF_MEMORY for extents of this many units.
    #[cold]
    pub fn full_error(&self, units: u64) -> Error {
        // Without the lock: the numbers are for people.
        let (needed, free) = (units * UNIT, self.segment.allocator().free_units() * UNIT);
        let pieces = if free >= needed { ", in pieces" } else { "" };
        let capacity = self.segment.facts.geometry.capacity;
        Error::new(
            Status::OutOfMemory,
            format!(
                "{needed} bytes do not fit: {free} of {capacity} are free{pieces}; {}create a store \
                 with a larger capacity",
                self.suggest_remedies(capacity.saturating_sub(free))
            ),
        )
    }

    /// LIMIT because no record is free.
    #[cold]
    pub fn no_records_error(&self) -> Error {
        Error::new(
            Status::Limit,
            format!(
                "the store has the most objects it can hold, {} (max_objects); {}create a store with more",
                self.segment.facts.geometry.max_objects,
                self.suggest_remedies(u64::MAX)
            ),
        )
    }

    /// Remedies that would make room, each followed by "or"; `used` bytes are in use.
    fn suggest_remedies(&self, used: u64) -> String {
        let mut text = String::new();
        let mut add = |part: String| text += &(part + ", or ");
        // Objects without leases were freed before the store is called full.
        let shards = &self.segment.header().shards;
        let deleted = shards.iter().map(|shard| shard.limbo.units.load(Relaxed));
        let deleted = deleted.fold(0, u64::wrapping_add).wrapping_mul(UNIT);
        if deleted > 0 {
            add(format!(
                "release the buffers on deleted objects, which keep {deleted} bytes \
                 (plasma_list_holders tells who has them)"
            ));
        }
        match self.measure_walls() {
            Some(Walls { pinned, held, writing }) => {
                if pinned > 0 {
                    add(format!("unpin objects, {pinned} bytes"));
                }
                if held > 0 {
                    add(format!("release buffers, which keep {held} bytes from being evicted"));
                }
                if writing > 0 {
                    add(format!("seal or abort the objects being written, {writing} bytes"));
                }
            }
            None if used > deleted => add("delete objects".to_owned()),
            None => {}
        }
        text
    }

    /// The bytes that cannot be evicted; `None` in a store without eviction.
    fn measure_walls(&self) -> Option<Walls> {
        if !self.segment.facts.lru() {
            return None;
        }
        let found = || -> Result<Walls> {
            let (held, mut walls) = (self.inspect_holders(|_| Ok(()))?, Walls::default());
            for slot in 0..self.segment.index().used() {
                let record = self.record(slot)?;
                let word = record.load();
                let bytes = crate::store::memory::extents::units_of(record, word) * UNIT;
                match word.state() {
                    Some(State::Sealed) if word.has(RecordWord::PINNED) => walls.pinned += bytes,
                    Some(State::Sealed) if held.leases.of(slot) > 0 => walls.held += bytes,
                    Some(State::Writing) => walls.writing += bytes,
                    _ => {}
                }
            }
            Ok(walls)
        };
        found().ok()
    }
}
