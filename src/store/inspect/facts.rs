//! The constant facts of a store, and its present activity.

use crate::error::Result;
use crate::info::{Activity, StoreFacts};
use crate::layout::wake::WakeWord;
use crate::store::session::Session;
use crate::sync::Ordering::Relaxed;

impl Session {
    /// The facts that never change.
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

    /// The owner of the writer lock, and the waits.
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
