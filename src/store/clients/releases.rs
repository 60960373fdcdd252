//! Releases: the stamps that clients leave. They are folded into the order of use.

use crate::layout::word::LeaseWord;
use crate::segment::Segment;
use crate::store::clients::client_view::ClientView;

/// Folds all releases of a client.
pub fn fold_all(view: &mut ClientView<'_>) {
    let segment = &view.session.segment;
    view.fold_releases(&mut { u64::MAX }, |lease, ticks| fold(segment, lease, ticks));
}

/// Notes a release in the order of use, if the slot still holds the same object.
fn fold(segment: &Segment, lease: LeaseWord, ticks: u64) {
    // A client may write nonsense into its ring: a slot that does not exist, or a time in the
    // future.
    if is_current(segment, lease) {
        segment.order().touch(lease.slot(), segment.facts.ticks_source().now().min(ticks));
    }
}

/// Whether the slot still holds the object of this lease.
pub fn is_current(segment: &Segment, lease: LeaseWord) -> bool {
    segment
        .record(lease.slot())
        .is_ok_and(|record| record.load().generation() == lease.generation())
}
