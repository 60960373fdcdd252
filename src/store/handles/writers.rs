//! Writer tables: the objects that a client is writing, one in each entry.
//!
//! As with leases, a buffer in a C program names an entry and a serial. Entries are never freed,
//! only reused, so a stale handle meets another serial. A call takes the writer out of its entry,
//! and puts it back or closes the entry: of two simultaneous calls only one gets the writer.
#![allow(unsafe_code)] // a call on an entry has exclusive use of its writer
#![allow(clippy::disallowed_types)] // a cell in this process's own memory

use crate::protocols::lease::entry::{Entry, Last};
use crate::store::handles::hint::{Hint, HintKind};
use crate::store::objects::writer::ObjectWriter;
use crate::support::fallible;
use crate::sync::local::Ordering::*;
use crate::sync::local::{AtomicBool, AtomicU32};
use crate::sync::mutex::Mutex;
use crate::sys::{membarrier, thread};
use once_cell::sync::OnceCell;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

/// The number of entries in the first chunk; each further chunk has twice as many as the one
/// before.
const FIRST: u32 = 64;

const CHUNKS: usize = 26;

struct WriterEntry {
    state: Entry,
    writer: UnsafeCell<MaybeUninit<ObjectWriter>>,
}

// SAFETY: only a thread that is in a call on the entry touches the cell, and there is one such
// thread at a time.
unsafe impl Sync for WriterEntry {}

/// The handle of a writer: its entry, and the serial of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterHandle {
    /// Its entry in the table.
    pub index: u32,
    /// The serial of the entry when the handle was made; never 0.
    pub serial: u64,
}

/// A writer that was taken out of its entry for one call.
#[must_use]
pub struct TakenWriter {
    /// The writer.
    pub writer: ObjectWriter,
    call: Last,
}

/// The writers of one handle table.
pub struct WriterTable {
    hint: Hint,
    chunks: [OnceCell<Box<[WriterEntry]>>; CHUNKS],
    made: AtomicU32,
    growing: Mutex<()>,
}

impl WriterTable {
    pub const fn new(handles: u32) -> Self {
        Self {
            hint: Hint::new(HintKind::Writer, handles),
            chunks: [const { OnceCell::new() }; CHUNKS],
            made: AtomicU32::new(0),
            growing: Mutex::new(()),
        }
    }

    #[inline(always)]
    fn entry(&self, index: u32) -> Option<&WriterEntry> {
        let chunk = (index / FIRST).checked_add(1)?.ilog2();
        let at = index - FIRST * ((1 << chunk) - 1);
        self.chunks.get(chunk as usize)?.get()?.get(at as usize)
    }

    /// Stores a writer; returns it if memory is short.
    #[inline(always)]
    pub fn open(&self, writer: ObjectWriter) -> Result<WriterHandle, ObjectWriter> {
        let alone = thread::is_alone();
        let hinted = self.hint.get(alone).and_then(|index| self.claim(index));
        let Some((index, serial, call)) = hinted.or_else(|| self.claim_slow()) else {
            return Err(writer);
        };
        self.hint.set(index + 1, alone);
        let handle = WriterHandle { index, serial };
        self.put(handle, TakenWriter { writer, call });
        Ok(handle)
    }

    #[inline(always)]
    fn claim(&self, index: u32) -> Option<(u32, u64, Last)> {
        let (serial, call) = self.entry(index)?.state.take_for_call(thread::is_alone())?;
        Some((index, serial, call))
    }

    #[cold]
    fn claim_slow(&self) -> Option<(u32, u64, Last)> {
        let _growing = self.growing.lock();
        // Relaxed: it changes under `growing` alone.
        let made = self.made.load(Relaxed);
        if let Some(claimed) = (0..made).find_map(|index| self.claim(index)) {
            return Some(claimed);
        }
        let chunk = (made / FIRST + 1).ilog2();
        let count = FIRST << chunk;
        let mut entries = fallible::with_room(count as usize).ok()?;
        entries.extend((0..count).map(|_| WriterEntry {
            state: Entry::new(),
            writer: UnsafeCell::new(MaybeUninit::uninit()),
        }));
        let _ = self.chunks.get(chunk as usize)?.set(entries.into_boxed_slice());
        self.made.store(made + count, Relaxed);
        // Other threads may take some of the new entries first, but not all of them.
        (made..made + count).find_map(|index| self.claim(index))
    }

