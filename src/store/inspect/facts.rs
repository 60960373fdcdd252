//! The constant facts of a store, and its present activity.

use crate::error::Result;
use crate::info::{Activity, StoreFacts};
use crate::store::session::Session;

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
        let lock = self.segment.lock().peek();
        Ok(Activity {
            lock_owner: lock.owner().map(u32::from),
            lock_wanted: lock.owner().is_some() && lock.has_waiters(),
            waits: self.segment.waiters().inspect(|_| false).0,
        })
    }
}
