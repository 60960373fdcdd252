//! An object table in private memory, for tests and models.

use super::{Index, Key, SlotOutcome, Slots, hash};
use crate::layout::header::{self, Live};
use crate::layout::record::{IdWords, NameHash, Record};
use crate::layout::word::{RecordWord, State};
use crate::sync::{AtomicU32, AtomicU64, Ordering::Relaxed};

pub(crate) struct Table {
    pub id_buckets: Vec<AtomicU64>,
    pub name_buckets: Vec<AtomicU64>,
    first: usize,
    pub records: Vec<Record>,
    pub live: Live,
    pub table: header::Table,
    pub queue: [AtomicU32; 3],
}

pub(crate) const SEED: hash::Seed = hash::Seed([3, 5]);

impl Table {
    pub fn new(records: usize, buckets: usize) -> Self {
        Self::growing(records, buckets, buckets)
    }

    /// A table that uses `first` of its buckets, all of which have memory.
    pub fn growing(records: usize, first: usize, buckets: usize) -> Self {
        let (live, table) = (Live::empty(), header::Table::empty());
        live.records_reserved.store(records as u32, Relaxed);
        for (mask, growth) in [(&live.id_mask, &table.ids), (&live.name_mask, &table.names)] {
            mask.store(first as u32 - 1, Relaxed);
            growth.reserved.store(buckets as u32, Relaxed);
            growth.split.store(first as u32, Relaxed);
        }
        let words = || (0..buckets).map(|_| AtomicU64::new(0)).collect();
        Self {
            id_buckets: words(),
            name_buckets: words(),
            first,
            records: (0..records).map(|_| Record::empty()).collect(),
            live,
            table,
            queue: [AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0)],
        }
    }

    pub fn index(&self) -> Index<'_> {
        Index {
            seed: SEED,
            id_buckets: &self.id_buckets,
            name_buckets: &self.name_buckets,
            first_buckets: self.first,
            records: &self.records,
            live: &self.live,
            table: &self.table,
        }
    }

    pub fn slots(&self) -> Slots<'_> {
        let [head, tail, count] = &self.queue;
        Slots { head, tail, count }
    }

    /// Creates an object as a creator does under the lock. Returns its slot and word.
    pub fn create(&self, id: IdWords, name: Option<NameHash>, state: State) -> (u32, RecordWord) {
        let SlotOutcome::Slot(slot, free) = self.slots().take(&self.index()).unwrap() else {
            panic!("no slot is free")
        };
        let record = &self.records[slot as usize];
        record.set_id(&id);
        let hash = name.unwrap_or(NameHash([0, 0]));
        record.name_hash[0].store(hash.0[0], Relaxed);
        record.name_hash[1].store(hash.0[1], Relaxed);
        let flags = if name.is_some() { RecordWord::NAMED } else { 0 };
        let word = RecordWord::new(free.generation().max(1), flags, State::Writing);
        record.swap(free, word).unwrap();
        self.index().insert(&Key::Id(id), slot).unwrap();
        if let Some(name) = name {
            self.index().insert(&Key::Name(name), slot).unwrap();
        }
        if state == State::Sealed { (slot, self.seal(slot, word)) } else { (slot, word) }
    }

    pub fn seal(&self, slot: u32, word: RecordWord) -> RecordWord {
        let sealed = word.in_state(State::Sealed);
        self.records[slot as usize].swap(word, sealed).unwrap();
        sealed
    }

    /// Ends an object that is being written as failed.
    pub fn fail(&self, slot: u32, word: RecordWord) {
        self.records[slot as usize].swap(word, word.in_state(State::Failed)).unwrap();
    }

    /// Makes an object invisible. Its slot is not freed.
    pub fn doom(&self, slot: u32, word: RecordWord) -> RecordWord {
        let doomed = word.in_state(State::Doomed);
        self.records[slot as usize].swap(word, doomed).unwrap();
        self.index().unlink(slot, doomed).unwrap();
        doomed
    }

    /// Makes an object invisible and frees its slot.
    pub fn delete(&self, slot: u32, word: RecordWord) {
        let doomed = self.doom(slot, word);
        self.slots().give(&self.index(), slot, doomed, 0).unwrap();
    }

    /// Does what a recovery does after most deaths.
    pub fn mend(&self) {
        assert!(self.index().mend_chains().unwrap());
        self.index().end_rebuild();
    }

    pub fn rebuild(&self) {
        self.index().begin_rebuild();
        self.slots().rebuild(&self.index()).unwrap();
        self.index().rebuild_chains().unwrap();
        self.index().end_rebuild();
    }
}

/// Returns the `n`-th id in this bucket.
pub(crate) fn id_in(bucket: u64, buckets: usize, n: usize) -> IdWords {
    let ids = (1..).map(|i| IdWords(i, 0, 0));
    let mask = buckets as u64 - 1;
    ids.filter(|id| hash::id_hash(SEED, id) & mask == bucket).nth(n).unwrap()
}

/// Returns the `n`-th name hash in this bucket.
pub(crate) fn name_in(bucket: u64, buckets: usize, n: usize) -> NameHash {
    NameHash([bucket + (n as u64 + 1) * buckets as u64, 7])
}
