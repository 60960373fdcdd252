//! Leave a store: the file goes, then the lock on it; the last one out of an EPHEMERAL store
//! removes it.

use crate::error::Result;
use crate::segment::{finish_removal, slot_name};
use crate::store::call::Call;
use crate::store::session::Session;
use crate::sync::Ordering;
use crate::sync::local::Ordering::Relaxed;
use crate::sys::file;

/// Tries for the lock of a leaver of an EPHEMERAL store; another leaver holds it for microseconds.
const TRIES: u32 = 200;

impl Session {
    /// After joining an EPHEMERAL store that was there already: if all who used it are dead, it is
    /// removed; `false` to start over.
    pub fn take_over_ephemeral(&self, call: &Call<'_>) -> Result<bool> {
        let had_client = self.segment.header().table.had_client.load(Ordering::Relaxed) != 0;
        if !had_client || self.others_joined()? {
            return Ok(true);
        }
        if self.segment.read_only {
            return Ok(false);
        }
        let guard = self.lock(call)?;
        let removed = self.remove_if_last()?;
        drop(guard);
        Ok(!removed)
    }

    /// This client uses the store: from now on others may find it in use.
    pub fn announce_joined(&self) {
        self.own.set_joined(true);
        if !self.segment.read_only {
            // Relaxed: who finds it 0 also finds no client that has joined, or the lock later.
            self.segment.header().table.had_client.store(1, Ordering::Relaxed);
        }
    }

    fn others_joined(&self) -> Result<bool> {
        let mut others = false;
        self.visit_others(|view| {
            if view.alive && view.nonce() != self.own.nonce {
                others |= view.identity()?.is_some_and(|who| who.joined);
            }
            Ok(())
        })?;
        Ok(others)
    }

    /// Remove an EPHEMERAL store unless others use it: under the lock.
    fn remove_if_last(&self) -> Result<bool> {
        // Who cannot be looked at may be there.
        let others = || !matches!(self.others_joined(), Ok(false));
        if !self.segment.lifecycle_word().leave_last(others) {
            return Ok(false);
        }
        // What cannot be removed now is finished by the next to connect.
        let _ = finish_removal(&self.address, &self.segment);
        Ok(true)
    }

    /// This client does not use the store any more. Only the first time.
    pub fn leave(&self) {
        if self.left.swap(true, Relaxed) {
            return;
        }
        if self.segment.facts.lru() && !self.segment.read_only {
            self.fold_own_releases();
        }
        if self.segment.facts.ephemeral() && !self.segment.read_only {
            for _ in 0..TRIES {
                if let Some(guard) = self.try_lock() {
                    // Under the lock, so that the next leaver does not take this one for a user.
                    self.own.set_joined(false);
                    let removed = self.remove_if_last().unwrap_or(false);
                    // Before the name goes: from an owner without a name nobody could steal.
                    drop(guard);
                    self.unlink_own();
                    if removed {
                        self.segment.wake_everybody();
                    }
                    return;
                }
                std::thread::yield_now();
            }
        }
        // From here on this client holds nothing, so that a scan does not miss its name.
        self.own.set_joined(false);
        self.unlink_own();
    }

    fn unlink_own(&self) {
        let dir = match (&self.segment.readers, self.own.in_readers) {
            (Some(readers), true) => readers.fd(),
            _ => self.segment.clients.fd(),
        };
        // Closed behind our back: the name stays, as that of one that was killed.
        let Ok(dir) = dir else { return };
        let name = slot_name(self.own.slot);
        let ino = |stat: file::Stat| stat.ino;
        let own = self.own.inspect().ok().map(ino);
        // The name may be gone with the store, and be another's by now; liveness ends with the
        // descriptor in any case.
        if own.is_some() && own == file::stat_at(Some(dir), &name).ok().map(ino) {
            let _ = file::unlink_at(Some(dir), &name);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A forked child touches nothing that is shared.
        if !self.forked() {
            self.leave();
        }
    }
}
