//! Notification: events for subscribers, wakes for waiters.

use crate::error::Result;
use crate::id::ObjectId;
use crate::layout::event::{EventKind, EventPayload, Sizes};
use crate::layout::record::{NameHash, Record};
use crate::layout::word::RecordWord;
use crate::protocols::index::Key;
use crate::protocols::index::hash::id_hash;
use crate::protocols::wake::{Announcement, Topic, open};
use crate::store::batch::{Changes, PIECE};
use crate::store::session::Session;
use crate::support::fallible;
use crate::sys::{clock, futex, thread};

/// The facts about an object that was just sealed, or failed, for its event and its wakes.
pub struct News {
    id: ObjectId,
    /// The hash of its name; zero for an object without a name.
    name: NameHash,
    time_us: i64,
    sizes: Sizes,
}

impl News {
    pub fn of(record: &Record, word: RecordWord, time_us: i64) -> Self {
        Self { id: record.id(), name: record.name(), time_us, sizes: record.sizes(word) }
    }
}

impl Session {
    /// The topic of waits for this key.
    pub fn topic(&self, key: &Key) -> Topic {
        match key {
            Key::Id(id) => Topic::of_hash(id_hash(self.segment.facts.seed, id)),
            Key::Name(NameHash(hash)) => Topic::of_hash(hash[1]),
        }
    }

    /// The topics of waits for these keys.
    pub fn topics(&self, keys: impl Iterator<Item = Key>) -> Result<Vec<Topic>> {
        let mut topics = fallible::collect(keys.map(|key| self.topic(&key)))?;
        topics.sort_unstable();
        topics.dedup();
        Ok(topics)
    }

