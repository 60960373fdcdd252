//! The objects that a client is writing, each in a place of its own.
//!
//! As with leases, a buffer in the hands of a C program names a place and a serial; places are never
//! freed, only used again, so a stale name finds another serial. A call takes the draft out of its
//! place, and puts it back or closes the place: of two calls at once one finds it.
#![allow(unsafe_code)] // who is in a call on an entry has its draft alone
#![allow(clippy::disallowed_types)] // a cell in this process's own memory

use crate::protocols::lease::entry::{Entry, Last};
use crate::store::handles::hint::{Hint, Kind};
use crate::store::objects::writer::Draft;
use crate::support::fallible;
use crate::sync::local::{AtomicBool, AtomicU32, Ordering::*};
use crate::sync::mutex::Mutex;
use crate::sys::{membarrier, thread};
use once_cell::sync::OnceCell;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

/// Places of the first chunk; each further one has twice as many.
const FIRST: u32 = 64;
const CHUNKS: usize = 26;

struct Place {
    entry: Entry,
    draft: UnsafeCell<MaybeUninit<Draft>>,
}

// SAFETY: the cell is touched by who is in a call on the entry, and that is one thread at a time.
unsafe impl Sync for Place {}

/// Where a draft is, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftName {
    /// Which place.
    pub index: u32,
    /// As it was given out; never 0.
    pub serial: u64,
}

/// A draft that was taken out of its place for one call.
#[must_use]
pub struct Taken {
    /// What it is.
    pub draft: Draft,
    call: Last,
}

/// The places of one handle table.
pub struct Drafts {
    hint: Hint,
    chunks: [OnceCell<Box<[Place]>>; CHUNKS],
    made: AtomicU32,
    growing: Mutex<()>,
}

impl Drafts {
    pub const fn new(handles: u32) -> Self {
        Self {
            hint: Hint::new(Kind::Draft, handles),
            chunks: [const { OnceCell::new() }; CHUNKS],
            made: AtomicU32::new(0),
            growing: Mutex::new(()),
        }
    }

    #[inline(always)]
    fn place(&self, index: u32) -> Option<&Place> {
        let chunk = (index / FIRST).checked_add(1)?.ilog2();
        let at = index - FIRST * ((1 << chunk) - 1);
        self.chunks.get(chunk as usize)?.get()?.get(at as usize)
    }

    /// Remember a draft. For want of memory it comes back.
    #[inline(always)]
    pub fn open(&self, draft: Draft) -> Result<DraftName, Draft> {
        let alone = thread::is_alone();
        let hinted = self.hint.get(alone).and_then(|index| self.claim(index));
        let Some((index, serial, call)) = hinted.or_else(|| self.claim_slow()) else {
            return Err(draft);
        };
        self.hint.set(index + 1, alone);
        let name = DraftName { index, serial };
        self.put(name, Taken { draft, call });
        Ok(name)
    }

    #[inline(always)]
    fn claim(&self, index: u32) -> Option<(u32, u64, Last)> {
        let (serial, call) = self.place(index)?.entry.take_for_call(thread::is_alone())?;
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
        let mut places = fallible::with_room(count as usize).ok()?;
        places.extend(
            (0..count).map(|_| Place {
                entry: Entry::new(),
                draft: UnsafeCell::new(MaybeUninit::uninit()),
            }),
        );
        let _ = self.chunks.get(chunk as usize)?.set(places.into_boxed_slice());
        self.made.store(made + count, Relaxed);
        // Others may be quicker, but not all the time.
        (made..made + count).find_map(|index| self.claim(index))
    }

    /// Take a draft out for one call; `None` when it was closed, and while another call has it.
    #[inline(always)]
    pub fn take(&self, name: DraftName) -> Option<Taken> {
        let place = self.place(name.index)?;
        let call = place.entry.enter(name.serial, thread::is_alone())?;
        // SAFETY: whoever let the entry be entered left a draft there, and this call is the only one
        // in it until `put` or `close`; it is read once in that time.
        let draft = unsafe { place.draft.get().cast::<Draft>().read() };
        Some(Taken { draft, call })
    }

