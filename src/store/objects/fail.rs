//! Fail: the creator of an object says why it cannot make it. Waiters, and later gets, receive the
//! message.
//!
//! The message lies at the start of the object's own memory, so that failing needs no room; the
//! rest of the memory is freed.

use crate::error::{Result, Status};
use crate::layout::extent::{Extent, UNIT, units};
use crate::layout::word::{RecordWord, State};
use crate::protocols::alloc::{self, Outcome};
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::memory::extents::ExtentKind;
use crate::store::notify::News;
use crate::store::objects::failure::MAX_MESSAGE;
use crate::store::objects::writer::{ObjectWriter, lost_error};
use crate::store::recovery::repair::starts_over;
use crate::store::session::Session;
use crate::sync::Ordering::Relaxed;
use crate::sys::clock;

impl Session {
    /// Ends an unsealed object as FAILED. As much of the message is kept as fits the memory of its
    /// data.
    pub fn fail(&self, call: &Call<'_>, writer: &ObjectWriter, message: &str) -> Result<()> {
        self.ensure_writable()?;
        // Memory that cannot be cut stays with the object until it is deleted.
        let mut cuts = match self.clear_leftover(call, writer, ExtentKind::Data) {
            Err(error) if error.status() != Status::OutOfMemory => return Err(error),
            cleared => cleared.is_ok(),
        };
        let mut repaired = false;
        loop {
            let locked = self.lock(call)?;
            let lacking = match locked.fail(writer, message, cuts) {
                Err(error) if starts_over(&mut repaired, &error) => continue,
                lacking => lacking?,
            };
            let Some(count) = lacking else { return Ok(()) };
            match self.more_blocks(call, count, &mut repaired) {
                Err(error) if error.status() == Status::OutOfMemory => cuts = false,
                more => more?,
            }
        }
    }
}

impl Locked<'_> {
    /// Makes a WRITING object FAILED, releases the lock, and notifies all that wait. Returns how many
    /// allocator blocks are lacking, and changes nothing, if the rest of its memory cannot be freed
    /// without more.
    fn fail(mut self, writer: &ObjectWriter, message: &str, cuts: bool) -> Result<Option<u32>> {
        let (session, object) = (self.session, writer.object);
        let (record, word) = session.load_writing(object)?;
        let index = word.data_index();
        let old = record.data.load(index);
        let whole = Extent { start: old.start, size: old.len() * UNIT };
        let memory = session.segment.heap.write(whole, &session.segment.header().reserved)?;
        let message = message.split('\0').next().unwrap_or_default();
        let room = MAX_MESSAGE.min((old.len() * UNIT) as usize);
        let text = &message.as_bytes()[..message.floor_char_boundary(room)];
        let block = record.blocks[ExtentKind::Data.block(index)].load(Relaxed);
        let held = alloc::Extent { start: old.start, len: old.len(), block };
        let allocator = session.segment.allocator();
        if cuts && !text.is_empty() {
            let cut = allocator.shrink(held, units(text.len() as u64));
            if let Outcome::NeedBlocks(count) = cut.inspect_err(|_| self.poison())? {
                return Ok(Some(count));
            }
        }
        let size = if cuts { text.len() as u64 } else { old.size.max(text.len() as u64) };
        let mut bytes = [0; MAX_MESSAGE + 1];
        bytes[..text.len()].copy_from_slice(text);
        // In memory that was not cut the message ends with a NUL.
        let len = text.len() + usize::from((text.len() as u64) < size);
        memory.copy_from(&bytes[..len]);
        if size != old.size {
            record.data.store(index, Extent { start: old.start, size });
        }
        if cuts && text.is_empty() && !old.is_empty() {
            self.tolerate(allocator.free(held))?;
        }
        let now = clock::now();
        session.note_seal(object.slot, record, now, None);
        let news = News::of(record, word, now.epoch_us);
        let _announcement = session.begin_announcement();
        let failed = word.without(RecordWord::PINNED).in_state(State::Failed);
        record.swap(word, failed).map_err(|_| lost_error())?;
        if session.segment.facts.lru() {
            session.segment.order().make_oldest(object.slot);
        }
        drop(self);
        session.publish_failure(&news, word);
        Ok(None)
    }
}
