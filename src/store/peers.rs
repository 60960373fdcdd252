//! The other clients: their files, whether they live, and what they lease.
//!
//! Files of others are never mapped and never trusted: they are read with `pread`, a short read is
//! no lease, and who cannot be read has no leases. A client is known by the inode and the nonce of
//! its file; the descriptor of each file that was ever seen is kept, so that a file deleted behind
//! our back is told from one whose owner left. Of readers in `readers/` only the first few are kept,
//! so that a thousand of them do not use up the descriptors of every producer.

use super::evict::fold;
use super::session::Session;
use super::words::LeaseCounts;
use crate::error::{Error, Result};
use crate::layout::client::{
    CLIENT_MAGIC, ClientHeader, FLAG_READ_ONLY, LEASES_OFFSET, MAX_LEASES, RELEASES,
    RELEASES_OFFSET, SLOTS,
};
use crate::layout::word::LeaseWord;
use crate::lease;
use crate::memory;
use crate::mutex::Mutex;
use crate::presence::says_joined;
use crate::segment::{Segment, slot_name, slot_of};
use crate::sys::kept::Kept;
use crate::sys::{Errno, file, lock};
use std::collections::{HashMap, HashSet};
use std::mem::offset_of;
use std::os::fd::{AsFd, BorrowedFd};

/// Names that are read from a directory before its canonical names are tried one by one.
const MAX_NAMES: usize = 16 * 1024;

/// Files in `readers/` whose descriptors are kept; further ones are opened for each look.
const KEPT_READERS: usize = 64;

/// Where a client's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// In `readers/`, else in `clients/`.
    pub in_readers: bool,
    /// Its name there.
    pub slot: u32,
}

/// The clients that were ever seen.
#[derive(Default)]
pub struct Peers {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    named: HashMap<Place, Peer>,
    /// Living readers that unlinked or renamed their own files: they harm nobody, and what they
    /// hold still counts.
    nameless: Vec<(Place, Peer)>,
}

struct Peer {
    /// `None`: opened when it is looked at.
    fd: Option<Kept>,
    ino: u64,
    nonce: u64,
    /// Releases folded so far.
    folded: u64,
}

/// A client, as it is found now.
pub struct View<'a> {
    /// Where its file is.
    pub place: Place,
    /// Random identity.
    pub nonce: u64,
    /// Its process lives.
    pub alive: bool,
    /// Inode of its file.
    pub ino: u64,
    /// The same file was seen under another name: its leases are counted.
    linked: bool,
    fd: BorrowedFd<'a>,
    folded: &'a mut u64,
}

/// Who a client says it is.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// Process id in its own namespace.
    pub pid: i32,
    /// User id.
    pub uid: u32,
    /// Inode of the PID namespace.
    pub pid_namespace: u64,
    /// Process name.
    pub comm: [u8; 16],
    /// Connected read-only.
    pub read_only: bool,
    /// Microseconds since the Unix epoch.
    pub connect_time_us: i64,
    /// It has found the store LIVE after it became visible.
    pub joined: bool,
}

