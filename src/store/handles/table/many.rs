//! Many buffers of one handle table, taken or released together.

use super::{CHUNK, Handle, HandleTable};
use crate::protocols::lease;
use crate::protocols::lease::entry::Entry;
use crate::sync::AtomicU64 as SharedU64;
use crate::sync::local::Ordering::*;
use crate::sys::{membarrier, thread};
use once_cell::sync::OnceCell;

/// A number of entries after one was not free: the others are looked for elsewhere.
const NOT_HERE: u32 = u32::MAX;

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
        let leases = self.session().lease_words_from(next);
        let count = entries.len().min(leases.len());
        let (entries, leases) = (&entries[..count], &leases[..count]);
        Claims { handles: self, alone, first: next, entries, leases }
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
        Releases { handles: self, base: 0, entries: &[], plain: false, first: None }
    }
}

/// Takes entries for many buffers, one after the other while they are free.
pub struct Claims<'a> {
    handles: &'a HandleTable,
    alone: bool,
    first: u32,
    /// The entries from `first` on, and their lease words.
    entries: &'a [Entry],
    leases: &'a [SharedU64],
}

/// An entry that was taken, and its lease word.
pub struct Claimed<'a> {
    pub index: u32,
    pub serial: u64,
    pub lease: &'a SharedU64,
}

impl<'a> Claims<'a> {
    /// As [`HandleTable::claim`], without the reason of a failure. `taken` is the number of entries
    /// that were taken, in a variable of the caller so that it stays in a register.
    #[inline(always)]
    pub fn claim(&self, taken: &mut u32) -> Option<Claimed<'a>> {
        let at = *taken as usize;
        let place = self.entries.get(at).zip(self.leases.get(at));
        match place.and_then(|(entry, lease)| Some((entry.take(self.alone)?, lease))) {
            Some((serial, lease)) => {
                *taken += 1;
                Some(Claimed { index: self.first + at as u32, serial, lease })
            }
            None => {
                *taken = NOT_HERE;
                self.claim_elsewhere()
            }
        }
    }

    #[cold]
    fn claim_elsewhere(&self) -> Option<Claimed<'a>> {
        let Handle { index, serial, .. } = self.handles.claim().ok()?;
        Some(Claimed { index, serial, lease: self.handles.session().lease_word(index) })
    }

    /// Ends the taking: the next search begins after the last entry that was taken.
    #[inline(always)]
    pub fn end(self, taken: u32) {
        if taken != NOT_HERE {
            self.handles.hint.set(self.first.wrapping_add(taken), self.alone);
        }
    }
}

/// Releases many buffers of one handle table.
pub struct Releases<'a> {
    handles: &'a HandleTable,
    /// Entries that were made together, from entry `base` on.
    base: u32,
    entries: &'a [Entry],
    /// The end of a lease is one store, and that of its entry another.
    plain: bool,
    /// The first entry that was freed.
    first: Option<u32>,
}

impl<'a> Releases<'a> {
    /// As [`HandleTable::release_hot`].
    #[inline(always)]
    pub fn release(&mut self, handle: Handle) -> bool {
        let at = handle.index.wrapping_sub(self.base) as usize;
        let Some(entry) = self.entries.get(at).or_else(|| self.turn_to(handle.index)) else {
            return false;
        };
        if handle.copy {
            return false;
        }
        let Some(last) = entry.only_first(handle.serial) else { return false };
        let session = self.handles.session();
        if self.plain {
            lease::release(session.lease_word(handle.index));
            entry.free(last, true);
            return true;
        }
        session.end_lease_hot(handle.index);
        let light = membarrier::is_ready();
        if self.first.is_none() {
            self.first = Some(handle.index);
            self.plain = light && session.ends_plainly();
        }
        entry.free(last, light);
        true
    }

    #[inline(never)]
    fn turn_to(&mut self, index: u32) -> Option<&'a Entry> {
        self.base = index / CHUNK * CHUNK;
        self.entries = self.handles.entries_from(self.base);
        self.entries.get((index % CHUNK) as usize)
    }

    /// Ends the releases: the next search begins with the first entry that was freed.
    #[inline(always)]
    pub fn end(self) {
        let Some(first) = self.first else { return };
        self.handles.hint.set(first, thread::is_alone());
        if Entry::is_closed(&self.handles.closed, membarrier::is_ready()) {
            self.handles.settle();
        }
    }
}
