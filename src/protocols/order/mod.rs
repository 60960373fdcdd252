//! The order of use: which object was used least recently? A dense array of stamps by slot, and
//! above it a tree of minima with 16 children a node.
//!
//! | bits of a leaf | meaning |
//! |---|---|
//! | 63 | held: the object may not be evicted, but keeps its stamp |
//! | 62 | unsealed: a hint that the object is being written |
//! | 61 .. 0 | its last use + 1; 0 for a slot that never had an object |
//!
//! A node is the least last use + 1 of its children that are not held, and 0 if all are held.
//! Memory that was just reserved is 0, so it needs no preparation.
//!
//! **A node is never above the minimum of its children.** Nodes that are too low cost a few steps of
//! a later descent, which repairs them. All calls but [`Order::touch`] and [`Order::used`] run under
//! the writer lock, and a recovery computes all words again. `touch` raises a leaf alone, without the
//! lock, by a compare-and-exchange that never revives a slot: a stamp that comes late is at worst
//! one use more of the object that has the slot by then.
//!
//! No value that is read is trusted: descents are bounded, and a word that others damage makes
//! another object the oldest.

#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use crate::layout::order::{FAN, LEVELS, Shape};
use crate::support::fallible;
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;

const HELD: u64 = 1 << 63;
const UNSEALED: u64 = 1 << 62;
const FLAGS: u64 = HELD | UNSEALED;

/// The key of a slot that may not be evicted: above all stamps.
const NEVER: u64 = u64::MAX;

/// The most descents of one search for the oldest: each repairs a path whose nodes are too low.
const DESCENTS: u32 = 64;

/// The order of use of one store.
pub struct Order<'a> {
    words: &'a [AtomicU64],
    shape: &'a Shape,
    /// The number of slots whose words are backed by memory.
    slots: u32,
}

/// The least recently used object that may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oldest {
    /// Its slot.
    pub slot: u32,
    /// When it was used.
    pub stamp: u64,
}

/// The last use of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When it was used.
    pub stamp: u64,
    /// It may not be evicted.
    pub held: bool,
    /// It is being written, as far as the order knows.
    pub unsealed: bool,
}

/// Position in the order of age.
#[inline(always)]
fn key(word: u64) -> u64 {
    let key = (word & !UNSEALED).wrapping_sub(1);
    if key >= HELD - 1 { NEVER } else { key }
}

fn word_of(key: u64) -> u64 {
    key.wrapping_add(1)
}

fn word_at(stamp: u64) -> u64 {
    word_of(stamp.min(UNSEALED - 2))
}

impl Stamp {
    fn word(self) -> u64 {
        let flag = |on: bool, flag: u64| if on { flag } else { 0 };
        word_at(self.stamp) | flag(self.held, HELD) | flag(self.unsealed, UNSEALED)
    }

    fn of(word: u64) -> Self {
        let stamp = (word & !FLAGS).saturating_sub(1);
        Self { stamp, held: word & HELD != 0, unsealed: word & UNSEALED != 0 }
    }
}

impl<'a> Order<'a> {
    /// Returns the order over these words, for a store that has memory for this many slots.
    #[inline]
    pub fn new(words: &'a [AtomicU64], shape: &'a Shape, reserved: u32) -> Self {
        Self { words, shape, slots: reserved.min(shape.slots) }
    }

