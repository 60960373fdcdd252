//! The two hashes of the index, both keyed by the random seed in the store's header.

use crate::layout::record::{IdWords, NameHash};
use crate::layout::{HASH_K0 as K0, HASH_K1 as K1};
use siphasher::sip128::SipHasher24;

/// The random key of a store.
#[derive(Clone, Copy, Debug)]
pub struct Seed(pub [u64; 2]);

/// Returns the hash that picks the bucket of an id: two rounds of a folded 64 x 64 -> 128 bit
/// product.
///
/// With `fold(a, b) = low(a * b) ^ high(a * b)` and the id read as little-endian words a (8 bytes),
/// b (8) and c (4): `fold(fold(a ^ s0, b ^ s1) ^ c ^ K0, s1 ^ K1)`.
#[inline(always)]
pub fn id_hash(seed: Seed, id: &IdWords) -> u64 {
    let first = fold(id.0 ^ seed.0[0], id.1 ^ seed.0[1]);
    fold(first ^ u64::from(id.2) ^ K0, seed.0[1] ^ K1)
}

#[inline(always)]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// Returns the 128-bit SipHash-2-4 of a name. Names are compared by this hash alone.
#[inline]
pub fn name_hash(seed: Seed, name: &[u8]) -> NameHash {
    let hash = SipHasher24::new_with_keys(seed.0[0], seed.0[1]).hash(name);
    NameHash([hash.h1, hash.h2])
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_id_hash_is_as_specified_and_spreads() {
        let seed = Seed([1, 2]);
        let mut seen = std::collections::HashSet::new();
        let count: u64 = if cfg!(miri) { 256 } else { 4096 };
        for i in 0..count {
            seen.insert(id_hash(seed, &IdWords(i, 0, 0)) & (count - 1));
        }
        assert!(seen.len() as u64 > count * 9 / 16, "{} of {count} buckets used", seen.len());
        // Frozen: another number here means another layout.
        assert_eq!(id_hash(seed, &IdWords(3, 4, 5)), GOLDEN);
    }

    const GOLDEN: u64 = {
        let first = fold(3 ^ 1, 4 ^ 2);
        fold(first ^ 5 ^ 0x9e37_79b9_7f4a_7c15, 2 ^ 0xe703_7ed1_a0b4_28db)
    };
}
