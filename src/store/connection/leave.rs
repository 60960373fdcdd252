//! Leave a store: first the slot or the name goes, then the lock. The last client of an EPHEMERAL store
//! removes the store.

use crate::store::clients::releases::fold_all;
use crate::store::session::Session;
use crate::sync::local::Ordering::Relaxed;

/// The most attempts of a leaver of an EPHEMERAL store to take the lock; another leaver holds it
/// for microseconds.
const TRIES: u32 = 200;

impl Session {
    /// Ends this client's use of the store. Later calls do nothing.
    pub fn leave(&self) {
        if self.left.swap(true, Relaxed) {
            return;
        }
        self.end_subscriptions();
        if self.segment.facts.lru() && !self.segment.read_only {
            self.fold_own_releases();
        }
        if self.segment.facts.ephemeral() && !self.segment.read_only {
            for _ in 0..TRIES {
                if let Some(locked) = self.try_lock() {
                    // Under the lock, so that the next leaver does not take this client for a user.
                    self.own.set_joined(false);
                    let removed = locked.remove_if_last().unwrap_or(false);
                    // The lock is released before the slot goes: nobody could take it from an owner
                    // without a slot.
                    drop(locked);
                    self.own.leave(&self.segment);
                    if removed {
                        self.segment.wake_everybody();
                    }
                    return;
                }
                std::thread::yield_now();
            }
        }
        // From here on this client holds nothing, so a scan does not miss it.
        self.own.set_joined(false);
        self.own.leave(&self.segment);
    }

    /// Folds this client's own stamps, because its ring belongs to another client soon.
    pub fn fold_own_releases(&self) {
        // This is best effort: in a store that is gone the order does not matter.
        let _ = self.visit_clients(|mut view| {
            if view.is_own() {
                fold_all(&mut view);
            }
            Ok(())
        });
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
