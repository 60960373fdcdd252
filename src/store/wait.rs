//! Sleep until something is sealed: futexes, deadlines, and what ends a wait early.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::event::{EventKind, Sizes};
use crate::layout::record::{NameHash, Record};
use crate::layout::wake::{WAKE_WORDS, WakeWord};
use crate::layout::word::{RecordWord, State};
use crate::protocols::index::hash::id_hash;
use crate::protocols::index::{Hit, Key};
use crate::protocols::wake::{Slices, announce, begin_all, relay};
use crate::store::call::Call;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::{Ordering, fence};
use crate::sys::{clock, futex};
use std::time::Duration;

/// The longest sleep: a sealer may die between publishing and waking.
const SLICE: Duration = Slices::LONGEST;

/// The longest sleep where an interruption can neither be watched for nor wakes.
const BLIND_SLICE: Duration = Duration::from_millis(5);

/// Words that one system call can watch, beside the one that interrupts.
const MAX_WORDS: usize = futex::MAX_WATCHES - 1;

/// What everybody is told of an object that was just sealed.
pub struct News {
    id: ObjectId,
    /// The hash of its name; nothing of an object without one.
    name: NameHash,
    time_us: i64,
    sizes: Sizes,
}

impl News {
    pub fn of(record: &Record, word: RecordWord, time_us: i64) -> Self {
        Self { id: record.id(), name: record.name(), time_us, sizes: record.sizes(word) }
    }
}

