//! Packed words. Each has a truth table, and only this module shifts their bits.

/// The state of an object record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No object; the other fields of the record are undefined.
    Free,
    /// The creator is writing the object; no other client may read its bytes.
    Writing,
    /// Immutable; may be leased.
    Sealed,
    /// Deleted or evicted: invisible; its memory is kept while it is leased (in limbo).
    Doomed,
    /// Its creator could not make it: its data is a message that says why.
    Failed,
}

/// The word that determines everything about one object.
///
/// | bits   | field      | meaning                                                      |
/// |--------|------------|--------------------------------------------------------------|
/// | 63..32 | generation | advanced each time the slot is freed; `MAX` retires the slot |
/// | 31..16 | -          | zero                                                         |
/// | 15     | ABANDONED  | WRITING, but given up by its creator without the writer lock |
/// | 14     | ORPHANED   | FREE because the creator of the last generation died         |
/// | 13     | HIDDEN     | owns memory but is no object (a chunk being trimmed)         |
/// | 12     | TEXT       | the metadata extent holds name and metadata                  |
/// | 11     | NAMED      | the record is in a name chain                                |
/// | 10     | PINNED     | not chosen by eviction                                       |
/// | 9      | META1      | metadata extent 1 is the current one, else 0                 |
/// | 8      | DATA1      | data extent 1 is the current one, else 0                     |
/// | 7..0   | state      | 0 FREE, 1 WRITING, 2 SEALED, 3 DOOMED, 4 FAILED; else corrupt |
///
/// FREE -> WRITING (create) -> SEALED (seal) -> DOOMED (delete, evict) -> FREE, generation + 1;
/// WRITING -> FREE, generation + 1 (abort; ORPHANED: reap, recovery); WRITING -> FAILED (fail) ->
/// DOOMED. A FAILED object is not PINNED, and no client leases it. ABANDONED is never cleared:
/// for lookups the object is absent, and the next owner of the writer lock frees it. Flags change
/// by CAS in any state but FREE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordWord(pub u64);

impl RecordWord {
    /// Data extent 1 is current.
    pub const DATA1: u64 = 1 << 8;
    /// Metadata extent 1 is current.
    pub const META1: u64 = 1 << 9;
    /// Not chosen by eviction.
    pub const PINNED: u64 = 1 << 10;
    /// The record is in a name chain.
    pub const NAMED: u64 = 1 << 11;
    /// Name and metadata are written.
    pub const TEXT: u64 = 1 << 12;
    /// Owns memory but is no object.
    pub const HIDDEN: u64 = 1 << 13;

    /// The slot is FREE because the creator of the last generation died before it sealed.
    pub const ORPHANED: u64 = 1 << 14;

    /// The creator gave the object up because it could not get the writer lock: the object is
    /// absent, and will be freed.
    pub const ABANDONED: u64 = 1 << 15;

    const FLAGS: u64 = 0xff00;

    /// Returns a word made of these parts.
    pub const fn new(generation: u32, flags: u64, state: State) -> Self {
        Self((generation as u64) << 32 | (flags & Self::FLAGS) | state as u64)
    }

    /// Returns how often the slot has been freed.
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Returns the state; `None` when the word is corrupt.
    pub const fn state(self) -> Option<State> {
        match self.0 as u8 {
            0 => Some(State::Free),
            1 => Some(State::Writing),
            2 => Some(State::Sealed),
            3 => Some(State::Doomed),
            4 => Some(State::Failed),
            _ => None,
        }
    }

    /// Returns whether the state is `state`.
    pub const fn is(self, state: State) -> bool {
        self.0 as u8 == state as u8
    }

    /// Returns whether its creator is done with the object, which exists: it is SEALED or FAILED.
    pub const fn is_settled(self) -> bool {
        self.is(State::Sealed) || self.is(State::Failed)
    }

