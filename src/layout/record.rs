//! The record of an object: three cache lines in the object table.

use super::event::Sizes;
use super::extent::ExtentPair;
use super::word::{RecordWord, State};
use crate::id::ObjectId;
use crate::sync::{AtomicU32, AtomicU64, Ordering, Ordering::Relaxed, fence};

/// An object, or a free slot. Line 0 has everything that a get needs.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Record {
    // Line 0: read by every get.
    /// [`RecordWord`]: determines the meaning of the other fields.
    pub word: AtomicU64,
    pub(super) id: [AtomicU64; 2],
    pub(super) id_tail: AtomicU32,
    /// The next record in the chain of ids; see [`super::word::BucketWord`].
    pub id_link: AtomicU32,
    /// Extents of the data.
    pub data: ExtentPair,
    /// The next record in the chain of names.
    pub name_link: AtomicU32,
    _unused0: AtomicU32,

    // Line 1: names, metadata, provenance.
    /// 128-bit keyed hash of the name. Equal hashes mean equal names.
    pub name_hash: [AtomicU64; 2],
    /// Extents of the name text and the metadata.
    pub meta: ExtentPair,
    /// Nonce of the creator's client file.
    pub creator_serial: AtomicU64,
    /// Time of creation, in microseconds since the Unix epoch.
    pub create_time_us: AtomicU64,
    /// Microseconds from create to seal. Until the seal: when the construction began, by
    /// CLOCK_MONOTONIC, or 0 in a put.
    pub construct_us: AtomicU64,

    // Line 2: the writer's bookkeeping.
    /// Allocator blocks of data 0, data 1, metadata 0, metadata 1.
    pub blocks: [AtomicU32; 4],
    /// Client slot of the creator.
    pub creator_slot: AtomicU32,
    /// Process id of the creator, in its own namespace.
    pub creator_pid: AtomicU32,
    /// Index into the header's table of host names.
    pub creator_host: AtomicU32,
    /// Next record in the queue of free slots, in a slot cache or in limbo: slot + 1, 0 at the end.
    pub link: AtomicU32,
    _unused1: AtomicU64,
    /// Start time of the creator process, in clock ticks since boot.
    pub creator_start: AtomicU64,
    /// Bytes of keys and values in metadata 0 and 1.
    pub payload: [AtomicU32; 2],
    _unused2: AtomicU64,
}

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    assert!(size_of::<Record>() == 192);
    assert!(std::mem::offset_of!(Record, name_hash) == 64);
    assert!(std::mem::offset_of!(Record, blocks) == 128);
};

impl Record {
    /// Loads a word of each line. Loads that follow at once, of other records, wait at the same
    /// time; the work on a record would wait for each line in turn.
    #[inline]
    pub fn touch(&self) {
        self.word.load(Relaxed);
        self.name_hash[0].load(Relaxed);
        self.blocks[0].load(Relaxed);
    }

    /// Returns a free slot that was never used.
    #[cfg(any(test, loom, shuttle))]
    pub fn empty() -> Self {
        let word = || AtomicU64::new(0);
        let half = || AtomicU32::new(0);
        Self {
            word: word(),
            id: [word(), word()],
            id_tail: half(),
            id_link: half(),
            data: ExtentPair::empty(),
            name_link: half(),
            _unused0: half(),
            name_hash: [word(), word()],
            meta: ExtentPair::empty(),
            creator_serial: word(),
            create_time_us: word(),
            construct_us: word(),
            blocks: [half(), half(), half(), half()],
            creator_slot: half(),
            creator_pid: half(),
            creator_host: half(),
            link: half(),
            _unused1: word(),
            creator_start: word(),
            payload: [half(), half()],
            _unused2: word(),
        }
    }

    /// Returns the word, loaded with the given ordering.
    #[inline]
    pub fn load_with(&self, order: Ordering) -> RecordWord {
        RecordWord(self.word.load(order))
    }

    /// Returns the word and acquires what was written before it.
    #[inline]
    pub fn load(&self) -> RecordWord {
        // SYNC record-word: Acquire; pairs with the Release in `swap`.
        self.load_with(Ordering::Acquire)
    }

    /// Returns whether the word is still the one that was loaded before other fields, or memory that
    /// the record owns, were read.
    #[inline]
    pub fn is_still(&self, word: RecordWord) -> bool {
        // SYNC record-fields: the fields that were read are of this word's generation, unless the word
        // loaded here is another. Pairs with the fence in `set_id`.
        fence(Ordering::Acquire);
        self.load_with(Relaxed) == word
    }

