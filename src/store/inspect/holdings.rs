//! Holdings: the holders of all objects at once.

use crate::error::Result;
use crate::info::{Holding, ObjectState};
use crate::layout::word::LeaseWord;
use crate::store::inspect::snapshot::{Snapshot, take_snapshot};
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;

impl Session {
    /// Every lease of every living client, and every object that each client is writing.
    pub fn list_holdings(&self) -> Result<Vec<Holding>> {
        self.ensure_open()?;
        let mut writing = Vec::new();
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            if let Some(seen) =
                take_snapshot(record).filter(|seen| seen.state == ObjectState::Writing)
            {
                let creator = record.creator_serial.load(Relaxed);
                fallible::push(&mut writing, (creator, seen))?;
            }
        }
        let mut list = Vec::new();
        self.visit_clients(|view| {
            let client = view.path.number();
            let mut all = Ok(());
            view.leases(|lease| {
                if let (Ok(()), Some(seen)) = (&all, self.find_leased(lease)) {
                    all = fallible::push(&mut list, seen.held_by(client));
                }
            })?;
            all?;
            for (creator, seen) in &writing {
                if view.serial() == Some(*creator) {
                    fallible::push(&mut list, seen.held_by(client))?;
                }
            }
            Ok(())
        })?;
        list.sort_unstable_by_key(|holding| (holding.client, holding.create_time_us));
        Ok(list)
    }

    /// The object that a lease names; `None` if a client wrote nonsense.
    fn find_leased(&self, lease: LeaseWord) -> Option<Snapshot> {
        let record = self.record(lease.slot()).ok()?;
        take_snapshot(record).filter(|seen| seen.word.generation() == lease.generation())
    }
}
