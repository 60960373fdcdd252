//! EPHEMERAL stores, which their last client removes.

use crate::error::Result;
use crate::segment::finish_removal;
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::session::Session;
use crate::sync::Ordering;

impl Session {
    /// After joining an EPHEMERAL store that existed already: removes the store if all its users
    /// are dead; `false` to start over.
    pub fn take_over_ephemeral(&self, call: &Call<'_>) -> Result<bool> {
        let had_client = self.segment.header().table.had_client.load(Ordering::Relaxed) != 0;
        if !had_client || self.others_joined()? {
            return Ok(true);
        }
        if self.segment.read_only {
            return Ok(false);
        }
        let locked = self.lock(call)?;
        let removed = locked.remove_if_last()?;
        drop(locked);
        Ok(!removed)
    }

    /// Whether another client that lives uses the store.
    pub fn others_joined(&self) -> Result<bool> {
        let mut others = false;
        self.visit_others(|view| {
            others |= !view.is_own() && view.is_using()? && view.is_alive()?;
            Ok(())
        })?;
        Ok(others)
    }
}

impl Locked<'_> {
    /// Removes an EPHEMERAL store unless other clients use it.
    pub fn remove_if_last(&self) -> Result<bool> {
        // If the clients cannot be inspected, assume that one of them uses the store.
        let others = || !matches!(self.session.others_joined(), Ok(false));
        if !self.session.segment.lifecycle_word().leave_last(others) {
            return Ok(false);
        }
        // The next client that connects completes a removal that fails here.
        let _ = finish_removal(&self.session.address, &self.session.segment);
        Ok(true)
    }
}
