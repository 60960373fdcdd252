//! The file `members` and its locks: the clients that may write, and whether they live.

use super::files;
use super::{Section, Single};
use crate::error::{Error, Result, Status};
use crate::layout::client::{MAX_LEASES, RELEASES, Release};
use crate::layout::members::{
    ALL_SLOTS, BASE_SIZE, LEVEL_WORDS, LOCKS, MAX_SERIAL, MemberHeader, MembersHeader, PAGE,
    PAGE_LEASES, RING, Slot, Stretch, page_at, ring_at, stretches,
};
use crate::layout::word::LeaseWord;
use crate::protocols::members;
use crate::sync::{AtomicU64, Ordering};
use crate::sys::file_limit::refuse_beyond_file_limit;
use crate::sys::fork::unforked;
use crate::sys::map::Map;
use crate::sys::verified_fd::VerifiedFd;
use crate::sys::{Errno, SysResult, file, file_lock};
use once_cell::sync::OnceCell;
use std::ffi::CStr;
use std::mem::offset_of;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Bytes of lease words that one system call reads.
const STEP: usize = 4 << 10;

/// The lock files, from the store's directory.
const LOCK_FILES: [&CStr; LOCKS] = [
    c"locks/0", c"locks/1", c"locks/2", c"locks/3", c"locks/4", c"locks/5", c"locks/6", c"locks/7",
];

/// The file `members`, and descriptors to ask through, which are opened at the first question and
/// never lock.
pub struct Members {
    /// The file.
    pub fd: VerifiedFd,
    /// Whether this process may be a member: else it may only read.
    pub writable: bool,
    map: Arc<Map>,
    header: Single<MembersHeader>,
    slots: Section<Slot>,
    locks: [OnceCell<VerifiedFd>; LOCKS],
    beacon: OnceCell<VerifiedFd>,
}

/// The lock on a serial: the client lives as long as this process has it.
#[derive(Debug)]
pub struct Life {
    /// The serial.
    pub serial: u64,
    _guards: [Option<Map>; 2],
}

impl Members {
    /// Maps the file, whose size was checked.
    pub fn new(fd: VerifiedFd, writable: bool) -> Result<Self> {
        let cannot = |errno: Errno| errno.because("cannot map the members of the store");
        let size = BASE_SIZE as usize;
        let map = match writable {
            true => Map::unaligned(fd.unverified(), size),
            false => Map::unaligned_read_only(fd.unverified(), size),
        };
        let map = Arc::new(map.map_err(cannot)?);
        Ok(Self {
            header: Single::new(&map, 0)?,
            slots: Section::new(&map, size_of::<MembersHeader>() as u64, ALL_SLOTS.into())?,
            map,
            fd,
            writable,
            locks: [const { OnceCell::new() }; LOCKS],
            beacon: OnceCell::new(),
        })
    }

    /// Returns the head of the file.
    pub fn header(&self) -> &MembersHeader {
        &self.header
    }

    /// Returns all slots.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Returns a slot, if there is one of this number.
    pub fn slot(&self, slot: u32) -> Option<&Slot> {
        self.slots.get(slot as usize)
    }

    /// Returns the head of a slot's page; `None` if the page has no memory.
    pub fn page(&self, slot: u32) -> Option<Single<MemberHeader>> {
        // SYNC reserved: Acquire; the page has memory.
        let room = self.slot(slot)?.lease_room.load(Ordering::Acquire);
        (room > 0).then(|| Single::new(&self.map, page_at(slot)).ok()).flatten()
    }

    /// In a copy of a store (`cp -r`) each file has another inode: notes those of the lock files.
    /// The tenants of its slots are clients of the original. Nobody has their locks here, so they
    /// are dead.
    pub fn adopt_copy(&self, dir: BorrowedFd<'_>, beacon: bool) -> Result<()> {
        let own = self.fd.stat().ino;
        // SYNC publish: Acquire; the inodes of the lock files.
        if !self.writable || self.header.own.load(Ordering::Acquire) == own {
            return Ok(());
        }
        let cannot = |errno| refused(errno, "cannot inspect the lock files of a copied store");
        let ino = |name: &CStr| match file::stat_at(Some(dir), name).map_err(strange) {
            Ok(stat) if stat.is_file() => Ok(stat.ino),
            Ok(_) => Err(cannot(Errno(libc::ESTALE))),
            Err(errno) => Err(cannot(errno)),
        };
        // All that open the copy at the same time store the same.
        for (name, known) in LOCK_FILES.iter().zip(&self.header.locks) {
            known.store(ino(name)?, Ordering::Relaxed);
        }
        if beacon {
            let ino = ino(files::BEACON)?;
            self.header.beacon.store(ino, Ordering::Relaxed);
        }
        // SYNC publish: Release; the inodes of the lock files come first.
        self.header.own.store(own, Ordering::Release);
        Ok(())
    }

