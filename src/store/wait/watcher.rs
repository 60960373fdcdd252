//! The words that one wait sleeps on.

use crate::error::{Error, Result, Status};
use crate::layout::wake::WakeWord;
use crate::protocols::wake::{Topic, open};
use crate::store::call::Call;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::local::Ordering::SeqCst;
use crate::sync::{AtomicU32, Ordering, fence};
use crate::sys::{clock, futex};
use std::time::Duration;

/// The most words that one system call can watch, beside the word that interrupts.
const MAX_WORDS: usize = futex::MAX_WATCHES - 1;

/// The longest sleep where an interruption can neither be watched nor wakes.
const BLIND_SLICE: Duration = Duration::from_millis(5);

/// A wait of one thread: it registers its client for the topics and sleeps on the client's word, or
/// it sleeps on the open words of the topics.
pub struct Watcher<'a> {
    session: &'a Session,
    topics: &'a [Topic],
    /// Whether the client registers.
    registers: bool,
    /// The open words of a client that does not register.
    open: Vec<&'a AtomicU32>,
    /// The values to sleep on.
    expected: Vec<u32>,
}

impl<'a> Watcher<'a> {
    pub fn new(session: &'a Session, topics: &'a [Topic]) -> Result<Self> {
        let mut watcher = Self::of_nothing(session);
        let reserve = |topic: &Topic| session.segment.reserve_row(topic.bucket);
        if session.may_register() && topics.iter().all(reserve) {
            watcher.topics = topics;
            watcher.expected = fallible::with_room(1)?;
            watcher.registers = true;
            // SYNC waiting: SeqCst; before this thread sets ASLEEP.
            session.waiting.fetch_add(1, SeqCst);
            watcher.count(1);
        } else {
            watcher.open = session.open_words(topics)?;
            watcher.expected = fallible::with_room(watcher.open.len())?;
        }
        Ok(watcher)
    }

    /// A watcher that only an interruption wakes.
    pub fn of_nothing(session: &'a Session) -> Self {
        let (open, expected) = (Vec::new(), Vec::new());
        Self { session, topics: &[], registers: false, open, expected }
    }

    /// Whether it may miss an announcement.
    pub fn misses(&self) -> bool {
        !self.registers
    }

    /// Adds to the number of waits that others see. Relaxed: it only tells how long to sleep.
    fn count(&self, more: u32) {
        if let Some(word) = self.session.own_wake_word() {
            word.waiting.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Begins a round: the caller checks its condition afterwards, and then sleeps.
    pub fn begin(&mut self) {
        self.expected.clear();
        if self.registers {
            let session = self.session;
            let seq = session.segment.waiters().begin(session.own.slot, self.topics);
            self.expected.push(seq);
        } else {
            self.expected.extend(self.open.iter().map(|word| open::begin(word)));
        }
    }

    /// Whether an announcement, rather than a signal or the time, ended the last sleep of a client
    /// that registers.
    pub fn is_woken(&self) -> bool {
        let seq = self.session.own_wake_word().map(|word| word.seq.load(Ordering::Relaxed));
        self.registers && seq != self.expected.first().copied()
    }

    /// Sleeps until a word changes, the call is ended, or `until`; whether the time ran out.
    pub fn sleep(&self, call: &Call<'_>, until: u64) -> Result<bool> {
        let (calls, expected) = (&self.session.calls, &self.expected);
        // An interruption also changes the client's own word.
        let own = self.session.own_wake_word().filter(|_| self.registers).map(|word| &word.seq);
        let (wake, slept_out) = if futex::has_waitv() {
            let mut watches = fallible::with_room(expected.len() + 1)?;
            if own.is_none() {
                watches.push(futex::Watch::private(calls.word(), call.generation()));
            }
            let words = own.into_iter().chain(self.open.iter().copied());
            watches.extend(words.zip(expected).map(|(word, seq)| futex::Watch::shared(word, *seq)));
            let wake = futex::wait_any(&watches, Some(until));
            (wake, wake == futex::Wake::TimedOut)
        } else {
            let left = Duration::from_nanos(until.saturating_sub(clock::monotonic_ns()));
            let slice = if self.open.is_empty() { left } else { left.min(BLIND_SLICE) };
            let wake = match (own.or(self.open.first().copied()), expected.as_slice()) {
                (Some(word), [seq]) => futex::wait(word, *seq, Some(slice)),
                _ => futex::wait_private(calls.word(), call.generation(), Some(slice)),
            };
            (wake, left <= slice)
        };
        if wake == futex::Wake::Signal {
            return Err(Error::plain(Status::Interrupted));
        }
        Ok(slept_out)
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        let session = self.session;
        if !self.registers || session.forked() {
            return;
        }
        self.count(u32::MAX);
        // SYNC waiting: SeqCst; before ASLEEP is cleared.
        if session.waiting.fetch_sub(1, SeqCst) != 1 {
            return;
        }
        // A thread that has begun to wait in between may sleep on the value that ends here.
        session.segment.waiters().wake_client(session.own.slot, &mut |seq| {
            // SYNC waiting: SeqCst; a thread that is not counted yet sets ASLEEP in a later value.
            if session.waiting.load(SeqCst) > 0 {
                futex::wake(seq, u32::MAX);
            }
        });
    }
}

impl Session {
    /// Whether the waits of this client register, so that nothing wakes them that does not concern
    /// them.
    pub fn may_register(&self) -> bool {
        self.segment.can_hint && self.own_wake_word().is_some()
    }

    /// The wake word of this client; `None` in `readers/`.
    pub fn own_wake_word(&self) -> Option<&WakeWord> {
        let clients = &self.segment.wake().clients;
        if self.own.in_readers { None } else { clients.get(self.own.slot as usize) }
    }

    /// Wakes the waits of this client that do not watch the interrupt generation.
    pub fn wake_own_waits(&self) {
        if self.may_register() {
            // SYNC call: SeqCst; a wait either sees the new generation or has set ASLEEP before.
            fence(SeqCst);
            self.segment.waiters().wake_client(self.own.slot, &mut |seq| {
                futex::wake(seq, u32::MAX);
            });
        }
    }

    /// The open words of these topics: one word for all if there are too many.
    fn open_words(&self, topics: &[Topic]) -> Result<Vec<&AtomicU32>> {
        let open = &self.segment.wake().open;
        let most = if futex::has_waitv() { MAX_WORDS } else { 1 };
        let mut words: Vec<&AtomicU32> = fallible::with_room(most)?;
        for topic in topics {
            let word = open::word_of(open, *topic);
            if words.iter().any(|known| std::ptr::eq(*known, word)) {
                continue;
            }
            if words.len() == most {
                words.clear();
                words.push(&open.many.word);
                break;
            }
            words.push(word);
        }
        Ok(words)
    }
}
