//! The event ring in `index`.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::record::IdWords;
use crate::sync::AtomicU64;

/// Entries of the ring in a store.
pub const EVENT_ENTRIES: usize = 8192;

/// The kind of an event. `u32` in shared memory and in C.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An object was sealed.
    Sealed = 1,
    /// An object was deleted.
    Deleted = 2,
    /// An object was evicted.
    Evicted = 3,
    /// An object was aborted, by its creator or because its creator died.
    Aborted = 4,
    /// A client died that may have been about to append.
    Gap = 5,
    /// The creator of an object said that it cannot make it.
    Failed = 6,
}

impl EventKind {
    /// Returns the kind with this number.
    pub const fn decode(raw: u32) -> Result<Self> {
        Ok(match raw {
            1 => Self::Sealed,
            2 => Self::Deleted,
            3 => Self::Evicted,
            4 => Self::Aborted,
            5 => Self::Gap,
            6 => Self::Failed,
            _ => return Err(Error::plain(Status::Corrupt)),
        })
    }
}

/// Payload words of an entry.
pub const EVENT_WORDS: usize = 7;
/// Bits of a payload word that carry payload; the others are the tag.
const TAG_SHIFT: u32 = 40;
const MAX_40: u64 = (1 << TAG_SHIFT) - 1;

/// Bits of the kind, of the time (until 2112), of the size of data and of the size of metadata.
pub const FIELD_BITS: [u32; 4] = [3, 52, 48, 17];
const TIME_SHIFT: u32 = FIELD_BITS[0];
const SIZE_SHIFT: u32 = TIME_SHIFT + FIELD_BITS[1];
const METADATA_SHIFT: u32 = SIZE_SHIFT + FIELD_BITS[2];
const MAX_KIND: u64 = (1 << FIELD_BITS[0]) - 1;
const MAX_TIME: u64 = (1 << FIELD_BITS[1]) - 1;
const MAX_SIZE: u64 = (1 << FIELD_BITS[2]) - 1;
const MAX_METADATA: u64 = (1 << FIELD_BITS[3]) - 1;

/// Sizes of an object, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of data.
    pub data: u64,
    /// Bytes of keys and values of metadata.
    pub metadata: u64,
}

impl Sizes {
    /// Returns the sum of both.
    pub const fn all(self) -> u64 {
        self.data + self.metadata
    }
}

/// The head of the ring: two words of one cache line. A reader loads the second only when it is
/// stuck.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct EventHead {
    /// The next ticket.
    pub head: AtomicU64,
    /// Incomplete tickets below this may stay incomplete forever.
    pub last_gap: AtomicU64,
}

/// One entry: entry `t % entries` serves ticket `t`.
///
/// | sequence    | meaning for a reader of ticket t                                                   |
/// |-------------|------------------------------------------------------------------------------------|
/// | below t + 1 | not complete: not taken, being written, or its writer is dead                      |
/// | t + 1       | complete, unless a tag differs: then overwritten, or torn by a writer a lap behind |
/// | above t + 1 | overwritten                                                                        |
///
/// It never decreases. Each payload word carries the tag of its writer's lap.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct EventEntry {
    /// The last complete ticket + 1.
    pub sequence: AtomicU64,
    /// See [`EventPayload`].
    pub words: [AtomicU64; EVENT_WORDS],
}

