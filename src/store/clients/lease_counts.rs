//! Sets and maps of words that are unique already: serials, leases.

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

/// How many lease each object, by slot.
///
/// As large as the table, whatever is in the files of clients: a hostile reader fills its file as
/// it likes, and links it to every slot.
#[derive(Debug, Default)]
pub struct LeaseCounts(Vec<u32>);

impl LeaseCounts {
    /// Room for this many slots.
    pub fn new(slots: u32) -> Result<Self> {
        fallible::repeat(0, slots as usize).map(Self)
    }

    /// Whether leases on this slot are counted.
    pub fn covers(&self, slot: u32) -> bool {
        (slot as usize) < self.0.len()
    }

    /// One more lease on the object in a slot.
    pub fn add(&mut self, slot: u32) {
        if let Some(count) = self.0.get_mut(slot as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// Leases of all.
    pub fn total(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }

    /// How many lease the object in a slot.
    pub fn of(&self, slot: u32) -> u32 {
        self.0.get(slot as usize).copied().unwrap_or(0)
    }
}

/// Spreads one word by a multiplication. Not for keys that a stranger may choose.
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
    /// Count a lease if it is on what is in its slot now: a word of an earlier generation, or of
    /// none, is nonsense.
    pub fn count_lease(&self, leases: &mut LeaseCounts, lease: LeaseWord) {
        if leases.covers(lease.slot())
            && let Ok(record) = self.segment.index().record(lease.slot())
            && record.load().generation() == lease.generation()
        {
            leases.add(lease.slot());
        }
    }
}
