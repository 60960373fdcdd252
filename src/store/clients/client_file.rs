//! One other client: its file, opened, judged and read.
//!
//! Files of others are never mapped and never trusted: they are read with `pread`. Whose file it is
//! decides what a failure says. In `clients/`, where producers trust each other, only a name that is
//! not there says that there is no client; whatever else goes wrong leaves open what the client
//! holds, so the look fails. In `readers/` a lack of resources makes it fail likewise; all else a
//! reader did to its own file, which then holds nothing: otherwise a reader could keep everything
//! from being freed.

use crate::error::{Error, Result, Status};
use crate::layout::client::{
    CLIENT_MAGIC, ClientHeader, FLAG_READ_ONLY, LEASES_OFFSET, MAX_LEASES, RELEASES,
    RELEASES_OFFSET, SLOTS,
};
use crate::layout::extent::UNIT;
use crate::layout::word::{LeaseWord, State};
use crate::protocols::lease;
use crate::protocols::lifecycle::says_joined;
use crate::segment::{Segment, slot_name};
use crate::store::memory::reclaim::units_of;
use crate::store::session::Session;
use crate::sync::{Ordering, fence};
use crate::sys::verified_fd::VerifiedFd;
use crate::sys::{Errno, SysResult, file, file_lock};
use std::fmt;
use std::mem::offset_of;
use std::os::fd::BorrowedFd;

/// Where a client's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientPath {
    /// In `readers/`, else in `clients/`.
    pub in_readers: bool,
    /// Its name there.
    pub slot: u32,
}

impl ClientPath {
    /// The number by which people know the client: readers, and then guests, come after the others.
    pub fn number(self) -> u32 {
        if self.in_readers || self.slot >= SLOTS { SLOTS + self.slot } else { self.slot }
    }

    /// The directory that it is in; an error when the store has none, or its descriptor is closed.
    pub fn dir(self, segment: &Segment) -> Result<BorrowedFd<'_>> {
        match (&segment.readers, self.in_readers) {
            (Some(readers), true) => readers.fd(),
            (None, true) => Err(Error::new(Status::Internal, "this store admits no readers")),
            _ => segment.clients.fd(),
        }
    }
}

impl fmt::Display for ClientPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", if self.in_readers { "readers" } else { "clients" }, self.slot)
    }
}

/// The open file of a client. What it is known by is the inode together with the nonce: a file
/// system may give the number of an inode again as soon as nobody has the file open.
#[derive(Debug)]
pub struct ClientFile {
    fd: VerifiedFd,
    /// Random identity.
    pub nonce: u64,
}

/// Why a file does not tell what its client holds.
#[derive(Clone, Copy, Debug)]
pub enum Unreadable {
    /// The kernel says so.
    Os(Errno),
    /// It is no file of a client, or only the beginning of one.
    NoClients,
}

impl From<Errno> for Unreadable {
    fn from(errno: Errno) -> Self {
        Self::Os(errno)
    }
}

impl Unreadable {
    /// Whether the client then holds nothing.
    fn holds_nothing(self, path: ClientPath) -> bool {
        match self {
            Self::Os(Errno(libc::ENOENT)) => true,
            Self::Os(Errno(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EIO)) => false,
            _ => path.in_readers,
        }
    }
}

impl ClientFile {
    /// Open the file at `path`.
    pub fn find(
        segment: &Segment,
        path: ClientPath,
    ) -> Result<std::result::Result<Self, Unreadable>> {
        let dir = path.dir(segment)?;
        Ok(Self::find_in(dir, path))
    }

    fn find_in(dir: BorrowedFd<'_>, path: ClientPath) -> std::result::Result<Self, Unreadable> {
        let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOFOLLOW;
        let fd = match file::open_at(Some(dir), &slot_name(path.slot), flags, 0) {
            // A link, a socket.
            Err(Errno(libc::ELOOP | libc::ENXIO)) => return Err(Unreadable::NoClients),
            fd => VerifiedFd::new(fd?)?,
        };
        let mut begin = [0; size_of::<[u64; 2]>()];
        if !fd.stat().is_file() || file::read_at(fd.unverified(), &mut begin, 0)? != begin.len() {
            return Err(Unreadable::NoClients);
        }
        let mut begin = words(&begin);
        const _: () = assert!(offset_of!(ClientHeader, magic) == 0);
        const _: () = assert!(offset_of!(ClientHeader, nonce) == size_of::<u64>());
        match (begin.next(), begin.next()) {
            (Some(CLIENT_MAGIC), Some(nonce)) => Ok(Self { fd, nonce }),
            _ => Err(Unreadable::NoClients),
        }
    }

