//! Bins: free blocks by length, 32 bins for each power of two, and a bitmap of two levels that
//! finds the next bin that is not empty.

use super::{Allocator, corrupt};
use crate::error::Result;
use crate::layout::block::{BINS, MAX_UNITS};
use crate::sync::Ordering::Relaxed;

/// Bits of a length, after its leading one, that distinguish bins of the same power of two.
const MANTISSA: u32 = 5;

/// Returns the bin of a free block of `len` units (1 .. MAX_UNITS).
#[inline(always)]
pub(super) const fn bin_of(len: u64) -> usize {
    if len < 1 << MANTISSA {
        return len as usize;
    }
    let shift = len.ilog2() - MANTISSA;
    // The leading one of the mantissa carries into the exponent.
    ((shift as usize) << MANTISSA) + (len >> shift) as usize
}

const _: () = assert!(cfg!(any(loom, shuttle)) || bin_of(MAX_UNITS) < BINS);

impl Allocator<'_> {
    #[inline(always)]
    pub(super) fn is_filled(&self, bin: usize) -> bool {
        self.state.nonempty[bin / 64].load(Relaxed) >> (bin % 64) & 1 == 1
    }

    /// Returns the lowest bin at or above `from` that is not empty.
    #[inline(always)]
    pub(super) fn filled_from(&self, from: usize) -> Result<Option<usize>> {
        let Some(word) = self.state.nonempty.get(from / 64) else { return Ok(None) };
        let bits = word.load(Relaxed) & (u64::MAX << (from % 64));
        if bits != 0 {
            return Ok(Some(from / 64 * 64 + bits.trailing_zeros() as usize));
        }
        match self.state.filled.load(Relaxed) & (u32::MAX - 1) << (from / 64) {
            0 => Ok(None),
            words => {
                let word = words.trailing_zeros() as usize;
                let bits = self.bits(word)?;
                Ok(Some(word * 64 + bits.trailing_zeros() as usize))
            }
        }
    }

    /// Returns the highest bin that is not empty.
    pub(super) fn highest_filled(&self) -> Result<Option<usize>> {
        match self.state.filled.load(Relaxed) {
            0 => Ok(None),
            words => {
                let word = words.ilog2() as usize;
                Ok(Some(word * 64 + self.bits(word)?.ilog2() as usize))
            }
        }
    }

    /// Returns a word of the lower level, which the upper level says is not 0.
    #[inline(always)]
    fn bits(&self, word: usize) -> Result<u64> {
        match self.state.nonempty.get(word).map_or(0, |bits| bits.load(Relaxed)) {
            0 => Err(corrupt("the two levels of the bitmap of bins disagree")),
            bits => Ok(bits),
        }
    }

    #[inline(always)]
    pub(super) fn mark_filled(&self, bin: usize) {
        let word = &self.state.nonempty[bin / 64];
        let bits = word.load(Relaxed);
        word.store(bits | 1 << (bin % 64), Relaxed);
        if bits == 0 {
            let words = self.state.filled.load(Relaxed);
            self.state.filled.store(words | 1 << (bin / 64), Relaxed);
        }
    }

    #[inline(always)]
    pub(super) fn mark_empty(&self, bin: usize) {
        let word = &self.state.nonempty[bin / 64];
        let bits = word.load(Relaxed) & !(1 << (bin % 64));
        word.store(bits, Relaxed);
        if bits == 0 {
            let words = self.state.filled.load(Relaxed);
            self.state.filled.store(words & !(1 << (bin / 64)), Relaxed);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn bins_are_monotonic_and_tight() {
        let mut lens: Vec<u64> = (1..5000).collect();
        for e in 12..=40 {
            let base = 1u64 << e;
            lens.extend([base - 1, base, base + 1, base + base / 32 - 1, base + base / 32]);
        }
        for len in lens.into_iter().filter(|&l| l <= MAX_UNITS) {
            let own = bin_of(len);
            assert!(bin_of(len + 1) >= own && bin_of(len + 1) <= own + 1, "{len}");
            assert!(len >= 64 || own == len as usize, "{len}");
            assert!(len < 32 || bin_of(len + len / 32 + 1) > own, "{len}");
        }
        assert_eq!(bin_of(MAX_UNITS), 1152);
    }
}
