//! The other clients: who is there, whether they live, and what they lease.
//!
//! A scan that frees memory keeps the descriptors of the clients that it has seen, so that the next one
//! tells a file that was deleted behind our back from one whose owner left. Of readers in `readers/` only
//! the first few are kept, so that a thousand of them do not use up the descriptors of every producer. A
//! glance (who is dead, who holds what) keeps none.

use crate::error::{Error, Result, Status};
use crate::layout::client::{ALL_SLOTS, SLOTS};
use crate::layout::word::LeaseWord;
use crate::segment::{slot_name, slot_of};
use crate::store::clients::client_file::{Identity, Peer, Place, Unreadable, View};
use crate::store::clients::lease_counts::LeaseCounts;
use crate::store::memory::evict::fold;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::mutex::Mutex;
use crate::sys::{Errno, file};
use std::collections::{HashMap, HashSet};

/// Names that are read from a directory before its canonical names are tried one by one.
const MAX_NAMES: usize = 16 * 1024;

/// Files in `readers/` whose descriptors are kept; further ones are opened for each look.
const KEPT_READERS: usize = 64;

/// Creators that are kept because a wait asked whether they live.
const KEPT_CREATORS: usize = 64;

/// The clients that were seen by scans.
#[derive(Default)]
pub struct Peers {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    named: HashMap<Place, KnownPeer>,
    /// Living readers that unlinked or renamed their own files: they harm nobody, and what they
    /// hold still counts.
    nameless: Vec<(Place, KnownPeer)>,
    /// Clients that the last look found.
    count: usize,
}

struct KnownPeer {
    peer: Peer,
    /// Releases folded so far.
    folded: u64,
}

/// Why the clients are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// To free what nobody leases.
    Scan,
    /// To tell of them.
    Glance,
    /// To tell of the others: this client's own file is not opened a second time for that.
    AtOthers,
}

