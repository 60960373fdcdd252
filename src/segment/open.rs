//! Opens a store: checks everything before it is trusted.

use super::address::Address;
use super::files::{self, Modes};
use super::parent::open_parent;
use super::wake::Wake;
use super::{Facts, Heap, Members, Section, Segment, Single};
use crate::error::{Error, Result, Status};
use crate::layout::client::READERS;
use crate::layout::event::EVENT_ENTRIES;
use crate::layout::geometry::{self, Geometry};
use crate::layout::header::{self, Header, Identity};
use crate::layout::order;
use crate::layout::wake::WAKE_FILE_SIZE;
use crate::layout::{LAYOUT_VERSION, geometry::HEADER_SIZE, members::BASE_SIZE};
use crate::protocols::index::hash::Seed;
use crate::sys::file::{self, Stat};
use crate::sys::map::Map;
use crate::sys::verified_fd::VerifiedFd;
use crate::sys::{fs, process};
use std::ffi::CStr;
use std::mem::offset_of;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The access that the opener wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only read: `index` and `heap` are opened O_RDONLY.
    Read,
    /// Creates and deletes objects.
    Write,
    /// Removes the store: like [`Access::Write`], and the superuser may do so for other users.
    Remove,
}

/// Opens the store at `address`; `None` when nothing is there.
pub fn open(address: &Address, access: Access) -> Result<Option<Segment>> {
    let Some(dir) = open_dir(address)? else { return Ok(None) };
    let dir = VerifiedFd::new(dir).map_err(|errno| {
        errno.because(format!("cannot inspect the directory of {}", address.display()))
    })?;
    let owner = *dir.stat();
    if address.own_parent && owner.uid != process::uid() {
        return Err(Error::new(
            Status::Permission,
            format!("{} belongs to uid {}, not to this user", address.display(), owner.uid),
        ));
    }
    if owner.perm() & 0o022 != 0 {
        return Err(Error::new(
            Status::NotAStore,
            format!("{} is writable by other users, so it is not a store", address.display()),
        ));
    }
    refuse_file_system(dir.unverified(), address)?;
    let opener = Opener { address, dir };
    opener.open(access).map(Some).or_else(|error| {
        // If it was renamed aside and unlinked during the checks, nothing is there.
        let here = file::stat_at(None, &address.path);
        if here.is_ok_and(|here| here.same_file(&owner)) { Err(error) } else { Ok(None) }
    })
}

fn open_dir(address: &Address) -> Result<Option<OwnedFd>> {
    let Some(parent) = open_parent(address)? else { return Ok(None) };
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    match file::open_at(Some(parent.as_fd()), &address.name, flags, 0) {
        Ok(dir) => Ok(Some(dir)),
        Err(errno) if errno.0 == libc::ENOENT => Ok(None),
        Err(errno) if matches!(errno.0, libc::ENOTDIR | libc::ELOOP) => {
            let what = match file::stat_at(Some(parent.as_fd()), &address.name) {
                Ok(stat) if stat.is_symlink() => "a symbolic link; pass the path it points to",
                _ => "a file; a store is a directory",
            };
            Err(Error::new(Status::NotAStore, format!("{} is {what}", address.display())))
        }
        Err(errno) => Err(errno.because(format!("cannot open {}", address.display()))),
    }
}

/// Refuses network file systems and hugetlbfs, which cannot hold a store.
pub fn refuse_file_system(dir: BorrowedFd<'_>, address: &Address) -> Result<fs::FileSystem> {
    let found = fs::file_system(dir)
        .map_err(|errno| errno.because(format!("cannot inspect {}", address.display())))?;
    if found.network || found.huge {
        return Err(Error::new(
            Status::Unsupported,
            format!(
                "{} is on {}, where processes cannot share memory safely; use /dev/shm or a local \
                 file system",
                address.display(),
                found.name
            ),
        ));
    }
    Ok(found)
}

struct Opener<'a> {
    address: &'a Address,
    dir: VerifiedFd,
}

