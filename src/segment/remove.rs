//! Remove a store, finish what a killed remover began, sweep what a killed builder left.
//!
//! Only files that a store is made of are ever unlinked.

use super::address::Address;
use super::open::{Access, open};
use super::parent::parent_of;
use super::publish::beside;
use super::{Segment, files};
use crate::error::{Error, Result, Status};
use crate::layout::header::Lifecycle;
use crate::sys::{Errno, SysResult, file, lock, process};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Entries of a directory that are looked at while sweeping.
const MANY: usize = 1 << 20;

/// Names that are unlinked at a time.
const BATCH: usize = 128;

/// Milliseconds to wait for another remover.
const LOCK_TRIES: u32 = 5000;

/// Remove the store at `address`: nothing starts in it any more, its directory goes away, and what
/// connected processes hold stays readable until they release it. Returns the store, for its
/// waiters to be woken.
pub fn remove(address: &Address) -> Result<Segment> {
    let Some(segment) = open(address, Access::Write)? else {
        return Err(Error::new(
            Status::StoreNotFound,
            format!("there is no store at {}", address.display()),
        ));
    };
    let parent = parent_of(&segment.dir.fd()?)?;
    refuse_strangers(address, &segment, &parent)?;
    let was = segment.lifecycle()?;
    for from in [Lifecycle::Live, Lifecycle::Closing] {
        segment.set_lifecycle(from, Lifecycle::Gone);
    }
    let undo = || {
        if was == Lifecycle::Live {
            segment.set_lifecycle(Lifecycle::Gone, Lifecycle::Live);
        }
    };
    let removal = Removal::begin(&segment, address).inspect_err(|_| undo())?;
    if let Err(error) = removal.carry_out(&parent) {
        undo();
        removal.give_up();
        return Err(error);
    }
    drop(removal);
    Ok(segment)
}

/// Finish the removal of a store that is GONE.
pub fn finish_removal(address: &Address, segment: &Segment) -> Result<()> {
    let parent = match parent_of(&segment.dir.fd()?) {
        // Gone with the store: another remover was first.
        Err(error) if error.errno() == libc::ENOENT => return Ok(()),
        parent => parent?,
    };
    refuse_strangers(address, segment, &parent)?;
    Removal::begin(segment, address)?.carry_out(&parent)
}

fn refuse_strangers(address: &Address, segment: &Segment, parent: &OwnedFd) -> Result<()> {
    let cannot = |errno: Errno| errno.because(format!("cannot look at {}", address.display()));
    let stat = file::stat_fd(segment.dir.fd()?).map_err(cannot)?;
    let outer = file::stat_fd(parent.as_fd()).map_err(cannot)?;
    if stat.dev != outer.dev {
        return Err(mount_point(address));
    }
    let me = process::uid();
    if (me != 0 && me != stat.uid) || !file::accessible(Some(parent.as_fd()), c".", true) {
        return Err(Error::new(
            Status::Permission,
            format!("only uid {}, its owner, may remove {}", stat.uid, address.display()),
        ));
    }
    Ok(())
}

/// One remover at a time, or the second could rename away what was made at the name meanwhile.
///
/// The lock is on a file that removers alone can open: on any other, a reader could keep them all
/// out with a read lock.
struct Removal<'a> {
    segment: &'a Segment,
    address: &'a Address,
    file: Option<OwnedFd>,
}

impl<'a> Removal<'a> {
    fn begin(segment: &'a Segment, address: &'a Address) -> Result<Self> {
        for _ in 0..LOCK_TRIES {
            match lock_removal(segment) {
                Ok(Some(file)) => return Ok(Self { segment, address, file }),
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(errno) => {
                    return Err(errno.because(format!("cannot lock {}", address.display())));
                }
            }
        }
        Err(Error::new(
            Status::Timeout,
            format!("another process is removing {} and does not get on", address.display()),
        ))
    }

    /// Rename the store aside and unlink it.
    fn carry_out(&self, parent: &OwnedFd) -> Result<()> {
        let Self { segment, address, .. } = self;
        let aside = beside(address, "gone")?;
        let at = Some(parent.as_fd());
        // The name may already lead to another store: then the old one is out of the way.
        let here = file::stat_at(at, &address.name).map(|stat| (stat.dev, stat.ino));
        let dir = segment.dir.fd()?;
        let ours = file::stat_fd(dir).map(|stat| (stat.dev, stat.ino));
        if here.is_err() || here != ours {
            return Ok(());
        }
        file::rename_noreplace(at, &address.name, at, &aside).map_err(|errno| match errno.0 {
            // A bind mount from the same file system.
            libc::EBUSY => mount_point(address),
            _ => errno.because(format!("cannot rename {} aside", address.display())),
        })?;
        remove_tree(parent, &aside, dir);
        if address.own_parent {
            // Fails while it holds other stores, and that is right.
            let _ = file::remove_dir_at(None, &address.parent);
        }
        Ok(())
    }

    /// The store stays.
    fn give_up(self) {
        if self.file.is_some()
            && let Ok(dir) = self.segment.dir.get()
        {
            let _ = file::unlink_at(Some(dir), files::REMOVE);
        }
    }
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        // A child that was forked meanwhile has the descriptor too, and would keep the lock.
        let locked = match &self.file {
            Some(file) => Ok(file.as_fd()),
            None => self.segment.index_fd.get(),
        };
        let _ = locked.and_then(lock::unlock);
    }
}