impl Session {
    /// Look at every client, this one too. Fails with STORE_GONE when a living client's file has
    /// lost its name: then somebody deleted files of the store, and nothing may be freed.
    pub fn visit_clients(&self, each: impl FnMut(View<'_>) -> Result<()>) -> Result<()> {
        self.visit(true, each)
    }

    /// As [`Session::visit_clients`]; of this client itself nothing need be told, and its file is not
    /// opened a second time for that.
    pub fn visit_others(&self, each: impl FnMut(View<'_>) -> Result<()>) -> Result<()> {
        self.visit(false, each)
    }

    fn visit(&self, own: bool, mut each: impl FnMut(View<'_>) -> Result<()>) -> Result<()> {
        let mut known = self.peers.known.lock();
        self.find_peers(&mut known, own)?;
        let Known { named, nameless } = &mut *known;
        let mut seen = HashSet::new();
        seen.try_reserve(named.len() + nameless.len()).map_err(|_| memory::refused())?;
        let nameless = nameless.iter_mut().map(|(place, peer)| (&*place, peer));
        for (place, peer) in named.iter_mut().chain(nameless) {
            let Peer { fd: kept, ino, nonce, folded } = peer;
            let opened = match kept {
                Some(_) => None,
                None => self.open_again(*place, *ino, *nonce)?,
            };
            // One that left, or made its file unreadable, since it was listed has no leases.
            let Some(fd) = kept.as_ref().or(opened.as_ref()) else { continue };
            let (fd, linked) = (fd.seen(), !seen.insert(*ino));
            let alive = is_alive(fd);
            each(View { place: *place, nonce: *nonce, alive, ino: *ino, linked, fd, folded })?;
        }
        Ok(())
    }

    /// How many clients there were, this one too, when they were last looked at.
    pub(super) fn known_clients(&self) -> u64 {
        let known = self.peers.known.lock();
        (known.named.len() + known.nameless.len()).max(1) as u64
    }

    /// The file of a reader whose descriptor is not kept.
    fn open_again(&self, place: Place, ino: u64, nonce: u64) -> Result<Option<Kept>> {
        let peer = open_peer(&self.segment, place).map_err(cannot_look)?;
        Ok(peer.filter(|peer| (peer.ino, peer.nonce) == (ino, nonce)).and_then(|peer| peer.fd))
    }

    /// Count a lease if it is on what is in its slot now: a word of an earlier generation, or of
    /// none, is nonsense.
    pub(super) fn count_lease(&self, leases: &mut LeaseCounts, lease: LeaseWord) {
        if leases.covers(lease.slot())
            && let Ok(record) = self.segment.index().record(lease.slot())
            && record.look().generation() == lease.generation()
        {
            leases.add(lease.slot());
        }
    }

    /// Make `known` what is there now; after an error it is what it was. This client becomes known
    /// only if `own`.
    fn find_peers(&self, known: &mut Known, own: bool) -> Result<()> {
        let nameless = known.nameless.iter().map(|(_, peer)| peer);
        for fd in known.named.values().chain(nameless).filter_map(|peer| peer.fd.as_ref()) {
            fd.fd()?;
        }
        let files = self.list_files()?;
        let (mut same, mut fresh) = (HashSet::new(), memory::with_room(files.len())?);
        same.try_reserve(files.len()).map_err(|_| memory::refused())?;
        // Nothing below fails for want of memory.
        known.named.try_reserve(files.len()).map_err(|_| memory::refused())?;
        known.nameless.try_reserve(KEPT_READERS).map_err(|_| memory::refused())?;
        let kept = |(place, peer): &(&Place, &Peer)| place.in_readers && peer.fd.is_some();
        let mut readers = known.named.iter().filter(kept).count() + known.nameless.len();
        for (place, ino) in files {
            if known.named.get(&place).is_some_and(|peer| peer.ino == ino) {
                same.insert(place);
                continue;
            }
            if !own && self.own.is_at(place) && ino == self.own.ino() {
                continue;
            }
            let peer = open_peer(&self.segment, place).map_err(cannot_look)?;
            fresh.extend(peer.map(|mut peer| {
                readers += usize::from(place.in_readers);
                if place.in_readers && readers > KEPT_READERS {
                    peer.fd = None;
                }
                (place, peer)
            }));
        }
        let is_using = |peer: &Peer| peer.fd.as_ref().is_some_and(|fd| is_using(fd.seen()));
        let missed = |place: &Place, peer: &Peer| !same.contains(place) && is_using(peer);
        // A reader owns its file and may unlink it; that of a producer only somebody else deletes.
        if known.named.iter().any(|(place, peer)| !place.in_readers && missed(place, peer)) {
            return Err(self.declare_gone());
        }
        known.nameless.retain(|(_, peer)| peer.fd.as_ref().is_some_and(|fd| is_alive(fd.seen())));
        for (place, peer) in known.named.extract_if(|place, _| !same.contains(place)) {
            let peer = self.fold_left(place, peer);
            if is_using(&peer) && known.nameless.len() < KEPT_READERS {
                known.nameless.push((place, peer));
            }
        }
        known.named.extend(fresh);
        Ok(())
    }

    /// The releases of a client whose name is gone count as well.
    fn fold_left(&self, place: Place, mut peer: Peer) -> Peer {
        if self.segment.facts.lru() && !self.segment.read_only {
            let Peer { fd: Some(fd), nonce, ino, folded } = &mut peer else { return peer };
            let (nonce, ino, fd) = (*nonce, *ino, fd.seen());
            View { place, nonce, alive: false, ino, linked: false, fd, folded }
                .fold_releases(|lease, ticks| fold(&self.segment, lease, ticks));
        }
        peer
    }

    /// Whether the client that had this slot and nonce lives. Only producers create, so only
    /// `clients/` is asked.
    pub fn is_client_alive(&self, slot: u32, nonce: u64) -> bool {
        if nonce == self.own.nonce {
            return true;
        }
        let place = Place { in_readers: false, slot };
        let mut known = self.peers.known.lock();
        if let Some(peer) = known.named.get(&place)
            && peer.nonce == nonce
            && let Some(fd) = &peer.fd
        {
            return fd.get().map_or(true, is_alive);
        }
        if slot >= SLOTS {
            return false;
        }
        match open_peer(&self.segment, place) {
            Ok(Some(peer)) => {
                let alive = peer.nonce == nonce && peer.is_alive();
                if known.named.try_reserve(1).is_ok() {
                    known.named.entry(place).or_insert(peer);
                }
                alive
            }
            // Unless the whole store was deleted, a creator without a file has left.
            Ok(None) => self.check_links().is_err(),
            // Out of descriptors: not known to be dead.
            Err(_) => true,
        }
    }

    /// Whether a client of `clients/` whose file was seen in this slot lives, though its name may be gone.
    pub(super) fn was_seen_alive(&self, slot: u32) -> bool {
        let known = self.peers.known.lock();
        known.named.get(&Place { in_readers: false, slot }).is_some_and(Peer::is_alive)
    }

    /// Who the client in this slot of `clients/` says it is.
    pub(super) fn identity_of(&self, slot: u32) -> Option<Identity> {
        let place = Place { in_readers: false, slot };
        let Peer { fd, ino, nonce, mut folded } = open_peer(&self.segment, place).ok()??;
        let (fd, folded) = (fd.as_ref()?.seen(), &mut folded);
        View { place, nonce, alive: true, ino, linked: false, fd, folded }.identity()
    }

    /// Whether the name of a client that was found dead is still its own: under the lock.
    pub(super) fn is_dead_client(&self, place: Place, nonce: u64, ino: u64) -> bool {
        let Ok(Some(peer)) = open_peer(&self.segment, place) else { return false };
        if peer.ino != ino || peer.nonce != nonce || peer.is_alive() {
            return false;
        }
        // Once more: who leaves unlinks its name and lets go then, and the next may have it already.
        // From here on it stays: only a leaver, or who buries under this lock, takes it away.
        let dir = match (&self.segment.readers, place.in_readers) {
            (Some(readers), true) => readers,
            _ => &self.segment.clients,
        };
        file::stat_at(Some(dir.seen()), &slot_name(place.slot)).is_ok_and(|stat| stat.ino == ino)
    }

    /// Names in `readers/` that count but are no client's: what a reader planted there.
    pub fn planted(&self) -> Result<Vec<(Place, u64)>> {
        let known = self.peers.known.lock();
        let mut planted = self.list_files()?;
        planted.retain(|(place, _)| {
            let strange = place.in_readers && !known.named.contains_key(place);
            // One that joined since it was looked for is no stranger.
            strange && matches!(open_peer(&self.segment, *place), Ok(None))
        });
        Ok(planted)
    }

    /// Slots whose names in `clients/` are there and stand for no client's file.
    pub(super) fn strangers(&self) -> Result<Vec<u32>> {
        let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOFOLLOW;
        let clients = self.segment.clients.fd()?;
        let is_strange = |slot: u32| {
            match file::open_at(Some(clients), &slot_name(slot), flags, 0) {
                Ok(fd) => {
                    !file::stat_fd(fd.as_fd()).is_ok_and(|stat| stat.is_file())
                        || read_word(fd.as_fd(), offset_of!(ClientHeader, magic))
                            != Some(CLIENT_MAGIC)
                }
                // A link, a socket. Of others nothing is known: it may have left.
                Err(errno) => matches!(errno.0, libc::ELOOP | libc::ENXIO),
            }
        };
        let files = self.list_files()?;
        let slots = files.iter().filter(|(place, _)| !place.in_readers);
        memory::collect(slots.map(|(place, _)| place.slot).filter(|slot| is_strange(*slot)))
    }

    fn list_files(&self) -> Result<Vec<(Place, u64)>> {
        // Canonical names are all different, so there are no more.
        let mut files = memory::with_room(2 * SLOTS as usize)?;
        let clients = (self.segment.clients.fd()?, false);
        let readers = self.segment.readers.as_ref().map(|dir| dir.fd()).transpose()?;
        for (dir, in_readers) in [clients].into_iter().chain(readers.map(|dir| (dir, true))) {
            let from = files.len();
            let complete = file::list_dir(dir, MAX_NAMES, |name, ino| {
                // One renamed meanwhile may be listed twice.
                if files.len() < from + SLOTS as usize {
                    files.extend(slot_of(name).map(|slot| (Place { in_readers, slot }, ino)));
                }
            })
            .map_err(|errno| match errno.0 {
                libc::ENOENT => self.declare_gone(),
                _ => errno.because("cannot list the clients of the store"),
            })?;
            if !complete {
                // Somebody plants names: ask for the ones that count.
                files.truncate(from);
                for slot in 0..SLOTS {
                    if let Ok(stat) = file::stat_at(Some(dir), &slot_name(slot)) {
                        files.push((Place { in_readers, slot }, stat.ino));
                    }
                }
            }
        }
        Ok(files)
    }
}

/// Open a client's file; `None` when it is not one. Only a lack of descriptors or memory is an
/// error: whatever else is wrong with the file means that this client has no leases.
fn open_peer(segment: &Segment, place: Place) -> std::result::Result<Option<Peer>, Errno> {
    let dir = match (&segment.readers, place.in_readers) {
        (Some(readers), true) => readers.get()?,
        (None, true) => return Ok(None),
        _ => segment.clients.get()?,
    };
    let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOFOLLOW;
    let fd = match file::open_at(Some(dir), &slot_name(place.slot), flags, 0) {
        Ok(fd) => fd,
        Err(errno) if matches!(errno.0, libc::EMFILE | libc::ENFILE | libc::ENOMEM) => {
            return Err(errno);
        }
        Err(_) => return Ok(None),
    };
    let Ok(fd) = Kept::new(fd) else { return Ok(None) };
    let mut begin = [0; size_of::<[u64; 2]>()];
    if !fd.stat().is_file() || file::read_at(fd.seen(), &mut begin, 0) != Ok(begin.len()) {
        return Ok(None);
    }
    let mut begin = words(&begin);
    const _: () = assert!(offset_of!(ClientHeader, magic) == 0);
    const _: () = assert!(offset_of!(ClientHeader, nonce) == size_of::<u64>());
    match (begin.next(), begin.next()) {
        (Some(CLIENT_MAGIC), Some(nonce)) => {
            let ino = fd.stat().ino;
            Ok(Some(Peer { fd: Some(fd), ino, nonce, folded: 0 }))
        }
        _ => Ok(None),
    }
}

#[cold]
fn cannot_look(errno: Errno) -> Error {
    errno.because("cannot look at the leases of all clients")
}

impl Peer {
    fn is_alive(&self) -> bool {
        self.fd.as_ref().is_some_and(|fd| is_alive(fd.seen()))
    }
}

fn is_alive(fd: BorrowedFd<'_>) -> bool {
    // An error says nothing about the owner; to free what it holds would be worse than to wait.
    lock::is_write_locked(fd).unwrap_or(true)
}

/// Whether a client lives and may hold something: one that leaves says so before its name goes.
fn is_using(fd: BorrowedFd<'_>) -> bool {
    // First, since who takes the place of a dead client says that it is no user before it locks.
    let alive = is_alive(fd);
    let joined = || read_word(fd, offset_of!(ClientHeader, joined)).map_or(0, |word| word as u32);
    says_joined(joined) && alive
}

fn read_word(fd: BorrowedFd<'_>, at: usize) -> Option<u64> {
    let mut bytes = [0; 8];
    (file::read_at(fd, &mut bytes, at as u64) == Ok(8)).then(|| u64::from_le_bytes(bytes))
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(8).map(|chunk| {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        u64::from_le_bytes(word)
    })
}

impl View<'_> {
    /// Tell each lease of this client; the dead have none.
    pub fn leases(&self, mut each: impl FnMut(LeaseWord)) -> Result<()> {
        if !self.alive || self.linked {
            return Ok(());
        }
        // Read after the fence of the lease protocol, as the words are.
        let high = read_word(self.fd, offset_of!(ClientHeader, flags)).map_or(0, |w| w >> 32);
        let mut left = high.min(u64::from(MAX_LEASES)) as usize * 8;
        let mut at = LEASES_OFFSET;
        let mut buffer = [0; 4 << 10];
        while left > 0 {
            let want = left.min(buffer.len());
            let read = match file::read_at(self.fd, &mut buffer[..want], at) {
                Err(errno) if errno.0 == libc::ENOMEM => {
                    return Err(errno.because("cannot read the leases of all clients"));
                }
                // Whatever else is wrong with the file: it ends here.
                read => read.unwrap_or(0),
            };
            let mut empty = true;
            for word in words(&buffer[..read]).filter(|&word| word != 0) {
                empty = false;
                each(LeaseWord(word));
            }
            if read < want {
                break;
            }
            // A hole costs its owner nothing, so it costs the scan nothing either.
            let next = at + read as u64;
            let data = if empty { file::next_data(self.fd, next) } else { Some(next) };
            let Some(data) = data.map(|data| data & !7) else { break };
            left = left.saturating_sub((data - at) as usize);
            at = data;
        }
        lease::scanned();
        Ok(())
    }

    /// Tell each release since the last call: what and when.
    pub fn fold_releases(&mut self, mut each: impl FnMut(LeaseWord, u64)) {
        let Some(end) = read_word(self.fd, offset_of!(ClientHeader, released)) else { return };
        if end == *self.folded {
            return;
        }
        // A copy without order; a torn entry is a lost stamp, or one that is too old.
        let mut buffer = [0; RELEASES as usize * 16];
        let Ok(read) = file::read_at(self.fd, &mut buffer, RELEASES_OFFSET) else { return };
        let from = (*self.folded).max(end.saturating_sub(u64::from(RELEASES)));
        for at in from..end {
            let i = (at % u64::from(RELEASES)) as usize * 16;
            if let Some(entry) = buffer[..read].get(i..i + 16)
                && let (Some(ticks), Some(lease)) = (words(entry).next(), words(entry).nth(1))
                && lease != 0
            {
                each(LeaseWord(lease), ticks);
            }
        }
        *self.folded = end;
    }

    /// Who the client says it is.
    pub fn identity(&self) -> Option<Identity> {
        let mut bytes = [0; size_of::<ClientHeader>()];
        if file::read_at(self.fd, &mut bytes, 0) != Ok(bytes.len()) {
            return None;
        }
        let half = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(word)
        };
        let pid = half(offset_of!(ClientHeader, pid)) as i32;
        let uid = half(offset_of!(ClientHeader, uid));
        let flags = half(offset_of!(ClientHeader, flags));
        let joined = half(offset_of!(ClientHeader, joined)) != 0;
        let mut comm = [0; 16];
        comm.copy_from_slice(&bytes[offset_of!(ClientHeader, comm)..][..16]);
        Some(Identity {
            pid,
            uid,
            pid_namespace: read_word(self.fd, offset_of!(ClientHeader, pid_namespace))?,
            comm,
            read_only: flags & FLAG_READ_ONLY != 0,
            connect_time_us: read_word(self.fd, offset_of!(ClientHeader, connect_time_us))? as i64,
            joined,
        })
    }
}

impl Identity {
    /// The process name as text.
    pub fn name(&self) -> String {
        let end = self.comm.iter().position(|byte| *byte == 0).unwrap_or(self.comm.len());
        String::from_utf8_lossy(&self.comm[..end]).into_owned()
    }
}
