//! What people and programs can ask about one object and about the store.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::info::{ObjectInfo, ObjectState, Stats};
use crate::layout::extent::{Extent, UNIT};
use crate::layout::record::{IdWords, Record};
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::Key;
use crate::segment::Bytes;
use crate::store::call::Call;
use crate::store::inspect::list::Living;
use crate::store::memory::reclaim::units_of;
use crate::store::objects::get::Held;
use crate::store::objects::metadata::MetadataView;
use crate::store::recovery::recover::{lead_of, owned_extents};
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::fence;
use crate::sys::fs;
use std::fmt::Write;
use std::time::Duration;

/// Set in `ObjectInfo::flags`: not chosen by eviction.
const INFO_PINNED: u32 = 1;
/// Set in `ObjectInfo::flags`: has a name.
const INFO_NAMED: u32 = 2;

impl Session {
    /// Whether the object is there, and sealed.
    pub fn contains(&self, id: &ObjectId) -> Result<ObjectState> {
        self.ensure_open()?;
        let key = Key::Id(IdWords::from(id));
        if self.find(&key).is_some_and(|hit| hit.word.is(State::Sealed)) {
            return Ok(ObjectState::Sealed);
        }
        // Absent, or being written by a creator that may be dead.
        let call = self.begin(Some(Duration::ZERO))?;
        Ok(match self.find_live(&call, &key, &mut None)? {
            None => ObjectState::Absent,
            Some(hit) if hit.word.is(State::Sealed) => ObjectState::Sealed,
            Some(_) => ObjectState::Writing,
        })
    }

    /// The id of the object with this name, sealed or not.
    pub fn lookup(&self, call: &Call<'_>, name: &str) -> Result<ObjectId> {
        self.ensure_open()?;
        crate::store::objects::metadata::validate_name(name)?;
        let key = self.name_key(name);
        loop {
            let Some(hit) = self.find_live(call, &key, &mut None)? else {
                return Err(Error::plain(Status::NotFound));
            };
            let record = self.record(hit.slot)?;
            let id = record.id();
            // SYNC record-fields: as in a lookup.
            fence(Acquire);
            if record.load_with(Relaxed).generation() == hit.word.generation() {
                return Ok(id);
            }
        }
    }

    /// The key of a name.
    pub fn name_key(&self, name: &str) -> Key {
        Key::Name(crate::protocols::index::hash::name_hash(self.segment.facts.seed, name))
    }

    /// All about one object, whether it is sealed yet or not.
    pub fn object_info(&self, call: &Call<'_>, id: &ObjectId) -> Result<ObjectInfo> {
        self.ensure_open()?;
        let key = Key::Id(IdWords::from(id));
        loop {
            let Some(hit) = self.find_live(call, &key, &mut None)? else {
                return Err(Error::plain(Status::NotFound));
            };
            if let Some(mut info) = self.describe(hit.slot, Some(hit.word.generation()))? {
                info.lease_count = self.count_leases(hit.slot, hit.word.generation())?;
                return Ok(info);
            }
        }
    }

    /// All about the object of a held buffer, deleted or not.
    pub fn held_info(&self, slot: u32, generation: u32) -> Result<ObjectInfo> {
        let info = self.describe(slot, Some(generation))?;
        let mut info = info.ok_or_else(|| Error::new(Status::Corrupt, "a held object is gone"))?;
        // Of a store that was removed nobody else is known, but the caller holds it.
        info.lease_count = match self.count_leases(slot, generation) {
            Err(error) if error.status() == Status::StoreGone => 1,
            count => count?,
        };
        Ok(info)
    }

    fn count_leases(&self, slot: u32, generation: u32) -> Result<u32> {
        let (wanted, mut count) = (LeaseWord::new(generation, slot), 0u32);
        self.visit_clients(|view| {
            view.leases(|lease| count = count.saturating_add(u32::from(lease == wanted)))
        })?;
        Ok(count)
    }

    /// The bytes of name and metadata of a held object.
    pub fn held_text(&self, held: &Held) -> Result<Bytes> {
        let record = self.record(held.slot)?;
        let word = record.load();
        let extent = record.meta.load(word.meta_index());
        if !word.has(RecordWord::TEXT) {
            return self.segment.heap.read(Extent::default(), &self.segment.header().reserved);
        }
        self.segment.heap.read(extent, &self.segment.header().reserved)
    }

