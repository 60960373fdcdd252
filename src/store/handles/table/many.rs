//! Many buffers of one handle table, taken or released together.

use super::{CHUNK, Handle, HandleTable};
use crate::protocols::lease;
use crate::protocols::lease::entry::Entry;
use crate::sync::local::Ordering::*;
use crate::sys::{membarrier, thread};
use once_cell::sync::OnceCell;

impl HandleTable {
    /// Begins to take many entries.
    #[inline(always)]
    pub fn begin_claims(&self) -> Claims<'_> {
        let alone = thread::is_alone();
        let next = self.hint.get(alone).unwrap_or(u32::MAX);
        // SYNC handle-table-high: Acquire; the entries below it exist, and their lease words are
        // backed. Entries are made before their lease words, so there may be more of them.
        let backed = self.high.load(Acquire).saturating_sub(next) as usize;
        let entries = self.entries_from(next);
        let entries = entries.get(..backed).unwrap_or(entries);
        Claims { handles: self, alone, next, entries: entries.iter() }
    }

    /// The entries from one on that were made together with it.
    #[inline(always)]
    fn entries_from(&self, index: u32) -> &[Entry] {
        let chunk = self.chunks.get((index / CHUNK) as usize).and_then(OnceCell::get);
        chunk.and_then(|chunk| chunk.get((index % CHUNK) as usize..)).unwrap_or(&[])
    }

    /// Begins to release many buffers.
    #[inline(always)]
    pub fn begin_releases(&self) -> Releases<'_> {
        Releases {
            handles: self,
            light: membarrier::is_ready(),
            first: None,
            plain: false,
            chunk: u32::MAX,
            entries: &[],
        }
    }
}

/// Takes entries for many buffers, one after the other where they are free.
pub struct Claims<'a> {
    handles: &'a HandleTable,
    alone: bool,
    next: u32,
    /// The entries from `next` on.
    entries: std::slice::Iter<'a, Entry>,
}

impl Claims<'_> {
    /// As [`HandleTable::claim`], without the reason of a failure. Takes and returns itself, so that
    /// it stays in registers.
    #[inline(always)]
    pub fn claim(mut self) -> (Self, Option<Handle>) {
        let Some(serial) = self.entries.next().and_then(|entry| entry.take(self.alone)) else {
            return self.claim_elsewhere();
        };
        let index = self.next;
        self.next = index + 1;
        (self, Some(Handle { index, serial, copy: false }))
    }

    #[cold]
    fn claim_elsewhere(self) -> (Self, Option<Handle>) {
        let handle = self.handles.claim().ok();
        (self.handles.begin_claims(), handle)
    }

    /// Ends the taking: the next search begins after the last entry that was taken.
    #[inline(always)]
    pub fn end(self) {
        self.handles.hint.set(self.next, self.alone);
    }
}

/// Releases many buffers of one handle table.
pub struct Releases<'a> {
    handles: &'a HandleTable,
    light: bool,
    /// The first entry that was freed.
    first: Option<u32>,
    /// The end of a lease is one store.
    plain: bool,
    chunk: u32,
    /// The entries of the chunk.
    entries: &'a [Entry],
}

impl Releases<'_> {
    /// As [`HandleTable::release_hot`].
    #[inline(always)]
    pub fn release(&mut self, handle: Handle) -> bool {
        let chunk = handle.index / CHUNK;
        if chunk != self.chunk {
            (self.chunk, self.entries) = (chunk, self.handles.entries_from(chunk * CHUNK));
        }
        let Some(entry) = self.entries.get((handle.index % CHUNK) as usize) else { return false };
        if handle.copy {
            return false;
        }
        let Some(last) = entry.only_first(handle.serial) else { return false };
        let session = self.handles.session();
        if self.first.is_none() {
            self.first = Some(handle.index);
            self.plain = session.ends_plainly();
        }
        if self.plain {
            lease::release(session.lease_word(handle.index));
        } else {
            session.end_lease_hot(handle.index);
        }
        entry.free(last, self.light);
        true
    }

    /// Ends the releases: the next search begins with the first entry that was freed.
    #[inline(always)]
    pub fn end(self) {
        let Some(first) = self.first else { return };
        self.handles.hint.set(first, thread::is_alone());
        if Entry::is_closed(&self.handles.closed, self.light) {
            self.handles.settle();
        }
    }
}