/// A record that a waiter saw WRITING by a living creator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    slot: u32,
    generation: u32,
    creator: (u32, u64),
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

    /// The words that waiters for all of these keys sleep on: the global one when they are many.
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

    /// Wait until `step` has an answer, or the call's timeout is up.
    pub fn wait_until<T>(
        &self,
        call: &Call<'_>,
        words: &[&WakeWord],
        step: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        self.wait_in_slices(call, words, Slices::from(SLICE), step)
    }

    /// As [`Session::wait_until`], where nobody may come to wake those who wait: `step` looks after each
    /// of these slices.
    pub fn wait_in_slices<T>(
        &self,
        call: &Call<'_>,
        words: &[&WakeWord],
        mut slices: Slices,
        mut step: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = call.deadline();
        let mut expected = fallible::with_room(words.len())?;
        let mut slept_out = false;
        let mut slept_since = None;
        loop {
            expected.clear();
            let again = slept_since.is_some();
            begin_all(words.iter().copied(), self.segment.can_hint, again, |seq| {
                expected.push(seq);
            });
            if let Some(answer) = step()? {
                if let Some(since) = slept_since {
                    self.spin().slept(clock::monotonic_ns().saturating_sub(since));
                }
                return Ok(answer);
            }
            call.ensure_not_ended()?;
            self.ensure_open()?;
            if slept_out {
                self.ensure_linked()?;
                slices.slept_out();
            }
            let now = clock::monotonic_ns();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(Error::plain(Status::Timeout));
            }
            let until = now + slices.now().as_nanos() as u64;
            let until = deadline.map_or(until, |deadline| deadline.min(until));
            slept_since = Some(now);
            slept_out = self.sleep(call, words, &expected, until)?;
        }
    }

    /// Sleep until a word moves, the wait is ended, or `until`; says whether it was the time.
    fn sleep(
        &self,
        call: &Call<'_>,
        words: &[&WakeWord],
        expected: &[u32],
        until: u64,
    ) -> Result<bool> {
        let (wake, slept_out) = if futex::has_waitv() {
            let mut watches = fallible::with_room(words.len() + 1)?;
            watches.push(futex::Watch::private(self.calls.word(), call.generation()));
            let shared = words.iter().zip(expected);
            watches.extend(shared.map(|(word, seq)| futex::Watch::shared(&word.seq, *seq)));
            let wake = futex::wait_any(&watches, Some(until));
            (wake, wake == futex::Wake::TimedOut)
        } else {
            let left = Duration::from_nanos(until.saturating_sub(clock::monotonic_ns()));
            // An interruption bumps the words as well, where this client may write them.
            let told = words.is_empty() || self.segment.can_hint && words.len() == 1;
            let slice = if told { left } else { left.min(BLIND_SLICE) };
            let wake = match (words, expected) {
                ([word], [seq]) => futex::wait(&word.seq, *seq, Some(slice)),
                _ => futex::wait_private(self.calls.word(), call.generation(), Some(slice)),
            };
            (wake, left <= slice)
        };
        if wake == futex::Wake::Signal {
            return Err(Error::plain(Status::Interrupted));
        }
        if wake == futex::Wake::Woken {
            relay(words.iter().copied(), expected.iter().copied(), &mut |word, count| {
                futex::wake(&word.seq, count);
            });
        }
        Ok(slept_out)
    }

    /// Sleep for `pause`, but not past `until`, unless the call is ended.
    pub fn nap(&self, call: &Call<'_>, pause: Duration, until: Option<u64>) -> Result<()> {
        call.ensure_not_ended()?;
        let end = clock::monotonic_ns() + pause.as_nanos() as u64;
        let end = until.map_or(end, |until| until.min(end));
        self.sleep(call, &[], &[], end)?;
        call.ensure_not_ended()
    }

    /// Look for an object on behalf of a wait. WRITING by a dead creator is as absent, and reaped
    /// where that is allowed. ABORTED when the wait had seen it WRITING by a creator that is dead
    /// now.
    pub fn find_live(
        &self,
        call: &Call<'_>,
        key: &Key,
        seen: &mut Option<Seen>,
    ) -> Result<Option<Hit>> {
        while let Some(hit) = self.find(key) {
            if hit.word.is(State::Sealed) {
                return Ok(Some(hit));
            }
            // Sealed or given up since: look again.
            let Some(creator) = self.creator_of(hit) else { continue };
            if self.is_client_alive(creator.0, creator.1) {
                let this = Seen { slot: hit.slot, generation: hit.word.generation(), creator };
                let before = seen.replace(this);
                if before.is_some_and(|before| before != this && self.was_orphaned(before)) {
                    return Err(Error::plain(Status::Aborted));
                }
                return Ok(Some(hit));
            }
            // It may have been sealed before its creator left; the dead seal nothing.
            if self.creator_of(hit) != Some(creator) {
                continue;
            }
            if !self.segment.read_only {
                match self.reap_if_orphan(&call.by_the_way(), hit) {
                    // The wait goes on: the object is absent whether or not it can be reaped now.
                    Err(error) if error.status() == Status::Timeout => {}
                    reaped => drop(reaped?),
                }
            }
            break;
        }
        match seen.take() {
            Some(before) if self.was_orphaned(before) => Err(Error::plain(Status::Aborted)),
            _ => Ok(None),
        }
    }

    /// Whether an object that was seen WRITING ended by its creator's death; not when the creator
    /// gave it up or sealed it.
    fn was_orphaned(&self, seen: Seen) -> bool {
        let word = self.record(seen.slot).map_or(RecordWord(0), |record| {
            // SYNC record-word: Acquire; as in a lookup.
            record.load_with(Ordering::Acquire)
        });
        let sealed_or_given_up = !word.is(State::Writing) || word.has(RecordWord::ABANDONED);
        if word.generation() == seen.generation && sealed_or_given_up {
            return false;
        }
        if word.generation() == seen.generation.wrapping_add(1) && word.is(State::Free) {
            return word.has(RecordWord::ORPHANED);
        }
        // Still WRITING, or the slot is another's already and says nothing any more.
        !self.is_client_alive(seen.creator.0, seen.creator.1)
    }

    /// Slot and nonce of the client that writes the object; `None` when it has moved on.
    pub fn creator_of(&self, hit: Hit) -> Option<(u32, u64)> {
        let record = self.record(hit.slot).ok()?;
        let slot = record.creator_slot.load(Ordering::Relaxed);
        let nonce = record.creator_nonce.load(Ordering::Relaxed);
        // SYNC record-fields: as in a lookup.
        fence(Ordering::Acquire);
        let now = record.load_with(Ordering::Relaxed);
        let same = now.generation() == hit.word.generation() && now.is(State::Writing);
        same.then_some((slot, nonce))
    }

    /// Tell everybody of an object that was just sealed.
    pub fn publish(&self, news: &News, word: RecordWord) {
        // Who subscribes and then lists finds the object in the list, or its event behind the cursor:
        // the ticket is taken by a Release, after the word was changed.
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

    /// Note in the events that somebody died who may have been about to append.
    pub fn append_gap(&self) {
        if let Ok(ring) = self.segment.events() {
            ring.append_gap(clock::epoch_us());
        }
    }

    /// Append an event and wake those who wait for events.
    pub fn append_event(&self, kind: EventKind, id: &ObjectId, sizes: Sizes) {
        self.append(kind, clock::epoch_us(), id, sizes);
        let word = &self.segment.wake().events.word;
        announce([word], self.unhinted(), &mut |word, count| {
            futex::wake(&word.seq, count);
        });
    }

    /// Wake those who wait for this id: who creates if it is absent looks again.
    pub fn wake_waiters_for(&self, id: &ObjectId) {
        announce([self.wake_word(&Key::Id(id.into()))], self.unhinted(), &mut |word, count| {
            futex::wake(&word.seq, count);
        });
    }

    /// Make those who wait for events look again.
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
