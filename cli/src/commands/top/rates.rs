//! Rates, counted from the events of the store.

use crate::failure::Result;
use plasma::{Client, EventKind, Status, Subscription};
use std::time::{Duration, Instant};

/// Counts events between two updates.
pub struct Rates {
    events: Subscription,
    since: Instant,
    pub last: Rate,
}

/// Rates per second, of the last interval.
#[derive(Clone, Copy, Default)]
pub struct Rate {
    pub sealed: f64,
    pub sealed_bytes: f64,
    pub deleted: f64,
    pub evicted: f64,
    pub aborted: f64,
    /// Whether there were more events than it can count.
    pub lost: bool,
}

/// The most events that one update counts; the rest are reported as lost.
const MOST: usize = 100_000;

impl Rates {
    pub fn new(client: &Client) -> Result<Self> {
        Ok(Self { events: client.subscribe()?, since: Instant::now(), last: Rate::default() })
    }

    /// Count the events since the last call.
    pub fn count(&mut self, client: &Client) -> Result<()> {
        let mut rate = Rate::default();
        for counted in 0.. {
            let event = match self.events.next(Some(Duration::ZERO)) {
                Ok(event) => event,
                Err(error) if matches!(error.status(), Status::Timeout | Status::NotFound) => break,
                Err(error) => return Err(error.into()),
            };
            match event.kind {
                EventKind::Sealed => {
                    rate.sealed += 1.0;
                    rate.sealed_bytes += event.data_size as f64;
                }
                EventKind::Deleted => rate.deleted += 1.0,
                EventKind::Evicted => rate.evicted += 1.0,
                EventKind::Aborted | EventKind::Failed => rate.aborted += 1.0,
                EventKind::Lost => rate.lost |= event.lost_count > 0,
            }
            if counted == MOST {
                self.events = client.subscribe()?;
                rate.lost = true;
                break;
            }
        }
        let seconds = self.since.elapsed().as_secs_f64().max(1e-3);
        self.since = Instant::now();
        for count in [
            &mut rate.sealed,
            &mut rate.sealed_bytes,
            &mut rate.deleted,
            &mut rate.evicted,
            &mut rate.aborted,
        ] {
            *count /= seconds;
        }
        self.last = rate;
        Ok(())
    }
}
