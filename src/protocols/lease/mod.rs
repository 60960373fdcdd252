//! Leases: hazard pointers across processes.
//!
//! A reader stores the generation and slot that it is about to use into a lease word of its own
//! file, fences, and loads the record's word: it must still be SEALED with that generation. A
//! reclaimer makes the record DOOMED, fences, and reads all lease words. By the total order of the
//! two fences, either the reader sees DOOMED and clears its lease, or the reclaimer sees the lease
//! and frees nothing. After DOOMED no new lease on that generation can be validated, so "unleased"
//! never goes stale.
//!
//! There is no shared reference count, so a dead reader leaves nothing to repair: the leases in a
//! file whose owner is dead do not count.

pub mod entry;
#[cfg(all(test, loom))]
mod loom;
pub mod quota;
#[cfg(all(test, not(any(loom, shuttle))))]
mod threads;

use crate::layout::record::Record;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::sync::{AtomicU64, Ordering, fence};

/// Takes a lease on generation `seen.generation()` of `slot`, which a lookup saw SEALED, in the
/// lease word `lease`, which is 0 before the call.
///
/// Returns the record's word as validated. Clears the lease word and returns `None` when the object
/// is not there any longer.
#[inline(always)]
pub fn protect(
    lease: &AtomicU64,
    record: &Record,
    slot: u32,
    seen: RecordWord,
) -> Option<RecordWord> {
    place(lease, slot, seen);
    order();
    validate(lease, record, seen)
}

/// The first step of [`protect`], for many leases that share one fence: writes a lease, which does
/// not protect anything yet.
#[inline(always)]
pub fn place(lease: &AtomicU64, slot: u32, seen: RecordWord) {
    // SYNC lease-release: Release; a scan that finds this lease knows that the word's last lease has ended.
    lease.store(LeaseWord::new(seen.generation(), slot).0, Ordering::Release);
}

/// The second step of [`protect`], after all leases were written.
#[inline(always)]
pub fn order() {
    // SYNC lease: SeqCst; pairs with the fence in `begin_scan`.
    fence(Ordering::SeqCst);
}

/// The last step of [`protect`].
#[inline(always)]
pub fn validate(lease: &AtomicU64, record: &Record, seen: RecordWord) -> Option<RecordWord> {
    let now = still_sealed(record, seen);
    if now.is_none() {
        release(lease);
    }
    now
}

/// As [`validate`], whose caller ends the lease if this returns `None`.
#[inline(always)]
pub fn still_sealed(record: &Record, seen: RecordWord) -> Option<RecordWord> {
    // Relaxed: the object was seen SEALED, by a load that brought its fields.
    let now = record.load_with(Ordering::Relaxed);
    (now.is(State::Sealed) && now.generation() == seen.generation()).then_some(now)
}

/// Ends a lease.
#[inline(always)]
pub fn release(lease: &AtomicU64) {
    // SYNC lease-release: Release; follows all reads of the holder; pairs with the scan's Acquire.
    lease.store(0, Ordering::Release);
}

/// Ends a scan: called after the lease words were read, and before the memory that they do not name
/// is used.
pub fn end_scan() {
    // SYNC lease-release: Acquire; the reads of a holder before its release precede what the caller
    // does with the memory.
    fence(Ordering::Acquire);
}

/// Begins a scan: called after records were made DOOMED, and before the lease words are read.
pub fn begin_scan() {
    // SYNC lease: SeqCst; pairs with the fence in `protect`.
    fence(Ordering::SeqCst);
}
