//! The file `wake`: the futex words of clients, and the topics that each of them waits for.
//!
//! Every client that may map the file for writing may store any value here. A wrong value delays a
//! waiter by one bounded sleep, makes a sealer wake no waiter, or makes a subscriber miss events; it
//! never makes an answer wrong.

use super::members::SLOTS;
use crate::sync::{AtomicU32, AtomicU64};

/// Number of buckets for waits by id and by name.
pub const BUCKETS: usize = 16 * 1024;

/// Number of buckets with their rows: one more for waits for events, and one for waits for room.
pub const ALL_BUCKETS: usize = BUCKETS + 2;

/// Number of words in a row: a bit for each client.
pub const ROW_WORDS: usize = SLOTS as usize / 64;

/// Number of words for the waits of clients that cannot register.
pub const OPEN_WORDS: usize = 1024;

/// The futex of one client, its announcements, and the number of its waits.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct WakeWord {
    /// The futex of all threads of the client: a count, with [`WakeWord::ASLEEP`] in its lowest
    /// bit.
    pub seq: AtomicU32,
    /// Number of announcements that the client has begun and not finished.
    pub announcing: AtomicU32,
    /// Number of threads of the client that wait, also while they are awake for a moment.
    pub waiting: AtomicU32,
    /// Bit 0 is set while the client may have a subscription; above it is the number of subscriptions
    /// that began, also of earlier clients in the slot.
    pub subscribed: AtomicU32,
}

impl WakeWord {
    /// Flag in `seq`: a thread may sleep on this value.
    pub const ASLEEP: u32 = 1;

    /// Returns the next value of `seq`, on which no thread sleeps.
    pub const fn bumped(seq: u32) -> u32 {
        (seq | Self::ASLEEP).wrapping_add(1)
    }

    /// Returns a word that is not in shared memory yet (tests and models).
    pub fn new() -> Self {
        let word = || AtomicU32::new(0);
        Self { seq: word(), announcing: word(), waiting: word(), subscribed: word() }
    }
}

impl Default for WakeWord {
    fn default() -> Self {
        Self::new()
    }
}

/// The word of a bucket: up to three tags of what its waiters wait for.
///
/// | MORE | tags     | waiters in the row                 | a sealer whose tag is among them  |
/// |------|----------|------------------------------------|-----------------------------------|
/// | 0    | none     | none, or each is about to be woken | (there is no such sealer)         |
/// | 0    | 1 to 3   | may wait for things with these tags | clears the tag, wakes the row    |
/// | 1    | any      | may wait for anything              | clears all, wakes the row         |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tags(pub u64);

impl Tags {
    /// Bits of a tag; a tag is not 0.
    pub const BITS: u32 = 20;
    const MASK: u64 = (1 << Self::BITS) - 1;
    const COUNT: u32 = 3;
    /// Flag: a fourth tag was added.
    pub const MORE: u64 = 1 << 63;

    fn shifts() -> impl Iterator<Item = u32> {
        (0..Self::COUNT).map(|n| n * Self::BITS)
    }

    /// Returns whether waiters may wait for something with this tag.
    #[inline]
    pub fn has(self, tag: u32) -> bool {
        self.0 != 0
            && (self.0 & Self::MORE != 0
                || Self::shifts().any(|shift| self.0 >> shift & Self::MASK == u64::from(tag)))
    }

    /// Returns the word with this tag, or with MORE when three others are there.
    pub fn with(self, tag: u32) -> Self {
        if self.has(tag) {
            return self;
        }
        match Self::shifts().find(|shift| self.0 >> shift & Self::MASK == 0) {
            Some(shift) => Self(self.0 | u64::from(tag) << shift),
            None => Self(self.0 | Self::MORE),
        }
    }

    /// Returns the word after a sealer took this tag.
    pub fn without(self, tag: u32) -> Self {
        if self.0 & Self::MORE != 0 {
            return Self(0);
        }
        let here = |shift: &u32| self.0 >> shift & Self::MASK == u64::from(tag);
        Self(Self::shifts().filter(here).fold(self.0, |word, shift| word & !(Self::MASK << shift)))
    }
}

/// A futex word with a cache line of its own.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct LoneWord {
    /// The word.
    pub word: AtomicU32,
}

/// The words of clients that cannot register. Sealers advance them in any case where there may be
/// such clients.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct OpenWords {
    /// Waits by id and by name.
    pub keys: [AtomicU32; OPEN_WORDS],
    /// Waits for more keys than one system call can name.
    pub many: LoneWord,
    /// Waits for events.
    pub events: LoneWord,
}

/// One bit for each client.
pub type Row = [AtomicU64; ROW_WORDS];

/// The rows of all buckets.
#[repr(C, align(4096))]
#[derive(Debug)]
pub struct Rows(pub [Row; ALL_BUCKETS]);

/// The whole file `wake`. Its memory is reserved up to the rows. A waiter reserves the page of a row
/// before it uses the row.
#[repr(C, align(4096))]
#[derive(Debug)]
pub struct WakePage {
    /// The words of clients that cannot register.
    pub open: OpenWords,
    /// The words of all others, by slot.
    pub clients: [WakeWord; SLOTS as usize],
    /// The tags of the buckets.
    pub tags: [AtomicU64; ALL_BUCKETS],
    /// Bit 0 is set while a client may have a subscription; above it is the number of subscriptions
    /// that began. It shares a line with the last two buckets.
    pub subscribers: AtomicU64,
    /// The rows of the buckets.
    pub rows: Rows,
}

/// Size of the file.
pub const WAKE_FILE_SIZE: u64 = size_of::<WakePage>() as u64;

/// Bytes at the beginning of the file that are reserved when the store is made.
pub const WAKE_RESERVED: u64 = std::mem::offset_of!(WakePage, rows) as u64;

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<WakeWord>() == 64);
    assert!(offset_of!(WakeWord, announcing) == 4);
    assert!(offset_of!(WakeWord, waiting) == 8);
    assert!(offset_of!(WakeWord, subscribed) == 12);
    assert!(offset_of!(OpenWords, many) == 4 * OPEN_WORDS);
    assert!(offset_of!(WakePage, clients) == 4 * OPEN_WORDS + 128);
    assert!(offset_of!(WakePage, tags) == 4 * OPEN_WORDS + 128 + 64 * SLOTS as usize);
    assert!(offset_of!(WakePage, subscribers) == 69_760 + 8 * ALL_BUCKETS);
    assert!(WAKE_RESERVED == 204_800);
    assert!(size_of::<Row>() == 128);
    assert!(WAKE_FILE_SIZE == WAKE_RESERVED + 2_101_248);
};
