//! The questions that people and programs can ask about one object.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::info::{ObjectInfo, ObjectState};
use crate::layout::extent::Extent;
use crate::layout::record::{IdWords, Record};
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::Key;
use crate::segment::Bytes;
use crate::store::call::Call;
use crate::store::objects::find::is_shown;
use crate::store::objects::held::Held;
use crate::store::objects::metadata::MetadataView;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::fence;
use crate::sys::clock;
use crate::sys::ticks::Age;
use std::fmt::Write;
use std::time::Duration;

impl Session {
    /// Whether the object exists, and whether it is sealed.
    pub fn contains(&self, id: &ObjectId) -> Result<ObjectState> {
        self.ensure_open()?;
        let key = Key::Id(IdWords::from(id));
        if self.find_inline(&key).is_some_and(|hit| hit.word.is(State::Sealed)) {
            return Ok(ObjectState::Sealed);
        }
        // The object is absent, failed, or is being written by a creator that may be dead.
        let call = self.begin(Some(Duration::ZERO))?;
        Ok(match self.find_live(&call, &key, &mut None)? {
            None => ObjectState::Absent,
            Some(hit) if hit.word.is(State::Sealed) => ObjectState::Sealed,
            Some(hit) if hit.word.is(State::Failed) => ObjectState::Failed,
            Some(_) => ObjectState::Writing,
        })
    }

    /// The id of the object with this name, sealed or not.
    pub fn lookup(&self, call: &Call<'_>, name: &str) -> Result<ObjectId> {
        self.ensure_open()?;
        crate::store::objects::metadata::validate_name(name)?;
        let key = self.name_key(name.as_bytes());
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

    /// Describes one object, sealed or not.
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

    /// The name of an object that is sealed, or failed; `None` if there is no such object, or it has
    /// no name.
    pub fn name_of(&self, id: &ObjectId) -> Option<String> {
        let hit = self.find_settled(&Key::Id(IdWords::from(id))).ok()??;
        let info = self.describe(hit.slot, Some(hit.word.generation())).ok()??;
        (!info.name.is_empty()).then_some(info.name)
    }

    /// Describes the object of a held buffer, deleted or not.
    pub fn held_info(&self, slot: u32, generation: u32) -> Result<ObjectInfo> {
        let mut info = self.describe_held(slot, generation)?;
        // If the store was removed, the other clients are unknown, but the caller holds the object.
        info.lease_count = match self.count_leases(slot, generation) {
            Err(error) if error.status() == Status::StoreGone => 1,
            count => count?,
        };
        Ok(info)
    }

    /// As [`Session::held_info`], with a `lease_count` of 0.
    pub fn describe_held(&self, slot: u32, generation: u32) -> Result<ObjectInfo> {
        let info = self.describe(slot, Some(generation))?;
        info.ok_or_else(|| Error::new(Status::Corrupt, "a held object is gone"))
    }

    fn count_leases(&self, slot: u32, generation: u32) -> Result<u32> {
        let (wanted, mut count) = (LeaseWord::new(generation, slot), 0u32);
        self.visit_clients(|view| {
            view.all_leases(|lease| {
                count = count.saturating_add(u32::from(lease == wanted && view.is_alive()?));
                Ok(())
            })
        })?;
        Ok(count)
    }

    /// The bytes of the name and metadata of a held object.
    pub fn held_text(&self, held: &Held) -> Result<Bytes> {
        let record = self.record(held.slot)?;
        let word = record.load();
        let extent = record.meta.load(word.meta_index());
        if !word.has(RecordWord::TEXT) {
            return self.segment.heap.read(Extent::default(), &self.segment.header().reserved);
        }
        self.segment.heap.read(extent, &self.segment.header().reserved)
    }

    /// Describes the object in `slot` as it is at one instant; `None` if the slot is free or has
    /// another generation. The caller counts its leases.
    pub fn describe(&self, slot: u32, generation: Option<u32>) -> Result<Option<ObjectInfo>> {
        let record = self.record(slot)?;
        for _ in 0..1000 {
            let word = record.load();
            let state = match word.state() {
                Some(State::Free) => return Ok(None),
                Some(State::Writing) => ObjectState::Writing,
                Some(State::Sealed) => ObjectState::Sealed,
                Some(State::Doomed) => ObjectState::Deleted,
                Some(State::Failed) => ObjectState::Failed,
                None => {
                    return Err(Error::new(Status::Corrupt, format!("record {slot} is nonsense")));
                }
            };
            if !is_shown(word)
                || generation.is_some_and(|generation| generation != word.generation())
            {
                return Ok(None);
            }
            let mut info = self.describe_fields(slot, record, word, state)?;
            self.describe_text(record, word, &mut info)?;
            // SYNC record-fields: as in a lookup.
            fence(Acquire);
            if record.load_with(Relaxed) == word {
                return Ok(Some(info));
            }
        }
        Err(Error::new(Status::Corrupt, format!("record {slot} keeps changing")))
    }

    fn describe_fields(
        &self,
        slot: u32,
        record: &Record,
        word: RecordWord,
        state: ObjectState,
    ) -> Result<ObjectInfo> {
        let create_time_us = record.create_time_us.load(Relaxed) as i64;
        let construct_us = record.construct_us.load(Relaxed) as i64;
        let sealed = state != ObjectState::Writing;
        let lru = self.segment.facts.lru();
        let used = if lru { self.segment.order().used(slot) } else { None };
        let last_use = used.map_or(0, |used| used.stamp);
        let pid = record.creator_pid.load(Relaxed);
        let host = record.creator_host.load(Relaxed);
        Ok(ObjectInfo {
            id: record.id(),
            state,
            pinned: word.has(RecordWord::PINNED),
            named: word.has(RecordWord::NAMED),
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
            creator_address: self.describe_creator(
                host,
                pid,
                record.creator_start.load(Relaxed),
            )?,
        })
    }

    /// Copies the name. The memory may belong to another object a moment later: the caller loads
    /// the word again, which decides whether the copy counts.
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
        // With a system call: the memory may be returned to the file system during the copy.
        if self.segment.heap.copy_out(extent.offset(), &mut bytes) {
            let view = MetadataView(&bytes);
            info.name = fallible::text(view.name().unwrap_or_default())?;
        }
        Ok(())
    }

    /// `host/pid@start` of a creator.
    fn describe_creator(&self, host: u32, pid: u32, start: u64) -> Result<String> {
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

    /// Converts a stamp of use to microseconds since the Unix epoch; `None` without a stamp, or if
    /// the source of stamps went back since.
    pub fn ticks_to_us(&self, ticks: u64) -> Option<i64> {
        let facts = &self.segment.facts;
        let source = facts.ticks_source();
        let (now, now_us) = (source.now(), clock::epoch_us());
        let age = Age::at(now).of(ticks).filter(|_| ticks != 0)?;
        // Until this process has measured the rate, it uses the average rate since the store was
        // created.
        let (span, us) = match source.per_ms() {
            Some(span) => (span, 1_000),
            None => (now.checked_sub(facts.ticks)?, now_us.checked_sub(facts.epoch_us)?.max(0)),
        };
        let age_us = u128::from(age) * us as u128 / u128::from(span.max(1));
        Some(now_us.saturating_sub(i64::try_from(age_us).unwrap_or(i64::MAX)))
    }
}
