//! The order of use, as the store keeps it: objects enter it when they are made, and recovery and
//! a clock that went back renew it.

use crate::layout::record::Record;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::order::Stamp;
use crate::store::clients::releases::is_current;
use crate::store::lock::locked::Locked;
use crate::sync::Ordering::Relaxed;
use crate::sys::ticks::Age;

impl Locked<'_> {
    /// Enters a new object into the order of use, and names it as the owner of its blocks. It is
    /// as old as its creation until it is sealed.
    pub fn enter_order(&self, slot: u32, record: &Record, word: RecordWord) {
        let segment = &self.session.segment;
        let now = segment.facts.ticks_source().now();
        segment.order().insert(slot, now, word.has(RecordWord::PINNED));
        let latest = &segment.header().table.latest_use;
        if latest.load(Relaxed) < now {
            latest.store(now, Relaxed);
        }
        let allocator = segment.allocator();
        for which in [0, 2] {
            allocator.set_owner(record.blocks[which].load(Relaxed), slot);
        }
    }

    /// Computes the order of use from its stamps and the object table.
    pub fn rebuild_order(&self) {
        let segment = &self.session.segment;
        let (index, now) = (segment.index(), segment.facts.ticks_source().now());
        let (age, used) = (Age::at(now), index.used());
        segment.header().table.latest_use.store(now, Relaxed);
        segment.order().rebuild(|slot, found| {
            let record = index.record(slot).ok().filter(|_| slot < used)?;
            let word = record.load();
            let (held, unsealed) = match word.state()? {
                State::Free => return None,
                // Its seal may have cleared the hint already.
                State::Writing => {
                    let held = word.has(RecordWord::PINNED) || word.has(RecordWord::HIDDEN);
                    (held, found.is_none_or(|found| found.unsealed))
                }
                State::Sealed => (word.has(RecordWord::PINNED), false),
                State::Doomed => (true, false),
                // It goes first.
                State::Failed => return Some(Stamp { stamp: 0, held: false, unsealed: false }),
            };
            let stamp = age.renewed(found.map_or(0, |found| found.stamp));
            Some(Stamp { stamp, held, unsealed })
        });
    }

    /// Notes uses that clients left in their rings. If the source of the stamps went back, all stamps
    /// are renewed first: those from before are older than all others.
    pub fn note_uses(&self, uses: &[(LeaseWord, u64)]) {
        let segment = &self.session.segment;
        let now = segment.facts.ticks_source().now();
        if Age::at(now).of(segment.header().table.latest_use.load(Relaxed)).is_none() {
            self.rebuild_order();
        }
        let order = segment.order();
        for &(lease, ticks) in uses {
            if is_current(segment, lease) {
                order.raise(lease.slot(), ticks.min(now));
            }
        }
    }
}
