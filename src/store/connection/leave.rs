//! Leave a store: first the file goes, then the lock on it. The last client of an EPHEMERAL store
//! removes the store.

use crate::segment::slot_name;
use crate::store::clients::releases::fold_all;
use crate::store::session::Session;
use crate::sync::local::Ordering::Relaxed;
use crate::sys::file;

/// The most attempts of a leaver of an EPHEMERAL store to take the lock; another leaver holds it
/// for microseconds.
const TRIES: u32 = 200;

impl Session {
    /// Ends this client's use of the store. Later calls do nothing.
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
                    // Under the lock, so that the next leaver does not take this client for a user.
                    self.own.set_joined(false);
                    let removed = locked.remove_if_last().unwrap_or(false);
                    // The lock is released before the name goes: nobody could take it from an owner
                    // without a name.
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
        // From here on this client holds nothing, so a scan does not miss its name.
        self.own.set_joined(false);
        self.unlink_own();
    }

    /// Folds this client's own stamps, because its ring goes with its file.
    pub fn fold_own_releases(&self) {
        // This is best effort: in a store that is gone the order does not matter.
        let _ = self.visit_clients(|mut view| {
            if view.nonce() == self.own.nonce {
                fold_all(&mut view);
            }
            Ok(())
        });
    }

    fn unlink_own(&self) {
        let dir = match (&self.segment.readers, self.own.in_readers) {
            (Some(readers), true) => readers.fd(),
            _ => self.segment.clients.fd(),
        };
        // The descriptor was closed from outside the library: the name stays, as that of a killed
        // client does.
        let Ok(dir) = dir else { return };
        let name = slot_name(self.own.slot);
        let ino = |stat: file::Stat| stat.ino;
        let own = self.own.inspect().ok().map(ino);
        // The name may be gone with the store, or may be another client's by now. Liveness ends
        // with the descriptor in any case.
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
