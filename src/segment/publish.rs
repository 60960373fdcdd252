//! Makes a store atomically: it is built under another name beside its address, then
//! renamed into place.

use super::address::Address;
use super::beside::{Site, make_site, sweep};
use super::files::{self, Modes};
use super::open::refuse_file_system;
use super::parent::make_parent;
use super::remove::remove_site;
use super::{Section, Single};
use crate::error::{Error, Result, Status};
use crate::layout::block::Block;
use crate::layout::client::READERS;
use crate::layout::extent::UNIT;
use crate::layout::geometry::{self, FIRST_BLOCKS, FIRST_RECORDS, Geometry};
use crate::layout::header::{self, Header, Lifecycle};
use crate::layout::members::{self, LOCKS, MembersHeader};
use crate::layout::record::Record;
use crate::layout::wake::{WAKE_FILE_SIZE, WAKE_RESERVED};
use crate::layout::{LAYOUT_VERSION, client};
use crate::protocols::alloc::Allocator;
use crate::sync::Ordering::{Relaxed, Release};
use crate::sys::file_limit::refuse_beyond_file_limit;
use crate::sys::fs::FileSystem;
use crate::sys::map::Map;
use crate::sys::ticks::Ticks;
use crate::sys::{cgroup, clock, file, file_lock, random};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The options of the creator; zeros mean defaults.
#[derive(Clone, Copy, Debug)]
pub struct NewStore {
    /// Bytes for data and metadata.
    pub capacity: u64,
    /// Maximum number of objects at once.
    pub max_objects: u64,
    /// Permissions of `index` and `heap`.
    pub mode: u32,
    /// `FLAG_*`, except those that follow from the mode and the machine.
    pub flags: u32,
    /// Whether to reserve the whole heap now.
    pub reserve: bool,
    /// Maximum number of bytes that one reader of another uid may hold.
    pub reader_quota: u64,
    /// Maximum number of readers of other uids at once.
    pub max_readers: u64,
}

const DEFAULT_CAPACITY: u64 = 1 << 30;

/// Makes the store. Returns `false` when another process made one at the same address first.
pub fn create(address: &Address, new: &NewStore) -> Result<bool> {
    let modes = Modes::new(new.mode)?;
    let parent = make_parent(address)?;
    sweep(&parent, address)?;
    let file_system = refuse_file_system(parent.as_fd(), address)?;
    let geometry = geometry_for(address, new, &file_system)?;
    refuse_beyond_file_limit(
        geometry
            .index_size
            .max(geometry.capacity)
            .max(WAKE_FILE_SIZE)
            .max(client::FILE_SIZE)
            .max(members::BASE_SIZE),
        &format!("the largest file of {}", address.display()),
    )?;
    let Site { name, dir, index } = match make_site(address, &parent) {
        // The parent is our own directory, was empty, and a remover removed it: start again.
        Err(error) if error.errno() == libc::ENOENT && address.own_parent => return Ok(false),
        made => made?,
    };
    let build = Build { address, new, modes, geometry, dir: &dir, index: &index };
    let here = Some(parent.as_fd());
    let published =
        build.run().and_then(|()| match file::rename_noreplace(here, &name, here, &address.name) {
            Ok(()) => Ok(true),
            Err(errno) if matches!(errno.0, libc::EEXIST | libc::ENOTEMPTY) => Ok(false),
            Err(errno) => Err(errno.because(format!("cannot publish {}", address.display()))),
        });
    if !matches!(published, Ok(true)) {
        remove_site(&parent, &name, dir.as_fd());
    }
    // A child that was forked during this has the descriptor too, and would keep the lock.
    let _ = file_lock::unlock(index.as_fd());
    published
}

fn geometry_for(address: &Address, new: &NewStore, on: &FileSystem) -> Result<Geometry> {
    let capacity = match new.capacity {
        0 if on.total_bytes == 0 => DEFAULT_CAPACITY,
        0 => DEFAULT_CAPACITY.min(on.free_bytes / 2).max(UNIT),
        asked => asked,
    };
    if on.total_bytes != 0 && capacity > on.total_bytes {
        return Err(Error::new(
            Status::OutOfMemory,
            format!(
                "a capacity of {capacity} bytes is more than the {} of {} bytes that would hold {}; \
                 ask for less, or make it larger (mount -o remount,size=..., docker --shm-size)",
                on.name,
                on.total_bytes,
                address.display()
            ),
        ));
    }
    let max_objects = match new.max_objects {
        0 => (capacity / 1024).clamp(1024, 16 << 20),
        asked => asked,
    };
    Geometry::new(capacity, max_objects, new.flags & header::FLAG_HUGE_PAGES != 0)
}

struct Build<'a> {
    address: &'a Address,
    new: &'a NewStore,
    modes: Modes,
    geometry: Geometry,
    dir: &'a OwnedFd,
    index: &'a OwnedFd,
}

