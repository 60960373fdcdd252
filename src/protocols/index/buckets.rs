//! The buckets of one kind: how many are in use, and which of them holds the chain of a hash.

use super::{ChainKind, Index};
use crate::error::{Error, Result, Status};
use crate::layout::header::Growth;
use crate::layout::word::BucketWord;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::{AtomicU32, AtomicU64};

/// The buckets of ids, or of names.
///
/// The number in use is a power of two, which doubles. After that, the buckets of the upper half
/// are split from those of the lower half, a few at a time. The word of a bucket that was not split
/// yet is 0, and its parent holds its chain: the bucket with the same number without its highest
/// bit. All are split before the number doubles again. The first buckets of a store have no parents;
/// there 0 is a chain that never held anything.
#[derive(Clone, Copy)]
pub struct Buckets<'a> {
    /// All buckets that the store may have; a power of two.
    pub words: &'a [AtomicU64],
    /// The number of buckets in use - 1.
    pub mask: &'a AtomicU32,
    /// How far they have grown.
    pub growth: &'a Growth,
    /// The number of buckets that have no parents; a power of two.
    pub first: usize,
}

/// The bucket whose chain holds what has a certain hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// Its number.
    pub at: usize,
    /// Its word.
    pub word: BucketWord,
}

/// Returns the bucket from which this one is split. Bucket 0 has no parent.
pub const fn parent_of(bucket: usize) -> usize {
    bucket ^ 1 << bucket.ilog2()
}

impl Buckets<'_> {
    /// Whether a mask is that of a number of buckets which the store may use.
    pub fn is_mask(&self, mask: u32) -> bool {
        let count = mask as usize + 1;
        count.is_power_of_two() && (self.first..=self.words.len()).contains(&count)
    }

    /// Returns the number of buckets in use, under the lock.
    #[inline(never)]
    pub fn in_use(&self) -> Result<usize> {
        let mask = self.mask.load(Relaxed);
        if self.is_mask(mask) { Ok(mask as usize + 1) } else { Err(bad_mask(mask)) }
    }

    /// Returns whether the store may have, and has memory for, as many buckets as it uses. Under the
    /// lock.
    #[inline(never)]
    pub fn are_sound(&self) -> bool {
        let [reserved, split] =
            [&self.growth.reserved, &self.growth.split].map(|count| count.load(Relaxed) as usize);
        let sound = |count| split <= count && count <= reserved && reserved <= self.words.len();
        self.in_use().is_ok_and(sound)
    }

    /// Returns the home of a hash under a mask; `None` if the mask is nonsense, or the bucket was not
    /// split and its parent neither.
    #[inline(always)]
    pub fn home(&self, hash: u64, mask: u32) -> Option<Home> {
        let mut at = hash as usize & mask as usize;
        // SYNC chain: Acquire; pairs with the Release store of each head and link.
        let mut word = self.words.get(at)?.load(Acquire);
        if word == 0 && at >= self.first {
            at = hash as usize & mask as usize >> 1;
            // SYNC chain: Acquire; as above.
            word = self.words.get(at)?.load(Acquire);
            if word == 0 && at >= self.first {
                return None;
            }
        }
        Some(Home { at, word: BucketWord(word) })
    }

    /// Returns the first link of the bucket of a hash, if there is one: 0 if the bucket was not split
    /// yet, whose chain is left to [`Buckets::home`].
    #[inline(always)]
    pub fn first_link(&self, hash: u64) -> Option<u32> {
        // Relaxed: only a hit counts.
        let bucket = self.words.get(hash as usize & self.mask.load(Relaxed) as usize)?;
        // SYNC chain: Acquire; as above.
        Some(BucketWord(bucket.load(Acquire)).head())
    }

    /// Whether a home that was found before an Acquire fence is still the one, and its version has
    /// not changed.
    #[inline(always)]
    pub fn is_still(&self, home: &Home, hash: u64, mask: u32) -> bool {
        let now = BucketWord(self.words[home.at].load(Relaxed));
        let at = hash as usize & mask as usize;
        now.version() == home.word.version()
            && self.mask.load(Relaxed) == mask
            && (at == home.at || self.words[at].load(Relaxed) == 0)
    }
}

impl Index<'_> {
    /// Returns the first bucket whose word cannot be right whatever the objects are, and a reason.
    pub(super) fn find_bad_bucket(&self, kind: ChainKind) -> Result<Option<(usize, &'static str)>> {
        let buckets = self.buckets(kind);
        let count = buckets.in_use()?;
        let split = (buckets.growth.split.load(Relaxed) as usize).clamp(buckets.first, count);
        let reserved =
            (buckets.growth.reserved.load(Relaxed) as usize).clamp(count, buckets.words.len());
        let empty = |range: std::ops::Range<usize>, is: bool| {
            range.into_iter().find(|at| (buckets.words[*at].load(Relaxed) == 0) != is)
        };
        let unsplit = empty(buckets.first..split, false).map(|at| (at, "is not split"));
        Ok(unsplit
            .or_else(|| empty(count..reserved, true).map(|at| (at, "is not in use, and not 0"))))
    }
}

#[cold]
pub(super) fn bad_mask(mask: u32) -> Error {
    Error::new(Status::Corrupt, format!("the mask of buckets is {mask:#x}"))
}
