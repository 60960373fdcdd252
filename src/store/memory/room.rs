//! Room for a new object: memory is reclaimed, objects are evicted, or the call waits.

use crate::error::{Error, Result, Status};
use crate::protocols::wake::Topic;
use crate::store::call::Call;
use crate::store::memory::free_heap::is_free;
use crate::store::session::Session;
use crate::store::wait::Watcher;
use crate::sync::Ordering::Relaxed;
use crate::sys::clock;

/// The progress of a search for room.
pub struct RoomSearch<'a> {
    /// When the wait for room ends (monotonic ns); `None` to wait forever, 0 not to wait.
    until: Option<u64>,
    pause_ms: u64,
    /// The wait for room: it was begun before the last attempt.
    watcher: Option<Watcher<'a>>,
    reaped: bool,
    tried_again: bool,
    pub repaired: bool,
    /// The error of the file system when it refused more memory: only reserved memory is of use.
    pub no_more_memory: Option<Error>,
}

impl RoomSearch<'_> {
    /// A search of a call that does not wait for room.
    pub fn now() -> Self {
        Self::until(Some(0))
    }

    pub fn until(until: Option<u64>) -> Self {
        Self {
            until,
            pause_ms: 0,
            watcher: None,
            reaped: false,
            tried_again: false,
            repaired: false,
            no_more_memory: None,
        }
    }

    /// Whether to try again although nothing could be freed: another process may have freed memory
    /// between the attempt and the scan.
    fn once_more(&mut self) -> bool {
        !std::mem::replace(&mut self.tried_again, true)
    }
}

impl Session {
    /// If the file system refuses memory for more records or blocks, frees some that exist.
    pub fn or_make_room<'a>(
        &'a self,
        call: &Call<'_>,
        room: &mut RoomSearch<'a>,
        reserved: Result<()>,
    ) -> Result<()> {
        match reserved {
            Err(error) if error.status() == Status::OutOfMemory => {
                self.make_record_room(call, room, || error)
            }
            other => other,
        }
    }

    /// Makes room for extents of `data` and `meta` units, or returns why there is no room.
    pub fn make_room<'a>(
        &'a self,
        call: &Call<'_>,
        room: &mut RoomSearch<'a>,
        data: u64,
        meta: u64,
    ) -> Result<()> {
        if self.empty_slot_caches(call)? || self.reclaim(call)? > 0 || self.reap_once(call, room)? {
            return Ok(());
        }
        let reserved_only = room.no_more_memory.is_some();
        if self.segment.facts.lru() && self.evict_for(call, data, meta, reserved_only)? {
            return Ok(());
        }
        if room.once_more() {
            return Ok(());
        }
        if !std::mem::replace(&mut room.repaired, true) && self.hides_room(call, data, meta)? {
            return Ok(());
        }
        let full = room.no_more_memory.take();
        self.wait_for_room(call, room, || full.unwrap_or_else(|| self.full_error(data + meta)))
    }

    pub fn make_record_room<'a>(
        &'a self,
        call: &Call<'_>,
        room: &mut RoomSearch<'a>,
        full: impl FnOnce() -> Error,
    ) -> Result<()> {
        if self.empty_slot_caches(call)? || self.reclaim(call)? > 0 || self.reap_once(call, room)? {
            return Ok(());
        }
        if self.segment.facts.lru() && self.evict_for(call, 0, 0, false)? {
            return Ok(());
        }
        if room.once_more() {
            return Ok(());
        }
        self.wait_for_room(call, room, full)
    }

    fn reap_once(&self, call: &Call<'_>, room: &mut RoomSearch<'_>) -> Result<bool> {
        Ok(!std::mem::replace(&mut room.reaped, true) && self.reap_dead(call)? > 0)
    }

    /// Waits until something that takes room is gone, or for a pause: a release of the last lease
    /// of a deleted object tells nobody.
    fn wait_for_room<'a>(
        &'a self,
        call: &Call<'_>,
        room: &mut RoomSearch<'a>,
        full: impl FnOnce() -> Error,
    ) -> Result<()> {
        let late = |until| until == 0 || clock::monotonic_ns() >= until;
        if room.until.is_some_and(late) {
            return Err(full());
        }
        match &mut room.watcher {
            // What goes before the next attempt is found by it, and later changes are announced.
            None => room.watcher.insert(Watcher::new(self, &[Topic::ROOM])?).begin(),
            Some(watcher) => {
                call.ensure_not_ended()?;
                room.pause_ms = (room.pause_ms * 2).clamp(1, 100);
                room.reaped = false;
                let end = clock::monotonic_ns() + 1_000_000 * room.pause_ms;
                watcher.sleep(call, room.until.map_or(end, |until| until.min(end)))?;
                call.ensure_not_ended()?;
                watcher.begin();
            }
        }
        self.ensure_writable()
    }

    /// Returns the contents of all slot caches to the allocator; whether there were any.
    pub fn empty_slot_caches(&self, call: &Call<'_>) -> Result<bool> {
        if self
            .segment
            .header()
            .shards
            .iter()
            .all(|shard| shard.slot_cache.count.load(Relaxed) == 0)
        {
            return Ok(false);
        }
        let mut locked = self.lock(call)?;
        match locked.empty_slot_caches().inspect_err(|_| locked.poison()) {
            Err(error) if error.status() == Status::Corrupt => {
                // The rebuilt slot caches are empty.
                drop(locked);
                self.lock(call).map(|_| true)
            }
            any => any,
        }
    }

    /// Whether the table has room for extents of these sizes that the allocator did not find. Then
    /// the next owner of the lock rebuilds the allocator.
    pub fn hides_room(&self, call: &Call<'_>, data: u64, meta: u64) -> Result<bool> {
        if self.segment.allocator().free_units() < data + meta
            || self.free_heap_by_table(is_free)?.1 < data.max(meta)
        {
            return Ok(false);
        }
        let mut locked = self.lock(call)?;
        let by_table = self.free_heap_by_table(is_free)?;
        let differs = locked.free_heap() != Ok(Some(by_table));
        if differs {
            locked.poison();
        }
        Ok(differs)
    }
}