    /// Put back what [`Drafts::take`] took.
    #[inline(always)]
    pub fn put(&self, name: DraftName, taken: Taken) {
        let Some(place) = self.place(name.index) else { return };
        // SAFETY: the call that `taken` stands for is the only one in the entry.
        unsafe { place.draft.get().cast::<Draft>().write(taken.draft) };
        place.entry.leave(taken.call);
    }

    /// Forget what [`Drafts::take`] took. `true` when the client was closed, as [`Entry::end`] says.
    #[inline(always)]
    #[must_use]
    pub fn close(&self, name: DraftName, taken: Taken, closed: &AtomicBool) -> bool {
        let Some(place) = self.place(name.index) else { return false };
        self.hint.set(name.index, thread::is_alone());
        place.entry.end(taken.call, closed, membarrier::is_ready())
    }

    /// Whether nothing is being written, to be asked after the client was closed.
    pub fn is_empty(&self) -> bool {
        let chunks = self.chunks.iter().filter_map(OnceCell::get);
        chunks.flatten().all(|place| place.entry.is_free())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::BytesMut;
    use crate::store::objects::writer::Unsealed;
    use std::collections::HashSet;
    use std::ptr;

    fn draft(slot: u32) -> Draft {
        let object = Unsealed { slot, generation: 1 };
        let bytes = BytesMut { ptr: ptr::dangling_mut(), len: 0 };
        Draft { object, metadata: Default::default(), bytes }
    }

    fn open(drafts: &Drafts, slot: u32) -> DraftName {
        drafts.open(draft(slot)).unwrap()
    }

    fn close(drafts: &Drafts, name: DraftName) -> u32 {
        let taken = drafts.take(name).unwrap();
        let slot = taken.draft.object.slot;
        assert!(!drafts.close(name, taken, &AtomicBool::new(false)));
        slot
    }

    #[test]
    fn a_draft_is_in_one_call_at_a_time_and_gone_once_closed() {
        let drafts = Drafts::new(0);
        let name = open(&drafts, 7);
        let taken = drafts.take(name).unwrap();
        assert!(drafts.take(name).is_none() && !drafts.is_empty());
        drafts.put(name, taken);
        assert_eq!(close(&drafts, name), 7);
        assert!(drafts.take(name).is_none() && drafts.is_empty());
        let next = open(&drafts, 8);
        assert_eq!((next.index, next.serial), (name.index, name.serial + 1));
        assert!(drafts.take(name).is_none());
        for wrong in [DraftName { index: u32::MAX, ..next }, DraftName { serial: u64::MAX, ..next }]
        {
            assert!(drafts.take(wrong).is_none());
        }
        let taken = drafts.take(next).unwrap();
        assert!(drafts.close(next, taken, &AtomicBool::new(true)), "the client is closed");
    }

    #[test]
    fn places_are_used_again() {
        let drafts = Drafts::new(1);
        let names: Vec<_> = (0..500).map(|slot| open(&drafts, slot)).collect();
        let places: HashSet<_> = names.iter().map(|name| name.index).collect();
        assert_eq!(places.len(), names.len());
        let made = drafts.made.load(Relaxed);
        for (slot, name) in (0..).zip(names) {
            assert_eq!(close(&drafts, name), slot);
        }
        let names: Vec<_> = (0..500).map(|slot| open(&drafts, slot)).collect();
        assert_eq!(drafts.made.load(Relaxed), made);
        assert!(names.iter().all(|name| drafts.take(*name).is_some()));
    }

    #[test]
    fn threads_do_not_meet() {
        let drafts = &Drafts::new(2);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for slot in (0..if cfg!(miri) { 20 } else { 2000 }).map(|n| 4 * n + thread) {
                        let name = open(drafts, slot);
                        assert_eq!(close(drafts, name), slot);
                    }
                });
            }
        });
        assert!(drafts.is_empty());
    }
}
