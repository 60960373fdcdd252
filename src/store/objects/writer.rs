//! An object that this client is writing.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::event::{EventKind, Sizes};
use crate::layout::extent::{Extent, units};
use crate::layout::record::Record;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::alloc::{self, Outcome};
use crate::segment::BytesMut;
use crate::store::call::Call;
use crate::store::lock::acquire::Guard;
use crate::store::objects::create::Room;
use crate::store::objects::get::Held;
use crate::store::objects::metadata::Metadata;
use crate::store::recovery::mend::starts_over;
use crate::store::session::Session;
use crate::store::wait::News;
use crate::sync::Ordering;
use crate::sys::clock;

/// Which object is being written.
#[derive(Clone, Copy, Debug)]
pub struct Unsealed {
    /// Its slot.
    pub slot: u32,
    /// The generation it was created with.
    pub generation: u32,
}

/// What the creator of an unsealed object knows of it.
#[derive(Debug)]
pub struct ObjectWriter {
    /// Which it is.
    pub object: Unsealed,
    /// Name and metadata so far.
    pub metadata: Metadata,
    /// Its bytes.
    pub bytes: BytesMut,
}

/// Which of the two kinds of extents a change is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Data,
    Meta,
}

impl Kind {
    fn pair(self, record: &Record) -> &crate::layout::extent::ExtentPair {
        match self {
            Kind::Data => &record.data,
            Kind::Meta => &record.meta,
        }
    }

    fn current(self, word: RecordWord) -> usize {
        match self {
            Kind::Data => word.data_index(),
            Kind::Meta => word.meta_index(),
        }
    }

    fn flip(self, word: RecordWord) -> RecordWord {
        let bit = match self {
            Kind::Data => RecordWord::DATA1,
            Kind::Meta => RecordWord::META1,
        };
        if word.has(bit) { word.without(bit) } else { word.with(bit) }
    }

    fn block(self, index: usize) -> usize {
        match self {
            Kind::Data => index,
            Kind::Meta => 2 + index,
        }
    }
}

/// An extent that is being exchanged for another: both are owned by the record meanwhile.
struct Exchange {
    kind: Kind,
    old: Extent,
    new: Extent,
    moved: bool,
}

impl Session {
    /// The word of a writer's record: WRITING, ours.
    #[inline]
    pub fn load_writing(&self, object: Unsealed) -> Result<(&Record, RecordWord)> {
        let record = self.record(object.slot)?;
        let word = record.load();
        if word.generation() != object.generation || !word.is(State::Writing) {
            return Err(Error::new(
                Status::Corrupt,
                "an object that this client is writing was taken from it",
            ));
        }
        Ok((record, word))
    }

    /// A record of the object table.
    pub fn record(&self, slot: u32) -> Result<&Record> {
        self.segment.record(slot)
    }

    /// Change the size of an unsealed object; on failure all is as before.
    pub fn resize(&self, call: &Call<'_>, writer: &mut ObjectWriter, size: u64) -> Result<()> {
        self.ensure_writable()?;
        self.refuse_too_large(size, writer.metadata.encoded_len() as u64)?;
        let (record, word) = self.load_writing(writer.object)?;
        let old = record.data.load(word.data_index());
        if size != old.size {
            let exchange = self.begin_exchange(call, writer, Kind::Data, size)?;
            if exchange.moved {
                let reserved = &self.segment.header().reserved;
                let from = self.segment.heap.read(exchange.old, reserved)?;
                self.segment.heap.write(exchange.new, reserved)?.copy_from_own(from);
            }
            self.end_exchange(call, writer, &exchange)?;
        }
        let (record, word) = self.load_writing(writer.object)?;
        let extent = record.data.load(word.data_index());
        writer.bytes = self.segment.heap.write(extent, &self.segment.header().reserved)?;
        Ok(())
    }

    /// Set one key of an unsealed object's metadata; on failure all is as before.
    pub fn set_metadata(
        &self,
        call: &Call<'_>,
        writer: &mut ObjectWriter,
        key: &str,
        value: &[u8],
    ) -> Result<()> {
        self.ensure_writable()?;
        let mut metadata = writer.metadata.copy()?;
        metadata.set(key, value)?;
        let bytes = metadata.encode()?;
        self.refuse_too_large(writer.bytes.len, bytes.len() as u64)?;
        let exchange = self.begin_exchange(call, writer, Kind::Meta, bytes.len() as u64)?;
        let reserved = &self.segment.header().reserved;
        self.segment.heap.write(exchange.new, reserved)?.copy_from(&bytes);
        let (record, word) = self.load_writing(writer.object)?;
        record.payload[1 - word.meta_index()].store(metadata.payload() as u32, Ordering::Relaxed);
        self.end_exchange(call, writer, &exchange)?;
        writer.metadata = metadata;
        Ok(())
    }

