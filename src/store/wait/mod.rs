//! Waits: a call sleeps until something changes, its deadline passes, or it is ended.

mod watcher;

pub use watcher::Watcher;

use crate::error::{Error, Result, Status};
use crate::protocols::wake::{Deafness, Slices, Topic};
use crate::store::call::Call;
use crate::store::session::Session;
use crate::sync::local::Ordering::Relaxed;
use crate::sys::clock;
use std::time::Duration;

/// How far a wait has come.
pub enum Progress<T> {
    /// It has its answer.
    Done(T),
    /// It has none yet.
    Pending {
        /// It waits for a creator, whose death would not be announced.
        creator: bool,
        /// A part of what it waits for has come since the last step.
        advanced: bool,
    },
}

impl<T> Progress<T> {
    /// Returns that the wait is done if there is an answer, and else what it waits for.
    pub fn of(answer: Option<T>, creator: bool) -> Self {
        match answer {
            Some(answer) => Self::Done(answer),
            None => Self::Pending { creator, advanced: false },
        }
    }
}

impl Session {
    /// Waits until `step` is done, or the call's timeout expires.
    pub fn wait_until<T>(
        &self,
        call: &Call<'_>,
        topics: &[Topic],
        step: impl FnMut() -> Result<Progress<T>>,
    ) -> Result<T> {
        self.wait_in_slices(call, topics, Slices::longest(self.own.slot), step)
    }

    /// As [`Session::wait_until`], for events that nobody may announce: `step` runs again after
    /// each of these slices.
    pub fn wait_in_slices<T>(
        &self,
        call: &Call<'_>,
        topics: &[Topic],
        mut slices: Slices,
        mut step: impl FnMut() -> Result<Progress<T>>,
    ) -> Result<T> {
        let deadline = call.deadline();
        let mut watcher = Watcher::new(self, topics)?;
        let (mut slept_out, mut woken, mut sleepers) = (false, false, 0);
        let mut slept_since = None;
        let mut deafness = Deafness::new(topics.len());
        loop {
            if let Some(since) = slept_since.filter(|_| woken && deafness.presumes()) {
                self.stay_deaf(call, &mut deafness, since)?;
                (slept_since, woken) = (None, false);
            }
            if !deafness.is_lasting() {
                watcher.begin();
            }
            let (creator, advanced) = match step()? {
                Progress::Done(answer) => {
                    if let Some(since) = slept_since {
                        self.spin().slept(clock::monotonic_ns().saturating_sub(since));
                    }
                    return Ok(answer);
                }
                Progress::Pending { creator, advanced } => (creator, advanced),
            };
            call.ensure_not_ended()?;
            self.ensure_open().inspect_err(|_| {
                // A remover that was killed woke nobody, and the others may look much later.
                if slept_out && self.segment.can_hint {
                    self.segment.wake_everybody();
                }
            })?;
            let now = clock::monotonic_ns();
            if slept_out {
                self.ensure_linked()?;
                slices.slept_out();
                sleepers = self.announce_for_the_dead();
            } else if advanced {
                deafness.advanced();
            } else if let Some(since) = slept_since.filter(|_| woken)
                && self.stay_deaf(call, &mut deafness, since)?
            {
                slept_since = None;
                continue;
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(Error::plain(Status::Timeout));
            }
            if let Some(pause) = deafness.goes_on() {
                self.nap(call, pause)?;
                (slept_since, slept_out, woken) = (None, true, false);
                continue;
            }
            let most =
                if watcher.misses() { Slices::SHORT } else { Slices::most(sleepers, creator) };
            let slice = u64::try_from(slices.length(most).as_nanos()).unwrap_or(u64::MAX);
            let until = now.saturating_add(slice);
            let until = deadline.map_or(until, |deadline| deadline.min(until));
            slept_since = Some(now);
            slept_out = watcher.sleep(call, until)?;
            woken = watcher.is_woken();
        }
    }

    /// After a wake for nothing that ended a sleep since then: stays deaf for a time if there were
    /// many; whether it did.
    fn stay_deaf(&self, call: &Call<'_>, deafness: &mut Deafness, since: u64) -> Result<bool> {
        let slept = Duration::from_nanos(clock::monotonic_ns().saturating_sub(since));
        let sleepers = || self.segment.waiters().sleepers();
        let threads = self.waiting.load(Relaxed);
        let Some(pause) = deafness.woken_for_nothing(slept, threads, sleepers) else {
            return Ok(false);
        };
        self.nap(call, pause)?;
        Ok(true)
    }

    /// Sleeps for `pause`, but not past the deadline, unless the call is ended.
    fn nap(&self, call: &Call<'_>, pause: Duration) -> Result<()> {
        call.ensure_not_ended()?;
        let end = clock::monotonic_ns() + pause.as_nanos() as u64;
        let end = call.deadline().map_or(end, |deadline| deadline.min(end));
        Watcher::of_nothing(self).sleep(call, end)?;
        call.ensure_not_ended()
    }
}
