//! The clients that hold each object.

use crate::error::Result;
use crate::layout::record::Record;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::Hit;
use crate::protocols::lease;
use crate::store::clients::client_view::ClientView;
use crate::store::clients::lease_counts::LeaseCounts;
use crate::store::session::Session;
use crate::support::fallible;

/// The objects that the clients hold.
pub struct Holders {
    /// The number of leases on each object.
    pub leases: LeaseCounts,
    /// Objects that were deleted before the leases were read, in the order of [`by_slot`].
    doomed: Vec<LeaseWord>,
}

impl Holders {
    /// Whether this word of the record in `slot` is of a deleted object that no client holds. The
    /// next scan frees it.
    pub fn is_unheld(&self, slot: u32, word: RecordWord) -> bool {
        word.is(State::Doomed)
            && self.leases.of(slot) == 0
            && is_among(&self.doomed, LeaseWord::new(word.generation(), slot))
    }
}

/// The order of [`Session::collect_doomed`].
pub fn by_slot(object: &LeaseWord) -> (u32, u32) {
    (object.slot(), object.generation())
}

/// Whether a lease is on one of these objects, which are in the order of [`by_slot`].
pub fn is_among(objects: &[LeaseWord], lease: LeaseWord) -> bool {
    objects.binary_search_by_key(&by_slot(&lease), by_slot).is_ok()
}

/// The creator that was last found alive: the objects that one client writes are mostly adjacent.
#[derive(Debug, Default)]
pub struct LivingCreator(Option<u64>);

impl Session {
    /// Inspects the leases of each client, and calls `each` for each client.
    pub fn inspect_holders(
        &self,
        mut each: impl FnMut(&ClientView<'_>) -> Result<()>,
    ) -> Result<Holders> {
        // The deleted objects come first: no new lease on them can be validated.
        let doomed = self.collect_doomed(|_| true)?;
        let mut leases = LeaseCounts::new(self.segment.index().used())?;
        lease::begin_scan();
        self.visit_clients(|view| {
            each(&view)?;
            view.leases(|lease| self.count_lease(&mut leases, lease))
        })?;
        Ok(Holders { leases, doomed })
    }

    /// The lease words of the deleted objects that are wanted, in the order of [`by_slot`].
    pub fn collect_doomed(&self, is_wanted: impl Fn(&Record) -> bool) -> Result<Vec<LeaseWord>> {
        let mut doomed = Vec::new();
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            let word = record.load();
            if word.is(State::Doomed) && is_wanted(record) {
                fallible::push(&mut doomed, LeaseWord::new(word.generation(), slot))?;
            }
        }
        Ok(doomed)
    }

    /// Whether an object whose word was this WRITING is still being written. It is not if its
    /// creator is dead.
    pub fn is_unsealed(&self, slot: u32, word: RecordWord, living: &mut LivingCreator) -> bool {
        if word.has(RecordWord::HIDDEN) {
            return false;
        }
        // It was sealed or given up in the meantime, so it was being written at one instant of the
        // call.
        let Some(creator) = self.creator_of(Hit { slot, word }) else { return true };
        if living.0 != Some(creator) && !self.may_be_alive(creator) {
            return false;
        }
        living.0 = Some(creator);
        true
    }
}