    /// Begins an announcement, before what it announces is published.
    pub fn begin_announcement(&self) -> Announcement<'_> {
        Announcement::begin(self.own_wake_word(), thread::is_alone())
    }

    /// Notifies subscribers and waiters of an object that was just sealed.
    pub fn publish(&self, news: &News, word: RecordWord) {
        // A client that subscribes and then lists finds the object in the list, or its event after
        // the cursor: the ticket is taken by a Release after the word changed.
        self.append(EventKind::Sealed, Some(news.time_us), &news.id, news.sizes);
        let by_id = self.topic(&Key::Id((&news.id).into()));
        if word.has(RecordWord::NAMED) {
            self.wake_waiters(&[by_id, self.topic(&Key::Name(news.name))]);
        } else {
            self.wake_waiters(&[by_id]);
        }
    }

    /// Notifies subscribers, waiters, and creators that wait for room, of an object that just failed.
    #[cold]
    pub fn publish_failure(&self, news: &News, word: RecordWord) {
        self.append(EventKind::Failed, Some(news.time_us), &news.id, news.sizes);
        let by_id = self.topic(&Key::Id((&news.id).into()));
        let by_name = word.has(RecordWord::NAMED).then(|| self.topic(&Key::Name(news.name)));
        self.wake_waiters(&[by_id, by_name.unwrap_or(by_id), Topic::ROOM]);
    }

    /// As [`Session::publish`], of objects without names that were just sealed together.
    pub fn publish_all(&self, sealed: &Changes<'_>, time_us: i64) {
        let mut topics = [Topic::EVENTS; PIECE];
        for ((id, _), topic) in sealed.iter().zip(&mut topics) {
            *topic = self.topic(&Key::Id(id.into()));
        }
        self.append_all(EventKind::Sealed, Some(time_us), sealed);
        self.wake_waiters(&topics[..sealed.len()]);
    }

    /// As [`Session::notify_gone`], of objects that were deleted together.
    pub fn notify_all_deleted(&self, deleted: &Changes<'_>) {
        self.append_all(EventKind::Deleted, None, deleted);
        self.wake_waiters(&[Topic::ROOM]);
    }

    /// Whether a client may subscribe to what was published before.
    #[inline(always)]
    fn has_subscribers(&self) -> bool {
        // Readers of other users cannot say that they subscribe.
        self.segment.subscribers().any() || self.segment.facts.foreign_readers()
    }

    /// Appends events of changes that were published before, and wakes the subscribers.
    fn append_all(&self, kind: EventKind, time_us: Option<i64>, changes: &Changes<'_>) {
        if self.has_subscribers() {
            self.append_changes(kind, time_us, changes);
            self.wake_awaiting(&[Topic::EVENTS]);
        }
    }

    /// As [`Session::append_all`], of one change.
    #[inline(always)]
    fn append(&self, kind: EventKind, time_us: Option<i64>, id: &ObjectId, sizes: Sizes) {
        if self.has_subscribers() {
            self.append_one(kind, time_us, id, sizes);
        }
    }

    #[cold]
    fn append_one(&self, kind: EventKind, time_us: Option<i64>, id: &ObjectId, sizes: Sizes) {
        let mut change = Changes::default();
        change.push(id, sizes);
        self.append_changes(kind, time_us, &change);
        self.wake_awaiting(&[Topic::EVENTS]);
    }

    #[inline(never)]
    fn append_changes(&self, kind: EventKind, time_us: Option<i64>, changes: &Changes<'_>) {
        // The ring's size was checked when the store was opened.
        let Ok(ring) = self.segment.events() else { return };
        let time_us = time_us.unwrap_or_else(clock::epoch_us);
        let payload = |(id, sizes)| EventPayload::new(kind, time_us, id, sizes);
        ring.append_all(changes.len(), changes.iter().map(payload));
    }

    /// Notes in the events that a client died which may have been about to append.
    pub fn append_gap(&self) {
        if let Ok(ring) = self.segment.events() {
            ring.append_gap(clock::epoch_us());
        }
    }

    /// Notifies subscribers, and creators that wait for room, of an object that is gone.
    pub fn notify_gone(&self, kind: EventKind, id: &ObjectId, sizes: Sizes) {
        self.append(kind, None, id, sizes);
        self.wake_waiters(&[Topic::ROOM]);
    }

    /// As [`Session::notify_gone`], of objects that were evicted together.
    pub fn notify_evicted(&self, evicted: &[(ObjectId, Sizes)]) {
        if self.has_subscribers() {
            let now = Some(clock::epoch_us());
            for some in evicted.chunks(PIECE) {
                let mut changes = Changes::default();
                some.iter().for_each(|(id, sizes)| changes.push(id, *sizes));
                self.append_changes(EventKind::Evicted, now, &changes);
            }
            self.wake_awaiting(&[Topic::EVENTS]);
        }
        self.wake_waiters(&[Topic::ROOM]);
    }

    /// As [`Session::notify_gone`], of an object that was given up: a client that waits to create
    /// it checks again.
    pub fn notify_aborted(&self, id: &ObjectId, sizes: Sizes) {
        self.append(EventKind::Aborted, None, id, sizes);
        self.wake_waiters(&[Topic::ROOM, self.topic(&Key::Id(id.into()))]);
    }

    /// Wakes the waiters for these topics, for what was published before.
    #[inline(always)]
    fn wake_waiters(&self, topics: &[Topic]) {
        let segment = &self.segment;
        if segment.waiters().await_any(topics) || segment.facts.foreign_readers() {
            self.wake_awaiting(topics);
        }
    }

    #[cold]
    fn wake_awaiting(&self, topics: &[Topic]) {
        let segment = &self.segment;
        segment.waiters().announce(topics, |bucket| segment.reserve_row(bucket), &mut |seq| {
            futex::wake(seq, u32::MAX);
        });
        if segment.facts.foreign_readers() {
            self.wake_open(topics);
        }
    }

    /// Wakes the waiters of other users.
    #[cold]
    fn wake_open(&self, topics: &[Topic]) {
        let words = &self.segment.wake().open;
        let many = topics.iter().any(|topic| *topic != Topic::EVENTS && *topic != Topic::ROOM);
        let topics = topics.iter().filter(|topic| **topic != Topic::ROOM);
        let words = topics
            .map(|topic| open::word_of(words, *topic))
            .chain(many.then_some(&words.many.word));
        open::announce(words, &mut |word| {
            futex::wake(word, u32::MAX);
        });
    }

    /// Wakes everybody if a client died between a publication and its wakes; returns the number of
    /// threads that wait.
    pub fn announce_for_the_dead(&self) -> u32 {
        let (sleepers, lost) = self.segment.waiters().inspect(|slot| {
            let is_dead = |serial| !self.may_be_alive(serial);
            slot != self.own.slot && self.tenant_of(slot).is_none_or(is_dead)
        });
        if let Some(lost) = lost.filter(|_| self.segment.can_hint) {
            self.segment.wake_everybody();
            self.segment.waiters().forget(lost);
        }
        sleepers
    }
}
