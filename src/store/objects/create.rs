//! Create an object: a record, extents, and memory behind them.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::extent::{Extent, UNIT, units};
use crate::layout::record::IdWords;
use crate::layout::word::RecordWord;
use crate::options::CreateOptions;
use crate::protocols::index::Key;
use crate::protocols::index::hash::name_hash;
use crate::segment::BytesMut;
use crate::store::call::Call;
use crate::store::objects::metadata::Metadata;
use crate::store::objects::placement::{Placed, Plan};
use crate::store::objects::writer::{ObjectWriter, Unsealed};
use crate::store::recovery::mend::known_hosts;
use crate::store::session::Session;
use crate::sync::Ordering::Relaxed;
use crate::sys::{clock, process};
use std::time::Duration;

/// What a creator waits for, and how far it has gone.
pub struct Room {
    /// Until when it waits for room (monotonic ns): `None` is forever, 0 not at all.
    until: Option<u64>,
    pause_ms: u64,
    reaped: bool,
    tried_again: bool,
    mended: bool,
    /// Why the file system gives no more: only what is reserved already is of use.
    no_more_memory: Option<Error>,
}

impl Room {
    /// Of a call that does not wait for room.
    pub fn now() -> Self {
        Self::until(Some(0))
    }

    fn until(until: Option<u64>) -> Self {
        Self {
            until,
            pause_ms: 0,
            reaped: false,
            tried_again: false,
            mended: false,
            no_more_memory: None,
        }
    }

    /// Whether to try once more, though nothing was to be freed: another process may have freed it
    /// between the attempt and the look.
    fn once_more(&mut self) -> bool {
        !std::mem::replace(&mut self.tried_again, true)
    }
}

impl Session {
    /// Create an object.
    pub fn create(
        &self,
        call: &Call<'_>,
        id: &ObjectId,
        size: u64,
        options: &CreateOptions<'_>,
    ) -> Result<ObjectWriter> {
        self.ensure_writable()?;
        let now_us = clock::epoch_us() as u64;
        if self.links_are_old(now_us) {
            self.ensure_linked_again(now_us)?;
        }
        let metadata = Metadata::new(options.name, options.metadata)?;
        let text = metadata.encode()?;
        self.refuse_too_large(size, text.len() as u64)?;
        let flag = |on: bool, flag: u64| if on { flag } else { 0 };
        let plan = Plan {
            id,
            key: Key::Id(IdWords::from(id)),
            name: options.name.map(|name| name_hash(self.segment.facts.seed, name)),
            size,
            text: &text,
            payload: metadata.payload() as u32,
            flags: flag(options.pinned, RecordWord::PINNED)
                | flag(options.name.is_some(), RecordWord::NAMED),
            host: self.host(call)?,
            now_us,
        };
        let mut room = Room::until(call.until(options.timeout));
        let (object, bytes) = self.place_and_reserve(call, &plan, &mut room)?;
        if options.zeroed {
            bytes.fill_zero();
        }
        Ok(ObjectWriter { object, metadata, bytes })
    }

    /// TOO_LARGE, if and only if an empty store could not take it.
    pub fn refuse_too_large(&self, size: u64, text: u64) -> Result<()> {
        let capacity = self.segment.facts.geometry.units();
        if units(size).saturating_add(units(text)) > capacity {
            return Err(Error::new(
                Status::TooLarge,
                format!(
                    "{size} bytes of data and {text} of name and metadata do not fit a capacity of \
                     {} bytes",
                    capacity * UNIT
                ),
            ));
        }
        Ok(())
    }

    fn place_and_reserve(
        &self,
        call: &Call<'_>,
        plan: &Plan<'_>,
        room: &mut Room,
    ) -> Result<(Unsealed, BytesMut)> {
        loop {
            let (object, data, meta) = self.place(call, plan, room)?;
            match self.fill(call, plan, object, data, meta) {
                Ok(bytes) => return Ok((object, bytes)),
                Err(error) => {
                    self.give_up(object);
                    // The file system is full: what is reserved already may still have room.
                    if error.status() != Status::OutOfMemory || room.no_more_memory.is_some() {
                        return Err(error);
                    }
                    room.no_more_memory = Some(error);
                }
            }
        }
    }