    /// Inode of the file.
    pub fn ino(&self) -> u64 {
        self.fd.stat().ino
    }

    /// An error when the descriptor was closed behind our back.
    pub fn verify(&self) -> Result<()> {
        self.fd.fd().map(drop)
    }

    /// Whether its process lives, or why that cannot be told.
    pub fn is_locked(&self) -> SysResult<bool> {
        file_lock::is_write_locked(self.fd.unverified())
    }

    /// Whether its process lives.
    pub fn is_alive(&self) -> bool {
        // An error says nothing about the owner; to free what it holds would be worse than to wait.
        self.is_locked().unwrap_or(true)
    }

    /// As [`ClientFile::is_alive`], of a descriptor that nobody has looked at in this call.
    pub fn is_alive_still(&self) -> bool {
        self.fd.get().map_or(true, |fd| file_lock::is_write_locked(fd).unwrap_or(true))
    }

    /// Whether a client lives and may hold something: one that leaves says so before its name goes.
    pub fn is_using(&self, path: ClientPath) -> bool {
        // First, since who takes the place of a dead client says that it is no user before it locks.
        let alive = self.is_alive();
        let joined = || match self.word(offset_of!(ClientHeader, joined)) {
            Ok(word) => word as u32,
            Err(why) => u32::from(!why.holds_nothing(path)),
        };
        says_joined(joined) && alive
    }

    /// Who the client says it is.
    pub fn identity(&self) -> std::result::Result<Identity, Unreadable> {
        let mut bytes = [0; size_of::<ClientHeader>()];
        if file::read_at(self.fd.unverified(), &mut bytes, 0)? != bytes.len() {
            return Err(Unreadable::NoClients);
        }
        let word = |at: usize| words(&bytes[at & !7..]).next().unwrap_or(0);
        let half = |at: usize| (word(at) >> (at % 8 * 8)) as u32;
        let mut comm = [0; 16];
        comm.copy_from_slice(&bytes[offset_of!(ClientHeader, comm)..][..16]);
        Ok(Identity {
            pid: half(offset_of!(ClientHeader, pid)) as i32,
            uid: half(offset_of!(ClientHeader, uid)),
            pid_namespace: word(offset_of!(ClientHeader, pid_namespace)),
            comm,
            read_only: half(offset_of!(ClientHeader, flags)) & FLAG_READ_ONLY != 0,
            connect_time_us: word(offset_of!(ClientHeader, connect_time_us)) as i64,
            joined: half(offset_of!(ClientHeader, joined)) != 0,
        })
    }

    fn word(&self, at: usize) -> std::result::Result<u64, Unreadable> {
        let mut bytes = [0; 8];
        match file::read_at(self.fd.unverified(), &mut bytes, at as u64)? {
            8 => Ok(u64::from_le_bytes(bytes)),
            _ => Err(Unreadable::NoClients),
        }
    }
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

impl Identity {
    /// The process name as text.
    pub fn name(&self) -> String {
        let end = self.comm.iter().position(|byte| *byte == 0).unwrap_or(self.comm.len());
        String::from_utf8_lossy(&self.comm[..end]).into_owned()
    }
}

/// A client, as it is found now.
pub struct ClientView<'a> {
    /// Where its file is.
    pub path: ClientPath,
    /// Its process lives.
    pub alive: bool,
    pub session: &'a Session,
    pub file: &'a ClientFile,
    /// The same file was seen under another name: its leases are counted.
    pub linked: bool,
    pub folded: &'a mut u64,
}