    /// Returns whether all bits of `flags` are set.
    pub const fn has(self, flags: u64) -> bool {
        self.0 & flags == flags
    }

    /// Returns which of the two data extents is current.
    pub const fn data_index(self) -> usize {
        self.has(Self::DATA1) as usize
    }

    /// Returns which of the two metadata extents is current.
    pub const fn meta_index(self) -> usize {
        self.has(Self::META1) as usize
    }

    /// Returns the same word in another state.
    pub const fn in_state(self, state: State) -> Self {
        Self(self.0 & !0xff | state as u64)
    }

    /// Returns the same word with `flags` set.
    pub const fn with(self, flags: u64) -> Self {
        Self(self.0 | flags & Self::FLAGS)
    }

    /// Returns the same word with `flags` cleared.
    pub const fn without(self, flags: u64) -> Self {
        Self(self.0 & !(flags & Self::FLAGS))
    }
}

/// Head of a hash chain.
///
/// | bits   | field   | meaning                                                                 |
/// |--------|---------|-------------------------------------------------------------------------|
/// | 63..32 | version | advanced after each removal from the chain; 0 until the first insertion |
/// | 31..0  | head    | the first link                                                          |
///
/// | link       | meaning                                                     |
/// |------------|-------------------------------------------------------------|
/// | 0          | in a word that is all 0: nothing was ever in the chain      |
/// | 1 ..= 2^30 | the record in slot link - 1                                 |
/// | 2^31 + b   | the end of the chain of bucket b                            |
/// | other      | corrupt, and so is 0 elsewhere and the end of another chain |
///
/// The end of a chain names its bucket, so that a walk notices when a damaged link led it into
/// another chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketWord(pub u64);

/// Set in the link at the end of a chain.
pub const CHAIN_END: u32 = 1 << 31;

/// Returns the link at the end of the chain of `bucket`.
pub const fn chain_end(bucket: usize) -> u32 {
    CHAIN_END | bucket as u32
}

impl BucketWord {
    /// Returns a word made of these parts.
    pub const fn new(version: u32, head: u32) -> Self {
        Self((version as u64) << 32 | head as u64)
    }
    /// Returns the version, which each removal advances.
    pub const fn version(self) -> u32 {
        (self.0 >> 32) as u32
    }
    /// Returns the first link.
    pub const fn head(self) -> u32 {
        self.0 as u32
    }
    /// Returns the first link of this bucket's chain. It is the end of the chain if nothing was
    /// ever inserted.
    #[inline(always)]
    pub const fn first(self, bucket: usize) -> u32 {
        if self.0 == 0 { chain_end(bucket) } else { self.head() }
    }
}

/// A lease: names the object that a client holds, in the client's own file.
///
/// | bits   | field      | meaning                    |
/// |--------|------------|----------------------------|
/// | 63..32 | generation | of the record that is held |
/// | 31..0  | slot       | of the record              |
///
/// 0 is no lease: the generation of an object is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseWord(pub u64);

impl LeaseWord {
    /// Returns a lease on one generation of a slot.
    pub const fn new(generation: u32, slot: u32) -> Self {
        Self((generation as u64) << 32 | slot as u64)
    }
    /// Returns the generation held.
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
    /// Returns the slot held.
    pub const fn slot(self) -> u32 {
        self.0 as u32
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn record_words_keep_their_parts_apart() {
        let word = RecordWord::new(7, RecordWord::PINNED, State::Writing);
        let sealed = word.with(RecordWord::DATA1).in_state(State::Sealed);
        assert_eq!((sealed.generation(), sealed.state()), (7, Some(State::Sealed)));
        assert!(sealed.has(RecordWord::PINNED | RecordWord::DATA1));
        assert_eq!(sealed.without(RecordWord::DATA1).data_index(), 0);
        assert_eq!(RecordWord(4).state(), Some(State::Failed));
        assert_eq!(RecordWord(5).state(), None);
    }
}
