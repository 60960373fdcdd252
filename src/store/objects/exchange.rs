//! The exchange of an unsealed object's extent for another: the record owns both during the
//! exchange.

use crate::error::Result;
use crate::layout::extent::{Extent, units};
use crate::layout::record::Record;
use crate::layout::word::RecordWord;
use crate::protocols::alloc::{self, Outcome};
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::memory::extents::ExtentKind;
use crate::store::memory::room::RoomSearch;
use crate::store::objects::writer::{ObjectWriter, lost_error};
use crate::store::recovery::repair::starts_over;
use crate::store::session::Session;
use crate::sync::Ordering;

/// An exchange in progress.
pub struct Exchange {
    kind: ExtentKind,
    pub old: Extent,
    pub new: Extent,
    pub moved: bool,
}

impl Session {
    /// Gives the record a second extent of `size` bytes beside the current one, backed by memory.
    pub fn begin_exchange(
        &self,
        call: &Call<'_>,
        writer: &ObjectWriter,
        kind: ExtentKind,
        size: u64,
    ) -> Result<Exchange> {
        let mut room = RoomSearch::now();
        let mut repaired = false;
        loop {
            let placed = match self.try_exchange(call, writer, kind, size) {
                Err(error) if starts_over(&mut repaired, &error) => continue,
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
                Outcome::NeedBlocks(count) => self.more_blocks(call, count, &mut repaired)?,
                Outcome::NoFit => self.make_room(call, &mut room, units(size), 0)?,
            }
        }
    }

    /// Removes the second extent of an exchange that could not get the lock again.
    pub fn clear_leftover(
        &self,
        call: &Call<'_>,
        writer: &ObjectWriter,
        kind: ExtentKind,
    ) -> Result<()> {
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
        kind: ExtentKind,
        size: u64,
    ) -> Result<Outcome<Exchange>> {
        self.clear_leftover(call, writer, kind)?;
        let mut locked = self.lock(call)?;
        let (record, word) = self.load_writing(writer.object)?;
        let index = kind.current(word);
        let old = kind.pair(record).load(index);
        let block = record.blocks[kind.block(index)].load(Ordering::Relaxed);
        let held = alloc::Extent { start: old.start, len: old.len(), block };
        let allocator = self.segment.allocator();
        // Data stays at its position if possible; metadata is always written to a new extent.
        let in_place = kind == ExtentKind::Data && !old.is_empty() && size > 0;
        let here = Extent { start: old.start, size };
        let placed = if size == 0 {
            Outcome::Done((Extent::default(), 0, true))
        } else if in_place
            && (units(size) <= old.len()
                || allocator.grow_in_place(held, units(size)).inspect_err(|_| locked.poison())?)
        {
            Outcome::Done((here, block, false))
        } else {
            match locked.allocate(kind, size, false).inspect_err(|_| locked.poison())? {
                Outcome::Done(fresh) => {
                    Outcome::Done((Extent { start: fresh.start, size }, fresh.block, true))
                }
                Outcome::NeedBlocks(count) => Outcome::NeedBlocks(count),
                Outcome::NoFit => Outcome::NoFit,
            }
        };
        Ok(match placed {
            Outcome::Done((new, new_block, moved)) => {
                locked.add_extent(writer.object.slot, record, (kind, 1 - index), new, new_block);
                Outcome::Done(Exchange { kind, old, new, moved })
            }
            Outcome::NeedBlocks(count) => Outcome::NeedBlocks(count),
            Outcome::NoFit => Outcome::NoFit,
        })
    }

    /// Exchanges the metadata of an object for `text` under one acquisition of the lock, which it is
    /// copied under. Returns `false`, and changes nothing, where memory is not there yet.
    pub fn exchange_at_once(
        &self,
        call: &Call<'_>,
        writer: &ObjectWriter,
        text: &[u8],
        payload: u32,
    ) -> Result<bool> {
        let kind = ExtentKind::Meta;
        self.clear_leftover(call, writer, kind)?;
        let mut locked = self.lock(call)?;
        let (record, word) = self.load_writing(writer.object)?;
        let fresh = match locked.allocate(kind, text.len() as u64, false) {
            Ok(Outcome::Done(fresh)) => fresh,
            Ok(_) => return Ok(false),
            Err(_) => {
                locked.poison();
                return Ok(false);
            }
        };
        let new = Extent { start: fresh.start, size: text.len() as u64 };
        let Ok(bytes) = self.segment.heap.write(new, &self.segment.header().reserved) else {
            locked.tolerate(self.segment.allocator().free(fresh))?;
            return Ok(false);
        };
        let index = kind.current(word);
        let old = kind.pair(record).load(index);
        let block = record.blocks[kind.block(index)].load(Ordering::Relaxed);
        locked.add_extent(writer.object.slot, record, (kind, 1 - index), new, fresh.block);
        bytes.copy_from(text);
        record.payload[1 - word.meta_index()].store(payload, Ordering::Relaxed);
        let next = kind.flip(word).with(RecordWord::TEXT);
        record.swap(word, next).map_err(|_| lost_error())?;
        kind.pair(record).store(index, Extent::default());
        if !old.is_empty() {
            let held = alloc::Extent { start: old.start, len: old.len(), block };
            locked.tolerate(self.segment.allocator().free(held))?;
        }
        Ok(true)
    }

    /// Makes the second extent the current one by one CAS, and frees the memory that is left over.
    pub fn end_exchange(
        &self,
        call: &Call<'_>,
        writer: &ObjectWriter,
        exchange: &Exchange,
    ) -> Result<()> {
        self.settle_exchange(call, writer, exchange, true)
    }

    /// Removes the second extent.
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
        let mut repaired = false;
        loop {
            let mut locked = self.lock(call)?;
            let (record, word) = self.load_writing(writer.object)?;
            let index = kind.current(word);
            let goes = if keep { index } else { 1 - index };
            let block = record.blocks[kind.block(goes)].load(Ordering::Relaxed);
            let held = alloc::Extent { start: from.start, len: from.len(), block };
            let allocator = self.segment.allocator();
            if !moved && from.len() > to.len() {
                match allocator.shrink(held, to.len()).inspect_err(|_| locked.poison()) {
                    Err(error) if starts_over(&mut repaired, &error) => continue,
                    Err(error) => return Err(error),
                    Ok(Outcome::NeedBlocks(count)) => {
                        drop(locked);
                        self.more_blocks(call, count, &mut repaired)?;
                        continue;
                    }
                    Ok(Outcome::Done(_) | Outcome::NoFit) => {}
                }
            }
            if keep {
                let next = match kind {
                    ExtentKind::Data => kind.flip(word),
                    ExtentKind::Meta => kind.flip(word).with(RecordWord::TEXT),
                };
                record.swap(word, next).map_err(|_| lost_error())?;
            }
            kind.pair(record).store(goes, Extent::default());
            if moved && !from.is_empty() {
                locked.tolerate(allocator.free(held))?;
            }
            return Ok(());
        }
    }
}

impl Locked<'_> {
    /// Gives an unsealed object a second extent.
    fn add_extent(
        &self,
        slot: u32,
        record: &Record,
        (kind, at): (ExtentKind, usize),
        extent: Extent,
        block: u32,
    ) {
        record.blocks[kind.block(at)].store(block, Ordering::Relaxed);
        if self.session.segment.facts.lru() {
            self.session.segment.allocator().set_owner(block, slot);
        }
        kind.pair(record).store(at, extent);
    }
}
