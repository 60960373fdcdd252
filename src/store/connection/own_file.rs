//! This client's own file, which is locked before it is visible.

use crate::error::{Error, Result, Status};
use crate::layout::client::{
    ALL_SLOTS, CLIENT_MAGIC, ClientHeader, FILE_SIZE, FLAG_READ_ONLY, LEASE_CHUNK, LEASES_OFFSET,
    MAX_LEASES, RELEASES, RELEASES_OFFSET, Release, SLOTS,
};
use crate::layout::word::LeaseWord;
use crate::protocols::lifecycle;
use crate::segment::{Section, Segment, Single, refuse_beyond_cgroup, slot_name};
use crate::store::clients::client_path::ClientPath;
use crate::sync::{AtomicU64, Ordering};
use crate::sys::file_limit::refuse_beyond_file_limit;
use crate::sys::fork::{ChildFds, Registration, unforked};
use crate::sys::map::Map;
use crate::sys::ticks::Ticks;
use crate::sys::{Errno, SysResult, clock, file, file_lock, fs, process, random};
use once_cell::sync::OnceCell;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The number of lease words of a new client that scanners read.
const FIRST_LEASES: u32 = 512;

/// This client's own file.
pub struct OwnFile {
    /// Slot among the clients, or among the readers.
    pub slot: u32,
    /// The file is in `readers/`.
    pub in_readers: bool,
    /// Random identity.
    pub nonce: u64,
    /// Index of the host name in the table of the store, once it is known.
    pub host: OnceCell<u32>,
    file: Registration,
    header: Single<ClientHeader>,
    releases: Section<Release>,
    leases: Section<AtomicU64>,
}

impl OwnFile {
    /// Makes the file, locks it, fills it, and links it into the first free slot.
    pub fn join(segment: &Segment) -> Result<OwnFile> {
        let (dir, in_readers) = directory(segment)?;
        let slots = if in_readers { segment.facts.max_readers } else { SLOTS };
        Self::link_into(segment, dir, in_readers, 0..slots)
    }

    /// As [`OwnFile::join`], in a slot for guests: a guest reaps the dead when all other slots are
    /// taken.
    pub fn join_as_guest(segment: &Segment) -> Result<OwnFile> {
        Self::link_into(segment, segment.clients.fd()?, false, SLOTS..ALL_SLOTS)
    }

    fn link_into(
        segment: &Segment,
        dir: BorrowedFd<'_>,
        in_readers: bool,
        slots: Range<u32>,
    ) -> Result<OwnFile> {
        let cannot = |errno: Errno| errno.because("cannot make this client's file");
        refuse_beyond_file_limit(FILE_SIZE, "this client's file")?;
        let (file, map) = unforked(|| {
            let fd = file::tmpfile_at(dir, 0o600).map_err(|errno| match errno.0 {
                libc::EOPNOTSUPP | libc::EISDIR | libc::EINVAL => Error::os(
                    Status::Unsupported,
                    errno.0,
                    "the file system of the store cannot make unnamed files (O_TMPFILE); use \
                     /dev/shm or a local file system",
                ),
                _ => cannot(errno),
            })?;
            file::set_len(fd.as_fd(), FILE_SIZE).map_err(cannot)?;
            keep_from_children(fd).map_err(cannot)
        })?;
        let fd = file.fd().map_err(cannot)?;
        let (leases, lease_bytes) = (LEASES_OFFSET, u64::from(LEASE_CHUNK) * 8);
        refuse_beyond_cgroup(leases + lease_bytes)?;
        // Only evictors need the ring of releases. Without it, two calls reserve the parts beside
        // the gap.
        if segment.facts.lru() {
            file::reserve(fd, 0, leases + lease_bytes).map_err(cannot)?;
        } else {
            file::reserve(fd, 0, RELEASES_OFFSET).map_err(cannot)?;
            file::reserve(fd, leases, lease_bytes).map_err(cannot)?;
        }
        // The directories decide who may read the file; the mode does not depend on the umask.
        file::set_mode(fd, 0o644).map_err(cannot)?;
        if !file_lock::try_write_lock(fd).map_err(cannot)? {
            return Err(Error::new(Status::Internal, "another process locked a new file"));
        }
        let mut own = Self::over(file, Arc::new(map), 0, in_readers)?;
        own.nonce = new_nonce()?;
        own.identify(segment.read_only);
        let fd = own.fd()?;
        let count = slots.len();
        for slot in slots {
            let name = slot_name(slot);
            match file::link_tmpfile(fd, dir, &name) {
                Err(errno) if errno.0 == libc::EEXIST => continue,
                linked => linked.map_err(cannot)?,
            }
            // In `readers/` another process of the same user may remove names, and a reaper that
            // found a name of such a process would remove this one. Then the next slot is tried,
            // and reapers remove what is left.
            let stays = || file::stat_at(Some(dir), &name).is_ok_and(|stat| stat.ino == own.ino());
            let clearing = &segment.header().table.clearing;
            if !in_readers || !lifecycle::is_clearing(clearing, slot) && stays() {
                own.slot = slot;
                return Ok(own);
            }
        }
        let whose = if in_readers { "readers of other users (max_readers)" } else { "clients" };
        Err(Error::new(
            Status::Limit,
            format!("{count} {whose} are connected; disconnect some, or reap dead clients"),
        ))
    }

    fn over(file: Registration, map: Arc<Map>, slot: u32, in_readers: bool) -> Result<OwnFile> {
        let header = Single::<ClientHeader>::new(&map, 0)?;
        Ok(OwnFile {
            slot,
            in_readers,
            nonce: header.nonce.load(Ordering::Relaxed),
            host: OnceCell::new(),
            file,
            header,
            releases: Section::new(&map, RELEASES_OFFSET, RELEASES.into())?,
            leases: Section::new(&map, LEASES_OFFSET, MAX_LEASES.into())?,
        })
    }

