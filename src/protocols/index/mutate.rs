//! Changes to the chains. Every function here runs under the writer lock.

use super::{CHAIN_KINDS, ChainKind, Index, Key, corrupt_link};
use crate::error::Result;
use crate::layout::record::Record;
use crate::layout::word::{BucketWord, CHAIN_END, RecordWord, chain_end};
use crate::support::fallible;
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::{AtomicU64, fence};

/// The number of objects whose buckets are loaded at once.
const TOGETHER: usize = 16;

impl Index<'_> {
    /// Inserts `slot` at the head of the chain of `key`. The record's word is published already.
    #[inline(always)]
    pub fn insert(&self, key: &Key, slot: u32) -> Result<()> {
        let (bucket, at) = self.bucket(key);
        let head = BucketWord(bucket.load(Relaxed));
        // Relaxed: the fence of `set_id` or `begin_rebuild` precedes this store. So a walk that a
        // reused record led here sees the version that the removal of that record advanced.
        key.link(self.record(slot)?).store(head.first(at), Relaxed);
        // SYNC chain: Release; a walk that sees the head sees the link and all links after it.
        bucket.store(BucketWord::new(head.version().max(1), slot + 1).0, Release);
        Ok(())
    }

    /// Removes `slot` from the chain of `key`. Fails when it is not in that chain.
    #[inline(always)]
    pub fn remove(&self, key: &Key, slot: u32) -> Result<()> {
        let (bucket, _) = self.bucket(key);
        self.remove_from(bucket, key, slot)
    }

    #[inline(always)]
    fn remove_from(&self, bucket: &AtomicU64, key: &Key, slot: u32) -> Result<()> {
        let head = BucketWord(bucket.load(Relaxed));
        let next = key.link(self.record(slot)?).load(Relaxed);
        let advanced = head.version().wrapping_add(1);
        if head.head() == slot + 1 {
            // SYNC chain: Release; unlinks and advances the version by one store.
            bucket.store(BucketWord::new(advanced, next).0, Release);
            return Ok(());
        }
        self.remove_inner(bucket, key, slot)
    }

    /// Removes `slot`, which is not the first of its chain.
    fn remove_inner(&self, bucket: &AtomicU64, key: &Key, slot: u32) -> Result<()> {
        let head = BucketWord(bucket.load(Relaxed));
        let next = key.link(self.record(slot)?).load(Relaxed);
        let advanced = head.version().wrapping_add(1);
        let mut link = head.head();
        for _ in 0..self.records.len() {
            let before = key.link(self.record(link.wrapping_sub(1))?);
            link = before.load(Relaxed);
            if link == slot + 1 {
                // SYNC miss: Release; a miss caused by this store has seen what preceded the
                // removal.
                before.store(next, Release);
                // SYNC chain: Release; the version advances after the unlinking. The head is stored
                // again.
                bucket.store(BucketWord::new(advanced, head.head()).0, Release);
                return Ok(());
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
        self.remove(&Key::Id(record.id_words()), slot)?;
        if word.has(RecordWord::NAMED) { self.remove_name(record, slot) } else { Ok(()) }
    }

    #[inline(never)]
    fn remove_name(&self, record: &Record, slot: u32) -> Result<()> {
        self.remove(&Key::Name(record.name()), slot)
    }

    /// Removes objects from both chains; goes on after an error.
    ///
    /// Buckets and the records before an object in its chain lie anywhere, so the processor waits
    /// for the memory of each. They are loaded for some objects at once, so that it waits for all of
    /// these together.
    pub fn unlink_all(&self, objects: &[(u32, RecordWord)]) -> Result<()> {
        let mut all = Ok(());
        for some in objects.chunks(TOGETHER) {
            let mut buckets = [0; TOGETHER];
            for (&(slot, _), bucket) in some.iter().zip(&mut buckets) {
                *bucket = self.bucket_number(&Key::Id(self.record(slot)?.id_words()));
            }
            let buckets = || buckets[..some.len()].iter().map(|&at| &self.id_buckets[at]);
            let load = |bucket: &AtomicU64| {
                let first = BucketWord(bucket.load(Relaxed)).head();
                let record = self.records.get((first as usize).wrapping_sub(1));
                record.map_or(0, |record| record.id_link.load(Relaxed))
            };
            std::hint::black_box(buckets().map(load).fold(0, |all, link| all ^ link));
            for (&(slot, word), bucket) in some.iter().zip(buckets()) {
                if word.has(RecordWord::HIDDEN) {
                    continue;
                }
                let record = self.record(slot)?;
                all = all.and(self.remove_from(bucket, &Key::Id(record.id_words()), slot));
                if word.has(RecordWord::NAMED) {
                    all = all.and(self.remove_name(record, slot));
                }
            }
        }
        all
    }

    /// Makes the chains again from the object table. The rebuild sequence is odd during this.
    pub fn rebuild_chains(&self) -> Result<()> {
        for kind in CHAIN_KINDS {
            for (at, bucket) in self.buckets(kind).iter().enumerate() {
                let old = BucketWord(bucket.load(Relaxed));
                if old.0 != 0 {
                    let version = old.version().wrapping_add(1);
                    // Relaxed: the fence of `begin_rebuild` precedes this store.
                    bucket.store(BucketWord::new(version, chain_end(at)).0, Relaxed);
                }
            }
        }
        for slot in 0..self.used() {
            let record = self.record(slot)?;
            let word = record.load_with(Relaxed);
            for kind in CHAIN_KINDS {
                if let Some(key) = kind.key(record, word) {
                    self.insert(&key, slot)?;
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
        let whole = self.rebuild_sequence.load(Relaxed) & 1 == 0;
        Ok(whole && self.mend(ChainKind::Id)? && self.mend(ChainKind::Name)?)
    }

    fn mend(&self, kind: ChainKind) -> Result<bool> {
        const NOWHERE: u32 = u32::MAX;
        const SEEN: u32 = u32::MAX - 1;
        // The links are copied in the order of the table, because chains lead all over it.
        let (used, mut missing) = (self.used(), 0);
        let mut homes = fallible::with_room(used as usize)?;
        let mut links = fallible::with_room(used as usize)?;
        for slot in 0..used {
            let record = self.record(slot)?;
            let key = kind.key(record, record.load_with(Relaxed));
            missing += usize::from(key.is_some());
            homes.push(key.map_or(NOWHERE, |key| self.bucket_number(&key) as u32));
            links.push(kind.link(record).load(Relaxed));
        }
        for (at, bucket) in (0u32..).zip(self.buckets(kind)) {
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
        Ok(missing == 0)
    }

    /// Makes the rebuild sequence odd. From here on, lookups that miss scan the table.
    pub fn begin_rebuild(&self) {
        let now = self.rebuild_sequence.load(Relaxed);
        self.rebuild_sequence.store(now | 1, Relaxed);
        // SYNC miss: Release; a walk that sees a cut or a link of the rebuild sees the odd sequence.
        fence(Release);
    }

    /// Makes the rebuild sequence even, with a value that it never had before.
    pub fn end_rebuild(&self) {
        let now = self.rebuild_sequence.load(Relaxed);
        // SYNC rebuild: Release; the chains are whole.
        self.rebuild_sequence.store((now | 1).wrapping_add(1), Release);
    }
}
