//! Create an object: a record, extents, and backing memory.

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
use crate::store::memory::room::RoomSearch;
use crate::store::objects::metadata::Metadata;
use crate::store::objects::placement::{NewObject, Placed};
use crate::store::objects::source::{FileSource, Source};
use crate::store::objects::writer::{ObjectWriter, Unsealed};
use crate::store::session::Session;
use crate::sys::clock;
use std::time::Duration;

impl Session {
    /// Creates an object.
    pub fn create(
        &self,
        call: &Call<'_>,
        id: &ObjectId,
        size: u64,
        options: &CreateOptions<'_>,
    ) -> Result<ObjectWriter> {
        self.create_with(call, id, size, None, options)
    }

    /// Creates an object of these parts, one after the other, and seals it.
    pub fn put(
        &self,
        call: &Call<'_>,
        id: &ObjectId,
        parts: &[&[u8]],
        options: &CreateOptions<'_>,
    ) -> Result<()> {
        // The same bytes may be a part many times, so the sum has no bound.
        let size = parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.len() as u64));
        let writer = self.create_with(call, id, size, Some(Source::Parts(parts)), options)?;
        let sealed = self.seal(&writer, None).map(drop);
        sealed.inspect_err(|_| self.give_up(writer.object))
    }

    /// Creates an object of `size` bytes of a file, or fewer where it ends before.
    pub fn create_from_file(
        &self,
        call: &Call<'_>,
        id: &ObjectId,
        file: &FileSource<'_>,
        size: u64,
        options: &CreateOptions<'_>,
    ) -> Result<ObjectWriter> {
        let mut writer = self.create_with(call, id, size, Some(Source::File(file)), options)?;
        if file.copied() < size {
            self.resize(call, &mut writer, file.copied())
                .inspect_err(|_| self.give_up(writer.object))?;
        }
        Ok(writer)
    }

    /// Creates an object, and copies its data if it has a source.
    fn create_with(
        &self,
        call: &Call<'_>,
        id: &ObjectId,
        size: u64,
        source: Option<Source<'_>>,
        options: &CreateOptions<'_>,
    ) -> Result<ObjectWriter> {
        self.ensure_writable()?;
        let now = clock::now();
        let now_us = now.epoch_us as u64;
        if self.links_are_old(now_us, 1) {
            self.ensure_linked_again(now_us)?;
        }
        let metadata = Metadata::new(options.name, options.metadata)?;
        let text = metadata.text();
        self.refuse_too_large(size, text.len() as u64)?;
        let flag = |on: bool, flag: u64| if on { flag } else { 0 };
        let plan = NewObject {
            id,
            key: Key::Id(IdWords::from(id)),
            name: options.name.map(|name| name_hash(self.segment.facts.seed, name.as_bytes())),
            size,
            source,
            text,
            payload: metadata.payload() as u32,
            flags: flag(options.pinned, RecordWord::PINNED)
                | flag(options.name.is_some(), RecordWord::NAMED),
            host: self.find_host(call)?,
            now_us,
            begun_us: if let Some(Source::Parts(_)) = source { 0 } else { now.monotonic_us },
        };
        let placed = self.try_place(call, &plan, false)?;
        let (object, bytes) = match self.fill_placed(call, &plan, &placed) {
            Some(done) => done,
            None => self.place_and_reserve(call, &plan, placed, options.timeout)?,
        };
        self.back_wanted_buckets();
        if options.zeroed && source.is_none() {
            bytes.fill_zero();
        }
        Ok(ObjectWriter { object, metadata, bytes })
    }

    /// Writes an object that found its place at once; `None` if it found none, or cannot be written.
    #[inline(always)]
    fn fill_placed(
        &self,
        call: &Call<'_>,
        plan: &NewObject<'_>,
        placed: &Placed,
    ) -> Option<(Unsealed, BytesMut)> {
        let Placed::Done { object, data, meta } = *placed else { return None };
        if plan.source.is_none()
            && plan.text.is_empty()
            && let Some(bytes) = self.segment.heap.find_mut(data, &self.segment.header().reserved)
        {
            return Some((object, bytes));
        }
        Some((object, self.fill(call, plan, object, data, meta).ok()?))
    }

    /// Returns TOO_LARGE if and only if even an empty store could not hold the object.
    pub fn refuse_too_large(&self, size: u64, text: u64) -> Result<()> {
        let capacity = self.segment.facts.geometry.units();
        if units(size).saturating_add(units(text)) > capacity {
            return Err(too_large_error(size, text, capacity * UNIT));
        }
        Ok(())
    }

    /// Goes on after the first attempt to place an object, which may have found a place that cannot
    /// be written.
    #[cold]
    fn place_and_reserve(
        &self,
        call: &Call<'_>,
        plan: &NewObject<'_>,
        mut placed: Placed,
        timeout: Option<Duration>,
    ) -> Result<(Unsealed, BytesMut)> {
        let room = &mut RoomSearch::until(call.until(timeout));
        loop {
            let (object, data, meta) = self.place(call, plan, room, placed)?;
            match self.fill(call, plan, object, data, meta) {
                Ok(bytes) => return Ok((object, bytes)),
                Err(error) => {
                    self.give_up(object);
                    // The file system is full: the memory that is reserved already may have room.
                    if error.status() != Status::OutOfMemory || room.no_more_memory.is_some() {
                        return Err(error);
                    }
                    room.no_more_memory = Some(error);
                    placed = self.try_place(call, plan, true)?;
                }
            }
        }
    }

    /// Backs the extents with memory, and writes data, name and metadata; returns the bytes of the
    /// data.
    #[inline(never)]
    fn fill(
        &self,
        call: &Call<'_>,
        plan: &NewObject<'_>,
        object: Unsealed,
        data: Extent,
        meta: Extent,
    ) -> Result<BytesMut> {
        let reserved = &self.segment.header().reserved;
        let bytes = match plan.source {
            Some(source) => self.copy_in(call, data, source)?,
            None => {
                self.reserve_extent(call, data)?;
                self.segment.heap.write(data, reserved)?
            }
        };
        self.write_text(call, object, meta, plan.text)?;
        Ok(bytes)
    }

    /// Writes name and metadata of a new object.
    #[inline(always)]
    pub fn write_text(
        &self,
        call: &Call<'_>,
        object: Unsealed,
        meta: Extent,
        text: &[u8],
    ) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.reserve_extent(call, meta)?;
        self.segment.heap.write(meta, &self.segment.header().reserved)?.copy_from(text);
        // A swap fails if the object was pinned in between.
        loop {
            let (record, word) = self.load_writing(object)?;
            if record.swap(word, word.with(RecordWord::TEXT)).is_ok() {
                return Ok(());
            }
        }
    }

    fn place<'a>(
        &'a self,
        call: &Call<'_>,
        plan: &NewObject<'_>,
        room: &mut RoomSearch<'a>,
        mut placed: Placed,
    ) -> Result<(Unsealed, Extent, Extent)> {
        loop {
            match placed {
                Placed::Done { object, data, meta } => return Ok((object, data, meta)),
                Placed::Taken(hit, status) => {
                    if !self.reap_if_orphan(call, hit)? && !self.remove_expired(call, hit)? {
                        return Err(exists_error(plan.id, status));
                    }
                }
                Placed::NeedRecords => {
                    let reserved = self.reserve_records(call);
                    self.or_make_room(call, room, reserved)?;
                }
                Placed::NeedBlocks(count) => {
                    let reserved = self.more_blocks(call, count, &mut room.repaired);
                    self.or_make_room(call, room, reserved)?;
                }
                Placed::NoRoom { record: true } => {
                    self.make_record_room(call, room, || self.no_records_error())?
                }
                Placed::NoRoom { record: false } => {
                    self.make_room(call, room, units(plan.size), units(plan.text.len() as u64))?;
                }
            }
            placed = self.try_place(call, plan, room.no_more_memory.is_some())?;
        }
    }
}

#[cold]
fn too_large_error(size: u64, text: u64, capacity: u64) -> Error {
    Error::new(
        Status::TooLarge,
        format!(
            "{size} bytes of data and {text} of name and metadata do not fit a capacity of \
             {capacity} bytes"
        ),
    )
}

#[cold]
fn exists_error(id: &ObjectId, status: Status) -> Error {
    match status {
        Status::NameExists => Error::new(status, "another object has this name"),
        _ => Error::new(status, format!("object {id}")),
    }
}
