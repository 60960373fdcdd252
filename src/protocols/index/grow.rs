//! Growth of the buckets, in bounded steps under the writer lock.
//!
//! A **step** is part of a create. It splits a few buckets; or, when all are split and there are
//! more objects than buckets, it doubles the number in use; or it says that memory for more is
//! needed first, which the caller reserves without the lock.
//!
//! **A split** moves what belongs to a bucket (the child) out of the chain of its parent, while
//! lookups go on. A record has one link, so the chain is taken apart link by link, from its front.
//! First the child's word becomes the first record that moves: the chain of the child is now the
//! rest of the parent's, with records in it that do not belong there. Then each chain in turn
//! passes over a run of records of the other.
//!
//! A lookup that begins between two of these stores reaches each record of its bucket. One that
//! began before may stand on a record of the other kind when the link of that record changes, and
//! be led past records of its own. Its miss does not count, because a word has changed that it
//! loads again:
//!  * Before a link of a record that moves changes, the version of the parent advances.
//!  * Before a link of a record that stays changes, the version of the child advances, or the
//!    child's word has just become other than 0.
//!
//! Killed in between, a client leaves chains in which lookups find each object, and records of
//! other chains, for which the next owner of the lock makes all chains again.

use super::buckets::parent_of;
use super::{ChainKind, Index, corrupt_link};
use crate::error::Result;
use crate::layout::word::{BucketWord, chain_end};
use crate::sync::AtomicU64;
use crate::sync::Ordering::{Relaxed, Release};

/// The number of buckets that a step splits. All are split when 1/32 more objects have been made than
/// there were buckets.
pub const SPLITS: usize = if cfg!(any(loom, shuttle)) { 1 } else { 32 };

/// A chain during a split: its bucket, and the last record that was seen to belong to it.
struct Side<'a> {
    bucket: &'a AtomicU64,
    word: BucketWord,
    last: Option<u32>,
    /// A link of this side has changed since its version advanced.
    changed: bool,
}

impl Side<'_> {
    fn set(&mut self, version: u32, head: u32) {
        self.word = BucketWord::new(version, head);
        self.changed = false;
        // SYNC chain: Release; a walk that sees the word sees the links after it, and a walk that
        // sees a later link sees the word.
        self.bucket.store(self.word.0, Release);
    }

    /// Walks of this side that began before its last change of a link do not count as misses.
    fn settle(&mut self) {
        if self.changed {
            self.set(self.word.version().wrapping_add(1), self.word.head());
        }
    }
}

impl Index<'_> {
    /// Makes a step if the buckets of this kind have to grow; returns whether memory for more
    /// buckets is needed first.
    #[inline(always)]
    pub(super) fn grow(&self, kind: ChainKind, objects: u32) -> Result<bool> {
        let buckets = self.buckets(kind);
        let mask = buckets.mask.load(Relaxed);
        if buckets.growth.split.load(Relaxed) > mask && objects.wrapping_sub(1) <= mask {
            return Ok(false);
        }
        self.step(kind, objects)
    }

    #[cold]
    fn step(&self, kind: ChainKind, objects: u32) -> Result<bool> {
        let buckets = self.buckets(kind);
        let count = buckets.in_use()?;
        let split = buckets.growth.split.load(Relaxed) as usize;
        if split < count {
            let from = split.max(count / 2).max(buckets.first);
            let to = (from + SPLITS).min(count);
            // Records lie anywhere. They are loaded together, so that the processor waits for the
            // memory of all of them at once.
            let first = |child| BucketWord(buckets.words[parent_of(child)].load(Relaxed)).head();
            let records = self.backed();
            let touch = |all, child| all ^ records.touch(first(child));
            std::hint::black_box((from..to).fold(0, touch));
            for child in from..to {
                self.split(kind, child)?;
            }
            buckets.growth.split.store(to as u32, Relaxed);
            return Ok(false);
        }
        if objects as usize <= count || count >= buckets.words.len() {
            return Ok(false);
        }
        if (buckets.growth.reserved.load(Relaxed) as usize) < 2 * count {
            return Ok(true);
        }
        // SYNC reserved: Release; the memory is there. A walk that meets the word of a bucket which
        // is split after this sees the mask, too.
        buckets.mask.store(2 * count as u32 - 1, Release);
        Ok(false)
    }

    /// Splits a bucket from its parent, unless it is split already.
    fn split(&self, kind: ChainKind, child: usize) -> Result<()> {
        let buckets = self.buckets(kind);
        if buckets.words[child].load(Relaxed) != 0 {
            return Ok(());
        }
        let parent = parent_of(child);
        if parent >= buckets.first {
            self.split(kind, parent)?;
        }
        let side = |at: usize| {
            let bucket = &buckets.words[at];
            Side { bucket, word: BucketWord(bucket.load(Relaxed)), last: None, changed: false }
        };
        let (mut stay, mut go) = (side(parent), side(child));
        // The bits that tell the child from its parent, and those that they share.
        let bits = (2 << child.ilog2()) - 1;
        let mut link = stay.word.first(parent);
        let mut left = self.records.len();
        // Whether the record before `link` moves; `None` at the head.
        let mut before = None;
        while link != chain_end(parent) {
            let slot = link.wrapping_sub(1);
            let record = self.record(slot)?;
            left = left.checked_sub(1).ok_or_else(|| corrupt_link(slot))?;
            let moves = self.hash(&kind.any_key(record)) as usize & bits == child;
            if before != Some(moves) {
                self.pass(kind, &mut stay, &mut go, moves, link, before.is_some())?;
            }
            if moves {
                go.last = Some(slot)
            } else {
                stay.last = Some(slot)
            }
            before = Some(moves);
            link = kind.link(record).load(Relaxed);
        }
        if before == Some(true) {
            self.pass(kind, &mut stay, &mut go, false, chain_end(parent), true)?;
        }
        self.pass(kind, &mut stay, &mut go, true, chain_end(child), true)?;
        // The slots of records that stay may be reused from here on.
        go.settle();
        Ok(())
    }

    /// Makes a side pass over the other's records, to `link`.
    fn pass<'s>(
        &self,
        kind: ChainKind,
        stay: &mut Side<'s>,
        go: &mut Side<'s>,
        moves: bool,
        link: u32,
        over: bool,
    ) -> Result<()> {
        let (side, other) = if moves { (go, stay) } else { (stay, go) };
        match side.last {
            // The head of the chain stays.
            None if !over && !moves => {}
            None => side.set(side.word.version().wrapping_add(1), link),
            Some(last) => {
                other.settle();
                // SYNC miss: Release; a walk that this link leads astray sees the words before it.
                kind.link(self.record(last)?).store(link, Release);
                side.changed = true;
            }
        }
        Ok(())
    }
}

#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
