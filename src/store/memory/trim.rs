//! Trimming: whole free chunks are returned to the system.
//!
//! First, a WRITING and HIDDEN record takes the chunk out of the allocator, and the chunk's bit in
//! the map of reserved chunks is cleared. Then the chunk is punched out of the file, outside the
//! lock. Last, the record is freed. A process that dies in between leaves a WRITING record, which
//! recovery and reaping free like any other, and a chunk that is reserved again before it is used.

use crate::error::{Error, Result, Status};
use crate::layout::extent::{Extent, UNIT};
use crate::layout::record::IdWords;
use crate::layout::word::{RecordWord, State};
use crate::protocols::alloc::Outcome;
use crate::protocols::index::SlotOutcome;
use crate::segment::all_set;
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::objects::writer::Unsealed;
use crate::store::recovery::repair::starts_over;
use crate::store::session::Session;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sys::file;

impl Session {
    /// Returns free chunks to the system, except `keep` bytes of reserved free memory. Returns the
    /// bytes that were returned.
    pub fn trim(&self, call: &Call<'_>, keep: u64) -> Result<u64> {
        self.ensure_writable()?;
        self.reclaim(call)?;
        self.empty_slot_caches(call)?;
        let mut spare = self.reserved_free(call)?.saturating_sub(keep);
        let mut returned = 0;
        let geometry = &self.segment.facts.geometry;
        // The last chunks first: new objects begin at the front.
        for chunk in (0..geometry.capacity.div_ceil(geometry.chunk_size) as u32).rev() {
            let (_, len) = self.segment.heap.chunk_range(chunk);
            if len <= spare && self.trim_chunk(call, chunk)? {
                spare -= len;
                returned += len;
            }
        }
        Ok(returned)
    }

    /// The free bytes in reserved chunks.
    fn reserved_free(&self, call: &Call<'_>) -> Result<u64> {
        let mut repaired = false;
        loop {
            let mut locked = self.lock(call)?;
            match locked.reserved_free().inspect_err(|_| locked.poison()) {
                Err(error) if starts_over(&mut repaired, &error) => {}
                free => return free,
            }
        }
    }

    fn trim_chunk(&self, call: &Call<'_>, chunk: u32) -> Result<bool> {
        if !all_set(&self.segment.header().reserved, chunk, chunk) {
            return Ok(false);
        }
        let Some((slot, word)) = self.take_chunk(call, chunk)? else { return Ok(false) };
        let (start, len) = self.segment.heap.chunk_range(chunk);
        let punched = self.segment.heap.fd().and_then(|heap| {
            file::punch_hole(heap, start, len)
                .map_err(|errno| errno.because("cannot return memory to the system"))
        });
        let given_back = self.lock(call).and_then(|mut locked| locked.free_object(slot, word, 0));
        if given_back.is_err() {
            self.abandon(Unsealed { slot, generation: word.generation() });
        }
        punched.and(given_back).map(|()| true)
    }

    /// Takes a free chunk out of the allocator and out of the map of reserved chunks.
    fn take_chunk(&self, call: &Call<'_>, chunk: u32) -> Result<Option<(u32, RecordWord)>> {
        let mut repaired = false;
        loop {
            let mut locked = self.lock(call)?;
            let taken = match locked.take_chunk(chunk).inspect_err(|_| locked.poison()) {
                Err(error) if starts_over(&mut repaired, &error) => continue,
                other => other?,
            };
            match taken {
                Outcome::Done(taken) => return Ok(Some(taken)),
                Outcome::NoFit => return Ok(None),
                Outcome::NeedBlocks(0) => {
                    drop(locked);
                    self.reserve_records(call)?;
                }
                Outcome::NeedBlocks(count) => {
                    drop(locked);
                    self.more_blocks(call, count, &mut repaired)?;
                }
            }
        }
    }
}

impl Locked<'_> {
    fn reserved_free(&self) -> Result<u64> {
        let chunk_units = self.session.segment.facts.geometry.chunk_size / UNIT;
        let reserved = &self.session.segment.header().reserved;
        let mut free = 0;
        let each = &mut |start: u64, len: u64| {
            let mut at = start;
            while at < start + len {
                let next = ((at / chunk_units + 1) * chunk_units).min(start + len);
                let chunk = (at / chunk_units) as u32;
                if all_set(reserved, chunk, chunk) {
                    free += next - at;
                }
                at = next;
            }
        };
        self.session.segment.allocator().for_each_free(each)?;
        Ok(free * UNIT)
    }

    /// As [`Session::take_chunk`]; `NeedBlocks(0)` asks for records.
    fn take_chunk(&self, chunk: u32) -> Result<Outcome<(u32, RecordWord)>> {
        let index = self.session.segment.index();
        let allocator = self.session.segment.allocator();
        let (start, len) = self.session.segment.heap.chunk_range(chunk);
        let taken = match allocator.take_at(start / UNIT, len / UNIT)? {
            Outcome::Done(taken) => taken,
            Outcome::NoFit => return Ok(Outcome::NoFit),
            Outcome::NeedBlocks(count) => return Ok(Outcome::NeedBlocks(count)),
        };
        let (slot, free) = match self.session.segment.slots().take(&index)? {
            SlotOutcome::Slot(slot, word) => (slot, word),
            outcome => {
                allocator.free(taken)?;
                return Ok(match outcome {
                    SlotOutcome::NeedRecords => Outcome::NeedBlocks(0),
                    _ => Outcome::NoFit,
                });
            }
        };
        let record = index.record(slot)?;
        record.set_id(&IdWords(0, 0, 0));
        record.data.store(0, Extent { start: taken.start, size: len });
        record.data.store(1, Extent::default());
        record.meta.store(0, Extent::default());
        record.meta.store(1, Extent::default());
        record.blocks[0].store(taken.block, Relaxed);
        allocator.set_owner(taken.block, slot);
        record.creator_slot.store(self.session.own.slot, Relaxed);
        record.creator_serial.store(self.session.own.serial, Relaxed);
        let generation = free.generation().max(1);
        let word = RecordWord::new(generation, RecordWord::HIDDEN, State::Writing);
        record
            .swap(free, word)
            .map_err(|_| Error::new(Status::Corrupt, format!("free record {slot} is in use")))?;
        // SYNC reserved: from here on the chunk is reserved again before it is used. A
        // read-modify-write in parts is enough: this word of the map changes only under the lock.
        let bits = &self.session.segment.header().reserved.0[chunk as usize / 64];
        bits.store(bits.load(Acquire) & !(1 << (chunk % 64)), Release);
        Ok(Outcome::Done((slot, word)))
    }
}
