//! EPHEMERAL stores: the last client removes the store.

use crate::error::Result;
use crate::segment::finish_removal;
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::session::Session;
use crate::sync::Ordering;

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
        let locked = self.lock(call)?;
        let removed = locked.remove_if_last()?;
        drop(locked);
        Ok(!removed)
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
}

impl Locked<'_> {
    /// Remove an EPHEMERAL store unless others use it.
    pub fn remove_if_last(&self) -> Result<bool> {
        // Who cannot be looked at may be there.
        let others = || !matches!(self.session.others_joined(), Ok(false));
        if !self.session.segment.lifecycle_word().leave_last(others) {
            return Ok(false);
        }
        // What cannot be removed now is finished by the next to connect.
        let _ = finish_removal(&self.session.address, &self.session.segment);
        Ok(true)
    }
}