    fn identify(&self, read_only: bool) {
        // Relaxed throughout: no other client knows the file before `link_tmpfile`, a system call.
        let relaxed = Ordering::Relaxed;
        let header = &self.header;
        header.nonce.store(self.nonce, relaxed);
        header.pid.store(process::pid() as u32, relaxed);
        header.uid.store(process::uid(), relaxed);
        let birth = process::birth();
        header.pid_namespace.store(birth.pid_namespace, relaxed);
        header.start_time.store(birth.start_time, relaxed);
        header.connect_time_us.store(clock::epoch_us() as u64, relaxed);
        let comm = u128::from_le_bytes(process::comm());
        header.comm[0].store(comm as u64, relaxed);
        header.comm[1].store((comm >> 64) as u64, relaxed);
        header.flags.store(if read_only { FLAG_READ_ONLY } else { 0 }, relaxed);
        header.lease_high.store(FIRST_LEASES, relaxed);
        header.magic.store(CLIENT_MAGIC, relaxed);
    }

    /// The descriptor of the file. Returns an error in a forked child, which closed it, and if it
    /// was closed from outside the library. The lock stays in any case: the mapping keeps the open
    /// file.
    pub fn fd(&self) -> Result<BorrowedFd<'_>> {
        self.file.fd().map_err(closed_error)
    }

    /// The present status of the file; errors are as in [`OwnFile::fd`].
    pub fn inspect(&self) -> Result<file::Stat> {
        self.file.stat_now().map_err(closed_error)
    }

    /// The inode of the file.
    pub fn ino(&self) -> u64 {
        self.file.stat().map_or(0, |stat| stat.ino)
    }

    /// Whether the name of the file is `path`.
    pub fn is_at(&self, path: ClientPath) -> bool {
        (path.in_readers, path.slot) == (self.in_readers, self.slot)
    }

    /// A lease word.
    #[inline(always)]
    pub fn lease(&self, index: u32) -> &AtomicU64 {
        &self.leases[index as usize & (MAX_LEASES as usize - 1)]
    }

    /// The process start time that identifies this process beside its pid.
    pub fn start_time(&self) -> u64 {
        self.header.start_time.load(Ordering::Relaxed)
    }

    /// The process id, without a system call.
    pub fn pid(&self) -> u32 {
        self.header.pid.load(Ordering::Relaxed)
    }

    /// Backs the first `count` lease words with memory and makes scanners read them.
    pub fn prepare_leases(&self, count: u32) -> Result<()> {
        let chunk = u64::from(LEASE_CHUNK) * 8;
        let end = (u64::from(count) * 8).next_multiple_of(chunk);
        if end > chunk {
            refuse_beyond_cgroup(end)?;
            file::reserve(self.fd()?, LEASES_OFFSET, end)
                .map_err(|errno| errno.because("cannot reserve memory for more leases"))?;
        }
        // Relaxed: the fence of the lease protocol orders it before the validation of any lease in
        // one of these words.
        self.header.lease_high.fetch_max(count, Ordering::Relaxed);
        Ok(())
    }

    /// Notes a release for the evictor: the lease and the time.
    #[inline]
    pub fn stamp(&self, lease: LeaseWord, ticks: Ticks) {
        // Relaxed: evictors copy the ring without ordering; a torn entry is a lost stamp or an
        // older stamp.
        let at = self.header.released.fetch_add(1, Ordering::Relaxed);
        let entry = &self.releases[(at % u64::from(RELEASES)) as usize];
        entry.lease.store(0, Ordering::Relaxed);
        entry.ticks.store(ticks.now(), Ordering::Relaxed);
        entry.lease.store(lease.0, Ordering::Relaxed);
    }

    /// Sets whether other clients take this one for a user of the store.
    pub fn set_joined(&self, joined: bool) {
        lifecycle::say_joined(&self.header.joined, joined);
    }
}

/// Maps a client's file. Children get neither the descriptor nor the mapping, since each of these
/// would keep the lock that is taken on the file later. To be called within [`unforked`].
fn keep_from_children(fd: OwnedFd) -> SysResult<(Registration, Map)> {
    let map = Map::unaligned(fd.as_fd(), FILE_SIZE as usize)?;
    map.dont_fork()?;
    Ok((ChildFds::register(fd)?, map))
}

/// The directory for this client's file: `clients/` if the client may write there, `readers/` for
/// other readers.
fn directory(segment: &Segment) -> Result<(BorrowedFd<'_>, bool)> {
    let clients = segment.clients.fd()?;
    if file::accessible(Some(clients), c".", true) {
        return Ok((clients, false));
    }
    match &segment.readers {
        Some(readers) if segment.read_only => Ok((readers.fd()?, true)),
        _ => Err(admission_error(segment, clients)),
    }
}

#[cold]
fn admission_error(segment: &Segment, clients: BorrowedFd<'_>) -> Error {
    let text = if fs::is_read_only(clients) {
        "the store is mounted read-only here, but each client, even a reader, needs a file of its \
         own in it; mount it writable"
    } else if segment.read_only {
        "the store admits no readers of other users; create it with a mode that does, such as 0644"
    } else if segment.readers.is_some() {
        "this user may only read the store; connect with PLASMA_CONNECT_READ_ONLY"
    } else {
        "this user may not write in the store, and it admits no readers of other users"
    };
    Error::new(Status::Permission, text)
}

#[cold]
fn closed_error(errno: Errno) -> Error {
    errno.because("a descriptor of this connection is closed; disconnect and connect again")
}

fn new_nonce() -> Result<u64> {
    let mut bytes = [0; 8];
    random::fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes) | 1)
}
