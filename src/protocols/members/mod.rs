//! Members: the tenant of each slot, and whether the words in the slot are that tenant's.
//!
//! Each client has a serial of its own, which no later client gets, and the kernel keeps a lock on
//! it until the client's last mapping goes. So the client of a serial that is dead once stays dead,
//! and it is enough to compare the serial again at the moment of a change.
//!
//! A client locks its serial, and only then puts it into a slot. From then on it alone writes what
//! belongs to the slot; nobody clears the leases of the dead, they do not count. A new tenant
//! clears them before it takes leases of its own. A tenant leaves by the exchange of its serial for
//! FREE, and then unlocks; a reaper, which holds the writer lock, makes the same exchange once it
//! has aborted what the dead client was writing. A scan loads each slot after its fence; it keeps
//! no list of slots, and no verdict on a slot.

use crate::layout::client::MAX_LEASES;
use crate::layout::members::{FIRST_LEASES, FREE, LEVEL_WORDS, PAGE_LEASES, Slot};
use crate::sync::{AtomicU64, Ordering, fence};

#[cfg(all(test, loom))]
mod loom;

/// Returns a serial that no client had. The caller locks it before it uses it.
pub fn new_serial(serials: &AtomicU64) -> u64 {
    // Relaxed: the additions alone make serials unique.
    serials.fetch_add(1, Ordering::Relaxed) + 1
}

/// Takes a free slot for the client with this serial, which is locked. Returns `false` when another
/// client has the slot.
pub fn claim(slot: &Slot, serial: u64) -> bool {
    // SYNC tenant: AcqRel; the last tenant's stores precede this one's.
    let (taken, failed) = (Ordering::AcqRel, Ordering::Relaxed);
    slot.tenant.compare_exchange(FREE, serial, taken, failed).is_ok()
}

/// Passes an undertaker's slot on from a tenant that is dead. `is_named` tells whether the writer
/// lock names the slot: then its thief still has to learn that the tenant is dead.
pub fn inherit(
    slot: &Slot,
    serial: u64,
    is_dead: impl FnOnce(u64) -> bool,
    is_named: impl FnOnce() -> bool,
) -> bool {
    let before = tenant(slot);
    // The dead take no lock, so one that is not named later is never named.
    if before == FREE || !is_dead(before) || is_named() {
        return false;
    }
    // SYNC tenant: AcqRel; as in `claim`.
    let (taken, failed) = (Ordering::AcqRel, Ordering::Relaxed);
    slot.tenant.compare_exchange(before, serial, taken, failed).is_ok()
}

/// Frees the slot of a client that leaves, before it unlocks its serial, or of a dead one that is
/// reaped, under the writer lock and after its objects were aborted. Returns `false` when the slot
/// has another tenant.
pub fn vacate(slot: &Slot, serial: u64) -> bool {
    // SYNC tenant: Release; the tenant has ended its leases before. Pairs with `tenant`.
    slot.tenant.compare_exchange(serial, FREE, Ordering::Release, Ordering::Relaxed).is_ok()
}

/// Returns the serial of the tenant, or FREE.
#[inline]
pub fn tenant(slot: &Slot) -> u64 {
    // SYNC tenant: Acquire; a tenant that has left has read its last byte, and one that is there
    // has locked its serial.
    slot.tenant.load(Ordering::Acquire)
}

/// Writes the identity of a new tenant by `write`, with relaxed stores.
pub fn identify(identified: &AtomicU64, serial: u64, write: impl FnOnce()) {
    // SYNC identity: Release; a client that sees a part of it sees the new tenant as well.
    fence(Ordering::Release);
    write();
    // SYNC identity: Release; a client that sees the serial sees the identity.
    identified.store(serial, Ordering::Release);
}

/// Reads the identity of the tenant with this serial by `read`, with relaxed loads; `None` if it
/// has none yet, or the slot has another tenant.
pub fn identity<T>(
    slot: &Slot,
    identified: &AtomicU64,
    serial: u64,
    read: impl FnOnce() -> T,
) -> Option<T> {
    // SYNC identity: Acquire; as in `identify`.
    if identified.load(Ordering::Acquire) != serial {
        return None;
    }
    let identity = read();
    // SYNC identity: Acquire; a part of the next tenant's brings that tenant.
    fence(Ordering::Acquire);
    (slot.tenant.load(Ordering::Relaxed) == serial).then_some(identity)
}

/// Clears the lease words that earlier tenants left. Called by a new tenant before its first lease.
pub fn clear<'a>(left: impl Iterator<Item = &'a AtomicU64>) {
    for lease in left {
        if lease.load(Ordering::Relaxed) != 0 {
            // SYNC lease-release: Release; as in a release: a scan that sees 0 has the fence of a
            // reader's last release, or the reader is dead.
            lease.store(0, Ordering::Release);
        }
    }
}

/// Notes that a new tenant has no leases yet, after [`clear`]: until it has some, a scan reads none
/// of its words.
pub fn forget_leases(slot: &Slot) {
    // SYNC lease-release: Release; as in `clear`: a scan that saw the slot's last tenant, and reads
    // nothing because of this, has what precedes the end of that tenant.
    slot.lease_high.store(0, Ordering::Release);
}

/// Returns how many lease words a client prepares once it has used up `have`. A scan reads all that
/// are prepared, so the first are few.
pub fn more_leases(have: u32) -> u32 {
    match have {
        0 => FIRST_LEASES,
        _ if have < PAGE_LEASES => PAGE_LEASES,
        _ => (have + LEVEL_WORDS.max(have / 2 / LEVEL_WORDS * LEVEL_WORDS)).min(MAX_LEASES),
    }
}

/// Returns the number of lease words of a slot that may be in use, none of which is without memory.
#[inline]
pub fn leases_in_use(slot: &Slot) -> u32 {
    // Relaxed: called after the fence of a scan. A client whose lease validates has raised it
    // before that fence.
    let high = slot.lease_high.load(Ordering::Relaxed);
    high.min(slot.lease_room.load(Ordering::Relaxed))
}
