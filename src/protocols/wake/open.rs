//! Waits of clients that cannot register: every publication advances their words.
//!
//! ```text
//! waiter                              sealer
//!   s = word                            publish
//!   condition holds? done               word += 1
//!   sleep while word == s               wake all
//!   again
//! ```
//!
//! The sealer's increment is either in `s`, and the check sees the publication (Acquire), or it
//! changes the word.

use super::Topic;
use crate::layout::wake::{OPEN_WORDS, OpenWords};
use crate::sync::{AtomicU32, Ordering};

/// Returns the word for a topic.
pub fn word_of(words: &OpenWords, topic: Topic) -> &AtomicU32 {
    match topic {
        Topic::EVENTS => &words.events.word,
        topic => &words.keys[topic.bucket as usize % OPEN_WORDS],
    }
}

/// Returns all words.
pub fn all(words: &OpenWords) -> impl Iterator<Item = &AtomicU32> {
    words.keys.iter().chain([&words.many.word, &words.events.word])
}

/// Begins a round of waiting on a word; returns the value to sleep on.
pub fn begin(word: &AtomicU32) -> u32 {
    // SYNC open-word: an increment that is seen brings its publication.
    word.load(Ordering::Acquire)
}

/// Wakes the waiters on these words, for what was published before this call.
pub fn announce<'a>(
    words: impl IntoIterator<Item = &'a AtomicU32>,
    wake: &mut impl FnMut(&'a AtomicU32),
) {
    for word in words {
        // SYNC open-word: Release; the publication is seen with the increment.
        word.fetch_add(1, Ordering::Release);
        wake(word);
    }
}