    /// Describe the object in `slot` as it is at one instant; `None` when there is none, or not of
    /// this generation. Its leases are the caller's to count.
    pub fn describe(&self, slot: u32, generation: Option<u32>) -> Result<Option<ObjectInfo>> {
        let record = self.record(slot)?;
        for _ in 0..1000 {
            let word = record.load();
            let state = match word.state() {
                Some(State::Free) => return Ok(None),
                Some(State::Writing) => ObjectState::Writing,
                Some(State::Sealed) => ObjectState::Sealed,
                Some(State::Doomed) => ObjectState::Deleted,
                None => {
                    return Err(Error::new(Status::Corrupt, format!("record {slot} is nonsense")));
                }
            };
            if !is_shown(word)
                || generation.is_some_and(|generation| generation != word.generation())
            {
                return Ok(None);
            }
            let mut info = self.fields(record, word, state)?;
            self.describe_text(record, word, &mut info)?;
            // SYNC record-fields: as in a lookup.
            fence(Acquire);
            if record.load_with(Relaxed) == word {
                return Ok(Some(info));
            }
        }
        Err(Error::new(Status::Corrupt, format!("record {slot} will not settle")))
    }

    fn fields(&self, record: &Record, word: RecordWord, state: ObjectState) -> Result<ObjectInfo> {
        let flag = |on: bool, flag: u32| if on { flag } else { 0 };
        let create_time_us = record.create_time_us.load(Relaxed) as i64;
        let construct_us = record.construct_us.load(Relaxed) as i64;
        let sealed = state != ObjectState::Writing;
        let last_use = record.last_use.load(Relaxed);
        let pid = record.creator_pid.load(Relaxed);
        let host = record.creator_host.load(Relaxed);
        Ok(ObjectInfo {
            id: record.id(),
            state,
            flags: flag(word.has(RecordWord::PINNED), INFO_PINNED)
                | flag(word.has(RecordWord::NAMED), INFO_NAMED),
            data_size: record.sizes(word).data,
            metadata_size: record.sizes(word).metadata,
            create_time_us,
            construct_duration_us: if sealed { construct_us } else { -1 },
            creator_pid: pid as i32,
            lease_count: 0,
            last_use_us: match self.ticks_to_us(last_use) {
                Some(used) => used.max(create_time_us),
                None if sealed => create_time_us.saturating_add(construct_us),
                None => create_time_us,
            },
            name: String::new(),
            creator_address: self.creator(host, pid, record.creator_start.load(Relaxed))?,
        })
    }

    /// The name, from a copy of memory that may be another's the next moment: the word,
    /// read again by the caller, decides whether it counts.
    fn describe_text(
        &self,
        record: &Record,
        word: RecordWord,
        info: &mut ObjectInfo,
    ) -> Result<()> {
        let extent = record.meta.load(word.meta_index());
        if !word.has(RecordWord::TEXT | RecordWord::NAMED)
            || extent.is_empty()
            || extent.size > 2 << 20
        {
            return Ok(());
        }
        let mut bytes = fallible::repeat(0, extent.size as usize)?;
        // With a system call: what is read may be given back to the file system meanwhile.
        if self.segment.heap.copy_out(extent.offset(), &mut bytes) {
            let view = MetadataView(&bytes);
            info.name = fallible::text(view.name().unwrap_or_default())?;
        }
        Ok(())
    }

    /// `host/pid@start` of a creator.
    fn creator(&self, host: u32, pid: u32, start: u64) -> Result<String> {
        let mut bytes = [0; 64];
        let known = self.segment.header().hosts.get(host as usize);
        for (to, word) in bytes.chunks_exact_mut(8).zip(known.iter().flat_map(|host| &host.0)) {
            to.copy_from_slice(&word.load(Relaxed).to_le_bytes());
        }
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let name = match known {
            Some(_) => std::str::from_utf8(&bytes[..end]).unwrap_or("?"),
            None => "?",
        };
        let mut address = String::new();
        address.try_reserve_exact(name.len() + 40).map_err(|_| fallible::refused())?;
        // Writing to a string fails only for want of memory, and there is room.
        let _ = write!(address, "{name}/{pid}@{start}");
        Ok(address)
    }

