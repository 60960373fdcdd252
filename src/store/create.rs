//! Create an object: a record, extents, and memory behind them.

use super::draft::{Draft, Unsealed};
use super::metadata::Metadata;
use super::session::Session;
use crate::alloc::{self, Allocator, Outcome};
use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::index::hash::name_hash;
use crate::index::{Hit, Key, SlotOutcome};
use crate::layout::extent::{Extent, UNIT, units};
use crate::layout::record::{IdWords, NameHash};
use crate::layout::word::{RecordWord, State};
use crate::options::CreateOptions;
use crate::segment::{BytesMut, Segment};
use crate::sync::Ordering::Relaxed;
use crate::sys::{clock, process};
use std::time::Duration;

/// Objects from this size on begin at a page.
const PAGE_FROM: u64 = 64 << 10;
/// Objects from this size on begin at a huge page.
const HUGE_FROM: u64 = 4 << 20;

/// What an attempt to place a new object came to.
enum Placed {
    /// Its record is WRITING and found by its keys.
    Done { object: Unsealed, data: Extent, meta: Extent },
    /// An object with the same id, or else with the same name, is there.
    Taken(Hit, Status),
    /// More records must be backed by memory.
    NeedRecords,
    /// More allocator blocks must be backed by memory.
    NeedBlocks(u32),
    /// No record, or no extent, is free.
    NoRoom { record: bool },
}

/// What a creator waits for, and how far it has gone.
pub(super) struct Room {
    deadline: Option<u64>,
    pause_ms: u64,
    reaped: bool,
    tried_again: bool,
    waits: bool,
    /// Why the file system gives no more: only what is reserved already is of use.
    no_more_memory: Option<Error>,
}

impl Room {
    /// Wait until `deadline` (monotonic ns), 0 not at all, `None` for ever.
    pub(super) fn new(deadline: Option<u64>) -> Self {
        let waits = deadline != Some(0);
        Self {
            deadline,
            pause_ms: 1,
            reaped: false,
            tried_again: false,
            waits,
            no_more_memory: None,
        }
    }

    /// Whether to try once more, though nothing was to be freed: another process may have freed it
    /// between the attempt and the look.
    fn once_more(&mut self) -> bool {
        !std::mem::replace(&mut self.tried_again, true)
    }
}

/// A new object as its creator asked for it.
struct Plan<'a> {
    id: &'a ObjectId,
    key: Key,
    name: Option<NameHash>,
    size: u64,
    text: &'a [u8],
    flags: u64,
    host: u32,
    now_us: u64,
}

