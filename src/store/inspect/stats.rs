//! The statistics of a store.

use crate::error::Result;
use crate::info::Stats;
use crate::layout::extent::UNIT;
use crate::layout::word::{RecordWord, State};
use crate::store::clients::holders::LivingCreator;
use crate::store::memory::extents::units_of;
use crate::store::memory::free_heap::is_free;
use crate::store::objects::find::is_shown;
use crate::store::session::Session;
use crate::sync::Ordering::Relaxed;
use crate::sys::fs;

impl Session {
    /// The statistics of the store.
    pub fn stats(&self) -> Result<Stats> {
        self.ensure_open()?;
        self.ensure_linked()?;
        let header = self.segment.header();
        let counters = &header.counters;
        let mut stats = Stats {
            capacity: self.segment.facts.geometry.capacity,
            max_objects: u64::from(self.segment.facts.geometry.max_objects),
            evictions: counters.evictions.load(Relaxed),
            evicted_bytes: counters.evicted_bytes.load(Relaxed),
            recoveries: counters.recoveries.load(Relaxed),
            reaped_clients: counters.reaped_clients.load(Relaxed),
            lock_steals: counters.lock_steals.load(Relaxed),
            mode: self.segment.facts.mode,
            eviction: self.segment.facts.eviction(),
            ephemeral: self.segment.facts.ephemeral(),
            huge_pages: self.segment.facts.huge_pages(),
            ..Stats::default()
        };
        for chunk in 0..stats.capacity.div_ceil(self.segment.facts.geometry.chunk_size) as u32 {
            if crate::segment::all_set(&header.reserved, chunk, chunk) {
                stats.reserved += self.segment.heap.chunk_range(chunk).1;
            }
        }
        let held = self.inspect_holders(|view| {
            stats.clients += u64::from(view.is_alive()?);
            Ok(())
        })?;
        stats.leases = held.leases.total();
        let (mut unheld, mut living) = (false, LivingCreator::default());
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            let word = record.load();
            let count = match word.state() {
                Some(State::Writing)
                    if is_shown(word) && self.is_unsealed(slot, word, &mut living) =>
                {
                    &mut stats.objects_writing
                }
                Some(State::Sealed) => &mut stats.objects_sealed,
                Some(State::Failed) => &mut stats.objects_failed,
                Some(State::Doomed) if held.is_unheld(slot, word) => {
                    unheld = true;
                    continue;
                }
                Some(State::Doomed) => {
                    stats.deleted_bytes += units_of(record, word) * UNIT;
                    &mut stats.objects_deleted
                }
                _ => continue,
            };
            *count += 1;
            let pinned = word.has(RecordWord::PINNED) && !word.is(State::Doomed);
            stats.pinned += u64::from(pinned);
        }
        let (free, largest) = if unheld {
            self.free_heap_by_table(|slot, word| is_free(slot, word) || held.is_unheld(slot, word))?
        } else {
            self.free_heap()?
        };
        stats.used = stats.capacity.saturating_sub(free * UNIT);
        stats.largest_free = largest * UNIT;
        let found = self.segment.dir.get().and_then(fs::file_system);
        stats.file_system =
            found.map_or_else(|_| "unknown".to_owned(), |found| found.name.to_owned());
        Ok(stats)
    }
}
