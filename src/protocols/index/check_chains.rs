//! Check: compares the chains and the lists of slots with the object table, under the writer lock.

use super::{CHAIN_KINDS, ChainKind, Index, Key};
use crate::error::Result;
use crate::layout::record::{IdWords, NameHash};
use crate::layout::word::{BucketWord, RecordWord, chain_end};
use crate::support::fallible;
use crate::sync::{AtomicU32, Ordering::Relaxed};
use std::fmt;

/// Receives each violation: the number of the invariant and a description.
pub type Report<'a> = &'a mut dyn FnMut(u32, String);

impl Index<'_> {
    /// Compares the chains with the table. `words` are the words of all records that were ever
    /// used, loaded under this same lock: since then the only possible change is from WRITING to
    /// SEALED.
    pub fn check_chains(&self, words: &[RecordWord], report: Report<'_>) -> Result<()> {
        for kind in CHAIN_KINDS {
            self.check_chains_of(kind, words, report)?;
        }
        Ok(())
    }

    fn check_chains_of(
        &self,
        kind: ChainKind,
        words: &[RecordWord],
        report: Report<'_>,
    ) -> Result<()> {
        let buckets = self.buckets(kind);
        let count = match buckets.in_use() {
            Ok(count) => count,
            Err(error) => {
                report(22, format!("{kind} chains: {error}"));
                return Ok(());
            }
        };
        if !buckets.are_sound() {
            let (reserved, split) =
                (buckets.growth.reserved.load(Relaxed), buckets.growth.split.load(Relaxed));
            report(23, format!("of {count} {kind} buckets {reserved} are reserved, {split} split"));
        }
        if let Some((at, why)) = self.find_bad_bucket(kind)? {
            report(23, format!("{kind} bucket {at} {why}"));
        }
        let mut seen = fallible::repeat(false, words.len())?;
        for (at, bucket) in buckets.words[..count].iter().enumerate() {
            let mut link = BucketWord(bucket.load(Relaxed)).first(at);
            while link != chain_end(at) {
                let slot = link.wrapping_sub(1);
                let (Some(&word), Ok(record)) = (words.get(slot as usize), self.record(slot))
                else {
                    report(
                        23,
                        format!("{kind} chain {at} names record {slot}, which does not exist"),
                    );
                    break;
                };
                if std::mem::replace(&mut seen[slot as usize], true) {
                    report(23, format!("record {slot} is in two places of the {kind} chains"));
                    break;
                }
                match kind.key(record, word).map(|key| self.home_number(&key)) {
                    Some(Ok(home)) if home == at => {}
                    Some(_) => {
                        report(8, format!("{kind} chain {at} has record {slot} of another chain"))
                    }
                    None => report(23, format!("{kind} chain {at} holds {slot}: {:#x}", word.0)),
                }
                link = kind.link(record).load(Relaxed);
            }
        }
        let objects = seen.iter().filter(|seen| **seen).count();
        let named = self.table.named.load(Relaxed) as usize;
        if kind == ChainKind::Name && named != objects {
            report(23, format!("{objects} records are in name chains, counted are {named}"));
        }
        let mut keys = fallible::with_room(words.len())?;
        for (slot, (&word, seen)) in (0u32..).zip(words.iter().zip(seen)) {
            let Ok(record) = self.record(slot) else { break };
            let Some(key) = kind.key(record, word) else { continue };
            if !seen {
                report(8, format!("record {slot} is in no {kind} chain"));
            }
            // An object that was given up since the lock was taken is absent, and its id may belong
            // to another object already.
            if !word.has(RecordWord::ABANDONED) {
                keys.push((sortable(&key), slot));
            }
        }
        keys.sort_unstable();
        for pair in keys.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            report(21, format!("records {} and {} have one {kind}", pair[0].1, pair[1].1));
        }
        Ok(())
    }

    /// Compares the lists that begin at `heads` with the slots that belong in one of them. Returns
    /// the slots of each list.
    pub fn check_lists<'a>(
        &self,
        kind: &str,
        heads: impl Iterator<Item = &'a AtomicU32>,
        words: &[RecordWord],
        belongs: impl Fn(usize) -> bool,
        report: Report<'_>,
    ) -> Result<Vec<Vec<u32>>> {
        let mut seen = fallible::repeat(false, words.len())?;
        let mut lists = Vec::new();
        for head in heads {
            let mut list = Vec::new();
            let mut link = head.load(Relaxed);
            while link != 0 {
                let slot = link - 1;
                let (Some(&word), Ok(record)) = (words.get(slot as usize), self.record(slot))
                else {
                    report(23, format!("{kind} names record {slot}, which does not exist"));
                    break;
                };
                if std::mem::replace(&mut seen[slot as usize], true) {
                    report(23, format!("{kind} names record {slot} twice"));
                    break;
                }
                if !belongs(slot as usize) {
                    report(23, format!("{kind} holds record {slot}: {:#x}", word.0));
                }
                fallible::push(&mut list, slot)?;
                link = record.link.load(Relaxed);
            }
            fallible::push(&mut lists, list)?;
        }
        for slot in (0..words.len()).filter(|slot| belongs(*slot) && !seen[*slot]) {
            report(23, format!("record {slot} is not in {kind}"));
        }
        Ok(lists)
    }
}

/// Returns a key that can be sorted.
fn sortable(key: &Key) -> (u64, u64, u32) {
    match *key {
        Key::Id(IdWords(a, b, c)) => (a, b, c),
        Key::Name(NameHash([a, b])) => (a, b, 0),
    }
}

impl fmt::Display for ChainKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChainKind::Id => "id",
            ChainKind::Name => "name",
        })
    }
}