    /// Locks a new serial. `dir` is the store's directory.
    pub fn begin_life(&self, dir: BorrowedFd<'_>, beacon: bool) -> Result<Life> {
        let cannot = |errno| refused(errno, "cannot lock a serial number for this client");
        // A child that is forked while a descriptor is open may keep the lock of that serial, which
        // nobody has seen then.
        unforked(|| {
            loop {
                let serial = members::new_serial(&self.header.serials);
                if serial > MAX_SERIAL {
                    return Err(Error::new(
                        Status::Corrupt,
                        "the store has no more serial numbers",
                    ));
                }
                let which = serial as usize % LOCKS;
                let ino = self.header.locks[which].load(Ordering::Relaxed);
                let lock = open_known(dir, LOCK_FILES[which], libc::O_RDWR, ino).map_err(cannot)?;
                let guard = Map::guard(lock.unverified()).map_err(cannot)?;
                if !file_lock::try_write_lock_byte(lock.unverified(), serial).map_err(cannot)? {
                    continue;
                }
                let mut guards = [Some(guard), None];
                if beacon {
                    let ino = self.header.beacon.load(Ordering::Relaxed);
                    let file =
                        open_known(dir, files::BEACON, libc::O_RDONLY, ino).map_err(cannot)?;
                    guards[1] = Some(Map::guard(file.unverified()).map_err(cannot)?);
                    // A reader that has the write lock misleads readers only.
                    let _ =
                        file_lock::try_read_lock_byte(file.unverified(), serial).map_err(cannot)?;
                }
                return Ok(Life { serial, _guards: guards });
            }
        })
    }

    /// Returns whether the client with this serial lives, or the error of the call that asks.
    pub fn ask(&self, dir: &VerifiedFd, serial: u64) -> SysResult<bool> {
        if serial > MAX_SERIAL {
            // Nobody ever had this serial.
            return Ok(false);
        }
        let (file, name, ino) = match self.writable {
            false => (&self.beacon, files::BEACON, &self.header.beacon),
            true => {
                let which = serial as usize % LOCKS;
                (&self.locks[which], LOCK_FILES[which], &self.header.locks[which])
            }
        };
        let fd = match file.get() {
            Some(fd) => fd,
            None => {
                let ino = ino.load(Ordering::Relaxed);
                // The inode shows the right file, so a directory that took the number of the
                // store's is found out afterwards.
                let open = || open_known(dir.unverified(), name, libc::O_RDONLY, ino);
                file.get_or_try_init(|| open().or_else(|errno| dir.get().and(Err(errno))))?
            }
        };
        let is_locked = |fd| match self.writable {
            false => file_lock::is_byte_locked(fd, serial),
            true => file_lock::is_byte_write_locked(fd, serial),
        };
        // One system call for a client that lives. A file of the application that took the number
        // of this descriptor would let it seem dead, so that answer needs a verified descriptor.
        match is_locked(fd.unverified()) {
            Ok(true) => Ok(true),
            _ => is_locked(fd.get()?),
        }
    }

    /// Backs the page of a slot with memory.
    pub fn prepare_page(&self, slot: u32) -> Result<()> {
        let Some(entry) = self.slot(slot) else { return Ok(()) };
        // Relaxed: it only grows.
        if entry.lease_room.load(Ordering::Relaxed) == 0 {
            file::reserve(self.fd.fd()?, page_at(slot), PAGE)
                .map_err(|errno| errno.because("cannot reserve memory for this client"))?;
            // SYNC reserved: Release; the page has memory.
            entry.lease_room.fetch_max(PAGE_LEASES, Ordering::Release);
        }
        Ok(())
    }

    /// Reads the release ring of a slot. An entry that changes during the read is a lost stamp or
    /// an older one.
    pub fn read_ring(&self, slot: u32, ring: &mut [u8; RING as usize]) -> SysResult<usize> {
        file::read_at(self.fd.get()?, ring, ring_at(slot))
    }

    /// Calls `each` with the lease words of a slot that may be in use, and with their number.
    pub fn read_leases(&self, slot: u32, mut each: impl FnMut(LeaseWord)) -> Result<()> {
        let Some(entry) = self.slot(slot) else { return Ok(()) };
        let high = members::leases_in_use(entry).min(MAX_LEASES);
        for Stretch { first, count, at } in stretches(slot).take_while(|it| it.first < high) {
            let count = count.min(high - first);
            if first < PAGE_LEASES + LEVEL_WORDS {
                let words = Section::<AtomicU64>::new(&self.map, at, count.into())?;
                words.iter().for_each(|word| each(LeaseWord(word.load(Ordering::Relaxed))));
            } else {
                self.read_far(at, count as usize * 8, &mut each)?;
            }
        }
        Ok(())
    }

