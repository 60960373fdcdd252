//! The file of a reader of another user, which is locked before it is visible.

use crate::error::{Error, Result, Status};
use crate::layout::client::{
    CLIENT_MAGIC, ClientHeader, FILE_SIZE, FLAG_READ_ONLY, LEASE_CHUNK, LEASES_OFFSET, MAX_LEASES,
    RELEASES, RELEASES_OFFSET,
};
use crate::protocols::lifecycle;
use crate::segment::{Section, Segment, Single, refuse_beyond_cgroup, slot_name};
use crate::store::connection::own_rows::Rows;
use crate::sync::Ordering;
use crate::sys::file_limit::refuse_beyond_file_limit;
use crate::sys::fork::{ChildFds, Registration, unforked};
use crate::sys::map::Map;
use crate::sys::{Errno, SysResult, clock, file, file_lock, process, random};
use std::mem::offset_of;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The number of lease words of a new client that scanners read.
const FIRST_LEASES: u32 = 512;

/// This client's own file.
pub struct OwnFile {
    /// Slot among the readers.
    pub slot: u32,
    nonce: u64,
    file: Registration,
    map: Arc<Map>,
    header: Single<ClientHeader>,
}

impl OwnFile {
    /// Makes the file, locks it, fills it, and links it into the first free slot of `dir`.
    pub fn join(segment: &Segment, dir: BorrowedFd<'_>) -> Result<OwnFile> {
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
        let map = Arc::new(map);
        let header = Single::<ClientHeader>::new(&map, 0)?;
        let mut own = OwnFile { slot: 0, nonce: new_nonce()?, file, map, header };
        own.identify(segment.read_only);
        let fd = own.fd()?;
        let count = segment.facts.max_readers;
        for slot in 0..count {
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
            if !lifecycle::is_clearing(clearing, slot) && stays() {
                own.slot = slot;
                return Ok(own);
            }
        }
        Err(Error::new(
            Status::Limit,
            format!(
                "{count} readers of other users (max_readers) are connected; disconnect some, or reap \
                 dead clients"
            ),
        ))
    }

    /// The words that this client writes all the time.
    pub fn rows(&self) -> Result<Rows> {
        Ok(Rows {
            leases: Section::new(&self.map, LEASES_OFFSET, MAX_LEASES.into())?,
            released: Section::new(&self.map, offset_of!(ClientHeader, released) as u64, 1)?,
            releases: Some(Section::new(&self.map, RELEASES_OFFSET, RELEASES.into())?),
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

    /// Sets whether other clients take this one for a user of the store.
    pub fn set_joined(&self, joined: bool) {
        lifecycle::say_joined(&self.header.joined, joined);
    }

    /// Removes the name of the file.
    pub fn unlink(&self, segment: &Segment) {
        // The descriptor was closed from outside the library: the name stays, as that of a killed
        // client does.
        let Some(Ok(dir)) = segment.readers.as_ref().map(|dir| dir.fd()) else { return };
        let name = slot_name(self.slot);
        let ino = |stat: file::Stat| stat.ino;
        let own = self.inspect().ok().map(ino);
        // The name may be gone with the store, or may be another client's by now. Liveness ends
        // with the descriptor in any case.
        if own.is_some() && own == file::stat_at(Some(dir), &name).ok().map(ino) {
            let _ = file::unlink_at(Some(dir), &name);
        }
    }
}

/// Maps a client's file. Children get neither the descriptor nor the mapping, since each of these
/// would keep the lock that is taken on the file later. To be called within [`unforked`].
fn keep_from_children(fd: OwnedFd) -> SysResult<(Registration, Map)> {
    let map = Map::unaligned(fd.as_fd(), FILE_SIZE as usize)?;
    map.dont_fork()?;
    Ok((ChildFds::register(fd)?, map))
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
