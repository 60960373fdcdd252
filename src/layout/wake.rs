//! The file `wake`: futex words and hints about waiters.
//!
//! Every client that may map the file for writing may store any value here. A wrong value delays a
//! waiter by one bounded sleep, or makes a sealer wake no waiter; it never makes an answer wrong.

use crate::sync::AtomicU32;

/// Number of words for waits by id, and of words for waits by name.
pub const WAKE_WORDS: usize = 1024;

/// One futex word and its hint.
///
/// | hint | waiters                                    | a sealer                         |
/// |------|--------------------------------------------|----------------------------------|
/// | 0    | none, or each is about to see `seq` change | does nothing (if hinted)         |
/// | few  | there may be a few                         | clears, bumps `seq`, wakes all   |
/// | more | there may be many                          | the same with RELAY, wakes a few |
#[repr(C)]
#[derive(Debug)]
pub struct WakeWord {
    /// The futex: a count, with RELAY in its lowest bit.
    pub seq: AtomicU32,
    /// Approximate number of sleepers on `seq`; too high when no seal has cleared it for a long
    /// time.
    pub hint: AtomicU32,
}

impl WakeWord {
    /// Flag in `seq`: a waiter that was woken from an earlier value wakes the next few.
    pub const RELAY: u32 = 1;

    /// Returns a value of `seq` that differs from the current one.
    pub const fn bumped(seq: u32, relay: bool) -> u32 {
        (seq | Self::RELAY).wrapping_add(1) | relay as u32
    }

    /// Returns a word that is not in shared memory yet (tests and models).
    pub fn new() -> Self {
        Self { seq: AtomicU32::new(0), hint: AtomicU32::new(0) }
    }
}

impl Default for WakeWord {
    fn default() -> Self {
        Self::new()
    }
}

/// A wake word with a cache line of its own.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct LoneWakeWord {
    /// The word.
    pub word: WakeWord,
}

/// The whole file `wake`.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct WakePage {
    /// Waits by id, chosen by a hash of the id.
    pub ids: [WakeWord; WAKE_WORDS],
    /// Waits by name, chosen by a hash of the name with another salt.
    pub names: [WakeWord; WAKE_WORDS],
    /// Waits on more ids than one system call can name.
    pub global: LoneWakeWord,
    /// Waits for events.
    pub events: LoneWakeWord,
}

impl WakePage {
    /// Returns every word of the file.
    pub fn words(&self) -> impl Iterator<Item = &WakeWord> {
        let lone = [&self.global.word, &self.events.word];
        self.ids.iter().chain(&self.names).chain(lone)
    }
}

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    assert!(size_of::<WakeWord>() == 8);
    assert!(std::mem::offset_of!(WakeWord, hint) == 4);
    assert!(std::mem::offset_of!(WakePage, names) == 8 * WAKE_WORDS);
    assert!(std::mem::offset_of!(WakePage, global) == 16 * WAKE_WORDS);
    assert!(std::mem::offset_of!(WakePage, events) == 16 * WAKE_WORDS + 64);
    assert!(size_of::<WakePage>() == 16 * WAKE_WORDS + 128);
};
