//! Placement of a new object: a slot of the object table and extents of the heap, under the writer
//! lock.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::extent::{Extent, units};
use crate::layout::record::{IdWords, NameHash};
use crate::layout::word::{RecordWord, State};
use crate::protocols::alloc::{self, Outcome};
use crate::protocols::index::{Hit, Index, Key, SlotOutcome};
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::memory::allocate::NOTHING;
use crate::store::memory::extents::ExtentKind;
use crate::store::memory::slot_cache::extent_of;
use crate::store::objects::source::Source;
use crate::store::objects::writer::Unsealed;
use crate::store::recovery::repair::starts_over;
use crate::store::session::Session;
use crate::sync::Ordering::Relaxed;

/// The outcome of an attempt to place a new object.
pub enum Placed {
    /// The record is WRITING, and its keys find it.
    Done { object: Unsealed, data: Extent, meta: Extent },
    /// An object with the same id, or else with the same name, exists.
    Taken(Hit, Status),
    /// More records must be backed by memory.
    NeedRecords,
    /// More allocator blocks must be backed by memory.
    NeedBlocks(u32),
    /// No record or no extent is free.
    NoRoom { record: bool },
}

impl Placed {
    fn lacks(outcome: Outcome<alloc::Extent>) -> Self {
        match outcome {
            Outcome::NeedBlocks(count) => Placed::NeedBlocks(count),
            Outcome::NoFit | Outcome::Done(_) => Placed::NoRoom { record: false },
        }
    }
}

/// A free slot, and memory for data that no record owns.
struct Placement {
    slot: u32,
    free: RecordWord,
    data: alloc::Extent,
}

/// A new object as its creator requested it.
pub struct NewObject<'a> {
    pub id: &'a ObjectId,
    pub key: Key,
    pub name: Option<NameHash>,
    pub size: u64,
    /// Where its data comes from, if it is copied within this call.
    pub source: Option<Source<'a>>,
    pub text: &'a [u8],
    /// Bytes of keys and values in the text.
    pub payload: u32,
    pub flags: u64,
    pub host: u32,
    pub now_us: u64,
    /// When the construction began, by the monotonic clock; 0 if it ends within this call.
    pub begun_us: u64,
}

impl Session {
    /// Places the object, unless its id or name is taken. With `reserved_only`, only where memory
    /// is reserved.
    pub fn try_place(
        &self,
        call: &Call<'_>,
        plan: &NewObject<'_>,
        reserved_only: bool,
    ) -> Result<Placed> {
        let index = self.segment.index();
        let mut repaired = false;
        loop {
            let mut locked = self.lock(call)?;
            if let Some(hit) = locked.find(&plan.key) {
                return Ok(Placed::Taken(hit, Status::Exists));
            }
            if let Some(name) = plan.name
                && let Some(hit) = locked.find(&Key::Name(name))
            {
                return Ok(Placed::Taken(hit, Status::NameExists));
            }
            match locked.place(&index, plan, reserved_only) {
                Ok(placed) => return Ok(placed),
                Err(error) => {
                    locked.poison();
                    if !starts_over(&mut repaired, &error) {
                        return Err(error);
                    }
                }
            }
        }
    }
}

