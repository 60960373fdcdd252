//! Lookup: lock-free, and in practice wait-free.

use super::buckets::parent_of;
use super::{Index, Key};
use crate::layout::record::{NameHash, Record};
use crate::layout::word::{RecordWord, State, chain_end};
use crate::sync::{Ordering, fence};

/// An object that is being written, is sealed, or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its slot in the object table.
    pub slot: u32,
    /// The word under which its key was compared.
    pub word: RecordWord,
}

/// Maximum number of records that a walk visits. A longer chain is corrupt, or removals moved the
/// walk from chain to chain.
const MAX_WALK: u32 = if cfg!(any(loom, shuttle, miri)) { 4 } else { 256 };

/// Walks that are tried before the object table is scanned.
const MAX_TRIES: u32 = if cfg!(any(loom, shuttle, miri)) { 2 } else { 16 };

enum Walk {
    Hit(Hit),
    Miss,
    Unsettled,
    Astray,
}

/// The chain is corrupt; [`Index::scan`] has the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Astray;

impl Index<'_> {
    /// Finds the object with this key: SEALED, FAILED, or WRITING and not given up.
    #[inline(always)]
    pub fn find(&self, key: &Key) -> Result<Option<Hit>, Astray> {
        match self.walk(key) {
            Walk::Hit(hit) => Ok(Some(hit)),
            Walk::Miss => Ok(None),
            Walk::Unsettled => self.find_slow(key),
            Walk::Astray => Err(Astray),
        }
    }

    /// As [`Index::find`], under the writer lock. Nothing changes under the lock, so a chain that
    /// does not settle is corrupt too.
    #[inline(always)]
    pub fn find_still(&self, key: &Key) -> Result<Option<Hit>, Astray> {
        match self.walk(key) {
            Walk::Hit(hit) => Ok(Some(hit)),
            Walk::Miss => Ok(None),
            Walk::Unsettled | Walk::Astray => Err(Astray),
        }
    }

    /// As [`Index::find`], for a SEALED object. The caller loads the word again under a lease,
    /// which tells whether the right key was read. `None` means nothing, not even a miss.
    #[inline(always)]
    pub fn find_hot(&self, key: &Key) -> Option<(Hit, &Record)> {
        self.backed().find_hot_from(key, self.first_link(key)?)
    }

    /// The first step of [`Index::find_hot`].
    #[inline(always)]
    pub fn first_link(&self, key: &Key) -> Option<u32> {
        self.buckets(key.kind()).first_link(self.hash(key))
    }

    /// The records that have memory now.
    #[inline(always)]
    pub fn backed(&self) -> Backed<'_> {
        // Relaxed: see `record`.
        let backed = self.live.records_reserved.load(Ordering::Relaxed) as usize;
        Backed(self.records.get(..backed).unwrap_or(self.records))
    }

    /// Returns the record of a slot that a link names. The end of a chain is a number above all
    /// slots.
    #[inline(always)]
    fn known(&self, slot: u32) -> Option<&Record> {
        // Relaxed: see `record`.
        if slot >= self.live.records_reserved.load(Ordering::Relaxed) {
            return None;
        }
        self.records.get(slot as usize)
    }

    #[cold]
    fn find_slow(&self, key: &Key) -> Result<Option<Hit>, Astray> {
        for _ in 1..MAX_TRIES {
            match self.walk(key) {
                Walk::Hit(hit) => return Ok(Some(hit)),
                Walk::Miss => return Ok(None),
                Walk::Unsettled => std::hint::spin_loop(),
                Walk::Astray => return Err(Astray),
            }
        }
        Ok(self.scan(key))
    }

    #[inline(always)]
    fn walk(&self, key: &Key) -> Walk {
        let (buckets, hash) = (self.buckets(key.kind()), self.hash(key));
        // SYNC rebuild: Acquire; pairs with the Release stores in `rebuild`.
        let sequence = self.live.rebuild_sequence.load(Ordering::Acquire);
        // Relaxed: it is loaded again before a miss counts.
        let mask = buckets.mask.load(Ordering::Relaxed);
        let Some(home) = buckets.home(hash, mask) else {
            return if buckets.is_mask(mask) { Walk::Unsettled } else { Walk::Astray };
        };
        let mut link = home.word.head();
        let mut dead = false;
        for _ in 0..MAX_WALK {
            let slot = link.wrapping_sub(1);
            let Some(record) = self.known(slot) else {
                // SYNC miss: Acquire; orders the walk before the second loads. If a link led this
                // walk to another chain, the link was stored after the version, the rebuild
                // sequence or the bucket that was not split changed, and by a Release store or
                // after a Release fence.
                fence(Ordering::Acquire);
                let still = buckets.is_still(&home, hash, mask)
                    && self.live.rebuild_sequence.load(Ordering::Relaxed) == sequence
                    && sequence & 1 == 0;
                // A free record is in no chain, and its link may lead anywhere. The exception is a
                // client that died between freeing the record and the end of a recovery.
                let ends = !dead && (link == chain_end(home.at) || home.word.0 == 0);
                return match (still, ends && buckets.is_mask(mask)) {
                    (false, _) => Walk::Unsettled,
                    (true, true) => Walk::Miss,
                    // The bucket is being split from its parent.
                    _ if home.at >= buckets.first && link == chain_end(parent_of(home.at)) => {
                        Walk::Unsettled
                    }
                    (true, false) => Walk::Astray,
                };
            };
            // SYNC record-word: Acquire; the key that is compared is of this generation or a later one.
            let word = record.load_with(Ordering::Acquire);
            if let Some(word) = match_record(key, record, word) {
                return Walk::Hit(Hit { slot, word });
            }
            dead |= word.is(State::Free);
            // Relaxed: the link names a record that was inserted before this one.
            link = key.link(record).load(Ordering::Relaxed);
        }
        Walk::Unsettled
    }

    /// Examines every record. The answer is right whatever state the chains are in.
    #[cold]
    pub fn scan(&self, key: &Key) -> Option<Hit> {
        (0u32..).zip(self.records).take(self.used() as usize).find_map(|(slot, record)| {
            // SYNC record-word: Acquire; as in a walk.
            let word = match_record(key, record, record.load_with(Ordering::Acquire))?;
            Some(Hit { slot, word })
        })
    }
}

