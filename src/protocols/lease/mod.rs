//! Leases: hazard pointers across processes.
//!
//! A reader writes which generation of which slot it is about to use into a lease word of its own
//! file, fences, and looks whether the record is still SEALED with that generation. A reclaimer
//! makes the record DOOMED, fences, and reads all lease words. By the total order of the two fences
//! either the reader sees DOOMED and lets go, or the reclaimer sees the lease and waits. After
//! DOOMED no new lease on that generation can be validated, so "unleased" never goes stale.
//!
//! No shared count is kept, so a dead reader leaves nothing to repair: the leases in a file whose
//! owner is dead do not count.

pub mod entry;
#[cfg(all(test, loom))]
mod loom;
pub mod quota;
#[cfg(all(test, not(any(loom, shuttle))))]
mod threads;

use crate::layout::record::Record;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::sync::{AtomicU64, Ordering, fence};

/// Leases generation `seen.generation()` of `slot`, which a lookup saw SEALED, in the lease word
/// `lease`, which is 0 before.
///
/// Returns the record's word as validated; `None`, and the lease word cleared, when the object went
/// away.
#[inline(always)]
pub fn protect(
    lease: &AtomicU64,
    record: &Record,
    slot: u32,
    seen: RecordWord,
) -> Option<RecordWord> {
    // SYNC lease-release: Release; who finds this lease knows that the word's last one has ended.
    lease.store(LeaseWord::new(seen.generation(), slot).0, Ordering::Release);
    // SYNC lease: SeqCst; pairs with the fence in `doomed`.
    fence(Ordering::SeqCst);
    // Relaxed: what is leased was seen SEALED, by a load that brought the fields of the object.
    let now = record.load_with(Ordering::Relaxed);
    if now.is(State::Sealed) && now.generation() == seen.generation() {
        return Some(now);
    }
    release(lease);
    None
}

/// Ends a lease.
#[inline(always)]
pub fn release(lease: &AtomicU64) {
    // SYNC lease-release: Release; what the holder read comes before; pairs with the scan's Acquire.
    lease.store(0, Ordering::Release);
}

/// To be called between reading lease words and using the memory that they do not name.
pub fn scanned() {
    // SYNC lease-release: Acquire; what a holder read before its release stays before whatever the
    // caller does with the memory.
    fence(Ordering::Acquire);
}

/// To be called between making records DOOMED and reading lease words.
pub fn doomed() {
    // SYNC lease: SeqCst; pairs with the fence in `protect`.
    fence(Ordering::SeqCst);
}
