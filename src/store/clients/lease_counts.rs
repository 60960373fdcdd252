//! Lease counts, and sets and maps of words that are unique already: serials and leases.

use crate::error::Result;
use crate::layout::word::LeaseWord;
use crate::store::session::Session;
use crate::support::fallible;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A set of words.
pub type WordSet = HashSet<u64, BuildHasherDefault<WordHasher>>;

/// A map from words.
pub type WordMap<V> = HashMap<u64, V, BuildHasherDefault<WordHasher>>;

/// The number of leases on each object, by slot.
///
/// The size is that of the table and does not depend on the files of clients: a hostile reader can
/// fill its file as it likes, and can link it to every slot.
#[derive(Debug, Default)]
pub struct LeaseCounts(Vec<u32>);

impl LeaseCounts {
    /// Makes room for this many slots.
    pub fn new(slots: u32) -> Result<Self> {
        fallible::repeat(0, slots as usize).map(Self)
    }

    /// Whether leases on this slot are counted.
    pub fn covers(&self, slot: u32) -> bool {
        (slot as usize) < self.0.len()
    }

    /// Adds a lease on the object in a slot.
    pub fn add(&mut self, slot: u32) {
        if let Some(count) = self.0.get_mut(slot as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// The number of leases on all objects.
    pub fn total(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }

    /// The number of leases on the object in a slot.
    pub fn of(&self, slot: u32) -> u32 {
        self.0.get(slot as usize).copied().unwrap_or(0)
    }
}

/// Spreads one word by a multiplication. It is not for keys that a stranger can choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct WordHasher(u64);

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Session {
    /// Counts a lease if it is on the present object of its slot. A lease on an earlier generation,
    /// or on none, is corrupt.
    pub fn count_lease(&self, leases: &mut LeaseCounts, lease: LeaseWord) {
        if leases.covers(lease.slot())
            && let Ok(record) = self.segment.index().record(lease.slot())
            && record.load().generation() == lease.generation()
        {
            leases.add(lease.slot());
        }
    }
}
