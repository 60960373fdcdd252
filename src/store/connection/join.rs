//! Join a store: become visible, and make sure that the store still exists.

use crate::error::{Error, Result, Status};
use crate::layout::header::Lifecycle;
use crate::layout::members::{FREE, SLOTS};
use crate::options::ConnectOptions;
use crate::protocols::members::tenant;
use crate::segment::{Address, Segment};
use crate::store::call::Call;
use crate::store::connection::options::{ensure_acceptable, not_found_error};
use crate::store::connection::own_client::OwnClient;
use crate::store::session::Session;
use crate::sync::Ordering;
use crate::sys::clock;
use std::time::Duration;

/// The longest time that all attempts to connect take, and that a reader waits for a leaver.
pub const PATIENCE: Duration = Duration::from_secs(10);

impl Session {
    pub fn join(
        address: &Address,
        options: &ConnectOptions,
        segment: Segment,
        made: bool,
    ) -> Result<Option<Session>> {
        // Whether an EPHEMERAL store is still in use is known only after joining it.
        if !made && !segment.facts.ephemeral() {
            ensure_acceptable(address, options, &segment)?;
        }
        let own = match OwnClient::join(&segment) {
            Ok(own) => own,
            // The directories of the store were removed or deleted in the meantime.
            Err(_) if segment.lifecycle()? == Lifecycle::Gone || segment.is_deleted() => {
                return Ok(None);
            }
            // Every slot is taken, perhaps by dead clients.
            Err(error) if error.status() == Status::Limit && !segment.read_only => {
                let Ok(own) = OwnClient::join_as_undertaker(&segment) else { return Err(error) };
                let undertaker = Self::new(address, options, segment, own);
                return if undertaker.reap_as_undertaker()? { Ok(None) } else { Err(error) };
            }
            Err(error) => return Err(error),
        };
        let session = Self::new(address, options, segment, own);
        let call = session.begin(Some(Duration::ZERO))?;
        if !session.enter(&call)? {
            return Ok(None);
        }
        if session.segment.facts.ephemeral() && !made && !session.take_over_ephemeral(&call)? {
            if options.existing || options.read_only {
                return Err(not_found_error(address));
            }
            return Ok(None);
        }
        if !made {
            ensure_acceptable(address, options, &session.segment)?;
        }
        session.announce_joined();
        // Leavers see this client as a user only from now on, so it looks at the store again:
        // either the leaver sees this client, or this client sees that the store is gone.
        if !session.enter(&call)? {
            return Ok(None);
        }
        if !session.segment.read_only && !session.reap_on_connect()? {
            return Ok(None);
        }
        drop(call);
        Ok(Some(session))
    }

    /// Called when the file is visible: whether the store still exists; `false` to start over.
    pub fn enter(&self, call: &Call<'_>) -> Result<bool> {
        self.segment.lifecycle_word().arrive();
        // CLOSING lasts while the leaver inspects the clients, or until a recovery.
        let end = clock::monotonic_ns().saturating_add(PATIENCE.as_nanos() as u64);
        while clock::monotonic_ns() < end {
            match self.segment.lifecycle()? {
                Lifecycle::Live => return self.is_linked(),
                Lifecycle::Gone => return Ok(false),
                Lifecycle::Closing if self.segment.read_only => {
                    // Other users recover the store when they take the lock next.
                    if self.is_leaver_dead() && !self.others_joined()? {
                        return Err(not_found_error(&self.address));
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                Lifecycle::Closing => {
                    let mut locked = self.lock(call)?;
                    // Only the owner of the lock closes a store, and this client owns it. So the
                    // word is corrupt, and the next owner repairs it.
                    if self.segment.lifecycle()? == Lifecycle::Closing {
                        locked.poison();
                    }
                }
            }
        }
        Err(Error::new(Status::StoreGone, "the last client of the store died while it left"))
    }

    /// Whether the client that is leaving, the owner of the lock, was killed.
    fn is_leaver_dead(&self) -> bool {
        let owner = self.segment.lock().peek().owner();
        let serial = owner.and_then(|slot| self.tenant_of(slot.into()));
        serial.is_some_and(|serial| !self.may_be_alive(serial))
    }

    fn is_linked(&self) -> Result<bool> {
        if self.ensure_linked().is_err() {
            return Ok(false);
        }
        Ok(true)
    }

    /// Notes that this client uses the store: from now on other clients find it in use.
    pub fn announce_joined(&self) {
        if let Some(word) = self.own_wake_word().filter(|_| self.segment.can_hint) {
            // Relaxed: the client that had this slot is dead, or it left with a count of 0.
            if word.announcing.load(Ordering::Relaxed) != 0 {
                self.segment.wake_everybody();
                word.announcing.store(0, Ordering::Relaxed);
            }
            word.waiting.store(0, Ordering::Relaxed);
            self.segment.subscribers().leave(self.own.slot);
        }
        self.own.set_joined(true);
        if !self.segment.read_only {
            // Relaxed: a client that loads 0 also finds no client that has joined, or finds the
            // lock taken later.
            self.segment.header().table.had_client.store(1, Ordering::Relaxed);
        }
    }

    /// Reaps the dead when connecting, without waiting for the owner of the lock. The store may be
    /// used whatever the outcome, except if the store is gone: then `false`.
    pub fn reap_on_connect(&self) -> Result<bool> {
        let reaped =
            self.begin(Some(Duration::ZERO)).and_then(|call| self.reap_some(&call.for_side_task()));
        match reaped {
            Err(error) if error.status() == Status::StoreGone => Ok(false),
            _ => Ok(true),
        }
    }

    /// As an undertaker, reaps the dead; whether a slot is free now.
    pub fn reap_as_undertaker(&self) -> Result<bool> {
        let reaped = self.reap_dead(&self.begin(Some(Duration::ZERO))?);
        // Another undertaker may have reaped them. A client that cannot be inspected does not keep
        // another from its slot.
        if self.has_free_slot() { Ok(true) } else { reaped.map(|reaped| reaped > 0) }
    }

    /// Whether a client that may write would find a free slot.
    fn has_free_slot(&self) -> bool {
        self.segment.members.slots().iter().take(SLOTS as usize).any(|slot| tenant(slot) == FREE)
    }
}
