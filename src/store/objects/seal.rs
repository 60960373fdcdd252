//! Seal: an object becomes immutable, and every client may get it.

use crate::error::Result;
use crate::layout::record::Record;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::store::notify::News;
use crate::store::objects::held::Held;
use crate::store::objects::writer::{ObjectWriter, Unsealed, lost_error};
use crate::store::session::Session;
use crate::sync::Ordering;
use crate::sys::clock::{self, Moment};

impl Session {
    /// Seals an object. With `lease`, the caller leases it before any other client can see it.
    pub fn seal(&self, writer: &ObjectWriter, lease: Option<u32>) -> Result<Option<Held>> {
        self.ensure_writable()?;
        let object = writer.object;
        let (record, word) = self.load_writing(object)?;
        let now = clock::now();
        self.note_seal(object.slot, record, now, self.use_at_seal());
        if let Some(index) = lease {
            // Stored before SEALED, so that a client that reclaims and sees SEALED cannot miss it.
            let leased = LeaseWord::new(object.generation, object.slot);
            self.lease_word(index).store(leased.0, Ordering::Relaxed);
        }
        let data = record.data.load(word.data_index());
        // Read before SEALED: after that another client may delete the object, and the slot may be
        // reused.
        let news = News::of(record, word, now.epoch_us);
        let _announcement = self.begin_announcement();
        let word = make_sealed(record, object, word)?;
        self.publish(&news, word);
        let held = lease.map(|_| {
            let bytes = self.segment.heap.read(data, &self.segment.header().reserved);
            bytes.map(|bytes| Held { slot: object.slot, generation: object.generation, bytes })
        });
        held.transpose()
    }

    /// The stamp of use of an object that is sealed now, in a store with eviction.
    #[inline]
    pub fn use_at_seal(&self) -> Option<u64> {
        self.segment.facts.lru().then(|| self.segment.facts.ticks_source().now())
    }

    /// Notes in a record and in the order of use when its object is sealed.
    #[inline]
    pub fn note_seal(&self, slot: u32, record: &Record, now: Moment, last_use: Option<u64>) {
        // Until the seal the field has the beginning by the clock that nobody sets, or 0 within a put.
        let begun_us = record.construct_us.load(Ordering::Relaxed);
        let took_us = if begun_us > 0 {
            now.monotonic_us.saturating_sub(begun_us)
        } else {
            (now.epoch_us as u64).saturating_sub(record.create_time_us.load(Ordering::Relaxed))
        };
        record.construct_us.store(took_us, Ordering::Relaxed);
        if let Some(last_use) = last_use {
            self.segment.order().touch(slot, last_use);
        }
    }
}

/// Makes a WRITING object SEALED, and returns its word before.
#[inline]
pub fn make_sealed(record: &Record, object: Unsealed, mut word: RecordWord) -> Result<RecordWord> {
    // SYNC record-word: Release in `swap`; all that the creator wrote is published with it.
    while let Err(now) = record.swap(word, word.in_state(State::Sealed)) {
        if now.generation() != object.generation || !now.is(State::Writing) {
            return Err(lost_error());
        }
        word = now;
    }
    Ok(word)
}