impl Build<'_> {
    fn run(&self) -> Result<()> {
        let geometry = &self.geometry;
        let buckets = u64::from(geometry.first_buckets()) * size_of::<u64>() as u64;
        let records = geometry.records_at + u64::from(FIRST_RECORDS) * size_of::<Record>() as u64;
        let blocks = u64::from(FIRST_BLOCKS) * size_of::<Block>() as u64;
        let mut index = vec![
            (0, geometry.id_buckets_at + buckets),
            (geometry.name_buckets_at, buckets),
            (geometry.events_at, records - geometry.events_at),
            (geometry.blocks_at, blocks),
        ];
        if self.new.flags & header::FLAG_LRU != 0 {
            index.extend(geometry.order_of(0, FIRST_RECORDS));
        }
        let needed = index.iter().map(|(_, len)| len).sum::<u64>()
            + WAKE_RESERVED
            + members::PAGES_AT
            + if self.new.reserve { geometry.capacity } else { 0 };
        refuse_beyond_cgroup(needed)?;
        self.size(self.index, geometry.index_size, &index)?;
        let heap = self.file(files::HEAP)?;
        let whole = (0, geometry.capacity);
        let reserve = if self.new.reserve { std::slice::from_ref(&whole) } else { &[] };
        self.size(&heap, geometry.capacity, reserve)?;
        let wake = self.file(files::WAKE)?;
        self.size(&wake, WAKE_FILE_SIZE, &[(0, WAKE_RESERVED)])?;
        self.fill_header()?;
        self.mode(self.index, self.modes.shared)?;
        self.mode(&heap, self.modes.shared)?;
        self.mode(&wake, self.modes.shared)?;
        self.make_members()?;
        if let Some(mode) = self.modes.readers {
            self.mode(&self.make_subdir(files::READERS)?, mode)?;
        }
        self.mode(self.dir, self.modes.dir)
    }

    /// Makes `members`, its lock files, and in stores with readers of other users the beacon.
    fn make_members(&self) -> Result<()> {
        let fd = self.file(files::MEMBERS)?;
        self.size(&fd, members::BASE_SIZE, &[(0, members::PAGES_AT)])?;
        let map = Map::read_write(fd.as_fd(), members::PAGES_AT as usize)
            .map_err(|errno| errno.because(self.cannot()))?;
        let header = Single::<MembersHeader>::new(&Arc::new(map), 0)?;
        header.magic.store(members::MEMBERS_MAGIC, Relaxed);
        let known = |fd: &OwnedFd, mode| {
            self.mode(fd, mode)?;
            let stat = file::stat_fd(fd.as_fd()).map_err(|errno| errno.because(self.cannot()))?;
            Ok::<_, Error>(stat.ino)
        };
        let dir = self.make_subdir(files::LOCKS)?;
        for which in 0..LOCKS {
            let lock = self.file_in(dir.as_fd(), &files::slot_name(which as u32))?;
            header.locks[which].store(known(&lock, self.modes.lock)?, Relaxed);
        }
        // Afterwards, because the files get the group of a directory with the set-group-ID bit.
        self.mode(&dir, self.modes.locks)?;
        if self.modes.readers.is_some() {
            let beacon = self.file(files::BEACON)?;
            header.beacon.store(known(&beacon, self.modes.shared)?, Relaxed);
        }
        header.own.store(known(&fd, self.modes.shared)?, Relaxed);
        Ok(())
    }

    fn file(&self, name: &CStr) -> Result<OwnedFd> {
        self.file_in(self.dir.as_fd(), name)
    }

    fn file_in(&self, dir: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        file::open_at(Some(dir), name, flags, 0o600).map_err(|errno| errno.because(self.cannot()))
    }

    fn make_subdir(&self, name: &CStr) -> Result<OwnedFd> {
        file::make_dir_at(Some(self.dir.as_fd()), name, 0o700)
            .map_err(|errno| errno.because(self.cannot()))?;
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        file::open_at(Some(self.dir.as_fd()), name, flags, 0)
            .map_err(|errno| errno.because(self.cannot()))
    }

    fn mode(&self, fd: &OwnedFd, mode: u32) -> Result<()> {
        file::set_mode(fd.as_fd(), mode).map_err(|errno| errno.because(self.cannot()))
    }

    fn size(&self, fd: &OwnedFd, size: u64, reserve: &[(u64, u64)]) -> Result<()> {
        file::set_len(fd.as_fd(), size).map_err(|errno| errno.because(self.cannot()))?;
        // This finds out whether the file system supports fallocate, even if nothing else is
        // reserved yet.
        for &(at, len) in reserve.iter().chain(&[(0, 1)]) {
            file::reserve(fd.as_fd(), at, len).map_err(|errno| match errno.0 {
                libc::EOPNOTSUPP | libc::ENOSYS => Error::os(
                    Status::Unsupported,
                    errno.0,
                    format!(
                        "{} is on a file system that cannot reserve memory (fallocate); use \
                         /dev/shm or a local file system",
                        self.address.display()
                    ),
                ),
                _ => errno.because(format!(
                    "{}: the file system has no room for {len} bytes; ask for less, or make it \
                     larger (mount -o remount,size=..., docker --shm-size)",
                    self.cannot()
                )),
            })?;
        }
        Ok(())
    }

    fn cannot(&self) -> String {
        format!("cannot make {}", self.address.display())
    }

    fn fill_header(&self) -> Result<()> {
        let geometry = &self.geometry;
        let map = Map::read_write(self.index.as_fd(), geometry.index_size as usize)
            .map_err(|errno| errno.because(self.cannot()))?;
        let map = Arc::new(map);
        let header = Single::<Header>::new(&map, 0)?;
        let blocks = Section::<Block>::new(&map, geometry.blocks_at, geometry.blocks.into())?;
        let mut random = [0; 24];
        random::fill(&mut random)?;
        let random = |i: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&random[i * 8..i * 8 + 8]);
            u64::from_ne_bytes(word)
        };
        let foreign = if self.modes.readers.is_some() { header::FLAG_FOREIGN_READERS } else { 0 };
        let id = &header.identity;
        id.version.store(LAYOUT_VERSION, Relaxed);
        let ticks = Ticks::best();
        let counter = if ticks == Ticks::Counter { header::FLAG_COUNTER } else { 0 };
        id.flags.store(self.new.flags | foreign | counter, Relaxed);
        id.fingerprint.store(geometry::fingerprint(), Relaxed);
        id.nonce.store(random(0), Relaxed);
        id.capacity.store(geometry.capacity, Relaxed);
        id.chunk_size.store(geometry.chunk_size, Relaxed);
        id.max_objects.store(geometry.max_objects, Relaxed);
        id.buckets.store(geometry.buckets, Relaxed);
        id.mode.store(self.modes.shared, Relaxed);
        let quota = match self.new.reader_quota {
            0 => geometry.capacity / 2,
            asked => asked,
        };
        id.reader_quota.store(quota, Relaxed);
        let most = u64::from(READERS);
        let max_readers = if self.new.max_readers == 0 { most } else { self.new.max_readers };
        id.max_readers.store(max_readers.min(most) as u32, Relaxed);
        id.seed[0].store(random(1), Relaxed);
        id.seed[1].store(random(2), Relaxed);
        id.ticks.store(ticks.now(), Relaxed);
        id.epoch_us.store(clock::epoch_us() as u64, Relaxed);
        header.live.lifecycle.store(Lifecycle::Live as u32, Relaxed);
        let records = FIRST_RECORDS.min(geometry.max_objects);
        header.live.records_reserved.store(records, Relaxed);
        header.table.blocks_reserved.store(FIRST_BLOCKS, Relaxed);
        let buckets = geometry.first_buckets();
        for mask in [&header.live.id_mask, &header.live.name_mask] {
            mask.store(buckets - 1, Relaxed);
        }
        for growth in [&header.table.ids, &header.table.names] {
            growth.reserved.store(buckets, Relaxed);
            growth.split.store(buckets, Relaxed);
        }
        if self.new.reserve {
            for chunk in 0..geometry.capacity.div_ceil(geometry.chunk_size) as usize {
                header.reserved.0[chunk / 64].fetch_or(1 << (chunk % 64), Relaxed);
            }
        }
        let _ = Allocator::new(&header.alloc, &header.bins, &blocks, FIRST_BLOCKS)
            .reset(geometry.units())?;
        // SYNC publish: Release; the rename that follows makes all of it visible at once.
        id.magic.store(header::MAGIC, Release);
        Ok(())
    }
}

/// Memory that a process needs besides the bytes that it asks for: the kernel charges in batches
/// for each processor, page tables count, and so does the process's own memory.
const OWN_NEEDS: u64 = 512 << 10;

/// Refuses to reserve more than the memory cgroup has room for: the kernel would kill the process
/// instead of failing the call. Returns the room that is left beyond `bytes`.
pub fn refuse_beyond_cgroup(bytes: u64) -> Result<u64> {
    if bytes <= OWN_NEEDS / 4 {
        // Earlier reservations of this size left enough to spare, and finding out costs a dozen
        // system calls.
        return Ok(0);
    }
    let page_tables = bytes / 512;
    let spare = OWN_NEEDS + page_tables;
    match cgroup::room() {
        Some(room) if room.bytes < bytes.saturating_add(spare) => Err(Error::new(
            Status::OutOfMemory,
            format!(
                "{bytes} bytes are needed and {spare} in reserve, but the memory cgroup {} has only {} \
                 of its limit of {} left; raise the limit (memory.max, docker --memory) or delete objects",
                room.path, room.bytes, room.limit
            ),
        )),
        Some(room) => Ok(room.bytes.saturating_sub(bytes).saturating_sub(spare)),
        None => Ok(u64::MAX),
    }
}
