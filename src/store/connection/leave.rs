//! Leave a store: the file goes, then the lock on it; the last client of an EPHEMERAL store removes it.

use crate::segment::slot_name;
use crate::store::clients::releases::fold;
use crate::store::session::Session;
use crate::sync::local::Ordering::Relaxed;
use crate::sys::file;

/// Tries for the lock of a leaver of an EPHEMERAL store; another leaver holds it for microseconds.
const TRIES: u32 = 200;

impl Session {
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
                if let Some(locked) = self.try_lock() {
                    // Under the lock, so that the next leaver does not take this one for a user.
                    self.own.set_joined(false);
                    let removed = locked.remove_if_last().unwrap_or(false);
                    // Before the name goes: from an owner without a name nobody could steal.
                    drop(locked);
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

    /// Fold this client's own stamps: its ring goes with its file.
    pub fn fold_own_releases(&self) {
        // Best effort: of a store that is gone the order does not matter.
        let _ = self.visit_clients(|mut view| {
            if view.nonce() == self.own.nonce {
                view.fold_releases(|lease, ticks| fold(&self.segment, lease, ticks));
            }
            Ok(())
        });
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
