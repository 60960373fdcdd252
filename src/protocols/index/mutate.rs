//! Changes to the chains. Every function here runs under the writer lock.

use super::buckets::Home;
use super::{CHAIN_KINDS, ChainKind, Index, Key, corrupt_link};
use crate::error::Result;
use crate::layout::record::Record;
use crate::layout::word::{BucketWord, CHAIN_END, RecordWord, chain_end};
use crate::support::fallible;
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::{AtomicU32, AtomicU64, fence};

/// The number of objects whose buckets are loaded at once.
const TOGETHER: usize = 16;

impl Index<'_> {
    /// Inserts `slot` at the head of the chain of `key`. The record's word is published already.
    pub fn insert(&self, key: &Key, slot: u32) -> Result<()> {
        let (bucket, Home { at, word: head }) = self.home(key)?;
        // Relaxed: the fence of `set_id` or `begin_rebuild` precedes this store. So a walk that a
        // reused record led here sees the version that the removal of that record advanced.
        key.link(self.record(slot)?).store(head.first(at), Relaxed);
        // SYNC chain: Release; a walk that sees the head sees the link and all links after it.
        bucket.store(BucketWord::new(head.version().max(1), slot + 1).0, Release);
        self.count(key, 1);
        Ok(())
    }

    /// As [`Index::insert`], where it is rarely called.
    #[inline(never)]
    pub fn insert_any(&self, key: &Key, slot: u32) -> Result<()> {
        self.insert(key, slot)
    }

    /// Removes the record of `slot` from the chain of `key`. Fails when it is not in that chain.
    #[inline(always)]
    fn remove(&self, key: &Key, slot: u32, record: &Record) -> Result<()> {
        let (bucket, home) = self.home(key)?;
        self.remove_from(bucket, home.word, key, slot, record)
    }

    /// Adds to the number of objects in the chains of names.
    #[inline(always)]
    fn count(&self, key: &Key, more: u32) {
        if let Key::Name(_) = key {
            self.table.named.store(self.table.named.load(Relaxed).wrapping_add(more), Relaxed);
        }
    }

    #[inline(always)]
    fn remove_from(
        &self,
        bucket: &AtomicU64,
        head: BucketWord,
        key: &Key,
        slot: u32,
        record: &Record,
    ) -> Result<()> {
        let next = key.link(record).load(Relaxed);
        let advanced = head.version().wrapping_add(1);
        if head.head() == slot + 1 {
            // SYNC chain: Release; unlinks and advances the version by one store.
            bucket.store(BucketWord::new(advanced, next).0, Release);
        } else {
            // SYNC miss: Release; a miss caused by this store has seen what preceded the removal.
            self.link_before(head, key, slot)?.store(next, Release);
            // SYNC chain: Release; the version advances after the unlinking. The head is stored
            // again.
            bucket.store(BucketWord::new(advanced, head.head()).0, Release);
        }
        self.count(key, u32::MAX);
        Ok(())
    }

    /// The link that names `slot`, which is not the first of its chain.
    fn link_before(&self, head: BucketWord, key: &Key, slot: u32) -> Result<&AtomicU32> {
        let mut link = head.head();
        for _ in 0..self.records.len() {
            let before = key.link(self.record(link.wrapping_sub(1))?);
            link = before.load(Relaxed);
            if link == slot + 1 {
                return Ok(before);
            }
        }
        Err(corrupt_link(slot))
    }

    /// Removes an object from both chains.
    pub fn unlink(&self, slot: u32, word: RecordWord) -> Result<()> {
        let record = self.record(slot)?;
        if word.has(RecordWord::HIDDEN) {
            return Ok(());
        }
        self.remove(&Key::Id(record.id_words()), slot, record)?;
        if word.has(RecordWord::NAMED) { self.remove_name(record, slot) } else { Ok(()) }
    }

    #[inline(never)]
    fn remove_name(&self, record: &Record, slot: u32) -> Result<()> {
        self.remove(&Key::Name(record.name()), slot, record)
    }

    /// Removes objects from both chains; goes on after an error.
    ///
    /// Buckets and the records before an object in its chain lie anywhere, so the processor waits
    /// for the memory of each. They are loaded for some objects at once, so that it waits for all of
    /// these together.
    pub fn unlink_all(&self, objects: &[(u32, RecordWord)]) -> Result<()> {
        let mut all = Ok(());
        for some in objects.chunks(TOGETHER) {
            let mut hashes = [0; TOGETHER];
            for (&(slot, _), hash) in some.iter().zip(&mut hashes) {
                *hash = self.hash(&Key::Id(self.record(slot)?.id_words()));
            }
            let mask = self.ids().mask.load(Relaxed);
            let load = |hash: &u64| {
                let first = self.ids().home(*hash, mask).map_or(0, |home| home.word.head());
                let record = self.records.get((first as usize).wrapping_sub(1));
                record.map_or(0, |record| record.id_link.load(Relaxed))
            };
            let hashes = &hashes[..some.len()];
            std::hint::black_box(hashes.iter().map(load).fold(0, |all, link| all ^ link));
            for &(slot, word) in some {
                all = all.and(self.unlink(slot, word));
            }
        }
        all
    }

    /// Makes the chains again from the object table, of as many buckets as are in use. The rebuild
    /// sequence is odd during this.
    pub fn rebuild_chains(&self) -> Result<()> {
        for kind in CHAIN_KINDS {
            let buckets = self.buckets(kind);
            let count = buckets.in_use()?;
            for (at, bucket) in buckets.words[..count].iter().enumerate() {
                let old = BucketWord(bucket.load(Relaxed));
                if old.0 != 0 || at >= buckets.first {
                    let version = old.version().wrapping_add(1);
                    // Relaxed: the fence of `begin_rebuild` precedes this store.
                    bucket.store(BucketWord::new(version, chain_end(at)).0, Relaxed);
                }
            }
            buckets.growth.split.store(count as u32, Relaxed);
        }
        self.table.named.store(0, Relaxed);
        for slot in 0..self.used() {
            let record = self.record(slot)?;
            let word = record.load_with(Relaxed);
            for kind in CHAIN_KINDS {
                if let Some(key) = kind.key(record, word) {
                    self.insert_any(&key, slot)?;
                }
            }
        }
        Ok(())
    }

    /// Removes records that are not objects from the chains, while lookups continue. The caller
    /// calls [`Self::end_rebuild`] afterwards: the rebuild sequence that it advances replaces the
    /// versions of the chains that were not advanced here, or by a removal whose client died.
    ///
    /// Returns `false` when objects are missing from the chains or links are corrupt. No death
    /// except one during a rebuild can cause that, and the caller has to rebuild the chains.
    pub fn mend_chains(&self) -> Result<bool> {
        let sound = self.ids().are_sound() && self.names().are_sound();
        let whole = sound && self.live.rebuild_sequence.load(Relaxed) & 1 == 0;
        Ok(whole && self.mend(ChainKind::Id)? && self.mend(ChainKind::Name)?)
    }

    fn mend(&self, kind: ChainKind) -> Result<bool> {
        const NOWHERE: u32 = u32::MAX;
        const SEEN: u32 = u32::MAX - 1;
        let buckets = self.buckets(kind);
        let count = buckets.in_use()?;
        if self.find_bad_bucket(kind)?.is_some() {
            return Ok(false);
        }
        // The links are copied in the order of the table, because chains lead all over it.
        let (used, mut missing) = (self.used(), 0);
        let mut homes = fallible::with_room(used as usize)?;
        let mut links = fallible::with_room(used as usize)?;
        for slot in 0..used {
            let record = self.record(slot)?;
            let key = kind.key(record, record.load_with(Relaxed));
            missing += u32::from(key.is_some());
            let home = key.map(|key| self.home_number(&key)).transpose()?;
            homes.push(home.map_or(NOWHERE, |home| home as u32));
            links.push(kind.link(record).load(Relaxed));
        }
        let objects = missing;
        for (at, bucket) in (0u32..).zip(&buckets.words[..count]) {
            let old = BucketWord(bucket.load(Relaxed));
            let head = old.first(at as usize);
            let (mut link, mut first, mut last) = (head, head, None);
            while link < CHAIN_END {
                let slot = link.wrapping_sub(1);
                let Some(home) = homes.get_mut(slot as usize) else { return Ok(false) };
                let next = links[slot as usize];
                match std::mem::replace(home, SEEN) {
                    home if home == at => {
                        missing -= 1;
                        last = Some(slot);
                    }
                    NOWHERE => match last {
                        None => first = next,
                        // SYNC miss: Release; as in a removal.
                        Some(last) => kind.link(self.record(last)?).store(next, Release),
                    },
                    _ => return Ok(false),
                }
                link = next;
            }
            if link != chain_end(at as usize) {
                return Ok(false);
            }
            if first != head {
                // SYNC chain: Release; a new head and a new version in one store.
                bucket.store(BucketWord::new(old.version().wrapping_add(1), first).0, Release);
            }
        }
        if missing == 0 && kind == ChainKind::Name && self.table.named.load(Relaxed) != objects {
            self.table.named.store(objects, Relaxed);
        }
        Ok(missing == 0)
    }

    /// Makes the rebuild sequence odd. From here on, lookups that miss scan the table.
    pub fn begin_rebuild(&self) {
        let now = self.live.rebuild_sequence.load(Relaxed);
        self.live.rebuild_sequence.store(now | 1, Relaxed);
        // SYNC miss: Release; a walk that sees a cut or a link of the rebuild sees the odd sequence.
        fence(Release);
    }

    /// Makes the rebuild sequence even, with a value that it never had before.
    pub fn end_rebuild(&self) {
        let now = self.live.rebuild_sequence.load(Relaxed);
        // SYNC rebuild: Release; the chains are whole.
        self.live.rebuild_sequence.store((now | 1).wrapping_add(1), Release);
    }
}