    /// Pin an object against eviction, or let it go.
    pub fn set_pinned(&self, call: &Call<'_>, id: &ObjectId, pinned: bool) -> Result<()> {
        self.ensure_writable()?;
        let key = Key::Id(IdWords::from(id));
        loop {
            let Some(hit) = self.find_live(call, &key, &mut None)? else {
                return Err(Error::plain(Status::NotFound));
            };
            let record = self.record(hit.slot)?;
            let next = |word: RecordWord| match pinned {
                true => word.with(RecordWord::PINNED),
                false => word.without(RecordWord::PINNED),
            };
            if next(hit.word) == hit.word {
                return Ok(());
            }
            // Under the lock, so that who frees or resizes it finds the word as it was read there.
            let _guard = self.lock(call)?;
            let mut word = record.load();
            while word.generation() == hit.word.generation()
                && matches!(word.state(), Some(State::Writing | State::Sealed))
            {
                // Its creator may set TEXT or seal it: then again.
                match record.swap(word, next(word)) {
                    Ok(()) => return Ok(()),
                    Err(now) => word = now,
                }
            }
        }
    }

    /// The numbers of the store.
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
        let held = self.inspect_holders(|view| stats.clients += u64::from(view.alive))?;
        stats.leases = held.leases.total();
        let (mut unheld, mut living) = (false, Living::default());
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

    /// Units that no object owns and the largest free block: as the allocator has it, or, for a
    /// reader and when a writer is at work, as the table has it.
    fn free_heap(&self) -> Result<(u64, u64)> {
        let guard = if self.segment.read_only { None } else { self.try_lock() };
        let Some(mut guard) = guard else { return self.free_heap_by_table(is_free) };
        match self.free_heap_locked() {
            Ok(Some(free)) => Ok(free),
            nonsense => {
                guard.poison();
                drop(guard);
                nonsense.or_else(|error| match error.status() {
                    Status::Corrupt => Ok(None),
                    _ => Err(error),
                })?;
                self.free_heap_by_table(is_free)
            }
        }
    }

    /// As the allocator has it; `None` when that cannot be.
    pub fn free_heap_locked(&self) -> Result<Option<(u64, u64)>> {
        self.empty_slot_caches_locked()?;
        let allocator = self.segment.allocator();
        let (free, largest) = (allocator.free_units(), allocator.largest_free()?);
        // Memory before objects that begin at a page is no part of them.
        let unowned = free.saturating_add(allocator.lead_units());
        let sound = unowned <= self.segment.facts.geometry.units() && largest <= free;
        Ok(sound.then_some((unowned, largest)))
    }

    /// As the table has it: all that is not of a record that `is_free`.
    pub fn free_heap_by_table(
        &self,
        is_free: impl Fn(u32, RecordWord) -> bool,
    ) -> Result<(u64, u64)> {
        let allocator = self.segment.allocator();
        let capacity = self.segment.facts.geometry.units();
        let mut owned = fallible::with_room(self.segment.index().used() as usize + 1)?;
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            if !is_free(slot, record.load()) {
                for (which, extent) in owned_extents(record) {
                    let lead = lead_of(&allocator, record, which, extent);
                    fallible::push(&mut owned, (extent.start, extent.len(), lead))?;
                }
            }
        }
        fallible::push(&mut owned, (capacity, 0, 0))?;
        owned.sort_unstable();
        let (mut unowned, mut largest, mut from) = (0, 0, 0);
        for (start, len, lead) in owned {
            let gap = start.saturating_sub(from);
            unowned += gap;
            largest = largest.max(gap.saturating_sub(lead));
            from = from.max(start.saturating_add(len));
        }
        Ok((unowned.min(capacity), largest.min(capacity)))
    }
}

/// Whether the memory of a record with this word is nobody's.
pub fn is_free(_slot: u32, word: RecordWord) -> bool {
    word.is(State::Free)
}

/// Whether what a record holds is an object, for people too.
pub fn is_shown(word: RecordWord) -> bool {
    !word.has(RecordWord::HIDDEN) && !word.has(RecordWord::ABANDONED)
}
