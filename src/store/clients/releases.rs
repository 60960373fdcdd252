//! Releases: the stamps that clients leave. They are folded into the records, which eviction reads.

use crate::layout::word::LeaseWord;
use crate::segment::Segment;
use crate::sync::Ordering::Relaxed;
use crate::sys::ticks::Age;

/// Notes a release in the record, if the record still holds the same object.
pub fn fold(segment: &Segment, lease: LeaseWord, ticks: u64) {
    // A client may write nonsense into its ring: a slot that does not exist, or a time in the
    // future.
    let index = segment.index();
    let Ok(record) = index.record(lease.slot()) else { return };
    if record.load().generation() != lease.generation() {
        return;
    }
    let age = Age::at(segment.facts.ticks_source().now());
    let used = age.clamp(ticks);
    let mut known = record.last_use.load(Relaxed);
    while age.order(used) > age.order(known) {
        match record.last_use.compare_exchange(known, used, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(now) => known = now,
        }
    }
}
