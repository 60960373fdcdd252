//! A record at one instant.

use crate::id::ObjectId;
use crate::info::{Holding, ObjectState};
use crate::layout::record::Record;
use crate::layout::word::{RecordWord, State};
use crate::store::memory::extents::owned_extents;
use crate::store::objects::find::is_shown;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::fence;

/// The fields of a record at one instant.
pub struct Snapshot {
    pub word: RecordWord,
    pub id: ObjectId,
    pub state: ObjectState,
    pub create_time_us: i64,
    /// For each extent: whether it is of metadata, its first unit, and its units.
    pub extents: [Option<(bool, u64, u64)>; 4],
}

impl Snapshot {
    pub fn held_by(&self, client: u32) -> Holding {
        let Snapshot { id, state, create_time_us, .. } = *self;
        Holding { client, id, state, create_time_us }
    }
}

/// Reads a record; `None` if it is free, is corrupt, or changes all the time.
pub fn take_snapshot(record: &Record) -> Option<Snapshot> {
    for _ in 0..1000 {
        let word = record.load();
        let state = match word.state()? {
            State::Free => return None,
            State::Writing if !is_shown(word) => ObjectState::Absent,
            State::Writing => ObjectState::Writing,
            State::Sealed => ObjectState::Sealed,
            State::Doomed => ObjectState::Deleted,
            State::Failed => ObjectState::Failed,
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
