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
//! **Growth**: a store begins with few buckets, and doubles them as objects become more. Each create
//! splits some buckets, and a lookup in a bucket that was not split yet walks the chain of its
//! parent (`grow.rs`).
//!
//! **Insertion** puts a record at the head by one store. **Removal** unlinks a record by one store
//! and then advances the version; only after that may the slot be reused. So a walk that a reused
//! record led into another chain sees a new version and starts again.

mod abandoned;
mod buckets;
mod check_chains;
mod grow;
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
pub use buckets::Buckets;
pub use check_chains::Report;
pub use lookup::{Astray, Hit};
pub use slot_cache::CachedSlot;
pub use slots::{SlotOutcome, Slots, set_free};

use crate::error::{Error, Result, Status};
use crate::layout::header::{Live, Table};
use crate::layout::record::{IdWords, NameHash, Record};
use crate::layout::word::{RecordWord, State};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use buckets::{Home, bad_mask};
use hash::Seed;

/// The object table and its chains.
#[derive(Clone, Copy)]
pub struct Index<'a> {
    /// Key of the hashes.
    pub seed: Seed,
    /// All buckets of ids that the store may have; a power of two.
    pub id_buckets: &'a [AtomicU64],
    /// All buckets of names that the store may have; a power of two.
    pub name_buckets: &'a [AtomicU64],
    /// The number of buckets of a new store; a power of two.
    pub first_buckets: usize,
    /// The object table.
    pub records: &'a [Record],
    /// What every lookup reads.
    pub live: &'a Live,
    /// What changes under the lock.
    pub table: &'a Table,
}

/// The key of a lookup.
#[derive(Clone, Copy)]
pub enum Key {
    /// An id.
    Id(IdWords),
    /// The hash of a name.
    Name(NameHash),
}

impl<'a> Index<'a> {
    /// Returns the record of `slot`, if that slot is backed by memory.
    #[inline(always)]
    pub fn record(&self, slot: u32) -> Result<&Record> {
        // Relaxed: a slot number comes from a word that was stored after the reservation and is
        // loaded with Acquire (SYNC chain), or is below `used`, which is limited to this count.
        if slot >= self.live.records_reserved.load(Ordering::Relaxed) {
            return Err(corrupt_link(slot));
        }
        self.records.get(slot as usize).ok_or_else(|| corrupt_link(slot))
    }

    /// Returns the number of slots that were ever used and are backed by memory.
    pub fn used(&self) -> u32 {
        // Relaxed: a caller that knows of an existing object has synchronised with its creator.
        let used = self.table.used.load(Ordering::Relaxed);
        used.min(self.live.records_reserved.load(Ordering::Relaxed)).min(self.records.len() as u32)
    }

    /// The bucket that holds the chain of `key`, under the lock.
    #[inline(always)]
    fn home(&self, key: &Key) -> Result<(&'a AtomicU64, Home)> {
        let buckets = self.buckets(key.kind());
        let mask = buckets.mask.load(Ordering::Relaxed);
        let home = buckets.home(self.hash(key), mask);
        let home = home.ok_or_else(|| bad_mask(mask))?;
        Ok((&buckets.words[home.at], home))
    }

    #[inline(never)]
    fn home_number(&self, key: &Key) -> Result<usize> {
        Ok(self.home(key)?.1.at)
    }

    #[inline(always)]
    fn hash(&self, key: &Key) -> u64 {
        match key {
            Key::Id(id) => hash::id_hash(self.seed, id),
            Key::Name(name) => name.0[0],
        }
    }

    #[inline(always)]
    fn buckets(&self, kind: ChainKind) -> Buckets<'a> {
        match kind {
            ChainKind::Id => self.ids(),
            ChainKind::Name => self.names(),
        }
    }

    /// The buckets of ids.
    #[inline(always)]
    pub fn ids(&self) -> Buckets<'a> {
        let (mask, growth) = (&self.live.id_mask, &self.table.ids);
        Buckets { words: self.id_buckets, mask, growth, first: self.first_buckets }
    }

    /// The buckets of names.
    #[inline(always)]
    pub fn names(&self) -> Buckets<'a> {
        let (mask, growth) = (&self.live.name_mask, &self.table.names);
        Buckets { words: self.name_buckets, mask, growth, first: self.first_buckets }
    }

    /// Makes a step of the growth of the id buckets, under the lock; returns whether memory for
    /// more is needed.
    #[inline(always)]
    pub fn grow_ids(&self) -> Result<bool> {
        self.grow(ChainKind::Id, self.table.used.load(Ordering::Relaxed))
    }

    /// As [`Index::grow_ids`], of the name buckets.
    #[inline(never)]
    pub fn grow_names(&self) -> Result<bool> {
        self.grow(ChainKind::Name, self.table.named.load(Ordering::Relaxed))
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
        let is_object =
            (word.is(State::Writing) || word.is_settled()) && !word.has(RecordWord::HIDDEN);
        let has_key = self == ChainKind::Id || word.has(RecordWord::NAMED);
        (is_object && has_key).then(|| self.any_key(record))
    }

    /// Returns the key of a record that is in a chain of this kind.
    #[inline]
    fn any_key(self, record: &Record) -> Key {
        match self {
            ChainKind::Id => Key::Id(record.id_words()),
            ChainKind::Name => Key::Name(record.name()),
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
    #[inline(always)]
    fn kind(&self) -> ChainKind {
        match self {
            Key::Id(_) => ChainKind::Id,
            Key::Name(_) => ChainKind::Name,
        }
    }

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