/// The records that had memory at some moment, which they keep while their store lives.
#[derive(Clone, Copy)]
pub struct Backed<'a>(&'a [Record]);

impl<'a> Backed<'a> {
    /// Returns the record that a link names.
    #[inline(always)]
    pub fn record(self, link: u32) -> Option<&'a Record> {
        self.0.get(link.wrapping_sub(1) as usize)
    }

    /// Loads the word of the record that a link names, for the processor's caches.
    #[inline(always)]
    pub fn touch(self, link: u32) -> u64 {
        // Relaxed: the word is loaded again.
        self.record(link).map_or(0, |record| record.load_with(Ordering::Relaxed).0)
    }

    /// Returns the link from which [`Backed::find_hot_from`] may begin as well as from `link`.
    #[inline(always)]
    pub fn skip_other(self, key: &Key, link: u32) -> u32 {
        match self.record(link) {
            // Relaxed: as in `walk`.
            Some(record) if !key.matches(record) => key.link(record).load(Ordering::Relaxed),
            _ => link,
        }
    }

    /// The steps of [`Index::find_hot`] after the first.
    #[inline(always)]
    pub fn find_hot_from(self, key: &Key, mut link: u32) -> Option<(Hit, &'a Record)> {
        for _ in 0..MAX_WALK {
            let slot = link.wrapping_sub(1);
            let record = self.0.get(slot as usize)?;
            // SYNC record-word: Acquire; as in `match_record`.
            let word = record.load_with(Ordering::Acquire);
            if word.is(State::Sealed) && key.is_under(word) && key.matches(record) {
                // SYNC record-fields: the fence of `lease::protect` stands for that of `match_record`.
                return Some((Hit { slot, word }, record));
            }
            // Relaxed: as in `walk`.
            link = key.link(record).load(Ordering::Relaxed);
        }
        None
    }
}

/// Returns the current word of `record`, whose word was `word`, if it is an object with this key.
#[inline(always)]
fn match_record(key: &Key, record: &Record, word: RecordWord) -> Option<RecordWord> {
    if !is_live(word) || !key.is_under(word) || !key.matches(record) {
        return None;
    }
    // SYNC record-fields: the fields were read before the word is read again; a slot that was
    // reused in between has another generation. Pairs with the fence in `Record::set_id`.
    fence(Ordering::Acquire);
    // SYNC record-word: Acquire; brings what the creator has written, which may include the seal.
    let now = record.load_with(Ordering::Acquire);
    // The creator may have sealed the object in between, which takes no lock. The object exists
    // either way.
    let still = now.generation() == word.generation() && is_live(now);
    still.then_some(now)
}

#[inline]
fn is_live(word: RecordWord) -> bool {
    word.is_settled() || word.is(State::Writing) && !word.has(RecordWord::ABANDONED)
}

impl From<NameHash> for Key {
    fn from(hash: NameHash) -> Self {
        Key::Name(hash)
    }
}
