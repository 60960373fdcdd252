//! Check: chains and lists of slots, compared with the object table. Under the writer lock.

use super::{Index, Key};
use crate::layout::record::{IdWords, NameHash, Record};
use crate::layout::word::{BucketWord, RecordWord, State};
use crate::sync::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Who is told of each thing that is wrong: the number of the invariant, and words.
pub type Report<'a> = &'a mut dyn FnMut(u32, String);

/// The end of a list: its last link, and how many slots are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListEnd {
    /// The last link, 0 in an empty list.
    pub last: u32,
    /// Slots in the list.
    pub count: u32,
}

impl Index<'_> {
    /// Compare the chains with the table. `words` are the words of all records that were ever used,
    /// read under this same lock: since then a WRITING one may have become SEALED, no more.
    pub fn check_chains(&self, words: &[RecordWord], report: Report<'_>) {
        self.check_chains_of("id", self.id_buckets, words, report);
        self.check_chains_of("name", self.name_buckets, words, report);
    }

    fn check_chains_of(
        &self,
        kind: &str,
        buckets: &[AtomicU64],
        words: &[RecordWord],
        report: Report<'_>,
    ) {
        let names = kind == "name";
        let belongs = |word: RecordWord| {
            matches!(word.state(), Some(State::Writing | State::Sealed))
                && !word.has(RecordWord::HIDDEN)
                && (!names || word.has(RecordWord::NAMED))
        };
        let key_of = |record: &Record| match names {
            true => Key::Name(super::mutate::name_of(record)),
            false => Key::Id(IdWords::from(&record.id())),
        };
        let mut seen = vec![false; words.len()];
        for (at, bucket) in buckets.iter().enumerate() {
            let mut link = BucketWord(bucket.load(Relaxed)).head();
            while link != 0 {
                let slot = link - 1;
                let (Some(&word), Ok(record)) = (words.get(slot as usize), self.record(slot))
                else {
                    report(
                        23,
                        format!("{kind} chain {at} names record {slot}, which is not there"),
                    );
                    break;
                };
                if std::mem::replace(&mut seen[slot as usize], true) {
                    report(23, format!("record {slot} is in two places of the {kind} chains"));
                    break;
                }
                let key = key_of(record);
                if !belongs(word) {
                    report(23, format!("{kind} chain {at} holds record {slot}: {:#x}", word.0));
                } else if !std::ptr::eq(self.bucket(&key), bucket) {
                    report(8, format!("record {slot} is in {kind} chain {at}, where none looks"));
                }
                link = key.link(record).load(Relaxed);
            }
        }
        let mut keys = Vec::new();
        for (slot, _) in words.iter().enumerate().filter(|(_, word)| belongs(**word)) {
            if !seen[slot] {
                report(8, format!("record {slot} is in no {kind} chain"));
            }
            if let Ok(record) = self.record(slot as u32) {
                keys.push((sortable(&key_of(record)), slot));
            }
        }
        keys.sort_unstable();
        for pair in keys.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            report(21, format!("records {} and {} have one {kind}", pair[0].1, pair[1].1));
        }
    }

    /// Compare the list that begins at `head` with the slots that belong in it.
    pub fn check_list(
        &self,
        kind: &str,
        head: &AtomicU32,
        words: &[RecordWord],
        belongs: impl Fn(RecordWord) -> bool,
        report: Report<'_>,
    ) -> ListEnd {
        let mut seen = vec![false; words.len()];
        let mut end = ListEnd { last: 0, count: 0 };
        let mut link = head.load(Relaxed);
        while link != 0 {
            let slot = link - 1;
            let (Some(&word), Ok(record)) = (words.get(slot as usize), self.record(slot)) else {
                report(23, format!("{kind} names record {slot}, which is not there"));
                break;
            };
            if std::mem::replace(&mut seen[slot as usize], true) {
                report(23, format!("{kind} runs in a circle at record {slot}"));
                break;
            }
            if !belongs(word) {
                report(23, format!("{kind} holds record {slot}: {:#x}", word.0));
            }
            end = ListEnd { last: link, count: end.count + 1 };
            link = record.link.load(Relaxed);
        }
        for (slot, _) in words.iter().enumerate().filter(|(_, word)| belongs(**word)) {
            if !seen[slot] {
                report(23, format!("record {slot} is not in {kind}"));
            }
        }
        end
    }
}

/// A key that can be sorted.
fn sortable(key: &Key) -> (u64, u64, u32) {
    match *key {
        Key::Id(IdWords(a, b, c)) => (a, b, c),
        Key::Name(NameHash([a, b])) => (a, b, 0),
    }
}
