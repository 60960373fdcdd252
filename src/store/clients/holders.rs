//! Who holds what.

use crate::error::Result;
use crate::layout::record::Record;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::Hit;
use crate::protocols::lease;
use crate::store::clients::client_view::ClientView;
use crate::store::clients::lease_counts::{LeaseCounts, WordSet};
use crate::store::session::Session;
use crate::support::fallible;

/// What the clients hold.
pub struct Holders {
    /// How many lease each object.
    pub leases: LeaseCounts,
    /// Deleted objects that nobody leases, as a lease on them would say: free as soon as somebody scans.
    unheld: WordSet,
}

impl Holders {
    /// Whether this word of the record in `slot` is of a deleted object that nobody holds.
    pub fn is_unheld(&self, slot: u32, word: RecordWord) -> bool {
        word.is(State::Doomed) && self.unheld.contains(&LeaseWord::new(word.generation(), slot).0)
    }
}

/// The creator that was found alive last: most of what one writes is side by side.
#[derive(Debug, Default)]
pub struct LivingCreator(Option<(u32, u64)>);

impl Session {
    /// Look at what each client holds, and tell of each client.
    pub fn inspect_holders(&self, mut each: impl FnMut(&ClientView<'_>)) -> Result<Holders> {
        // First the deleted: no new lease on these can be validated.
        let mut unheld = self.collect_doomed(|_| true)?;
        let mut leases = LeaseCounts::new(self.segment.index().used())?;
        lease::doomed();
        self.visit_clients(|view| {
            each(&view);
            view.leases(|lease| {
                unheld.remove(&lease.0);
                self.count_lease(&mut leases, lease);
            })
        })?;
        Ok(Holders { leases, unheld })
    }

    /// What a lease on each deleted object that is wanted says.
    pub fn collect_doomed(&self, is_wanted: impl Fn(&Record) -> bool) -> Result<WordSet> {
        let mut doomed = WordSet::default();
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            let word = record.load();
            if word.is(State::Doomed) && is_wanted(record) {
                doomed.try_reserve(1).map_err(|_| fallible::refused())?;
                doomed.insert(LeaseWord::new(word.generation(), slot).0);
            }
        }
        Ok(doomed)
    }

    /// Whether an object whose word was this WRITING is being written: not when its creator is dead.
    pub fn is_unsealed(&self, slot: u32, word: RecordWord, living: &mut LivingCreator) -> bool {
        if word.has(RecordWord::HIDDEN) {
            return false;
        }
        // Sealed or given up since: it was written at one instant of the call.
        let Some(creator) = self.creator_of(Hit { slot, word }) else { return true };
        if living.0 != Some(creator) && !self.is_client_alive(creator.0, creator.1) {
            return false;
        }
        living.0 = Some(creator);
        true
    }
}