impl Session {
    /// Look at every client, this one too, before memory is freed. Fails with STORE_GONE when a living
    /// client's file that an earlier scan saw has lost its name: then somebody deleted files of the
    /// store, and nothing may be freed.
    pub fn scan_clients(&self, each: impl FnMut(View<'_>) -> Result<()>) -> Result<()> {
        self.visit(Look::Scan, each).map(drop)
    }

    /// As [`Session::scan_clients`], without keeping what is needed to tell who was seen before.
    pub fn visit_clients(&self, each: impl FnMut(View<'_>) -> Result<()>) -> Result<()> {
        self.visit(Look::Glance, each).map(drop)
    }

    /// As [`Session::visit_clients`]; of this client itself nothing need be told. Returns the names in
    /// `readers/` that count but are no client's: what a reader planted there.
    pub fn visit_others(&self, each: impl FnMut(View<'_>) -> Result<()>) -> Result<Vec<Place>> {
        self.visit(Look::AtOthers, each)
    }

    fn visit(
        &self,
        look: Look,
        mut each: impl FnMut(View<'_>) -> Result<()>,
    ) -> Result<Vec<Place>> {
        let mut known = self.peers.known.lock();
        let known = &mut *known;
        let fresh = self.find_peers(known)?;
        let (mut seen, mut planted, mut failed) = (HashSet::new(), Vec::new(), Ok(()));
        let all = known.named.len() + known.nameless.len() + fresh.len();
        seen.try_reserve(all).map_err(|_| fallible::refused())?;
        let mut show = |place, peer: &Peer, folded: &mut u64| {
            let (alive, linked) = (peer.is_alive(), !seen.insert((peer.ino(), peer.nonce)));
            each(View { place, alive, session: self, peer, linked, folded }).map(|()| alive)
        };
        let nameless = known.nameless.iter_mut().map(|(place, known)| (&*place, known));
        for (place, KnownPeer { peer, folded }) in known.named.iter_mut().chain(nameless) {
            show(*place, peer, folded)?;
        }
        let is_reader = |place: &&Place| place.in_readers;
        let mut readers = known.named.keys().filter(is_reader).count() + known.nameless.len();
        known.count = all;
        for (place, ino) in fresh {
            if look == Look::AtOthers && self.own.is_at(place) && ino == self.own.ino() {
                continue;
            }
            // One by one, so that a glance at a thousand clients needs one descriptor.
            let peer = match Peer::open(&self.segment, place)? {
                Ok(peer) => peer,
                Err(Unreadable::Os(Errno(libc::ENOENT))) => continue,
                Err(why) => {
                    // Of the others is told all the same: the dead among them can be buried.
                    match self.excuse(place, why) {
                        Ok(()) => fallible::push(&mut planted, place)?,
                        error => failed = failed.and(error),
                    }
                    continue;
                }
            };
            let mut folded = 0;
            let alive = show(place, &peer, &mut folded)?;
            // The dead hold nothing, whatever becomes of their names.
            if alive && look == Look::Scan && (!place.in_readers || readers < KEPT_READERS) {
                readers += usize::from(place.in_readers);
                known.named.insert(place, KnownPeer { peer, folded });
            }
        }
        failed.map(|()| planted)
    }

    /// Whether a client that may write would find a place.
    pub fn has_free_slot(&self) -> Result<bool> {
        let files = self.list_files()?;
        let taken = files.iter().filter(|(place, _)| !place.in_readers && place.slot < SLOTS);
        Ok(taken.count() < SLOTS as usize)
    }

    /// How many clients there were, this one too, when they were last looked at.
    pub fn known_clients(&self) -> u64 {
        self.peers.known.lock().count.max(1) as u64
    }

    /// Count a lease if it is on what is in its slot now: a word of an earlier generation, or of
    /// none, is nonsense.
    pub fn count_lease(&self, leases: &mut LeaseCounts, lease: LeaseWord) {
        if leases.covers(lease.slot())
            && let Ok(record) = self.segment.index().record(lease.slot())
            && record.load().generation() == lease.generation()
        {
            leases.add(lease.slot());
        }
    }

    /// Make `known` those of it who are there still; after an error it is what it was. Returns the
    /// others who are there, by their names and the inodes that these have.
    ///
    /// A known file is open, so its inode is no other file's.
    fn find_peers(&self, known: &mut Known) -> Result<Vec<(Place, u64)>> {
        let nameless = known.nameless.iter().map(|(_, known)| known);
        for KnownPeer { peer, .. } in known.named.values().chain(nameless) {
            peer.look()?;
        }
        let mut files = self.list_files()?;
        let mut same = HashSet::new();
        same.try_reserve(files.len()).map_err(|_| fallible::refused())?;
        // Nothing that becomes known below, or in the caller, fails for want of memory.
        known.named.try_reserve(files.len()).map_err(|_| fallible::refused())?;
        known.nameless.try_reserve(KEPT_READERS).map_err(|_| fallible::refused())?;
        files.retain(|(place, ino)| {
            let is_known = known.named.get(place).is_some_and(|known| known.peer.ino() == *ino);
            if is_known {
                same.insert(*place);
            }
            !is_known
        });
        // A reader owns its file and may unlink it; that of a producer only somebody else deletes.
        let lost = |(place, known): (&Place, &KnownPeer)| {
            !place.in_readers && !same.contains(place) && known.peer.is_using(*place)
        };
        if known.named.iter().any(lost) {
            return Err(self.declare_gone());
        }
        known.nameless.retain(|(_, known)| known.peer.is_alive());
        for (place, peer) in known.named.extract_if(|place, _| !same.contains(place)) {
            let peer = self.fold_left(place, peer);
            if peer.peer.is_using(place) && known.nameless.len() < KEPT_READERS {
                known.nameless.push((place, peer));
            }
        }
        Ok(files)
    }

    /// The releases of a client whose name is gone count as well.
    fn fold_left(&self, place: Place, mut known: KnownPeer) -> KnownPeer {
        if self.segment.facts.lru() && !self.segment.read_only {
            let KnownPeer { peer, folded } = &mut known;
            View { place, alive: false, session: self, peer, linked: false, folded }
                .fold_releases(|lease, ticks| fold(&self.segment, lease, ticks));
        }
        known
    }

    /// Whether the client that had this slot and nonce lives. Only producers create, so only
    /// `clients/` is asked.
    pub fn is_client_alive(&self, slot: u32, nonce: u64) -> bool {
        if nonce == self.own.nonce {
            return true;
        }
        let place = Place { in_readers: false, slot };
        let mut known = self.peers.known.lock();
        if let Some(KnownPeer { peer, .. }) = known.named.get(&place)
            && peer.nonce == nonce
        {
            let alive = peer.is_alive_still();
            if !alive && let Some(dead) = known.named.remove(&place) {
                self.fold_left(place, dead);
            }
            return alive;
        }
        if slot >= ALL_SLOTS {
            return false;
        }
        match self.peer_at(place) {
            Ok(Some(peer)) => {
                let alive = peer.nonce == nonce && peer.is_alive();
                if alive && known.named.len() < KEPT_CREATORS && known.named.try_reserve(1).is_ok()
                {
                    // One that is known there and not found is for the next scan to judge.
                    known.named.entry(place).or_insert(KnownPeer { peer, folded: 0 });
                }
                alive
            }
            // Unless the whole store was deleted, a creator without a file has left.
            Ok(None) => self.check_links().is_err(),
            // Not known to be dead.
            Err(_) => true,
        }
    }

    /// Whether a client of `clients/` whose file was seen in this slot lives, though its name may be gone.
    pub fn was_seen_alive(&self, slot: u32) -> bool {
        let known = self.peers.known.lock();
        let seen = known.named.get(&Place { in_readers: false, slot });
        seen.is_some_and(|known| known.peer.is_alive_still())
    }

    /// Who the client in this slot of `clients/` says it is.
    pub fn identity_of(&self, slot: u32) -> Option<Identity> {
        self.peer_at(Place { in_readers: false, slot }).ok()??.identity().ok()
    }

    /// Whether the name of a client that was found dead is still its own: under the lock.
    pub fn is_dead_client(&self, place: Place, nonce: u64, ino: u64) -> bool {
        let Ok(Some(peer)) = self.peer_at(place) else { return false };
        if peer.ino() != ino || peer.nonce != nonce || peer.is_alive() {
            return false;
        }
        // Once more: who leaves unlinks its name and lets go then, and the next may have it already.
        // From here on it stays: only a leaver, or who buries under this lock, takes it away. And while
        // `peer` is open, no other file has its inode.
        self.ino_at(place) == Some(ino)
    }

    fn ino_at(&self, place: Place) -> Option<u64> {
        let dir = place.dir(&self.segment).ok()?;
        file::stat_at(Some(dir), &slot_name(place.slot)).ok().map(|stat| stat.ino)
    }

    /// The names in `clients/` that stand for no file that can be read as a client's, and what that
    /// means.
    pub fn strangers(&self) -> Result<Vec<(Place, Error)>> {
        let mut strangers = Vec::new();
        for (place, _) in self.list_files()?.into_iter().filter(|(place, _)| !place.in_readers) {
            match self.peer_at(place) {
                Err(error) if matches!(error.status(), Status::Limit | Status::OutOfMemory) => {
                    return Err(error);
                }
                Err(error) => fallible::push(&mut strangers, (place, error))?,
                Ok(_) => {}
            }
        }
        Ok(strangers)
    }

    fn list_files(&self) -> Result<Vec<(Place, u64)>> {
        // Canonical names are all different, so there are no more.
        let mut files = fallible::with_room((SLOTS + ALL_SLOTS) as usize)?;
        let clients = (self.segment.clients.fd()?, false);
        let readers = self.segment.readers.as_ref().map(|dir| dir.fd()).transpose()?;
        for (dir, in_readers) in [clients].into_iter().chain(readers.map(|dir| (dir, true))) {
            let from = files.len();
            let slots = if in_readers { self.segment.facts.max_readers } else { ALL_SLOTS };
            let complete = file::list_dir(dir, MAX_NAMES, |name, ino| {
                // One renamed meanwhile may be listed twice.
                let slot = slot_of(name).filter(|slot| *slot < slots);
                if files.len() < from + slots as usize {
                    files.extend(slot.map(|slot| (Place { in_readers, slot }, ino)));
                }
            })
            .map_err(|errno| match errno.0 {
                libc::ENOENT => self.declare_gone(),
                _ => errno.because("cannot list the clients of the store"),
            })?;
            if !complete {
                // Somebody plants names: ask for the ones that count.
                files.truncate(from);
                for place in (0..slots).map(|slot| Place { in_readers, slot }) {
                    match file::stat_at(Some(dir), &slot_name(place.slot)) {
                        Ok(stat) => files.push((place, stat.ino)),
                        Err(errno) => self.excuse(place, errno.into())?,
                    }
                }
            }
        }
        Ok(files)
    }
}
