//! The index: finds an object by id or by name without a lock, and changes the chains under the
//! writer lock.
//!
//! The object table is the truth. The chains are a cache of it that a rebuild can make again.
//!
//! **Lookup.** A bucket word holds a version and the head of a chain of records. A hit is validated
//! by the record's own word. A miss counts only if neither the bucket's version nor the rebuild
//! sequence changed during the walk. The object table itself is scanned, and decides, when these
//! values do not settle, when the rebuild sequence is odd, when the walk is longer than MAX_WALK,
//! and when a link is corrupt.
//!
//! **Insertion** puts a record at the head by one store. **Removal** unlinks a record by one store
//! and then advances the version; only after that may the slot be reused. So a walk that a reused
//! record led into another chain sees a new version and starts again.

mod abandoned;
mod check_chains;
pub mod hash;
mod lookup;
mod mutate;
mod slot_cache;
mod slots;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
#[cfg(all(test, not(any(loom, shuttle))))]
mod threads;

pub use abandoned::Abandoned;
pub use check_chains::Report;
pub use lookup::{Astray, Hit};
pub use slot_cache::CachedSlot;
pub use slots::{SlotOutcome, Slots, set_free};

use crate::error::{Error, Result, Status};
use crate::layout::record::{IdWords, NameHash, Record};
use crate::layout::word::{RecordWord, State};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use hash::Seed;

/// The object table and its chains.
#[derive(Clone, Copy)]
pub struct Index<'a> {
    /// Key of the hashes.
    pub seed: Seed,
    /// Chains of ids; a power of two.
    pub id_buckets: &'a [AtomicU64],
    /// Chains of names; a power of two.
    pub name_buckets: &'a [AtomicU64],
    /// The object table.
    pub records: &'a [Record],
    /// Number of records that are backed by memory; it never shrinks.
    pub reserved: &'a AtomicU32,
    /// Number of slots that were ever used.
    pub used: &'a AtomicU32,
    /// Odd while the chains are being rebuilt.
    pub rebuild_sequence: &'a AtomicU64,
}

/// The key of a lookup.
#[derive(Clone, Copy)]
pub enum Key {
    /// An id.
    Id(IdWords),
    /// The hash of a name.
    Name(NameHash),
}

impl Index<'_> {
    /// Returns the record of `slot`, if that slot is backed by memory.
    #[inline(always)]
    pub fn record(&self, slot: u32) -> Result<&Record> {
        // Relaxed: a slot number comes from a word that was stored after the reservation and is
        // loaded with Acquire (SYNC chain), or is below `used`, which is limited to this count.
        if slot >= self.reserved.load(Ordering::Relaxed) {
            return Err(corrupt_link(slot));
        }
        self.records.get(slot as usize).ok_or_else(|| corrupt_link(slot))
    }

    /// Returns the number of slots that were ever used and are backed by memory.
    pub fn used(&self) -> u32 {
        // Relaxed: a caller that knows of an existing object has synchronised with its creator.
        let used = self.used.load(Ordering::Relaxed);
        used.min(self.reserved.load(Ordering::Relaxed)).min(self.records.len() as u32)
    }

    #[inline(always)]
    fn bucket(&self, key: &Key) -> (&AtomicU64, usize) {
        let kind = match key {
            Key::Id(_) => ChainKind::Id,
            Key::Name(_) => ChainKind::Name,
        };
        let at = self.bucket_number(key);
        (&self.buckets(kind)[at], at)
    }

    #[inline(always)]
    fn bucket_number(&self, key: &Key) -> usize {
        match key {
            Key::Id(id) => hash::id_hash(self.seed, id) as usize & (self.id_buckets.len() - 1),
            Key::Name(name) => name.0[0] as usize & (self.name_buckets.len() - 1),
        }
    }

    #[inline(always)]
    fn buckets(&self, kind: ChainKind) -> &[AtomicU64] {
        match kind {
            ChainKind::Id => self.id_buckets,
            ChainKind::Name => self.name_buckets,
        }
    }
}

/// Chains of ids, or chains of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChainKind {
    Id,
    Name,
}

const CHAIN_KINDS: [ChainKind; 2] = [ChainKind::Id, ChainKind::Name];

impl ChainKind {
    /// Returns the key of a record in the chains of this kind, if it belongs in one.
    fn key(self, record: &Record, word: RecordWord) -> Option<Key> {
        let is_object = matches!(word.state(), Some(State::Writing | State::Sealed))
            && !word.has(RecordWord::HIDDEN);
        match self {
            ChainKind::Id => is_object.then(|| Key::Id(record.id_words())),
            ChainKind::Name => {
                (is_object && word.has(RecordWord::NAMED)).then(|| Key::Name(record.name()))
            }
        }
    }

    fn link(self, record: &Record) -> &AtomicU32 {
        match self {
            ChainKind::Id => &record.id_link,
            ChainKind::Name => &record.name_link,
        }
    }
}

impl Key {
    /// Returns whether an object with this word may have a key of this kind.
    #[inline(always)]
    fn is_under(&self, word: RecordWord) -> bool {
        match self {
            Key::Id(_) => !word.has(RecordWord::HIDDEN),
            Key::Name(_) => word.has(RecordWord::NAMED),
        }
    }

    #[inline(always)]
    fn matches(&self, record: &Record) -> bool {
        match self {
            Key::Id(id) => record.has_id(id),
            Key::Name(name) => record.has_name(name),
        }
    }

    #[inline(always)]
    fn link<'r>(&self, record: &'r Record) -> &'r AtomicU32 {
        match self {
            Key::Id(_) => &record.id_link,
            Key::Name(_) => &record.name_link,
        }
    }
}

#[cold]
fn corrupt_link(slot: u32) -> Error {
    Error::new(Status::Corrupt, format!("the index names record {slot}, which does not exist"))
}
