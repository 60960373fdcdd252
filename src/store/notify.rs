//! Notification: events for subscribers, wakes for waiters.

use crate::error::Result;
use crate::id::ObjectId;
use crate::layout::event::{EventKind, Sizes};
use crate::layout::record::{NameHash, Record};
use crate::layout::wake::{WAKE_WORDS, WakeWord};
use crate::layout::word::RecordWord;
use crate::protocols::index::Key;
use crate::protocols::index::hash::id_hash;
use crate::protocols::wake::announce;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sys::{clock, futex};

/// The most words that one system call can watch, beside the word that interrupts.
const MAX_WORDS: usize = futex::MAX_WATCHES - 1;

/// The facts about an object that was just sealed, for its event and its wakes.
pub struct SealedNews {
    id: ObjectId,
    /// The hash of its name; zero for an object without a name.
    name: NameHash,
    time_us: i64,
    sizes: Sizes,
}

impl SealedNews {
    pub fn of(record: &Record, word: RecordWord, time_us: i64) -> Self {
        Self { id: record.id(), name: record.name(), time_us, sizes: record.sizes(word) }
    }
}

impl Session {
    /// The word that waiters for this key sleep on.
    pub fn wake_word(&self, key: &Key) -> &WakeWord {
        let page = self.segment.wake();
        match key {
            Key::Id(id) => {
                let hash = id_hash(self.segment.facts.seed, id) >> 32;
                &page.ids[hash as usize % WAKE_WORDS]
            }
            Key::Name(NameHash(hash)) => &page.names[hash[1] as usize % WAKE_WORDS],
        }
    }

    /// The words that waiters for all of these keys sleep on: the global word if there are too
    /// many.
    pub fn wake_words<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> Result<Vec<&WakeWord>> {
        let mut words = fallible::with_room(MAX_WORDS)?;
        let most = if futex::has_waitv() { MAX_WORDS } else { 1 };
        for key in keys {
            let word = self.wake_word(key);
            if words.iter().any(|known: &&WakeWord| std::ptr::eq(*known, word)) {
                continue;
            }
            if words.len() == most {
                words.clear();
                words.push(&self.segment.wake().global.word);
                return Ok(words);
            }
            words.push(word);
        }
        Ok(words)
    }

    /// Notifies subscribers and waiters of an object that was just sealed.
    pub fn publish(&self, news: &SealedNews, word: RecordWord) {
        // A client that subscribes and then lists finds the object in the list, or its event after
        // the cursor: the ticket is taken by a Release after the word changed.
        self.append(EventKind::Sealed, news.time_us, &news.id, news.sizes);
        let page = self.segment.wake();
        let by_id = self.wake_word(&Key::Id((&news.id).into()));
        let named = word.has(RecordWord::NAMED);
        let by_name = named.then(|| self.wake_word(&Key::Name(news.name)));
        let words = [by_id, &page.global.word, &page.events.word];
        announce(words.into_iter().chain(by_name), self.unhinted(), &mut |word, count| {
            futex::wake(&word.seq, count);
        });
    }

    fn append(&self, kind: EventKind, time_us: i64, id: &ObjectId, sizes: Sizes) {
        // The ring's size was checked when the store was opened.
        if let Ok(ring) = self.segment.events() {
            ring.append(kind, time_us, id, sizes);
        }
    }

    /// Notes in the events that a client died which may have been about to append.
    pub fn append_gap(&self) {
        if let Ok(ring) = self.segment.events() {
            ring.append_gap(clock::epoch_us());
        }
    }

    /// Appends an event and wakes the waiters for events.
    pub fn append_event(&self, kind: EventKind, id: &ObjectId, sizes: Sizes) {
        self.append(kind, clock::epoch_us(), id, sizes);
        let word = &self.segment.wake().events.word;
        announce([word], self.unhinted(), &mut |word, count| {
            futex::wake(&word.seq, count);
        });
    }

    /// Wakes the waiters for this id: a client that creates the object if it is absent checks
    /// again.
    pub fn wake_waiters_for(&self, id: &ObjectId) {
        announce([self.wake_word(&Key::Id(id.into()))], self.unhinted(), &mut |word, count| {
            futex::wake(&word.seq, count);
        });
    }

    /// Makes the waiters for events check again.
    pub fn nudge_event_waiters(&self) {
        if self.segment.can_hint {
            announce([&self.segment.wake().events.word], true, &mut |word, count| {
                futex::wake(&word.seq, count);
            });
        }
    }

    fn unhinted(&self) -> bool {
        self.segment.facts.foreign_readers()
    }
}