/// Lock the removers' file, made if there is none; `None` while another has it.
fn lock_removal(segment: &Segment) -> SysResult<Option<Option<OwnedFd>>> {
    let dir = segment.dir.get()?;
    let flags = libc::O_RDWR | libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = match file::open_at(Some(dir), files::REMOVE, flags, 0) {
        Err(errno) if errno.0 == libc::ENOENT => return make_removal(segment),
        file => file?,
    };
    // One that failed unlinks it.
    let locked = lock::try_write_lock(file.as_fd())? && file::stat_fd(file.as_fd())?.nlink > 0;
    Ok(locked.then_some(Some(file)))
}

/// Make the removers' file, the owner's and locked before it has a name.
fn make_removal(segment: &Segment) -> SysResult<Option<Option<OwnedFd>>> {
    let dir = segment.dir.get()?;
    let made = || {
        let (file, owner) = (file::tmpfile_at(dir, 0o600)?, file::stat_fd(dir)?.uid);
        if owner != process::uid() {
            file::set_owner(file.as_fd(), owner)?;
        }
        file::set_mode(file.as_fd(), 0o600)?;
        let locked = lock::try_write_lock(file.as_fd())?;
        file::link_tmpfile(file.as_fd(), dir, files::REMOVE)?;
        Ok(locked.then_some(Some(file)))
    };
    match made() {
        Err(Errno(libc::EEXIST)) => Ok(None),
        // Another has removed the store.
        Err(Errno(libc::ENOENT)) => Ok(Some(None)),
        // No room for a file; the removal makes some.
        Err(Errno(libc::ENOSPC | libc::EDQUOT)) => {
            Ok(lock::try_write_lock(segment.index_fd.get()?)?.then_some(None))
        }
        done => done,
    }
}

fn mount_point(address: &Address) -> Error {
    Error::new(
        Status::Unsupported,
        format!("{} is a mount point; unmount it instead", address.display()),
    )
}

/// Unlink what a store is made of, and its directory when that leaves it empty.
pub fn remove_tree(parent: &OwnedFd, name: &CStr, dir: BorrowedFd<'_>) {
    // Best effort throughout: what cannot be removed is left, and a later sweep tries again.
    for subdir in [files::CLIENTS, files::READERS] {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        if let Ok(inner) = file::open_at(Some(dir), subdir, flags, 0) {
            while empty_some(&inner, subdir == files::READERS) {}
            let _ = file::remove_dir_at(Some(dir), subdir);
        }
    }
    for name in [files::HEAP, files::WAKE, files::INDEX, files::REMOVE] {
        let _ = file::unlink_at(Some(dir), name);
    }
    let _ = file::remove_dir_at(Some(parent.as_fd()), name);
}

/// Unlink the first names in a directory of clients, of any kind where readers plant them; whether
/// there may be more.
fn empty_some(dir: &OwnedFd, planted: bool) -> bool {
    let mut names: Vec<CString> = Vec::new();
    // A part at a time: there may be more names than there is memory.
    let complete = file::list_dir(dir.as_fd(), BATCH, |name, _| {
        if planted || files::slot_of(name).is_some() {
            names.push(name.to_owned());
        }
    });
    let removed = |name: &CString| {
        file::unlink_at(Some(dir.as_fd()), name).is_ok()
            || planted && file::remove_dir_at(Some(dir.as_fd()), name).is_ok()
    };
    names.iter().filter(|name| removed(name)).count() > 0 && matches!(complete, Ok(false))
}

/// Remove what killed builders and removers of this store left beside it.
pub fn sweep(parent: &OwnedFd, address: &Address) {
    let prefix = [b".", address.name.to_bytes(), b"."].concat();
    let mut left: Vec<CString> = Vec::new();
    let _ = file::list_dir(parent.as_fd(), MANY, |name, _| {
        if let Some(rest) = name.to_bytes().strip_prefix(&prefix[..])
            && rest.len() > 17
            && rest[..16].iter().all(u8::is_ascii_hexdigit)
            && matches!(&rest[16..], b".tmp" | b".gone")
        {
            left.push(name.to_owned());
        }
    });
    for name in left {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let Ok(dir) = file::open_at(Some(parent.as_fd()), &name, flags, 0) else { continue };
        let Ok(stat) = file::stat_fd(dir.as_fd()) else { continue };
        if stat.uid != process::uid() {
            continue;
        }
        if name.to_bytes().ends_with(b".gone") {
            remove_tree(parent, &name, dir.as_fd());
        } else if let Some(_lock) = builder_lock(&dir) {
            // A builder unlocks after it has published: under its own name nothing is abandoned.
            let named = file::stat_at(Some(parent.as_fd()), &name);
            if named.is_ok_and(|named| named.same_file(&stat)) {
                remove_tree(parent, &name, dir.as_fd());
            }
        }
    }
}

/// The lock of the builder of `dir`, when that is dead or done. Who has it owns a directory that is
/// not published, so a builder that has not got that far yet finds it taken and uses another.
fn builder_lock(dir: &OwnedFd) -> Option<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOFOLLOW;
    let index = file::open_at(Some(dir.as_fd()), files::INDEX, flags, 0).or_else(|_| {
        let flags = flags | libc::O_CREAT | libc::O_EXCL;
        file::open_at(Some(dir.as_fd()), files::INDEX, flags, 0o600)
    });
    index.ok().filter(|index| lock::try_write_lock(index.as_fd()).unwrap_or(false))
}