impl Session {
    /// Create an object.
    pub fn create(&self, id: &ObjectId, size: u64, options: &CreateOptions<'_>) -> Result<Draft> {
        self.check_writable()?;
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
            flags: flag(options.pinned, RecordWord::PINNED)
                | flag(options.name.is_some(), RecordWord::NAMED),
            host: self.host()?,
            now_us: clock::epoch_us() as u64,
        };
        let mut room = Room::new(deadline(options.timeout));
        let (object, bytes) = self.place_and_reserve(&plan, &mut room)?;
        if options.zeroed {
            bytes.fill_zero();
        }
        Ok(Draft { object, metadata, bytes })
    }

    /// TOO_LARGE, if and only if an empty store could not take it.
    pub(super) fn refuse_too_large(&self, size: u64, text: u64) -> Result<()> {
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

    fn place_and_reserve(&self, plan: &Plan<'_>, room: &mut Room) -> Result<(Unsealed, BytesMut)> {
        loop {
            let (object, data, meta) = self.place(plan, room)?;
            match self.fill(plan, object, data, meta) {
                Ok(bytes) => return Ok((object, bytes)),
                Err(error) => {
                    self.abort_or_abandon(object);
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
        plan: &Plan<'_>,
        object: Unsealed,
        data: Extent,
        meta: Extent,
    ) -> Result<BytesMut> {
        self.reserve_extent(data)?;
        self.reserve_extent(meta)?;
        let reserved = &self.segment.header().reserved;
        if !plan.text.is_empty() {
            self.segment.heap.write(meta, reserved)?.copy_from(plan.text);
            // A failed swap: it was pinned.
            loop {
                let (record, word) = self.draft_word(object)?;
                if record.swap(word, word.with(RecordWord::TEXT)).is_ok() {
                    break;
                }
            }
        }
        self.segment.heap.write(data, reserved)
    }

    fn place(&self, plan: &Plan<'_>, room: &mut Room) -> Result<(Unsealed, Extent, Extent)> {
        loop {
            match self.try_place(plan, room.no_more_memory.is_some())? {
                Placed::Done { object, data, meta } => return Ok((object, data, meta)),
                Placed::Taken(hit, status) => {
                    if !self.reap_if_orphan(hit)? {
                        return Err(taken(plan.id, status));
                    }
                }
                Placed::NeedRecords => {
                    let reserved = self.reserve_records();
                    self.or_make_room(room, reserved)?;
                }
                Placed::NeedBlocks(count) => {
                    let reserved = self.reserve_blocks(count);
                    self.or_make_room(room, reserved)?;
                }
                Placed::NoRoom { record: true } => {
                    self.make_record_room(room, || self.no_records())?
                }
                Placed::NoRoom { record: false } => {
                    self.make_room(room, units(plan.size), units(plan.text.len() as u64))?;
                }
            }
        }
    }

    fn try_place(&self, plan: &Plan<'_>, reserved_only: bool) -> Result<Placed> {
        let mut guard = self.lock()?;
        let index = self.segment.index();
        if let Some(hit) = index.find(&plan.key)? {
            return Ok(Placed::Taken(hit, Status::Exists));
        }
        if let Some(name) = plan.name
            && let Some(hit) = index.find(&Key::Name(name))?
        {
            return Ok(Placed::Taken(hit, Status::NameExists));
        }
        let placed = self.place_locked(plan, reserved_only);
        placed.inspect_err(|_| guard.spoil())
    }

    fn place_locked(&self, plan: &Plan<'_>, reserved_only: bool) -> Result<Placed> {
        let index = self.segment.index();
        let allocator = self.segment.allocator();
        let data = match self.alloc(plan.size, &allocator, reserved_only)? {
            Outcome::Done(extent) => extent,
            Outcome::NeedBlocks(count) => return Ok(Placed::NeedBlocks(count)),
            Outcome::NoFit => return Ok(Placed::NoRoom { record: false }),
        };
        let give_back = |extent: alloc::Extent| match extent.len {
            0 => Ok(()),
            _ => allocator.free(extent),
        };
        let meta = match self.alloc(plan.text.len() as u64, &allocator, reserved_only)? {
            Outcome::Done(extent) => extent,
            Outcome::NeedBlocks(count) => {
                give_back(data)?;
                return Ok(Placed::NeedBlocks(count));
            }
            Outcome::NoFit => {
                give_back(data)?;
                return Ok(Placed::NoRoom { record: false });
            }
        };
        let (slot, free) = match self.segment.slots().take(&index)? {
            SlotOutcome::Slot(slot, word) => (slot, word),
            outcome => {
                give_back(data)?;
                give_back(meta)?;
                return Ok(match outcome {
                    SlotOutcome::NeedRecords => Placed::NeedRecords,
                    _ => Placed::NoRoom { record: true },
                });
            }
        };
        let data_extent = Extent { start: data.start, size: plan.size };
        let meta_extent = Extent { start: meta.start, size: plan.text.len() as u64 };
        let record = index.record(slot)?;
        record.set_id(&IdWords::from(plan.id));
        record.data.store(0, data_extent);
        record.data.store(1, Extent::default());
        record.meta.store(0, meta_extent);
        record.meta.store(1, Extent::default());
        record.blocks[0].store(data.block, Relaxed);
        record.blocks[2].store(meta.block, Relaxed);
        let name = plan.name.unwrap_or(NameHash([0, 0]));
        record.name_hash[0].store(name.0[0], Relaxed);
        record.name_hash[1].store(name.0[1], Relaxed);
        record.creator_nonce.store(self.own.nonce, Relaxed);
        record.creator_slot.store(self.own.slot, Relaxed);
        record.creator_pid.store(self.own.pid(), Relaxed);
        record.creator_host.store(plan.host, Relaxed);
        record.creator_start.store(self.own.start_time(), Relaxed);
        record.create_time_us.store(plan.now_us, Relaxed);
        record.construct_us.store(0, Relaxed);
        record.last_use.store(0, Relaxed);
        let generation = free.generation().max(1);
        let word = RecordWord::new(generation, plan.flags, State::Writing);
        record.swap(free, word).map_err(|now| {
            Error::new(Status::Corrupt, format!("free record {slot} became {now:?}"))
        })?;
        index.insert(&plan.key, slot)?;
        if let Some(name) = plan.name {
            index.insert(&Key::Name(name), slot)?;
        }
        let object = Unsealed { slot, generation };
        Ok(Placed::Done { object, data: data_extent, meta: meta_extent })
    }

    /// Take heap for `size` bytes; nothing for none. With `reserved_only`, only where memory is
    /// reserved already.
    pub(super) fn alloc(
        &self,
        size: u64,
        allocator: &Allocator<'_>,
        reserved_only: bool,
    ) -> Result<Outcome<alloc::Extent>> {
        if size == 0 {
            return Ok(Outcome::Done(alloc::Extent { start: 0, len: 0, block: 0 }));
        }
        if reserved_only {
            return allocator.alloc_within(units(size), 1, &mut |from, end| {
                reserved_run(&self.segment, from, end)
            });
        }
        let align = match size {
            HUGE_FROM.. => (2 << 20) / UNIT,
            PAGE_FROM.. => 4096 / UNIT,
            _ => 1,
        };
        allocator.alloc_preferring(units(size), align)
    }

    /// Index of this host's name in the store's table.
    fn host(&self) -> Result<u32> {
        if let Some(host) = self.own.host.get() {
            return Ok(*host);
        }
        let mut name = process::host_name().into_bytes();
        name.resize(64, 0);
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(name.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        let _guard = self.lock()?;
        let header = self.segment.header();
        let known = header.table.hosts.load(Relaxed).min(header.hosts.len() as u32);
        let same = |host: &&crate::layout::header::Host| {
            host.0.iter().zip(&words).all(|(a, b)| a.load(Relaxed) == *b)
        };
        let found = header.hosts.iter().take(known as usize).position(|host| same(&host));
        let host = match found {
            Some(found) => found as u32,
            None if known as usize == header.hosts.len() => u32::MAX,
            None => {
                for (cell, word) in header.hosts[known as usize].0.iter().zip(&words) {
                    cell.store(*word, Relaxed);
                }
                header.table.hosts.store(known + 1, Relaxed);
                known
            }
        };
        Ok(*self.own.host.get_or_init(|| host))
    }

    /// Where the file system gives no memory for more records or blocks, free some that there are.
    fn or_make_room(&self, room: &mut Room, reserved: Result<()>) -> Result<()> {
        match reserved {
            Err(error) if error.status() == Status::OutOfMemory => {
                self.make_record_room(room, || error)
            }
            other => other,
        }
    }

    /// Make room for extents of so many units, or say why there is none.
    pub(super) fn make_room(&self, room: &mut Room, data: u64, meta: u64) -> Result<()> {
        if self.reclaim()? > 0 || self.reap_once(room)? {
            return Ok(());
        }
        let reserved_only = room.no_more_memory.is_some();
        if self.segment.facts.lru() && self.evict_for(data, meta, reserved_only)? {
            return Ok(());
        }
        if room.once_more() {
            return Ok(());
        }
        let full = match room.no_more_memory.take() {
            Some(error) => error,
            None => self.full(data + meta),
        };
        self.wait_for_room(room, full)
    }

    #[cold]
    fn full(&self, units: u64) -> Error {
        // Without the lock: a number for people.
        let free = self.segment.allocator().free_units() * UNIT;
        Error::new(
            Status::OutOfMemory,
            format!(
                "{} bytes do not fit: {free} of {} are free, perhaps in pieces; delete objects, or \
                 make a store with a larger capacity",
                units * UNIT,
                self.segment.facts.geometry.capacity
            ),
        )
    }

    fn make_record_room(&self, room: &mut Room, full: impl FnOnce() -> Error) -> Result<()> {
        if self.reclaim()? > 0 || self.reap_once(room)? {
            return Ok(());
        }
        if self.segment.facts.lru() && self.evict_for(0, 0, false)? {
            return Ok(());
        }
        if room.once_more() {
            return Ok(());
        }
        self.wait_for_room(room, full())
    }

    #[cold]
    fn no_records(&self) -> Error {
        Error::new(
            Status::Limit,
            format!(
                "the store has its {} objects (max_objects); delete some, or make a store with more",
                self.segment.facts.geometry.max_objects
            ),
        )
    }

    fn reap_once(&self, room: &mut Room) -> Result<bool> {
        Ok(!std::mem::replace(&mut room.reaped, true) && self.reap_dead()? > 0)
    }

    fn wait_for_room(&self, room: &mut Room, full: Error) -> Result<()> {
        let late = |deadline| clock::monotonic_ns() >= deadline;
        if !room.waits || room.deadline.is_some_and(late) {
            return Err(full);
        }
        let pause = Duration::from_millis(room.pause_ms);
        room.pause_ms = (room.pause_ms * 2).min(100);
        room.reaped = false;
        self.nap(pause, room.deadline)?;
        self.check_writable()
    }
}

fn taken(id: &ObjectId, status: Status) -> Error {
    match status {
        Status::NameExists => Error::new(status, "another object has this name"),
        _ => Error::new(status, format!("object {id}")),
    }
}

/// The deadline of a time-out: 0 for none at all, `None` for ever.
pub(super) fn deadline(timeout: Option<Duration>) -> Option<u64> {
    timeout.map(|timeout| match timeout {
        Duration::ZERO => 0,
        _ => clock::monotonic_ns().saturating_add(timeout.as_nanos().min(u64::MAX.into()) as u64),
    })
}

/// The next run of reserved units in `from .. end`.
fn reserved_run(segment: &Segment, from: u64, end: u64) -> Option<(u64, u64)> {
    let chunk_units = segment.facts.geometry.chunk_size / UNIT;
    let reserved = &segment.header().reserved;
    let is_reserved = |chunk: u64| crate::segment::all_set(reserved, chunk as u32, chunk as u32);
    let (first, last) = (from / chunk_units, end.div_ceil(chunk_units));
    let start = (first..last).find(|&chunk| is_reserved(chunk))?;
    let stop = (start..last).find(|&chunk| !is_reserved(chunk)).unwrap_or(last);
    Some(((start * chunk_units).max(from), (stop * chunk_units).min(end)))
}
