//! Sets and maps of words that are unique already: serials, leases.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A set of words.
pub type WordSet = HashSet<u64, BuildHasherDefault<WordHasher>>;

/// A map from words.
pub type WordMap<V> = HashMap<u64, V, BuildHasherDefault<WordHasher>>;

/// The leases of all clients, sorted. Not hashed: a hostile reader chooses its lease words.
#[derive(Debug, Default)]
pub struct LeaseSet(Vec<u64>);

impl LeaseSet {
    /// The set of these words.
    pub fn new(mut words: Vec<u64>) -> Self {
        words.sort_unstable();
        Self(words)
    }

    /// Whether anybody holds this lease.
    pub fn has(&self, word: u64) -> bool {
        self.0.binary_search(&word).is_ok()
    }

    /// How many hold this lease.
    pub fn count(&self, word: u64) -> u32 {
        let from = self.0.partition_point(|held| *held < word);
        let to = self.0.partition_point(|held| *held <= word);
        (to - from) as u32
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
