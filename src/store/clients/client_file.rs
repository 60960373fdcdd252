//! The file of a reader of another user: opened, verified and read.
//!
//! Such files are never mapped and never trusted: they are read with `pread`. A visit fails only
//! for want of resources. Any other failure is the fault of the reader itself, and its file then
//! holds nothing: otherwise a reader could keep every object from being freed.

use crate::error::Result;
use crate::layout::client::{CLIENT_MAGIC, ClientHeader, FLAG_READ_ONLY};
use crate::protocols::lifecycle::says_joined;
use crate::segment::{Segment, slot_name};
use crate::store::clients::client_path::ClientPath;
use crate::sys::verified_fd::VerifiedFd;
use crate::sys::{Errno, file, file_lock};
use std::mem::offset_of;
use std::os::fd::BorrowedFd;

/// The open file of a client. The inode and the nonce together identify it: a file system may reuse
/// an inode number as soon as no process has the file open.
#[derive(Debug)]
pub struct ClientFile {
    pub fd: VerifiedFd,
    /// Random identity.
    pub nonce: u64,
}

/// Why a file does not show what its client holds.
#[derive(Clone, Copy, Debug)]
pub enum Unreadable {
    /// A system call failed.
    Os(Errno),
    /// The file is not a client's, or is cut short.
    NoClients,
}

impl From<Errno> for Unreadable {
    fn from(errno: Errno) -> Self {
        Self::Os(errno)
    }
}

impl Unreadable {
    /// Whether the client holds nothing in this case.
    pub fn holds_nothing(self) -> bool {
        !matches!(self, Self::Os(Errno(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EIO)))
    }
}

impl ClientFile {
    /// Opens the file at `path`.
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
            // The name is a link or a socket.
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

    /// Returns an error if the descriptor was closed from outside the library.
    pub fn verify(&self) -> Result<()> {
        self.fd.fd().map(drop)
    }

    /// Whether the client's process is alive.
    pub fn is_alive(&self) -> bool {
        // An error says nothing about the owner. Waiting is better than freeing what the owner
        // holds.
        file_lock::is_write_locked(self.fd.unverified()).unwrap_or(true)
    }

    /// Whether a client lives and may hold something. A client that leaves says so before its name
    /// goes.
    pub fn is_using(&self) -> bool {
        // This comes first: a client that takes the slot of a dead one notes that it has not joined
        // before it locks.
        let alive = self.is_alive();
        let joined = || match self.word(offset_of!(ClientHeader, joined)) {
            Ok(word) => word as u32,
            Err(why) => u32::from(!why.holds_nothing()),
        };
        says_joined(joined) && alive
    }

    /// The identity that the client claims.
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

    pub fn word(&self, at: usize) -> std::result::Result<u64, Unreadable> {
        let mut bytes = [0; 8];
        match file::read_at(self.fd.unverified(), &mut bytes, at as u64)? {
            8 => Ok(u64::from_le_bytes(bytes)),
            _ => Err(Unreadable::NoClients),
        }
    }
}

/// The identity that a client claims.
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
    /// The client found the store LIVE after it became visible.
    pub joined: bool,
}

impl Identity {
    /// The process name as text.
    pub fn name(&self) -> String {
        let end = self.comm.iter().position(|byte| *byte == 0).unwrap_or(self.comm.len());
        String::from_utf8_lossy(&self.comm[..end]).into_owned()
    }
}

pub fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(8).map(|chunk| {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        u64::from_le_bytes(word)
    })
}