impl Locked<'_> {
    /// Places an object whose id and name are free.
    #[inline(always)]
    pub fn place(
        &self,
        index: &Index<'_>,
        plan: &NewObject<'_>,
        reserved_only: bool,
    ) -> Result<Placed> {
        self.grow_index(index, plan.name.is_some())?;
        let meta = match plan.text.len() as u64 {
            0 => NOTHING,
            size => match self.allocate(ExtentKind::Meta, size, reserved_only)? {
                Outcome::Done(extent) => extent,
                lacking => return Ok(Placed::lacks(lacking)),
            },
        };
        let found = match self.take_kept(index, plan.size, reserved_only)? {
            Some(placement) => Ok(placement),
            None => self.take_placement(index, plan.size, reserved_only)?,
        };
        match found {
            Ok(placement) => self.write_record(index, plan, placement, meta),
            Err(lacking) => {
                self.give_back(meta)?;
                Ok(lacking)
            }
        }
    }

    /// A cached slot with as much memory as the object needs.
    #[inline(always)]
    fn take_kept(
        &self,
        index: &Index<'_>,
        size: u64,
        reserved_only: bool,
    ) -> Result<Option<Placement>> {
        if reserved_only {
            return Ok(None);
        }
        let kept = self.session.shard(self.session.own.slot).slot_cache.pop(index, units(size))?;
        Ok(kept.map(|kept| Placement { slot: kept.slot, free: kept.word, data: extent_of(&kept) }))
    }

    /// A slot of the queue and memory of the allocator, or what is lacking.
    fn take_placement(
        &self,
        index: &Index<'_>,
        size: u64,
        reserved_only: bool,
    ) -> Result<std::result::Result<Placement, Placed>> {
        let data = match self.allocate(ExtentKind::Data, size, reserved_only)? {
            Outcome::Done(extent) => extent,
            lacking => return Ok(Err(Placed::lacks(lacking))),
        };
        match self.session.segment.slots().take(index)? {
            SlotOutcome::Slot(slot, free) => Ok(Ok(Placement { slot, free, data })),
            outcome => {
                self.give_back(data)?;
                Ok(Err(match outcome {
                    SlotOutcome::NeedRecords => Placed::NeedRecords,
                    _ => Placed::NoRoom { record: true },
                }))
            }
        }
    }

    fn give_back(&self, extent: alloc::Extent) -> Result<()> {
        if extent.len == 0 { Ok(()) } else { self.session.segment.allocator().free(extent) }
    }

    /// Makes the object exist: WRITING, and in its chains.
    #[inline(always)]
    fn write_record(
        &self,
        index: &Index<'_>,
        plan: &NewObject<'_>,
        placement: Placement,
        meta: alloc::Extent,
    ) -> Result<Placed> {
        let Placement { slot, free, data } = placement;
        let data_extent = Extent { start: data.start, size: plan.size };
        let meta_extent = Extent { start: meta.start, size: plan.text.len() as u64 };
        let record = index.record(slot)?;
        record.set_id(&IdWords::from(plan.id));
        record.data.store(0, data_extent);
        record.data.store(1, Extent::default());
        record.meta.store(0, meta_extent);
        record.meta.store(1, Extent::default());
        record.payload[0].store(plan.payload, Relaxed);
        record.blocks[0].store(data.block, Relaxed);
        record.blocks[2].store(meta.block, Relaxed);
        let name = plan.name.unwrap_or(NameHash([0, 0]));
        record.name_hash[0].store(name.0[0], Relaxed);
        record.name_hash[1].store(name.0[1], Relaxed);
        record.creator_serial.store(self.session.own.serial, Relaxed);
        record.creator_slot.store(self.session.own.slot, Relaxed);
        record.creator_pid.store(self.session.own.pid, Relaxed);
        record.creator_host.store(plan.host, Relaxed);
        record.creator_start.store(self.session.own.start_time, Relaxed);
        record.create_time_us.store(plan.now_us, Relaxed);
        record.construct_us.store(plan.begun_us, Relaxed);
        let generation = free.generation().max(1);
        let word = RecordWord::new(generation, plan.flags, State::Writing);
        if self.session.segment.facts.lru() {
            self.enter_order(slot, record, word);
        }
        record.advance(free, word).map_err(|now| {
            Error::new(Status::Corrupt, format!("free record {slot} became {now:?}"))
        })?;
        index.insert(&plan.key, slot)?;
        if let Some(name) = plan.name {
            index.insert_any(&Key::Name(name), slot)?;
        }
        let object = Unsealed { slot, generation };
        Ok(Placed::Done { object, data: data_extent, meta: meta_extent })
    }
}
