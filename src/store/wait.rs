//! Waits: a call sleeps until something changes, its deadline passes, or it is ended.

use crate::error::{Error, Result, Status};
use crate::layout::wake::WakeWord;
use crate::protocols::wake::{Slices, begin_all, relay};
use crate::store::call::Call;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sys::{clock, futex};
use std::time::Duration;

/// The longest sleep: a sealer may die between publishing and waking.
const SLICE: Duration = Slices::LONGEST;

/// The longest sleep where an interruption can neither be watched nor wakes.
const BLIND_SLICE: Duration = Duration::from_millis(5);

impl Session {
    /// Waits until `step` has an answer, or the call's timeout expires.
    pub fn wait_until<T>(
        &self,
        call: &Call<'_>,
        words: &[&WakeWord],
        step: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        self.wait_in_slices(call, words, Slices::from(SLICE), step)
    }

    /// As [`Session::wait_until`], for events that nobody may announce: `step` runs again after
    /// each of these slices.
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

    /// Sleeps until a word changes, the call is ended, or `until`; whether the time ran out.
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
            // An interruption also changes the words, if this client may write them.
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

    /// Sleeps for `pause`, but not past `until`, unless the call is ended.
    pub fn nap(&self, call: &Call<'_>, pause: Duration, until: Option<u64>) -> Result<()> {
        call.ensure_not_ended()?;
        let end = clock::monotonic_ns() + pause.as_nanos() as u64;
        let end = until.map_or(end, |until| until.min(end));
        self.sleep(call, &[], &[], end)?;
        call.ensure_not_ended()
    }
}
