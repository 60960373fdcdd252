//! A get against a reclaim that puts another object in the same place, in every interleaving.
//!
//! The payload is a cell that loom watches: it may be written only while no reader can touch it.
//! The models fail when the code is broken in these ways: `protect` or `begin_scan` has no fence;
//! `protect` ignores the state or the generation; a release is Relaxed; a scan has no fence at its
//! end.
#![allow(unsafe_code)] // a payload that loom watches

use super::{begin_scan, end_scan, order, place, protect, release, validate};
use crate::layout::extent::Extent;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::fixture::{Table, id_in};
use crate::protocols::index::{Hit, Key};
use crate::protocols::lifecycle::{say_joined, says_joined};
use crate::sync::explore::explore;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use ::loom::cell::UnsafeCell;
use ::loom::sync::{Arc, Mutex};
use ::loom::thread;

struct Store {
    table: Table,
    lease: AtomicU64,
    /// Whether the reader's file has a name in the directory.
    named: Mutex<bool>,
    joined: AtomicU32,
    /// The heap: an object sealed with generation g contains g.
    bytes: UnsafeCell<u32>,
}

// SAFETY: loom fails the model when accesses to the cell are not ordered.
unsafe impl Sync for Store {}
// SAFETY: the store holds nothing of a thread.
unsafe impl Send for Store {}

impl Store {
    fn new(state: State) -> Arc<Self> {
        let store = Self {
            table: Table::new(1, 1),
            lease: AtomicU64::new(0),
            named: Mutex::new(true),
            joined: AtomicU32::new(1),
            bytes: UnsafeCell::new(0),
        };
        store.make(0, state);
        Arc::new(store)
    }

    /// Creates object `n` in the only slot. If it is to be SEALED, writes and seals it.
    fn make(&self, n: usize, state: State) {
        let (slot, word) = self.table.create(id_in(0, 1, n), None, State::Writing);
        if state == State::Sealed {
            self.write_and_seal(slot, word);
        }
    }

    fn write_and_seal(&self, slot: u32, word: crate::layout::word::RecordWord) {
        // SAFETY: the pointer comes from the cell; loom checks that nobody else uses it now.
        self.bytes.with_mut(|bytes| unsafe { *bytes = word.generation() });
        let extent = Extent { start: word.generation().into(), size: 4 };
        self.table.records[slot as usize].data.store(word.data_index(), extent);
        self.table.seal(slot, word);
    }

    /// Gets object `n`, reads its bytes twice, and releases it. Returns whether it was there.
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
            // SAFETY: the pointer comes from the cell; loom checks that nobody writes it now.
            let bytes = self.bytes.with(|bytes| unsafe { *bytes });
            assert_eq!(bytes, n as u32 + 1);
            let extent = record.data.load(now.data_index());
            assert_eq!(extent, Extent { start: n as u64 + 1, size: 4 });
        }
        release(lease);
        true
    }

    /// Returns whether a scan reads the reader's leases: `store/clients/registry.rs`, find_clients.
    fn has_client(&self) -> bool {
        *self.named.lock().unwrap() || says_joined(|| self.joined.load(Ordering::Relaxed))
    }

    /// Deletes object 0, and makes object 1 in its place if no reader leases it.
    fn reclaim(&self) {
        let record = &self.table.records[0];
        let word = self.table.doom(0, record.load_with(Ordering::Relaxed));
        begin_scan();
        let object = LeaseWord::new(word.generation(), 0).0;
        let is_leased = || {
            let lease = self.lease.load(Ordering::Relaxed);
            end_scan();
            lease == object
        };
        // A scan does not read the file of a client that has left.
        let leased = self.has_client() && is_leased();
        if !leased {
            self.table.slots().give(&self.table.index(), 0, word, 0).unwrap();
            self.make(1, State::Sealed);
        }
    }
}

#[test]
fn leased_bytes_never_change() {
    explore(3, || {
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
    explore(3, || {
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
            let word = creator.table.records[0].load_with(Ordering::Relaxed);
            creator.write_and_seal(0, word);
        });
        store.get(0);
        creator.join().unwrap();
        assert!(store.get(0));
    });
}

#[test]
fn a_client_that_joins_during_a_scan_is_seen_or_sees_doomed() {
    explore(3, || {
        let store = Store::new(State::Sealed);
        *store.named.lock().unwrap() = false;
        say_joined(&store.joined, false);
        let joiner = store.clone();
        let joiner = thread::spawn(move || {
            *joiner.named.lock().unwrap() = true;
            joiner.get(0);
        });
        store.reclaim();
        joiner.join().unwrap();
    });
}

#[test]
fn a_client_that_leaves_during_a_scan_has_released_before() {
    explore(3, || {
        let store = Store::new(State::Sealed);
        // The name is deleted by somebody else, so only the file itself says whether the client
        // uses the store.
        *store.named.lock().unwrap() = false;
        let leaver = store.clone();
        let leaver = thread::spawn(move || {
            leaver.get(0);
            say_joined(&leaver.joined, false);
        });
        store.reclaim();
        leaver.join().unwrap();
    });
}