impl ClientView<'_> {
    /// Random identity.
    pub fn nonce(&self) -> u64 {
        self.file.nonce
    }

    /// Inode of its file.
    pub fn ino(&self) -> u64 {
        self.file.ino()
    }

    /// Tell each lease of this client on what is there; the dead have none.
    pub fn leases(&self, each: impl FnMut(LeaseWord)) -> Result<()> {
        self.leases_on(&[State::Sealed, State::Doomed], each)
    }

    /// Tell each lease of this client on what is deleted. They only become fewer, so those of an honest
    /// reader are all told (see `lease::quota`).
    pub fn doomed_leases(&self, each: impl FnMut(LeaseWord)) -> Result<()> {
        self.leases_on(&[State::Doomed], each)
    }

    /// Of producers each word is told, whatever it names.
    fn leases_on(&self, states: &[State], mut each: impl FnMut(LeaseWord)) -> Result<()> {
        if !self.alive || self.linked {
            return Ok(());
        }
        let pass = |each: &mut dyn FnMut(u32, LeaseWord)| {
            self.read_leases(each).or_else(|why| self.session.excuse(self.path, why))
        };
        if !self.path.in_readers {
            pass(&mut |_, lease| each(lease))?;
            lease::scanned();
            return Ok(());
        }
        let quota = self.session.segment.facts.reader_quota;
        let bytes = |lease| self.session.held_bytes(lease, states);
        lease::quota::counted(quota, pass, bytes, &mut each)
    }

    fn read_leases(
        &self,
        each: &mut dyn FnMut(u32, LeaseWord),
    ) -> std::result::Result<(), Unreadable> {
        let fd = self.file.fd.unverified();
        // Read after the fence of the lease protocol, as the words are.
        let high = self.file.word(offset_of!(ClientHeader, flags))? >> 32;
        let mut left = high.min(u64::from(MAX_LEASES)) as usize * 8;
        let mut at = LEASES_OFFSET;
        let mut buffer = [0; 4 << 10];
        while left > 0 {
            let want = left.min(buffer.len());
            let read = file::read_at(fd, &mut buffer[..want], at)?;
            let (first, mut empty) = (((at - LEASES_OFFSET) / 8) as u32, true);
            for (index, word) in (first..).zip(words(&buffer[..read])).filter(|it| it.1 != 0) {
                empty = false;
                each(index, LeaseWord(word));
            }
            if read < want {
                return Err(Unreadable::NoClients);
            }
            // A hole costs its owner nothing, so it costs the scan nothing either.
            let next = at + read as u64;
            let data = if empty { file::next_data(fd, next) } else { Some(next) };
            let Some(data) = data.map(|data| data & !7) else { break };
            left = left.saturating_sub((data - at) as usize);
            at = data;
        }
        Ok(())
    }

    /// Tell each release since the last call: what and when. What cannot be read is a lost stamp.
    pub fn fold_releases(&mut self, mut each: impl FnMut(LeaseWord, u64)) {
        let Ok(end) = self.file.word(offset_of!(ClientHeader, released)) else { return };
        if end == *self.folded {
            return;
        }
        // A copy without order; a torn entry is a lost stamp, or one that is too old.
        let mut buffer = [0; RELEASES as usize * 16];
        let Ok(read) = file::read_at(self.file.fd.unverified(), &mut buffer, RELEASES_OFFSET)
        else {
            return;
        };
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

    /// Who the client says it is; `None` when a reader has damaged its own file.
    pub fn identity(&self) -> Result<Option<Identity>> {
        match self.file.identity() {
            Ok(identity) => Ok(Some(identity)),
            Err(why) => self.session.excuse(self.path, why).map(|()| None),
        }
    }
}

impl Session {
    /// Bytes of the object that a lease holds if it is in one of these states; `None` for a lease on
    /// another generation of its slot, which is nonsense.
    fn held_bytes(&self, lease: LeaseWord, states: &[State]) -> Option<u64> {
        let record = self.segment.record(lease.slot()).ok()?;
        let word = record.load();
        if word.generation() != lease.generation() || !states.contains(&word.state()?) {
            return None;
        }
        let bytes = units_of(record, word).saturating_mul(UNIT);
        // SYNC record-fields: as in a lookup. Freed meanwhile, nobody held it.
        fence(Ordering::Acquire);
        let same = record.load_with(Ordering::Relaxed).generation() == word.generation();
        same.then_some(bytes)
    }

    /// The client at `path`; `None` when nobody is there who could hold anything.
    pub fn find_client(&self, path: ClientPath) -> Result<Option<ClientFile>> {
        match ClientFile::find(&self.segment, path)? {
            Ok(file) => Ok(Some(file)),
            Err(why) => self.excuse(path, why).map(|()| None),
        }
    }

    /// Go on when a client whose file cannot be read holds nothing; else the error that it is.
    pub fn excuse(&self, path: ClientPath, why: Unreadable) -> Result<()> {
        if why.holds_nothing(path) { Ok(()) } else { Err(self.unreadable_error(path, why)) }
    }

    #[cold]
    fn unreadable_error(&self, path: ClientPath, why: Unreadable) -> Error {
        let store = self.address.display();
        let unknown = format!("it cannot be told what the client of {store}/{path} holds");
        let way_out = "delete that file once its process has ended";
        match why {
            Unreadable::Os(errno) if matches!(errno.0, libc::EACCES | libc::EPERM) => errno
                .because(format!("{unknown}; make its file readable (chmod 644), or {way_out}")),
            Unreadable::Os(errno) => errno.because(format!("{unknown}; if this stays, {way_out}")),
            Unreadable::NoClients => Error::new(
                Status::Corrupt,
                format!("{unknown}, since the file is none of a client; {way_out}"),
            ),
        }
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(8).map(|chunk| {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        u64::from_le_bytes(word)
    })
}