    /// As [`Members::read_leases`], for words that are not mapped.
    fn read_far(&self, at: u64, len: usize, each: &mut impl FnMut(LeaseWord)) -> Result<()> {
        let mut buffer = [0; STEP];
        for done in (0..len).step_by(STEP) {
            let part = &mut buffer[..STEP.min(len - done)];
            let read = file::read_at(self.fd.fd()?, part, at + done as u64)
                .map_err(|errno| errno.because("cannot read the leases of a client"))?;
            for word in part[..read].chunks_exact(8) {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(word);
                each(LeaseWord(u64::from_le_bytes(bytes)));
            }
        }
        Ok(())
    }
}

/// Offset of the release ring among the words of a tenant.
const RING_IN_ROW: u64 = PAGE + MAX_LEASES as u64 * 8;

/// What belongs to one slot, as its tenant has it: page and further lease words in a row, then the
/// release ring.
pub struct OwnWords {
    map: Arc<Map>,
    slot: u32,
}

impl OwnWords {
    /// Sets addresses aside for all lease words of `slot`, and maps its page, which has memory.
    pub fn new(members: &Members, slot: u32) -> Result<Self> {
        let cannot = |errno: Errno| errno.because("cannot map this client's leases");
        let len = RING_IN_ROW + RING;
        let map = Arc::new(Map::set_aside(members.fd.fd()?, len as usize).map_err(cannot)?);
        map.place(0, members.fd.fd()?, page_at(slot), PAGE as usize).map_err(cannot)?;
        Ok(Self { map, slot })
    }

    /// Returns the head of the page.
    pub fn header(&self) -> Result<Single<MemberHeader>> {
        Single::new(&self.map, 0)
    }

    /// Returns the count of releases.
    pub fn released(&self) -> Result<Section<AtomicU64>> {
        Section::new(&self.map, offset_of!(MemberHeader, released) as u64, 1)
    }

    /// Returns all lease words, of which those may be used that [`OwnWords::prepare`] mapped.
    pub fn leases(&self) -> Result<Section<AtomicU64>> {
        Section::new(&self.map, size_of::<MemberHeader>() as u64, MAX_LEASES.into())
    }

    /// Backs the release ring with memory and maps it.
    pub fn ring(&self, members: &Members) -> Result<Section<Release>> {
        let cannot = |errno: Errno| errno.because("cannot reserve this client's releases");
        let (fd, at) = (members.fd.fd()?, ring_at(self.slot));
        refuse_beyond_file_limit(at + RING, "the file members")?;
        file::reserve(fd, at, RING).map_err(cannot)?;
        self.map.place(RING_IN_ROW as usize, fd, at, RING as usize).map_err(cannot)?;
        Section::new(&self.map, RING_IN_ROW, RELEASES.into())
    }

    /// Backs the lease words before `count` with memory and maps them. Words before `from` are
    /// mapped already.
    pub fn prepare(&self, members: &Members, from: u32, count: u32) -> Result<()> {
        let cannot = |errno: Errno| errno.because("cannot reserve memory for more leases");
        let Some(entry) = members.slot(self.slot) else { return Ok(()) };
        let head = size_of::<MemberHeader>();
        for Stretch { first, count: words, at } in
            stretches(self.slot).filter(|it| it.first >= from.max(1) && it.first < count)
        {
            let (fd, bytes) = (members.fd.fd()?, u64::from(words) * 8);
            super::refuse_beyond_cgroup(bytes)?;
            refuse_beyond_file_limit(at + bytes, "the file members")?;
            file::reserve(fd, at, bytes).map_err(cannot)?;
            self.map.place(head + first as usize * 8, fd, at, bytes as usize).map_err(cannot)?;
            // SYNC reserved: Release; the words have memory.
            entry.lease_room.fetch_max(first + words, Ordering::Release);
        }
        Ok(())
    }
}

/// A name that is missing, or that is no file, is as one that was replaced.
fn strange(errno: Errno) -> Errno {
    match errno.0 {
        libc::ENOENT | libc::ENOTDIR | libc::EISDIR | libc::ELOOP | libc::ENXIO => {
            Errno(libc::ESTALE)
        }
        _ => errno,
    }
}

/// The error of a call on a lock file.
#[cold]
pub fn refused(errno: Errno, what: &str) -> Error {
    let why = "a file in locks/, or beacon, is not the one that was made with the store: somebody \
               removed or replaced it; put it back, or make the store again";
    match errno.0 {
        libc::ESTALE => Error::new(Status::Corrupt, format!("{what}: {why}")),
        _ => errno.because(what),
    }
}

/// Opens a file that its maker knew under this inode number.
fn open_known(dir: BorrowedFd<'_>, name: &CStr, flags: i32, ino: u64) -> SysResult<VerifiedFd> {
    let flags = flags | libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let fd = VerifiedFd::new(file::open_at(Some(dir), name, flags, 0).map_err(strange)?)?;
    let stat = fd.stat();
    if stat.ino == ino && stat.is_file() { Ok(fd) } else { Err(Errno(libc::ESTALE)) }
}
