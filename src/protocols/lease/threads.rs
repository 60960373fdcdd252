//! Gets against a reclaim that puts another object in the same place, in real threads.
//!
//! The payload is not atomic: miri and ThreadSanitizer report unordered accesses.
#![allow(unsafe_code)] // a payload that miri and ThreadSanitizer watch
#![allow(clippy::disallowed_types)] // not atomic, so that a race is reported

use super::{begin_scan, protect, release};
use crate::layout::record::IdWords;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::fixture::Table;
use crate::protocols::index::{Hit, Key};
use crate::sync::testing::rounds;
use crate::sync::{AtomicU64, Ordering, fence};
use std::cell::UnsafeCell;
use std::thread;

const OBJECTS: u32 = rounds(3_000, 6);
const READERS: usize = 2;

struct Store {
    table: Table,
    leases: [AtomicU64; READERS],
    /// The heap: object n, which has generation n, contains n.
    bytes: UnsafeCell<u32>,
}

// SAFETY: the tests check that accesses to the cell do not race.
unsafe impl Sync for Store {}

/// Returns the id of object `n`. All objects share one bucket and one slot.
fn id(n: u32) -> IdWords {
    IdWords(n.into(), 0, 0)
}

impl Store {
    fn make(&self, n: u32) -> RecordWord {
        let (slot, word) = self.table.create(id(n), None, State::Writing);
        assert_eq!((slot, word.generation()), (0, n));
        // SAFETY: the pointer is the cell's, and no lease validates before the seal.
        unsafe { *self.bytes.get() = n };
        self.table.seal(slot, word)
    }

    /// Gets object `n`, reads its bytes twice, and releases it. Returns whether it was there.
    fn get(&self, reader: usize, n: u32) -> bool {
        let lease = &self.leases[reader];
        let hit = self.table.index().find(&Key::Id(id(n))).unwrap();
        let Some(Hit { slot, word }) = hit.filter(|hit| hit.word.is(State::Sealed)) else {
            return false;
        };
        let Some(now) = protect(lease, &self.table.records[0], slot, word) else { return false };
        assert_eq!(now.generation(), n);
        for _ in 0..2 {
            // SAFETY: the pointer is the cell's, and the lease keeps writers away.
            assert_eq!(unsafe { *self.bytes.get() }, n);
            thread::yield_now();
        }
        release(lease);
        true
    }

    /// Deletes object `n`, and returns when no reader leases it.
    fn reclaim(&self, n: u32, word: RecordWord) {
        let word = self.table.doom(0, word);
        begin_scan();
        let object = LeaseWord::new(n, 0).0;
        // ThreadSanitizer does not know fences.
        let order = if cfg!(tsan) { Ordering::Acquire } else { Ordering::Relaxed };
        while self.leases.iter().any(|lease| lease.load(order) == object) {
            thread::yield_now();
        }
        // SYNC lease-release: Acquire; as at the end of a scan.
        fence(Ordering::Acquire);
        self.table.slots().give(&self.table.index(), 0, word, 0).unwrap();
    }
}

#[test]
fn leased_bytes_never_change_under_their_readers() {
    let store = Store {
        table: Table::new(1, 1),
        leases: [const { AtomicU64::new(0) }; READERS],
        bytes: UnsafeCell::new(0),
    };
    let last = OBJECTS;
    let mut word = store.make(1);
    thread::scope(|scope| {
        for reader in 0..READERS {
            let store = &store;
            scope.spawn(move || {
                // A reader that finds no object looks for the next one, so that readers keep up.
                let mut n = 1;
                while n < last {
                    let next = store.table.index().find(&Key::Id(id(n + 1))).unwrap();
                    if !store.get(reader, n) && next.is_some() {
                        n += 1;
                    }
                    // The last object may exist already, and all others may be gone.
                    if store.get(reader, last) {
                        break;
                    }
                }
            });
        }
        for n in 2..=last {
            store.reclaim(n - 1, word);
            word = store.make(n);
        }
    });
    assert!(store.get(0, last));
}
