//! A get against a reclaim that ends in another object at the same place, in every interleaving.
//!
//! The payload is a cell that loom watches: it may be written only when no reader can touch it.
//! What the models caught when the code was broken on purpose: `protect` or `doomed` without its
//! fence; `protect` that ignores the state or the generation; a release that is Relaxed; a scan
//! without the fence at its end.
#![allow(unsafe_code)] // a payload that loom watches

use super::{doomed, protect, release};
use crate::index::fixture::{Table, id_in};
use crate::index::{Hit, Key};
use crate::layout::extent::Extent;
use crate::layout::word::{LeaseWord, State};
use crate::sync::explore::explore;
use crate::sync::{AtomicU64, Ordering, fence};
use ::loom::cell::UnsafeCell;
use ::loom::sync::Arc;
use ::loom::thread;

struct Store {
    table: Table,
    lease: AtomicU64,
    /// The heap: what is sealed with generation g holds g.
    bytes: UnsafeCell<u32>,
}

// SAFETY: loom fails the model when accesses to the cell are not ordered.
unsafe impl Sync for Store {}
// SAFETY: the store holds nothing of a thread.
unsafe impl Send for Store {}

impl Store {
    fn new(state: State) -> Arc<Self> {
        let store =
            Self { table: Table::new(1, 1), lease: AtomicU64::new(0), bytes: UnsafeCell::new(0) };
        store.make(0, state);
        Arc::new(store)
    }

    /// Create object `n` in the only slot, write it, and seal it if asked to.
    fn make(&self, n: usize, state: State) {
        let (slot, word) = self.table.create(id_in(0, 1, n), None, State::Writing);
        if state == State::Sealed {
            self.write_and_seal(slot, word);
        }
    }

    fn write_and_seal(&self, slot: u32, word: crate::layout::word::RecordWord) {
        // SAFETY: the pointer is the cell's; that nobody else uses it now is what loom checks.
        self.bytes.with_mut(|bytes| unsafe { *bytes = word.generation() });
        let extent = Extent { start: word.generation().into(), size: 4 };
        self.table.records[slot as usize].data.store(word.data_index(), extent);
        self.table.seal(slot, word);
    }

    /// Get object `n`, look at its bytes twice, let go. Whether it was there.
    fn get(&self, n: usize) -> bool {
        let key = Key::Id(id_in(0, 1, n));
        let Some(Hit { slot, word }) = self.table.index().find(&key).unwrap() else {
            return false;
        };
        if !word.is(State::Sealed) {
            return false;
        }
        let (lease, record) = (&self.lease, &self.table.records[slot as usize]);
        let Some(now) = protect(lease, record, slot, word) else { return false };
        assert_eq!(now.generation(), n as u32 + 1);
        for _ in 0..2 {
            // SAFETY: the pointer is the cell's; that nobody writes it now is what loom checks.
            let bytes = self.bytes.with(|bytes| unsafe { *bytes });
            assert_eq!(bytes, n as u32 + 1);
            let extent = record.data.load(now.data_index());
            assert_eq!(extent, Extent { start: n as u64 + 1, size: 4 });
        }
        release(lease);
        true
    }

    /// Delete object 0; when nobody leases it, make object 1 in its place.
    fn reclaim(&self) {
        let record = &self.table.records[0];
        let word = self.table.doom(0, record.load(Ordering::Relaxed));
        doomed();
        let object = LeaseWord::new(word.generation(), 0).0;
        let leased = self.lease.load(Ordering::Relaxed) == object;
        // SYNC lease-release: Acquire; as at the end of a scan.
        fence(Ordering::Acquire);
        if !leased {
            self.table.slots().give(&self.table.index(), 0, word, 0).unwrap();
            self.make(1, State::Sealed);
        }
    }
}

#[test]
fn leased_bytes_never_change() {
    explore(99, || {
        let store = Store::new(State::Sealed);
        let reader = store.clone();
        let reader = thread::spawn(move || reader.get(0));
        store.reclaim();
        let _ = reader.join().unwrap();
        assert!(!store.get(0));
    });
}

#[test]
fn a_lease_word_serves_one_object_after_another() {
    explore(99, || {
        let store = Store::new(State::Sealed);
        let reader = store.clone();
        let reader = thread::spawn(move || (reader.get(0), reader.get(1)));
        store.reclaim();
        let _ = reader.join().unwrap();
    });
}

#[test]
fn sealed_bytes_are_seen() {
    explore(99, || {
        let store = Store::new(State::Writing);
        let creator = store.clone();
        let creator = thread::spawn(move || {
            let word = creator.table.records[0].load(Ordering::Relaxed);
            creator.write_and_seal(0, word);
        });
        store.get(0);
        creator.join().unwrap();
        assert!(store.get(0));
    });
}
