//! The file `members`: the clients that may write to the store, one slot each.
//!
//! Only the tenant of a slot writes the slot's page, ring and further lease words.

use super::client::{MAX_LEASES, RELEASES, Release};
use crate::sync::{AtomicU32, AtomicU64};

/// Slots of clients.
pub const SLOTS: u32 = 1024;

/// Further slots for undertakers: clients that join when no slot is free, to reap the dead.
pub const UNDERTAKERS: u32 = 8;

/// All slots.
pub const ALL_SLOTS: u32 = SLOTS + UNDERTAKERS;

/// Files in `locks/`: the client with serial n locks byte n of file n % LOCKS.
pub const LOCKS: usize = 8;

/// First word of the file.
pub const MEMBERS_MAGIC: u64 = u64::from_le_bytes(*b"plasmaME");

/// A tenant word of a slot without a client.
pub const FREE: u64 = 0;

/// Serials above this are never given out: the kernel locks no byte beyond 2^63.
pub const MAX_SERIAL: u64 = 1 << 62;

/// Bytes of a slot's page.
pub const PAGE: u64 = 4096;

/// Lease words in a slot's page; [`LEVEL_WORDS`] and their doubles follow elsewhere.
pub const PAGE_LEASES: u32 = (PAGE as u32 - size_of::<MemberHeader>() as u32) / 8;

/// Lease words that a client prepares at first.
pub const FIRST_LEASES: u32 = 48;

/// Lease words of the first two levels; each later level has as many as all levels before it.
pub const LEVEL_WORDS: u32 = 512;

/// Offset of the pages.
pub const PAGES_AT: u64 = (size_of::<MembersHeader>() as u64
    + ALL_SLOTS as u64 * size_of::<Slot>() as u64)
    .next_multiple_of(PAGE);

/// Offset of the first level of further lease words.
pub const LEVELS_AT: u64 = PAGES_AT + ALL_SLOTS as u64 * PAGE;

/// Size of a new file, and the part of it that every client maps.
pub const BASE_SIZE: u64 = LEVELS_AT + ALL_SLOTS as u64 * LEVEL_WORDS as u64 * 8;

/// Bytes of a release ring.
pub const RING: u64 = RELEASES as u64 * size_of::<Release>() as u64;

/// Offset of the release rings.
pub const RINGS_AT: u64 = BASE_SIZE;

/// Offset of the second level.
pub const MORE_LEVELS_AT: u64 = RINGS_AT + ALL_SLOTS as u64 * RING;

/// The head of the file.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct MembersHeader {
    /// [`MEMBERS_MAGIC`].
    pub magic: AtomicU64,
    /// Number of serials given out; the last one is equal to it.
    pub serials: AtomicU64,
    /// Slot at which the next connect begins to look for dead clients.
    pub cursor: AtomicU32,
    _unused0: AtomicU32,
    /// Inodes of `locks/0` to `locks/7`.
    pub locks: [AtomicU64; LOCKS],
    /// Inode of `beacon`, in stores that admit readers of other users.
    pub beacon: AtomicU64,
    /// Inode of the file itself. In a copy of a store it is another one.
    pub own: AtomicU64,
    _unused: [AtomicU64; 3],
}

/// A slot.
#[repr(C)]
#[derive(Debug)]
pub struct Slot {
    /// [`FREE`], or the serial of the tenant.
    pub tenant: AtomicU64,
    /// Number of lease words that may be in use, counted from the first. Stays when a tenant goes.
    pub lease_high: AtomicU32,
    /// Number of lease words that have memory. It only grows; 0 if the page has none.
    pub lease_room: AtomicU32,
}

/// The head of a slot's page; lease words follow.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct MemberHeader {
    /// The serial of the client whose identity follows.
    pub identified: AtomicU64,
    /// The serial of the client that uses the store, from the end of its join to the start of its
    /// leave; else 0.
    pub joined: AtomicU64,
    /// Process id in its own namespace.
    pub pid: AtomicU32,
    /// Effective user id.
    pub uid: AtomicU32,
    /// Inode of the PID namespace.
    pub pid_namespace: AtomicU64,
    /// Process start time in clock ticks since boot.
    pub start_time: AtomicU64,
    /// Time of the connection, in microseconds since the Unix epoch.
    pub connect_time_us: AtomicU64,
    /// Process name, NUL padded.
    pub comm: [AtomicU64; 2],
    /// Number of releases ever written to the slot's ring, by all its tenants. It is on a line of
    /// its own, because it changes with each release.
    pub released: AtomicU64,
    /// [`super::client::FLAG_READ_ONLY`].
    pub flags: AtomicU32,
    _unused0: AtomicU32,
    _unused: [AtomicU64; 6],
}

/// Returns the offset of a slot's page.
pub const fn page_at(slot: u32) -> u64 {
    PAGES_AT + slot as u64 * PAGE
}

/// Returns the offset of a slot's release ring.
pub const fn ring_at(slot: u32) -> u64 {
    RINGS_AT + slot as u64 * RING
}

/// Lease words of one slot that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The number of the first word in the slot.
    pub first: u32,
    /// The number of words.
    pub count: u32,
    /// The offset of the first word in the file.
    pub at: u64,
}

/// Returns where the lease words of a slot lie, in order: in its page, then in each level.
pub fn stretches(slot: u32) -> impl Iterator<Item = Stretch> {
    let page = page_at(slot) + size_of::<MemberHeader>() as u64;
    let in_page = Stretch { first: 0, count: PAGE_LEASES, at: page };
    let levels = (0..).map(move |level| {
        // Words of one slot before this level.
        let before = if level == 0 { 0 } else { LEVEL_WORDS << (level - 1) };
        let count = if level == 0 { LEVEL_WORDS } else { before };
        let of_slot = u64::from(slot) * u64::from(count) * 8;
        let from = match level {
            0 => LEVELS_AT,
            _ => MORE_LEVELS_AT + u64::from(ALL_SLOTS) * u64::from(before - LEVEL_WORDS) * 8,
        };
        Stretch { first: PAGE_LEASES + before, count, at: from + of_slot }
    });
    std::iter::once(in_page).chain(levels).take_while(|stretch| stretch.first < MAX_LEASES)
}

#[cfg(not(any(loom, shuttle)))]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<MembersHeader>() == 128 && offset_of!(MembersHeader, locks) == 24);
    assert!(size_of::<Slot>() == 16);
    assert!(size_of::<MemberHeader>() == 128 && offset_of!(MemberHeader, released) == 64);
    assert!(PAGE_LEASES == 496 && PAGES_AT == 20480);
};

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_lease_words_of_slots_lie_apart_and_have_no_gaps() {
        let mut taken: Vec<(u64, u64)> = vec![(0, PAGES_AT), (RINGS_AT, MORE_LEVELS_AT)];
        for slot in [0, 1, 2, ALL_SLOTS - 1] {
            let mut next = 0;
            for Stretch { first, count, at } in stretches(slot) {
                assert_eq!(first, next);
                next += count;
                taken.push((at, at + u64::from(count) * 8));
                // A page is mapped for each stretch, one after another.
                assert!(first == 0 || at % PAGE == 0 && (u64::from(count) * 8) % PAGE == 0);
            }
            assert!(next >= MAX_LEASES);
        }
        taken.sort_unstable();
        assert!(taken.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{taken:?}");
    }
}