    /// Takes a writer out for one call; `None` if the entry is closed or another call has the
    /// writer.
    #[inline(always)]
    pub fn take(&self, handle: WriterHandle) -> Option<TakenWriter> {
        let entry = self.entry(handle.index)?;
        let call = entry.state.enter(handle.serial, thread::is_alone())?;
        // SAFETY: the thread that let the entry be entered left a writer in it, and this call is
        // the only one in the entry until `put` or `close`; the writer is read once in that time.
        let writer = unsafe { entry.writer.get().cast::<ObjectWriter>().read() };
        Some(TakenWriter { writer, call })
    }

    /// Puts back a writer from [`WriterTable::take`].
    #[inline(always)]
    pub fn put(&self, handle: WriterHandle, taken: TakenWriter) {
        let Some(entry) = self.entry(handle.index) else { return };
        // SAFETY: the call that `taken` stands for is the only one in the entry.
        unsafe { entry.writer.get().cast::<ObjectWriter>().write(taken.writer) };
        entry.state.leave(taken.call);
    }

    /// Closes the entry of a writer from [`WriterTable::take`]. Returns `true` if the client was
    /// closed, as [`Entry::end`] does.
    #[inline(always)]
    #[must_use]
    pub fn close(&self, handle: WriterHandle, taken: TakenWriter, closed: &AtomicBool) -> bool {
        let Some(entry) = self.entry(handle.index) else { return false };
        self.hint.set(handle.index, thread::is_alone());
        entry.state.end(taken.call, closed, membarrier::is_ready())
    }

    /// Whether no object is being written. Valid after the client was closed.
    pub fn is_empty(&self) -> bool {
        let chunks = self.chunks.iter().filter_map(OnceCell::get);
        chunks.flatten().all(|entry| entry.state.is_free())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::BytesMut;
    use crate::store::objects::writer::Unsealed;
    use std::collections::HashSet;
    use std::ptr;

    fn writer(slot: u32) -> ObjectWriter {
        let object = Unsealed { slot, generation: 1 };
        let bytes = BytesMut { ptr: ptr::dangling_mut(), len: 0 };
        ObjectWriter { object, metadata: Default::default(), bytes }
    }

    fn open(writers: &WriterTable, slot: u32) -> WriterHandle {
        writers.open(writer(slot)).unwrap()
    }

    fn close(writers: &WriterTable, handle: WriterHandle) -> u32 {
        let taken = writers.take(handle).unwrap();
        let slot = taken.writer.object.slot;
        assert!(!writers.close(handle, taken, &AtomicBool::new(false)));
        slot
    }

    #[test]
    fn a_writer_is_in_one_call_at_a_time_and_gone_once_closed() {
        let writers = WriterTable::new(0);
        let handle = open(&writers, 7);
        let taken = writers.take(handle).unwrap();
        assert!(writers.take(handle).is_none() && !writers.is_empty());
        writers.put(handle, taken);
        assert_eq!(close(&writers, handle), 7);
        assert!(writers.take(handle).is_none() && writers.is_empty());
        let next = open(&writers, 8);
        assert_eq!((next.index, next.serial), (handle.index, handle.serial + 1));
        assert!(writers.take(handle).is_none());
        for wrong in
            [WriterHandle { index: u32::MAX, ..next }, WriterHandle { serial: u64::MAX, ..next }]
        {
            assert!(writers.take(wrong).is_none());
        }
        let taken = writers.take(next).unwrap();
        assert!(writers.close(next, taken, &AtomicBool::new(true)), "the client is closed");
    }

    #[test]
    fn places_are_used_again() {
        let writers = WriterTable::new(1);
        let handles: Vec<_> = (0..500).map(|slot| open(&writers, slot)).collect();
        let entries: HashSet<_> = handles.iter().map(|handle| handle.index).collect();
        assert_eq!(entries.len(), handles.len());
        let made = writers.made.load(Relaxed);
        for (slot, handle) in (0..).zip(handles) {
            assert_eq!(close(&writers, handle), slot);
        }
        let handles: Vec<_> = (0..500).map(|slot| open(&writers, slot)).collect();
        assert_eq!(writers.made.load(Relaxed), made);
        assert!(handles.iter().all(|handle| writers.take(*handle).is_some()));
    }

    #[test]
    fn threads_do_not_meet() {
        let writers = &WriterTable::new(2);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for slot in (0..if cfg!(miri) { 20 } else { 2000 }).map(|n| 4 * n + thread) {
                        let handle = open(writers, slot);
                        assert_eq!(close(writers, handle), slot);
                    }
                });
            }
        });
        assert!(writers.is_empty());
    }
}
