//! Bins: free blocks by length, eight bins to each power of two.

use super::{Allocator, corrupt};
use crate::error::Result;
use crate::layout::block::{BINS, MAX_UNITS};
use crate::sync::Ordering::Relaxed;

/// Bits of a length, after its leading one, that tell bins of the same power of two apart.
const MANTISSA: u32 = 3;

/// The bin of a free block of `len` units (1 .. 2 * MAX_UNITS).
#[inline(always)]
pub(super) const fn bin_of(len: u64) -> usize {
    if len < 1 << MANTISSA {
        return len as usize;
    }
    let shift = len.ilog2() - MANTISSA;
    // The leading one of the mantissa carries into the exponent.
    ((shift as usize) << MANTISSA) + (len >> shift) as usize
}

/// The lowest bin of which every block has at least `len` units.
#[inline(always)]
pub(super) const fn bin_above(len: u64) -> usize {
    if len <= 1 { len as usize } else { bin_of(len - 1) + 1 }
}

const _: () = {
    assert!(bin_of(MAX_UNITS) < BINS);
    // A request plus its alignment stays below twice the largest heap.
    assert!(bin_above(2 * MAX_UNITS - 1) < BINS);
};

impl Allocator<'_> {
    /// The lowest bin at or above `from` that is not empty.
    #[inline(always)]
    pub(super) fn nonempty_from(&self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = self.state.nonempty.get(word)?.load(Relaxed) & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = self.state.nonempty.get(word)?.load(Relaxed);
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    /// The highest bin that is not empty.
    pub(super) fn highest_nonempty(&self) -> Option<usize> {
        let words = self.state.nonempty.iter().enumerate().rev();
        words
            .map(|(i, w)| (i, w.load(Relaxed)))
            .find(|&(_, bits)| bits != 0)
            .map(|(i, bits)| i * 64 + bits.ilog2() as usize)
    }

    /// The first block of a bin that its bit calls not empty.
    #[inline(always)]
    pub(super) fn head(&self, bin: usize) -> Result<u32> {
        match self.bins.heads[bin].load(Relaxed) {
            0 => Err(corrupt("an empty bin looks filled")),
            head => Ok(head),
        }
    }

    /// Put a free block first in its bin.
    #[inline(always)]
    pub(super) fn link(&self, number: u32, len: u64) -> Result<()> {
        let node = self.node(number)?;
        let bin = bin_of(len);
        let head = self.bins.heads[bin].load(Relaxed);
        if head == 0 {
            self.set_bit(bin, true);
        } else {
            self.node(head)?.bin_prev.store(number, Relaxed);
        }
        node.bin_prev.store(0, Relaxed);
        node.bin_next.store(head, Relaxed);
        self.bins.heads[bin].store(number, Relaxed);
        Ok(())
    }

    /// Take a free block out of its bin.
    #[inline(always)]
    pub(super) fn unlink(&self, number: u32, len: u64) -> Result<()> {
        let node = self.node(number)?;
        let bin = bin_of(len);
        let (prev, next) = (node.bin_prev.load(Relaxed), node.bin_next.load(Relaxed));
        let after = if next == 0 { None } else { Some(self.node(next)?) };
        if after.is_some_and(|after| after.bin_prev.load(Relaxed) != number) {
            return Err(corrupt("a bin is broken backward"));
        }
        let link = if prev == 0 { &self.bins.heads[bin] } else { &self.node(prev)?.bin_next };
        if link.load(Relaxed) != number {
            return Err(corrupt("a bin is broken forward"));
        }
        link.store(next, Relaxed);
        match after {
            Some(after) => after.bin_prev.store(prev, Relaxed),
            None if prev == 0 => self.set_bit(bin, false),
            None => {}
        }
        Ok(())
    }

    #[inline(always)]
    fn set_bit(&self, bin: usize, on: bool) {
        let word = &self.state.nonempty[bin / 64];
        let bit = 1 << (bin % 64);
        let bits = word.load(Relaxed);
        word.store(if on { bits | bit } else { bits & !bit }, Relaxed);
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
            lens.extend([base - 1, base, base + 1, base + base / 8 - 1, base + base / 8]);
        }
        for len in lens.into_iter().filter(|&l| l <= MAX_UNITS) {
            let (own, above) = (bin_of(len), bin_above(len));
            assert!(own == above || own + 1 == above, "{len}");
            assert!(bin_of(len + 1) >= own && bin_of(len + 1) <= own + 1, "{len}");
            assert!(above > bin_of(len - 1) || len == 1, "{len}");
        }
        assert_eq!(bin_of(MAX_UNITS), 304);
    }
}