impl Opener<'_> {
    /// The attributes of the directory, whose owner the files have.
    fn owner(&self) -> &Stat {
        self.dir.stat()
    }

    fn open(self, access: Access) -> Result<Segment> {
        let read_only = access == Access::Read;
        let flags = if read_only { libc::O_RDONLY } else { libc::O_RDWR };
        let index_fd = self.file(files::INDEX, flags)?;
        let facts = self.facts(&index_fd)?;
        let modes = Modes::new(facts.mode)
            .map_err(|_| self.corrupt("its header has a mode that no store can have"))?;
        self.check_mode(files::INDEX, &index_fd, modes.shared)?;
        if access == Access::Write {
            self.refuse_superuser(index_fd.stat(), modes.shared)?;
        }
        let geometry = facts.geometry;

        let heap_fd = self.file(files::HEAP, flags)?;
        self.check_mode(files::HEAP, &heap_fd, modes.shared)?;
        if heap_fd.stat().size != geometry.capacity {
            return Err(self.corrupt("the file heap is truncated or has grown"));
        }
        let (wake_fd, can_hint) = match self.file(files::WAKE, libc::O_RDWR) {
            Ok(fd) => (fd, true),
            Err(_) if read_only => (self.file(files::WAKE, libc::O_RDONLY)?, false),
            Err(error) => return Err(error),
        };
        self.check_mode(files::WAKE, &wake_fd, modes.shared)?;
        if wake_fd.stat().size != WAKE_FILE_SIZE {
            return Err(self.corrupt("the file wake is truncated or has grown"));
        }
        let (members_fd, writable) = match self.file(files::MEMBERS, libc::O_RDWR) {
            Ok(fd) => (fd, true),
            // Such a reader needs a file in `readers/`.
            Err(error) if read_only && modes.readers.is_some() => {
                (self.file(files::MEMBERS, libc::O_RDONLY).map_err(|_| error)?, false)
            }
            Err(error) if error.errno() == libc::EROFS => {
                return Err(Error::new(
                    Status::Permission,
                    "the store is mounted read-only here, but each client, even a reader, needs a \
                     place of its own in it; mount it writable",
                ));
            }
            Err(error) => return Err(error),
        };
        self.check_mode(files::MEMBERS, &members_fd, modes.shared)?;
        if members_fd.stat().size < BASE_SIZE {
            return Err(self.corrupt("the file members is truncated"));
        }
        let readers = modes.readers.map(|mode| self.subdir(files::READERS, mode)).transpose()?;
        let members = Members::new(members_fd, writable)?;
        match access {
            Access::Remove => drop(self.subdir(files::LOCKS, modes.locks)?),
            _ => members.adopt_copy(self.dir.unverified(), readers.is_some())?,
        }

        let index = self.map(&index_fd, geometry.index_size, read_only, facts.huge_pages())?;
        let wake = self.map(&wake_fd, WAKE_FILE_SIZE, !can_hint, false)?;
        let max_objects = u64::from(geometry.max_objects);
        let buckets = u64::from(geometry.buckets);
        Ok(Segment {
            index_map: Arc::clone(&index),
            header: Single::new(&index, 0)?,
            id_buckets: Section::new(&index, geometry.id_buckets_at, buckets)?,
            name_buckets: Section::new(&index, geometry.name_buckets_at, buckets)?,
            events: Section::new(&index, geometry.events_at, EVENT_ENTRIES as u64)?,
            records: Section::new(&index, geometry.records_at, max_objects)?,
            blocks: Section::new(&index, geometry.blocks_at, geometry.blocks.into())?,
            order: Section::new(&index, geometry.order_at, order::words(geometry.max_objects))?,
            order_shape: order::Shape::of(geometry.max_objects),
            wake: Wake::new(&wake, *wake_fd.stat())?,
            heap: Heap::new(heap_fd, geometry.capacity, geometry.chunk_size)?,
            dir: self.dir,
            members,
            readers,
            index_fd,
            facts,
            read_only,
            can_hint,
        })
    }

    /// Opens a file, and checks its type and owner.
    fn file(&self, name: &CStr, flags: i32) -> Result<VerifiedFd> {
        let flags = flags | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let opened = file::open_at(Some(self.dir.unverified()), name, flags, 0);
        let fd = opened.and_then(VerifiedFd::new).map_err(|errno| match errno.0 {
            libc::ENOENT => Error::new(
                Status::NotAStore,
                format!(
                    "{} is a directory without a file {name:?}, so it is not a store",
                    self.address.display()
                ),
            ),
            libc::ELOOP | libc::ENXIO | libc::EISDIR => {
                self.not_a_store(&format!("{name:?} is not a regular file"))
            }
            _ => errno.because(format!("cannot open {name:?} of {}", self.address.display())),
        })?;
        if !fd.stat().is_file() {
            return Err(self.not_a_store(&format!("{name:?} is not a regular file")));
        }
        if fd.stat().uid != self.owner().uid {
            return Err(self.not_a_store(&format!("{name:?} belongs to uid {}", fd.stat().uid)));
        }
        Ok(fd)
    }

    /// Refuses a writer that the mode does not admit. The kernel admits the superuser everywhere,
    /// and files that root made by mistake in the store of another user would belong to root.
    fn refuse_superuser(&self, index: &Stat, mode: u32) -> Result<()> {
        let me = process::uid();
        let of_group = || mode & 0o020 != 0 && process::is_in_group(index.gid);
        if me == self.owner().uid || of_group() {
            return Ok(());
        }
        let owner = self.owner().uid;
        Err(Error::new(
            Status::Permission,
            format!(
                "{} belongs to uid {owner}, and its mode {mode:04o} does not admit uid {me} as a \
                 writer; run as that user (sudo -u '#{owner}'), or connect with \
                 PLASMA_CONNECT_READ_ONLY",
                self.address.display()
            ),
        ))
    }

    fn check_mode(&self, name: &CStr, fd: &VerifiedFd, made: u32) -> Result<()> {
        let is = fd.stat().perm();
        if is == made {
            return Ok(());
        }
        Err(Error::new(
            Status::Permission,
            format!(
                "{name:?} of {} has mode {is:04o}, but the store was made with {made:04o}; somebody \
                 changed it",
                self.address.display(),
            ),
        ))
    }

    fn subdir(&self, name: &CStr, mode: u32) -> Result<VerifiedFd> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let opened = file::open_at(Some(self.dir.unverified()), name, flags, 0);
        let dir = opened.and_then(VerifiedFd::new).map_err(|errno| match errno.0 {
            libc::ENOENT => self.not_a_store(&format!("it has no directory {name:?}")),
            libc::ENOTDIR | libc::ELOOP => {
                self.not_a_store(&format!("{name:?} is not a directory"))
            }
            _ => errno.because(format!("cannot open {name:?} of {}", self.address.display())),
        })?;
        if dir.stat().uid != self.owner().uid {
            return Err(self.not_a_store(&format!("{name:?} belongs to another user")));
        }
        self.check_mode(name, &dir, mode)?;
        Ok(dir)
    }

    fn map(&self, fd: &VerifiedFd, size: u64, read_only: bool, huge: bool) -> Result<Arc<Map>> {
        let (fd, size) = (fd.unverified(), size as usize);
        let map = match (read_only, huge) {
            (true, true) => Map::read_only(fd, size),
            (true, false) => Map::unaligned_read_only(fd, size),
            (false, true) => Map::read_write(fd, size),
            (false, false) => Map::unaligned(fd, size),
        };
        map.map(Arc::new)
            .map_err(|errno| errno.because(format!("cannot map {}", self.address.display())))
    }

    /// Returns the identity in the header, read with a system call so that a short file cannot
    /// fault.
    fn facts(&self, index: &VerifiedFd) -> Result<Facts> {
        let size = index.stat().size;
        let mut bytes = [0; size_of::<Identity>()];
        let read =
            file::read_at(index.unverified(), &mut bytes, offset_of!(Header, identity) as u64)
                .map_err(|errno| {
                    errno.because(format!("cannot read {}", self.address.display()))
                })?;
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let half = |at: usize| word(at & !7) >> (at % 8 * 8) & u64::from(u32::MAX);
        // SYNC publish: read through a name that the rename made.
        if read < bytes.len() || word(offset_of!(Identity, magic)) != header::MAGIC {
            return Err(self.not_a_store("its index does not begin with the magic number"));
        }
        let version = half(offset_of!(Identity, version));
        if version != u64::from(LAYOUT_VERSION) {
            return Err(
                self.version(format!("layout {version}, this library has {LAYOUT_VERSION}"))
            );
        }
        let fingerprint = word(offset_of!(Identity, fingerprint));
        if fingerprint != geometry::fingerprint() {
            return Err(self.version(format!(
                "layout fingerprint {fingerprint:016x}, this library has {:016x}",
                geometry::fingerprint()
            )));
        }
        let capacity = word(offset_of!(Identity, capacity));
        let max_objects = half(offset_of!(Identity, max_objects));
        let flags = half(offset_of!(Identity, flags)) as u32;
        let huge_pages = flags & header::FLAG_HUGE_PAGES != 0;
        let geometry = Geometry::new(capacity, max_objects, huge_pages)
            .map_err(|_| self.corrupt("the sizes in its header are impossible"))?;
        let sizes_agree = geometry.capacity == capacity
            && geometry.chunk_size == word(offset_of!(Identity, chunk_size))
            && u64::from(geometry.buckets) == half(offset_of!(Identity, buckets));
        if !sizes_agree {
            return Err(self.corrupt("the sizes in its header contradict each other"));
        }
        if size != geometry.index_size || size < HEADER_SIZE {
            return Err(self.corrupt("the file index is truncated or has grown"));
        }
        if flags & !header::ALL_FLAGS != 0 {
            return Err(
                self.version(format!("flags {flags:#x}, some of which this library does not know"))
            );
        }
        let max_readers = half(offset_of!(Identity, max_readers));
        if !(1..=u64::from(READERS)).contains(&max_readers) {
            return Err(self.corrupt("the number of readers in its header is impossible"));
        }
        let seed = offset_of!(Identity, seed);
        Ok(Facts {
            geometry,
            flags,
            mode: half(offset_of!(Identity, mode)) as u32,
            reader_quota: word(offset_of!(Identity, reader_quota)),
            max_readers: max_readers as u32,
            seed: Seed([word(seed), word(seed + 8)]),
            ticks: word(offset_of!(Identity, ticks)),
            epoch_us: word(offset_of!(Identity, epoch_us)) as i64,
        })
    }

    fn not_a_store(&self, why: &str) -> Error {
        Error::new(Status::NotAStore, format!("{}: {why}", self.address.display()))
    }

    fn corrupt(&self, why: &str) -> Error {
        Error::new(Status::Corrupt, format!("{}: {why}", self.address.display()))
    }

    fn version(&self, why: String) -> Error {
        Error::new(Status::Version, format!("{} has {why}", self.address.display()))
    }
}
