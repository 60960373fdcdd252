//! A reader with a quota against a scan of its leases, in every interleaving.
//!
//! The reader holds one object throughout, and gets and releases others beside it: never more than
//! its quota at once, but more than the quota during one scan. Whatever the scan reads, the lease
//! that stays counts.

use super::{Quota, counted, fence_taken};
use crate::layout::word::{LeaseWord, State};
use crate::protocols::index::fixture::{Table, id_in};
use crate::protocols::lease::{begin_scan, protect, release};
use crate::sync::explore::explore;
use crate::sync::{AtomicU64, Ordering};
use ::loom::sync::Arc;
use ::loom::thread;

const SIZE: u64 = 10;
/// The object that is held throughout, and the index of its lease word: the last one that a scan
/// reads.
const KEPT: usize = 2;

struct Reader {
    table: Table,
    words: [AtomicU64; 3],
    quota: Quota,
}

impl Reader {
    /// Creates three objects of one size. The reader may hold two, and holds one.
    fn new() -> Arc<Self> {
        let table = Table::new(3, 1);
        (0..3).for_each(|n| {
            table.create(id_in(0, 1, n), None, State::Sealed);
        });
        let reader = Self { table, words: [0; 3].map(AtomicU64::new), quota: Quota::new(2 * SIZE) };
        assert!(reader.get(KEPT, KEPT));
        Arc::new(reader)
    }

    /// `store/objects/get_counted.rs`, get_claimed. Returns whether it holds object `n` now, by a
    /// lease in `word`.
    fn get(&self, word: usize, n: usize) -> bool {
        fence_taken();
        let record = &self.table.records[n];
        let seen = record.load();
        if !seen.is(State::Sealed) {
            return false;
        }
        if !self.quota.take(SIZE) {
            return false;
        }
        let held = protect(&self.words[word], record, n as u32, seen).is_some();
        if !held {
            self.quota.give_back(SIZE);
        }
        held
    }

    fn release(&self, word: usize) {
        release(&self.words[word]);
        self.quota.give_back(SIZE);
    }

    /// `store/objects/delete.rs`: deletes all objects and reads the leases.
    fn lease_that_stays_counts(&self) -> bool {
        for (n, record) in self.table.records.iter().enumerate() {
            // The record stays in its chain, which no thread walks.
            let word = record.load_with(Ordering::Relaxed);
            record.swap(word, word.in_state(State::Doomed)).unwrap_or_else(|_| panic!("{n}"));
        }
        begin_scan();
        let pass = |each: &mut dyn FnMut(u32, LeaseWord)| {
            for (index, word) in self.words.iter().enumerate() {
                let word = word.load(Ordering::Relaxed);
                if word != 0 {
                    each(index as u32, LeaseWord(word));
                }
            }
            Ok(())
        };
        let kept = LeaseWord::new(1, KEPT as u32);
        let mut counts = false;
        counted(2 * SIZE, pass, |_| Some(SIZE), &mut |lease| counts |= lease == kept).unwrap();
        counts
    }
}

/// Two other threads of the reader get one object each, with lease words of their own, and release
/// it.
#[test]
fn leases_that_come_and_go_do_not_hide_one_that_stays() {
    explore(4, || {
        let reader = Reader::new();
        // The first thread has its object already.
        assert!(reader.get(0, 0));
        let [first, second] = [reader.clone(), reader.clone()];
        let first = thread::spawn(move || first.release(0));
        let second = thread::spawn(move || {
            if second.get(1, 1) {
                second.release(1);
            }
        });
        assert!(reader.lease_that_stays_counts());
        first.join().unwrap();
        second.join().unwrap();
    });
}