    #[inline]
    fn leaf(&self, slot: u32) -> Option<&'a AtomicU64> {
        if slot < self.slots { self.words.get(slot as usize) } else { None }
    }

    /// The node of a level above a slot that has memory.
    #[inline]
    fn node(&self, level: usize, at: u32) -> Option<&'a AtomicU64> {
        self.words.get(self.shape.firsts[level] + at as usize)
    }

    /// The number of words of a level that are backed by memory.
    fn count(&self, level: usize) -> u32 {
        match self.slots {
            0 => 0,
            slots => ((slots - 1) >> (4 * level)) + 1,
        }
    }

    /// The last use of the object in a slot; `None` if the slot never had one.
    #[inline]
    pub fn used(&self, slot: u32) -> Option<Stamp> {
        let word = self.leaf(slot)?.load(Relaxed);
        if word == 0 { None } else { Some(Stamp::of(word)) }
    }

    /// An unsealed object was made in the slot: it may be evicted once it is sealed, unless it is
    /// `held`.
    #[inline]
    pub fn insert(&self, slot: u32, stamp: u64, held: bool) {
        let Some(leaf) = self.leaf(slot) else { return };
        let word = Stamp { stamp, held, unsealed: true }.word();
        leaf.store(word, Relaxed);
        self.lower(slot, key(word));
    }

    /// The object in the slot was used, so it is sealed, or will be at once. May be called without
    /// the lock.
    #[inline]
    pub fn touch(&self, slot: u32, stamp: u64) {
        let Some(leaf) = self.leaf(slot) else { return };
        let mut word = leaf.load(Relaxed);
        while word != 0 {
            let used = (word & !FLAGS).max(word_at(stamp)) | word & HELD;
            if used == word {
                return;
            }
            match leaf.compare_exchange(word, used, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// As [`Order::touch`], with the nodes above.
    pub fn raise(&self, slot: u32, stamp: u64) {
        let Some(leaf) = self.leaf(slot) else { return };
        let before = key(leaf.load(Relaxed));
        self.touch(slot, stamp);
        self.refresh(slot, before);
    }

    /// The object in the slot may not be evicted from here on.
    #[inline]
    pub fn hold(&self, slot: u32) {
        let Some(leaf) = self.leaf(slot) else { return };
        let before = leaf.fetch_or(HELD, Relaxed);
        self.refresh(slot, key(before));
    }

    /// As [`Order::hold`], of many objects: a node above several of them is computed once.
    pub fn hold_all(&self, slots: impl Iterator<Item = u32>) {
        let mut nodes: Vec<u32> = Vec::new();
        for slot in slots {
            let Some(leaf) = self.leaf(slot) else { continue };
            let before = leaf.fetch_or(HELD, Relaxed);
            if nodes.last() != Some(&(slot / FAN))
                && fallible::push(&mut nodes, slot / FAN).is_err()
            {
                self.refresh(slot, key(before));
            }
        }
        for level in 1..self.shape.depth {
            let mut above = 0;
            for at in 0..nodes.len() {
                let (node, parent) = (nodes[at], nodes[at] / FAN);
                if self.renew(level, node) && (above == 0 || nodes[above - 1] != parent) {
                    nodes[above] = parent;
                    above += 1;
                }
            }
            nodes.truncate(above);
        }
    }

    /// The object in the slot may be evicted again. It counts as used at `stamp` at least.
    pub fn let_go(&self, slot: u32, stamp: u64) {
        let Some(leaf) = self.leaf(slot) else { return };
        let mut word = leaf.load(Relaxed);
        while word != 0 {
            let free = (word & !FLAGS).max(word_at(stamp)) | word & UNSEALED;
            match leaf.compare_exchange(word, free, Relaxed, Relaxed) {
                Ok(_) => return self.lower(slot, key(free)),
                Err(now) => word = now,
            }
        }
    }

    /// The object in the slot may be evicted, and is older than all others.
    pub fn make_oldest(&self, slot: u32) {
        let Some(leaf) = self.leaf(slot) else { return };
        leaf.store(word_of(0), Relaxed);
        self.lower(slot, 0);
    }

    /// After a leaf that was held, or never used, was set: lowers the nodes that are above it.
    #[inline]
    fn lower(&self, slot: u32, key_now: u64) {
        for level in 1..self.shape.depth {
            match self.node(level, slot >> (4 * level)) {
                Some(node) if key(node.load(Relaxed)) > key_now => {
                    node.store(word_of(key_now), Relaxed);
                }
                // The nodes above this one are not above it.
                _ => return,
            }
        }
    }

    /// The least key of the children of a node, the child that has it, and the least key of the
    /// others.
    #[inline]
    fn least(&self, level: usize, at: u32) -> Least {
        let first = at.saturating_mul(FAN);
        let end = first.saturating_add(FAN).min(self.count(level - 1));
        let start = self.shape.firsts[level - 1];
        let children = self.words.get(start + first as usize..start + end as usize);
        let mut least = Least { key: NEVER, child: first, others: NEVER };
        for (child, word) in (first..).zip(children.unwrap_or_default()) {
            let key = key(word.load(Relaxed));
            if key < least.key {
                least = Least { key, child, others: least.key };
            } else if key < least.others {
                least.others = key;
            }
        }
        least
    }

    /// Computes a node; returns whether it was another.
    #[inline(never)]
    fn renew(&self, level: usize, at: u32) -> bool {
        let Some(node) = self.node(level, at) else { return false };
        let word = word_of(self.least(level, at).key);
        let changes = node.load(Relaxed) != word;
        if changes {
            node.store(word, Relaxed);
        }
        changes
    }

    /// After a leaf was raised from `before`: raises the nodes above it whose minimum it was.
    #[inline]
    fn refresh(&self, slot: u32, before: u64) {
        for level in 1..self.shape.depth {
            let at = slot >> (4 * level);
            let known = self.node(level, at).map_or(0, |node| key(node.load(Relaxed)));
            if known < before || !self.renew(level, at) {
                return;
            }
        }
    }

    /// Returns the oldest object that may be evicted.
    pub fn oldest(&self) -> Option<Oldest> {
        self.find_oldest(false)
    }

    /// As [`Order::oldest`]; the object is held from here on.
    pub fn take_oldest(&self) -> Option<Oldest> {
        self.find_oldest(true)
    }

    fn find_oldest(&self, take: bool) -> Option<Oldest> {
        let mut best: Option<Oldest> = None;
        for _ in 0..DESCENTS {
            let (path, is_low) = self.descend();
            let Least { key: stamp, child: slot, .. } = path[0];
            if !is_low {
                let found = Oldest { slot, stamp };
                if stamp != NEVER && take {
                    self.take(slot, &path);
                }
                return if stamp != NEVER { Some(found) } else { None };
            }
            if stamp != NEVER && best.is_none_or(|best| stamp < best.stamp) {
                best = Some(Oldest { slot, stamp });
            }
        }
        // The oldest of those that were seen.
        best.inspect(|best| {
            if take {
                self.hold(best.slot);
            }
        })
    }

    /// Goes down along the least children, and repairs nodes that are too low; returns what it
    /// found, leaves first, and whether a node was too low.
    #[inline]
    fn descend(&self) -> ([Least; LEVELS], bool) {
        let depth = self.shape.depth;
        let mut path = [Least { key: NEVER, child: 0, others: NEVER }; LEVELS];
        if depth == 1 {
            path[0].key = self.leaf(0).map_or(NEVER, |leaf| key(leaf.load(Relaxed)));
        }
        let (mut at, mut is_low) = (0, false);
        for level in (1..depth).rev() {
            let known = self.node(level, at).map_or(NEVER, |node| key(node.load(Relaxed)));
            let least = self.least(level, at);
            is_low |= known != least.key;
            path[level - 1] = least;
            at = least.child;
        }
        if is_low {
            (1..depth).for_each(|level| {
                self.renew(level, path[0].child >> (4 * level));
            });
        }
        (path, is_low)
    }

    /// Holds the leaf that a descent found; the nodes above it become the least of its siblings.
    fn take(&self, slot: u32, path: &[Least; LEVELS]) {
        let Some(leaf) = self.leaf(slot) else { return };
        leaf.fetch_or(HELD, Relaxed);
        let mut least = NEVER;
        for (below, level) in path.iter().zip(1..self.shape.depth) {
            least = least.min(below.others);
            if let Some(node) = self.node(level, slot >> (4 * level)) {
                node.store(word_of(least), Relaxed);
            }
        }
    }

    /// Sets every leaf to what `each` makes of its slot and its last use, and computes the nodes.
    pub fn rebuild(&self, mut each: impl FnMut(u32, Option<Stamp>) -> Option<Stamp>) {
        for slot in 0..self.slots {
            let Some(leaf) = self.leaf(slot) else { return };
            let mut word = leaf.load(Relaxed);
            // A use without the lock may come in between: that of a seal, which clears a flag.
            for _ in 0..DESCENTS {
                let used = (word != 0).then(|| Stamp::of(word));
                let renewed = each(slot, used).map_or(0, Stamp::word);
                if renewed == word {
                    break;
                }
                match leaf.compare_exchange(word, renewed, Relaxed, Relaxed) {
                    Ok(_) => break,
                    Err(now) => word = now,
                }
            }
        }
        for level in 1..self.shape.depth {
            (0..self.count(level)).for_each(|at| {
                self.renew(level, at);
            });
        }
    }

    /// Returns a node that is above the minimum of its children: level and index.
    pub fn check(&self) -> Option<(usize, u32)> {
        (1..self.shape.depth).find_map(|level| {
            let wrong = |&at: &u32| {
                let node = self.node(level, at).map_or(0, |node| key(node.load(Relaxed)));
                node > self.least(level, at).key
            };
            (0..self.count(level)).find(wrong).map(|at| (level, at))
        })
    }
}

/// The children of a node.
#[derive(Clone, Copy)]
struct Least {
    /// The least key.
    key: u64,
    /// The child that has it.
    child: u32,
    /// The least key of the other children.
    others: u64,
}