impl EventEntry {
    /// Returns an entry that is not in shared memory yet (tests and models).
    pub fn new() -> Self {
        Self { sequence: AtomicU64::new(0), words: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl Default for EventEntry {
    fn default() -> Self {
        Self::new()
    }
}

/// The content of an entry, in 280 bits: 160 of the id, 3 of the kind, 52 of the time, 48 of the
/// size of data and 17 of the size of metadata, lowest first, spread over the words of the entry.
///
/// | bits of a word | field   |                                    |
/// |----------------|---------|------------------------------------|
/// | 0-39           | payload | 5 bytes                            |
/// | 40-63          | tag     | lap of the ticket + 1, modulo 2^24 |
///
/// It is kept as these words without their tags. Bytes that are assembled would be loaded before
/// their parts are stored, which stalls the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPayload([u64; EVENT_WORDS]);

impl EventPayload {
    /// Returns a payload. Times before 1970 become 0; values that exceed their bits become the
    /// largest.
    #[inline]
    pub fn new(kind: EventKind, time_us: i64, id: &ObjectId, sizes: Sizes) -> Self {
        let time = u64::try_from(time_us).unwrap_or(0).min(MAX_TIME);
        let (size, metadata) = (sizes.data.min(MAX_SIZE), sizes.metadata.min(MAX_METADATA));
        let IdWords(first, second, last) = IdWords::from(id);
        let head = u128::from(first) | u128::from(second) << 64;
        let tail = kind as u128
            | u128::from(time) << TIME_SHIFT
            | u128::from(size) << SIZE_SHIFT
            | u128::from(metadata) << METADATA_SHIFT;
        let word = |bits: u128| bits as u64 & MAX_40;
        Self([
            word(head),
            word(head >> 40),
            word(head >> 80),
            (head >> 120) as u64 | u64::from(last) << 8,
            word(tail),
            word(tail >> 40),
            word(tail >> 80),
        ])
    }

    /// Returns the kind.
    pub fn kind(&self) -> Result<EventKind> {
        EventKind::decode((self.0[4] & MAX_KIND) as u32)
    }

    /// Returns the time in microseconds since 1970.
    pub fn time_us(&self) -> i64 {
        ((self.tail() >> TIME_SHIFT) as u64 & MAX_TIME).cast_signed()
    }

    /// Returns the object.
    pub fn id(&self) -> ObjectId {
        let [first, second, third, fourth, ..] = self.0.map(u128::from);
        let head = first | second << 40 | third << 80 | fourth << 120;
        IdWords(head as u64, (head >> 64) as u64, (fourth >> 8) as u32).into()
    }

    /// Returns the sizes of the object.
    pub fn sizes(&self) -> Sizes {
        let tail = self.tail();
        Sizes {
            data: (tail >> SIZE_SHIFT) as u64 & MAX_SIZE,
            metadata: (tail >> METADATA_SHIFT) as u64 & MAX_METADATA,
        }
    }

    /// Returns the word of kind, time and sizes.
    fn tail(&self) -> u128 {
        let [.., first, second, third] = self.0.map(u128::from);
        first | second << 40 | third << 80
    }

    /// Returns the words to store, with the tag of `lap`.
    #[inline]
    pub fn words(&self, lap: u64) -> impl Iterator<Item = u64> {
        let tag = Self::tag(lap) << TAG_SHIFT;
        self.0.into_iter().map(move |word| tag | word)
    }

    /// Returns the payload in `words`, unless a word was written in another lap; no word after that
    /// one is read.
    pub fn from_words(words: impl IntoIterator<Item = u64>, lap: u64) -> Option<Self> {
        let mut payload = [0; EVENT_WORDS];
        for (part, word) in payload.iter_mut().zip(words) {
            if word >> TAG_SHIFT != Self::tag(lap) {
                return None;
            }
            *part = word & MAX_40;
        }
        Some(Self(payload))
    }

    /// Returns the tag of a lap, which is never 0 in the first laps, so that a fresh word matches
    /// no lap.
    const fn tag(lap: u64) -> u64 {
        lap.wrapping_add(1) & 0xff_ffff
    }
}

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    assert!(EVENT_ENTRIES.is_power_of_two());
    assert!(size_of::<EventEntry>() == 64);
    assert!(std::mem::offset_of!(EventEntry, words) == 8);
    assert!(size_of::<EventHead>() == 64);
    let [kind, time, size, metadata] = FIELD_BITS;
    let fields = 8 * ObjectId::SIZE as u32 + kind + time + size + metadata;
    assert!(EVENT_WORDS as u32 * TAG_SHIFT == fields);
    assert!(super::extent::MAX_CAPACITY <= MAX_SIZE);
};

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn payloads_go_there_and_back() {
        let id = ObjectId::new(std::array::from_fn(|i| i as u8 + 1));
        let sizes = Sizes { data: 1 << 47, metadata: 1 << 16 };
        let payload = EventPayload::new(EventKind::Evicted, 1_767_225_600_000_000, &id, sizes);
        let words: Vec<u64> = payload.words(6).collect();
        assert_eq!(words[0], 7 << 40 | 0x05_0403_0201);
        let back = EventPayload::from_words(words.iter().copied(), 6).unwrap();
        assert_eq!(back, payload);
        assert_eq!(back.kind().unwrap(), EventKind::Evicted);
        assert_eq!(back.time_us(), 1_767_225_600_000_000);
        assert_eq!((back.id(), back.sizes()), (id, sizes));
        assert!(EventPayload::from_words(words.iter().copied(), 7).is_none());
        assert!(EventPayload::from_words([0; EVENT_WORDS], 0).is_none());
    }

    #[test]
    fn one_word_of_another_lap_makes_all_torn() {
        let payload =
            EventPayload::new(EventKind::Sealed, 0, &ObjectId::default(), Sizes::default());
        for at in 0..EVENT_WORDS {
            let mixed = payload.words(1).take(at).chain(payload.words(2).skip(at).take(1));
            let mixed = mixed.chain(payload.words(1).skip(at + 1));
            assert!(EventPayload::from_words(mixed, 1).is_none());
        }
    }

    #[test]
    fn values_that_do_not_fit_are_clamped() {
        let id = ObjectId::default();
        let sizes = Sizes { data: u64::MAX, metadata: u64::MAX };
        let payload = EventPayload::new(EventKind::Gap, -1, &id, sizes);
        let most = Sizes { data: MAX_SIZE, metadata: MAX_METADATA };
        assert_eq!((payload.time_us(), payload.sizes()), (0, most));
        assert_eq!(payload.kind().unwrap(), EventKind::Gap);
        let payload = EventPayload::new(EventKind::Gap, i64::MAX, &id, Sizes::default());
        assert_eq!(payload.time_us(), MAX_TIME.cast_signed());
    }

    #[test]
    fn only_six_kinds() {
        assert!(EventKind::decode(0).is_err());
        for kind in [EventKind::Gap, EventKind::Failed] {
            assert_eq!(EventKind::decode(kind as u32).unwrap(), kind);
        }
        assert!(EventKind::decode(7).is_err());
    }
}