#[test]
fn the_lease_of_seal_and_get_is_there_before_sealed_is() {
    explore(99, || {
        let store = Store::new(State::Writing);
        let creator = store.clone();
        let creator = thread::spawn(move || {
            let word = creator.table.records[0].load_with(Ordering::Relaxed);
            // As `store/objects/seal.rs`, seal.
            creator.lease.store(LeaseWord::new(word.generation(), 0).0, Ordering::Relaxed);
            creator.write_and_seal(0, word);
            // SAFETY: the pointer comes from the cell; loom checks that nobody writes it now.
            assert_eq!(creator.bytes.with(|bytes| unsafe { *bytes }), 1);
            release(&creator.lease);
        });
        if store.table.records[0].load().is(State::Sealed) {
            store.reclaim();
        }
        creator.join().unwrap();
    });
}

#[test]
fn a_lease_on_another_object_tells_that_the_last_one_has_ended() {
    explore(99, || {
        let table = Table::new(2, 1);
        let first = table.create(id_in(0, 1, 0), None, State::Sealed);
        let second = table.create(id_in(0, 1, 1), None, State::Sealed);
        let bytes = UnsafeCell::new(1);
        let named = Mutex::new(true);
        let (lease, joined) = (AtomicU64::new(0), AtomicU32::new(1));
        let store = Arc::new(Store { table, lease, named, joined, bytes });
        let reader = store.clone();
        let reader = thread::spawn(move || {
            let (slot, word) = first;
            if protect(&reader.lease, &reader.table.records[0], slot, word).is_some() {
                // SAFETY: the pointer comes from the cell; loom checks that nobody writes it now.
                assert_eq!(reader.bytes.with(|bytes| unsafe { *bytes }), 1);
                release(&reader.lease);
            }
            let (slot, word) = second;
            assert!(protect(&reader.lease, &reader.table.records[1], slot, word).is_some());
        });
        let (slot, word) = first;
        store.table.doom(slot, word);
        begin_scan();
        let leased =
            store.lease.load(Ordering::Relaxed) == LeaseWord::new(word.generation(), slot).0;
        end_scan();
        if !leased {
            // SAFETY: the pointer comes from the cell; loom checks that nobody uses it now.
            store.bytes.with_mut(|bytes| unsafe { *bytes = 2 });
        }
        reader.join().unwrap();
    });
}

#[test]
fn leases_that_share_a_fence_protect_each_of_their_objects() {
    explore(3, || {
        let table = Table::new(2, 1);
        let objects = [0, 1].map(|n| table.create(id_in(0, 1, n), None, State::Sealed));
        let store = Arc::new(Batch {
            table,
            objects,
            leases: [AtomicU64::new(0), AtomicU64::new(0)],
            bytes: [UnsafeCell::new(1), UnsafeCell::new(1)],
        });
        let reader = store.clone();
        let reader = thread::spawn(move || {
            let all = || reader.objects.iter().zip(&reader.leases).zip(&reader.bytes);
            all().for_each(|(((slot, word), lease), _)| place(lease, *slot, *word));
            order();
            for (((slot, word), lease), bytes) in all() {
                if validate(lease, &reader.table.records[*slot as usize], *word).is_some() {
                    // SAFETY: the pointer comes from the cell; loom checks that nobody writes it now.
                    assert_eq!(bytes.with(|bytes| unsafe { *bytes }), 1);
                    release(lease);
                }
            }
        });
        // The second one first, which the reader validates last.
        for (((slot, word), lease), bytes) in
            store.objects.iter().zip(&store.leases).zip(&store.bytes).rev()
        {
            store.table.doom(*slot, *word);
            begin_scan();
            let object = LeaseWord::new(word.generation(), *slot).0;
            let leased = lease.load(Ordering::Relaxed) == object;
            end_scan();
            if !leased {
                // SAFETY: the pointer comes from the cell; loom checks that nobody uses it now.
                bytes.with_mut(|bytes| unsafe { *bytes = 2 });
            }
        }
        reader.join().unwrap();
    });
}

/// Two objects, a lease word for each, and their bytes.
struct Batch {
    table: Table,
    objects: [(u32, RecordWord); 2],
    leases: [AtomicU64; 2],
    bytes: [UnsafeCell<u32>; 2],
}

// SAFETY: loom fails the model when accesses to the cells are not ordered.
unsafe impl Sync for Batch {}
// SAFETY: the store holds nothing of a thread.
unsafe impl Send for Batch {}

#[test]
fn an_object_found_sealed_has_all_its_fields() {
    explore(99, || {
        let store = Store::new(State::Writing);
        let creator = store.clone();
        let creator = thread::spawn(move || {
            let word = creator.table.records[0].load_with(Ordering::Relaxed);
            creator.write_and_seal(0, word);
        });
        let record = &store.table.records[0];
        let hit = store.table.index().find(&Key::Id(id_in(0, 1, 0))).unwrap().unwrap();
        if hit.word.is(State::Sealed) {
            assert_eq!(record.data.load(0), Extent { start: 1, size: 4 });
        }
        if record.load().is(State::Sealed) {
            assert_eq!(record.data.load(0), Extent { start: 1, size: 4 });
        }
        creator.join().unwrap();
    });
}
