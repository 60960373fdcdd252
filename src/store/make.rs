//! Get or create, and removing a store.

use super::create::deadline;
use super::draft::Draft;
use super::get::{Held, Now};
use super::seat::{Seat, Ticket};
use super::session::Session;
use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::index::Key;
use crate::layout::record::IdWords;
use crate::layout::word::State;
use crate::options::CreateOptions;
use crate::segment::{Address, remove};
use crate::sys::clock;
use std::time::Duration;

/// What get or create came to.
pub enum GetOrMake {
    /// The object was there.
    Got(Ticket, Held),
    /// The caller makes it.
    Made(Draft),
}

impl Session {
    /// Get the object, or create it when it is absent; wait while another writes it.
    pub fn get_or_create(
        &self,
        seat: &Seat,
        id: &ObjectId,
        size: u64,
        options: &CreateOptions<'_>,
        timeout: Option<Duration>,
    ) -> Result<GetOrMake> {
        self.check_writable()?;
        let key = Key::Id(IdWords::from(id));
        let until = deadline(timeout);
        loop {
            if let Now::Held(ticket, held) = self.get_now(seat, &key)? {
                return Ok(GetOrMake::Got(ticket, held));
            }
            match self.create(id, size, options) {
                Ok(draft) => return Ok(GetOrMake::Made(draft)),
                Err(error) if error.status() == Status::Exists => {}
                // The lock's own time-out is shorter than this call's.
                Err(error)
                    if error.status() == Status::Timeout
                        && until.is_none_or(|until| clock::monotonic_ns() < until) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            }
            let now = clock::monotonic_ns();
            let left = until.map(|until| Duration::from_nanos(until.saturating_sub(now)));
            if left == Some(Duration::ZERO) {
                // Sealed or given up since: then there is an answer without waiting.
                match self.look(&key, &mut None)? {
                    Some(hit) if hit.word.is(State::Writing) => {
                        let status =
                            if until == Some(0) { Status::NotSealed } else { Status::Timeout };
                        return Err(Error::plain(status));
                    }
                    _ => continue,
                }
            }
            let words = [self.wake_word(&key)];
            self.wait_until(&words, left, || {
                let hit = self.look(&key, &mut None)?;
                let writing = hit.is_some_and(|hit| hit.word.is(State::Writing));
                Ok((!writing).then_some(()))
            })?;
        }
    }

    /// Remove a store, and wake who waits in it.
    pub fn remove_store(address: Option<&str>) -> Result<()> {
        remove(&Address::parse(address)?)?.wake_everybody();
        Ok(())
    }
}