    /// Changes the word from `old` to `new`. Fails with the current word if it is not `old`.
    #[track_caller]
    pub fn swap(&self, old: RecordWord, new: RecordWord) -> Result<(), RecordWord> {
        // SYNC record-word: Release; publishes all fields written before, pairs with each Acquire
        // load of the word. A client that changes a word has seen it by such a load, or under the
        // lock before.
        self.word
            .compare_exchange(old.0, new.0, Ordering::Release, Ordering::Relaxed)
            .map(drop)
            .map_err(RecordWord)
    }

    /// Changes the word from `old` to `new` where nothing but the owner of the writer lock, which the
    /// caller is, changes it: an object that is FREE, SEALED or DOOMED. Fails with the current word if
    /// it is not `old`.
    #[track_caller]
    pub fn advance(&self, old: RecordWord, new: RecordWord) -> Result<(), RecordWord> {
        debug_assert!(!old.is(State::Writing));
        let now = self.load_with(Relaxed);
        if now != old {
            return Err(now);
        }
        // SYNC record-word: Release; as in `swap`. A store costs a tenth of a CAS.
        self.word.store(new.0, Ordering::Release);
        Ok(())
    }

    /// Returns the id. The caller validates it by the word.
    pub fn id(&self) -> ObjectId {
        self.id_words().into()
    }

    /// Returns the words of the id. The caller validates them by the word.
    #[inline]
    pub fn id_words(&self) -> IdWords {
        let [first, second] = [&self.id[0], &self.id[1]].map(|word| word.load(Relaxed));
        IdWords(first, second, self.id_tail.load(Relaxed))
    }

    /// Returns whether the id is these words. The caller validates that by the word.
    #[inline]
    pub fn has_id(&self, id: &IdWords) -> bool {
        self.id[0].load(Relaxed) == id.0
            && self.id[1].load(Relaxed) == id.1
            && self.id_tail.load(Relaxed) == id.2
    }

    /// Sets the id of a slot that is still FREE. It is the first field of the new object to be
    /// written.
    #[track_caller]
    pub fn set_id(&self, id: &IdWords) {
        // SYNC record-fields, miss: Release; a client that reads this or a later field of the new
        // object, fences and loads the word again finds the generation that came with FREE; a walk
        // that follows its link and fences finds the version that its removal advanced.
        fence(Ordering::Release);
        self.id[0].store(id.0, Relaxed);
        self.id[1].store(id.1, Relaxed);
        self.id_tail.store(id.2, Relaxed);
    }

    /// Returns the sizes of the object. The caller validates them by the word.
    #[inline]
    pub fn sizes(&self, word: RecordWord) -> Sizes {
        let payload = self.payload[word.meta_index()].load(Relaxed);
        Sizes { data: self.data.load(word.data_index()).size, metadata: payload.into() }
    }

    /// Returns the hash of the name. The caller validates it by the word.
    pub fn name(&self) -> NameHash {
        NameHash([self.name_hash[0].load(Relaxed), self.name_hash[1].load(Relaxed)])
    }

    /// Returns whether the name has this hash. The caller validates that by the word.
    pub fn has_name(&self, hash: &NameHash) -> bool {
        self.name_hash[0].load(Relaxed) == hash.0[0] && self.name_hash[1].load(Relaxed) == hash.0[1]
    }
}

/// An id as the words that a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdWords(pub u64, pub u64, pub u32);

impl From<&[u8; ObjectId::SIZE]> for IdWords {
    #[inline(always)]
    fn from(bytes: &[u8; ObjectId::SIZE]) -> Self {
        let [b0, b1, b2, b3, b4, b5, b6, b7, c0, c1, c2, c3, c4, c5, c6, c7, d0, d1, d2, d3] =
            *bytes;
        Self(
            u64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
            u64::from_le_bytes([c0, c1, c2, c3, c4, c5, c6, c7]),
            u32::from_le_bytes([d0, d1, d2, d3]),
        )
    }
}

impl From<&ObjectId> for IdWords {
    #[inline(always)]
    fn from(id: &ObjectId) -> Self {
        Self::from(id.as_bytes())
    }
}

impl From<IdWords> for ObjectId {
    fn from(IdWords(first, second, last): IdWords) -> Self {
        let mut bytes = [0; ObjectId::SIZE];
        bytes[..8].copy_from_slice(&first.to_le_bytes());
        bytes[8..16].copy_from_slice(&second.to_le_bytes());
        bytes[16..].copy_from_slice(&last.to_le_bytes());
        ObjectId::new(bytes)
    }
}

/// The 128-bit keyed hash of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameHash(pub [u64; 2]);