    /// Back the extents with memory and write name and metadata; the bytes of the data.
    fn fill(
        &self,
        call: &Call<'_>,
        plan: &Plan<'_>,
        object: Unsealed,
        data: Extent,
        meta: Extent,
    ) -> Result<BytesMut> {
        self.reserve_extent(call, data)?;
        self.reserve_extent(call, meta)?;
        let reserved = &self.segment.header().reserved;
        if !plan.text.is_empty() {
            self.segment.heap.write(meta, reserved)?.copy_from(plan.text);
            // A failed swap: it was pinned.
            loop {
                let (record, word) = self.load_writing(object)?;
                if record.swap(word, word.with(RecordWord::TEXT)).is_ok() {
                    break;
                }
            }
        }
        self.segment.heap.write(data, reserved)
    }

    fn place(
        &self,
        call: &Call<'_>,
        plan: &Plan<'_>,
        room: &mut Room,
    ) -> Result<(Unsealed, Extent, Extent)> {
        loop {
            match self.try_place(call, plan, room.no_more_memory.is_some())? {
                Placed::Done { object, data, meta } => return Ok((object, data, meta)),
                Placed::Taken(hit, status) => {
                    if !self.reap_if_orphan(call, hit)? {
                        return Err(taken(plan.id, status));
                    }
                }
                Placed::NeedRecords => {
                    let reserved = self.reserve_records(call);
                    self.or_make_room(call, room, reserved)?;
                }
                Placed::NeedBlocks(count) => {
                    let reserved = self.more_blocks(call, count, &mut room.mended);
                    self.or_make_room(call, room, reserved)?;
                }
                Placed::NoRoom { record: true } => {
                    self.make_record_room(call, room, || self.no_records())?
                }
                Placed::NoRoom { record: false } => {
                    self.make_room(call, room, units(plan.size), units(plan.text.len() as u64))?;
                }
            }
        }
    }

    /// Index of this host's name in the store's table.
    fn host(&self, call: &Call<'_>) -> Result<u32> {
        if let Some(host) = self.own.host.get() {
            return Ok(*host);
        }
        let mut name = process::host_name().into_bytes();
        name.resize(64, 0);
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(name.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        let _guard = self.lock(call)?;
        let header = self.segment.header();
        let known = known_hosts(header);
        let same = |host: &&crate::layout::header::Host| {
            host.0.iter().zip(&words).all(|(a, b)| a.load(Relaxed) == *b)
        };
        let found = header.hosts.iter().take(known).position(|host| same(&host));
        let host = match found {
            Some(found) => found as u32,
            None if known == header.hosts.len() => u32::MAX,
            None => {
                for (cell, word) in header.hosts[known].0.iter().zip(&words) {
                    cell.store(*word, Relaxed);
                }
                header.table.hosts.store(known as u32 + 1, Relaxed);
                known as u32
            }
        };
        Ok(*self.own.host.get_or_init(|| host))
    }

    /// Where the file system gives no memory for more records or blocks, free some that there are.
    fn or_make_room(&self, call: &Call<'_>, room: &mut Room, reserved: Result<()>) -> Result<()> {
        match reserved {
            Err(error) if error.status() == Status::OutOfMemory => {
                self.make_record_room(call, room, || error)
            }
            other => other,
        }
    }

    /// Make room for extents of so many units, or say why there is none.
    pub fn make_room(&self, call: &Call<'_>, room: &mut Room, data: u64, meta: u64) -> Result<()> {
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
        if !std::mem::replace(&mut room.mended, true) && self.hides_room(call, data, meta)? {
            return Ok(());
        }
        let full = room.no_more_memory.take();
        self.wait_for_room(call, room, || full.unwrap_or_else(|| self.full(data + meta)))
    }

    fn make_record_room(
        &self,
        call: &Call<'_>,
        room: &mut Room,
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

    fn reap_once(&self, call: &Call<'_>, room: &mut Room) -> Result<bool> {
        Ok(!std::mem::replace(&mut room.reaped, true) && self.reap_dead(call)? > 0)
    }

    fn wait_for_room(
        &self,
        call: &Call<'_>,
        room: &mut Room,
        full: impl FnOnce() -> Error,
    ) -> Result<()> {
        let late = |until| until == 0 || clock::monotonic_ns() >= until;
        if room.until.is_some_and(late) {
            return Err(full());
        }
        room.pause_ms = (room.pause_ms * 2).clamp(1, 100);
        room.reaped = false;
        self.nap(call, Duration::from_millis(room.pause_ms), room.until)?;
        self.ensure_writable()
    }
}

fn taken(id: &ObjectId, status: Status) -> Error {
    match status {
        Status::NameExists => Error::new(status, "another object has this name"),
        _ => Error::new(status, format!("object {id}")),
    }
}