    /// Give the record a second extent of `size` bytes beside the current one, backed by memory.
    fn begin_exchange(
        &self,
        call: &Call<'_>,
        writer: &ObjectWriter,
        kind: Kind,
        size: u64,
    ) -> Result<Exchange> {
        let mut room = Room::now();
        let mut mended = false;
        loop {
            let placed = match self.try_exchange(call, writer, kind, size) {
                Err(error) if starts_over(&mut mended, &error) => continue,
                other => other?,
            };
            match placed {
                Outcome::Done(exchange) => {
                    if let Err(error) = self.reserve_extent(call, exchange.new) {
                        self.undo_exchange(call, writer, &exchange)?;
                        return Err(error);
                    }
                    return Ok(exchange);
                }
                Outcome::NeedBlocks(count) => self.more_blocks(call, count, &mut mended)?,
                Outcome::NoFit => self.make_room(call, &mut room, units(size), 0)?,
            }
        }
    }

    /// Take away the second extent that an exchange left behind when it could not get the lock
    /// again.
    fn clear_leftover(&self, call: &Call<'_>, writer: &ObjectWriter, kind: Kind) -> Result<()> {
        let (record, word) = self.load_writing(writer.object)?;
        let index = kind.current(word);
        let (old, new) = (kind.pair(record).load(index), kind.pair(record).load(1 - index));
        if new.is_empty() {
            return Ok(());
        }
        let moved = old.is_empty() || old.start != new.start;
        self.undo_exchange(call, writer, &Exchange { kind, old, new, moved })
    }

    fn try_exchange(
        &self,
        call: &Call<'_>,
        writer: &ObjectWriter,
        kind: Kind,
        size: u64,
    ) -> Result<Outcome<Exchange>> {
        self.clear_leftover(call, writer, kind)?;
        let mut guard = self.lock(call)?;
        let (record, word) = self.load_writing(writer.object)?;
        let index = kind.current(word);
        let old = kind.pair(record).load(index);
        let block = record.blocks[kind.block(index)].load(Ordering::Relaxed);
        let held = alloc::Extent { start: old.start, len: old.len(), block };
        let allocator = self.segment.allocator();
        // Data keeps its place when it can; metadata is always written anew.
        let in_place = kind == Kind::Data && !old.is_empty() && size > 0;
        let here = Extent { start: old.start, size };
        let placed = if size == 0 {
            Outcome::Done((Extent::default(), 0, true))
        } else if in_place
            && (units(size) <= old.len()
                || allocator.grow_in_place(held, units(size)).inspect_err(|_| guard.poison())?)
        {
            Outcome::Done((here, block, false))
        } else {
            match self.alloc(kind, size, false).inspect_err(|_| guard.poison())? {
                Outcome::Done(fresh) => {
                    Outcome::Done((Extent { start: fresh.start, size }, fresh.block, true))
                }
                Outcome::NeedBlocks(count) => Outcome::NeedBlocks(count),
                Outcome::NoFit => Outcome::NoFit,
            }
        };
        Ok(match placed {
            Outcome::Done((new, new_block, moved)) => {
                record.blocks[kind.block(1 - index)].store(new_block, Ordering::Relaxed);
                kind.pair(record).store(1 - index, new);
                Outcome::Done(Exchange { kind, old, new, moved })
            }
            Outcome::NeedBlocks(count) => Outcome::NeedBlocks(count),
            Outcome::NoFit => Outcome::NoFit,
        })
    }

    /// Make the second extent the current one by one CAS, and free what it leaves over.
    fn end_exchange(
        &self,
        call: &Call<'_>,
        writer: &ObjectWriter,
        exchange: &Exchange,
    ) -> Result<()> {
        self.settle_exchange(call, writer, exchange, true)
    }

    /// Take the second extent away again.
    fn undo_exchange(
        &self,
        call: &Call<'_>,
        writer: &ObjectWriter,
        exchange: &Exchange,
    ) -> Result<()> {
        self.settle_exchange(call, writer, exchange, false)
    }

    fn settle_exchange(
        &self,
        call: &Call<'_>,
        writer: &ObjectWriter,
        exchange: &Exchange,
        keep: bool,
    ) -> Result<()> {
        let Exchange { kind, old, new, moved } = *exchange;
        let (from, to) = if keep { (old, new) } else { (new, old) };
        let mut mended = false;
        loop {
            let mut guard = self.lock(call)?;
            let (record, word) = self.load_writing(writer.object)?;
            let index = kind.current(word);
            let goes = if keep { index } else { 1 - index };
            let block = record.blocks[kind.block(goes)].load(Ordering::Relaxed);
            let held = alloc::Extent { start: from.start, len: from.len(), block };
            let allocator = self.segment.allocator();
            if !moved && from.len() > to.len() {
                match allocator.shrink(held, to.len()).inspect_err(|_| guard.poison()) {
                    Err(error) if starts_over(&mut mended, &error) => continue,
                    Err(error) => return Err(error),
                    Ok(Outcome::NeedBlocks(count)) => {
                        drop(guard);
                        self.more_blocks(call, count, &mut mended)?;
                        continue;
                    }
                    Ok(Outcome::Done(_) | Outcome::NoFit) => {}
                }
            }
            if keep {
                let next = match kind {
                    Kind::Data => kind.flip(word),
                    Kind::Meta => kind.flip(word).with(RecordWord::TEXT),
                };
                record.swap(word, next).map_err(|_| lost())?;
            }
            kind.pair(record).store(goes, Extent::default());
            if moved && !from.is_empty() {
                guard.bear(allocator.free(held))?;
            }
            return Ok(());
        }
    }

    /// Seal; the buffer on it is leased before anybody else can see it when `lease` is given.
    pub fn seal(&self, writer: &ObjectWriter, lease: Option<u32>) -> Result<Option<Held>> {
        self.ensure_writable()?;
        let object = writer.object;
        let (record, mut word) = self.load_writing(object)?;
        // By the same clock as its creation: one look at it for both.
        let now_us = clock::epoch_us();
        let created_us = record.create_time_us.load(Ordering::Relaxed);
        record.construct_us.store((now_us as u64).saturating_sub(created_us), Ordering::Relaxed);
        if self.segment.facts.lru() {
            record.last_use.store(self.segment.facts.ticks_source().now(), Ordering::Relaxed);
        }
        if let Some(index) = lease {
            // Before SEALED, so no reclaimer that sees SEALED can miss it.
            let leased = LeaseWord::new(object.generation, object.slot);
            self.lease_word(index).store(leased.0, Ordering::Relaxed);
        }
        let data = record.data.load(word.data_index());
        // Before it is SEALED: then another may delete it, and use the slot again.
        let news = News::of(record, word, now_us);
        // SYNC record-word: Release in `swap`; all that the creator wrote is published with it.
        while let Err(now) = record.swap(word, word.in_state(State::Sealed)) {
            if now.generation() != object.generation || !now.is(State::Writing) {
                return Err(lost());
            }
            word = now;
        }
        self.publish(&news, word);
        let held = lease.map(|_| {
            let bytes = self.segment.heap.read(data, &self.segment.header().reserved);
            bytes.map(|bytes| Held { slot: object.slot, generation: object.generation, bytes })
        });
        held.transpose()
    }

    /// Give up an unsealed object that nobody has a buffer on. It is absent at once; while another has
    /// the lock, its memory comes back when the lock is taken next.
    pub fn give_up(&self, object: Unsealed) {
        if self.forked() {
            return;
        }
        match self.try_lock() {
            // An error leaves what recovery finds: the record is nonsense, or the lock needs it.
            Some(guard) => drop(self.abort_under(guard, object)),
            None => self.abandon(object),
        }
    }

    /// Give up an unsealed object without the lock.
    pub fn abandon(&self, object: Unsealed) {
        let Ok((record, word)) = self.load_writing(object) else { return };
        // Before it is marked: then it may be freed, and its slot used again.
        let (id, sizes) = (record.id(), record.sizes(word));
        let given_up = self.segment.abandoned().give_up(record, object.generation);
        if given_up && !word.has(RecordWord::HIDDEN) {
            self.tell_aborted(&id, sizes);
        }
    }

    /// Free what was given up without the lock: under the lock.
    pub fn free_abandoned(&self, guard: &mut Guard<'_>) -> Result<()> {
        self.segment.abandoned().take();
        for slot in 0..self.segment.index().used() {
            let word = self.record(slot)?.load();
            if word.is(State::Writing) && word.has(RecordWord::ABANDONED) {
                self.free_object(guard, slot, word, 0)?;
            }
        }
        Ok(())
    }

    /// Give an unsealed object up: its memory, id and name come back.
    pub fn abort(&self, call: &Call<'_>, object: Unsealed) -> Result<()> {
        if self.forked() {
            return Err(Error::plain(Status::Forked));
        }
        self.abort_under(self.lock(call)?, object)
    }

    fn abort_under(&self, mut guard: Guard<'_>, object: Unsealed) -> Result<()> {
        let (record, word) = self.load_writing(object)?;
        let (id, sizes) = (record.id(), record.sizes(word));
        self.free_object(&mut guard, object.slot, word, 0)?;
        drop(guard);
        self.tell_aborted(&id, sizes);
        Ok(())
    }

    /// Tell of an object that was given up: whoever waits to create it looks again.
    fn tell_aborted(&self, id: &ObjectId, sizes: Sizes) {
        self.append_event(EventKind::Aborted, id, sizes);
        self.wake_waiters_for(id);
    }
}

#[cold]
fn lost() -> Error {
    Error::new(Status::Corrupt, "an object that this client is writing was changed by another")
}
