//! Removes a store, or finishes what a killed remover began.
//!
//! Only files that belong to a store are ever unlinked, and a store whose directory contains other
//! files is not removed.

use super::address::Address;
use super::beside::{is_named, move_aside};
use super::open::{Access, open};
use super::parent::parent_of;
use super::{Segment, files};
use crate::error::{Error, Result, Status};
use crate::layout::header::Lifecycle;
use crate::layout::members::LOCKS;
use crate::sys::{Errno, SysResult, file, file_lock, process};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Maximum number of names that are unlinked in one round.
const MANY: usize = 1 << 20;

/// Rounds in which a directory is emptied. The first round is enough unless names are still made in
/// it, by a reader that joins at that moment, or whose `readers/` could not be closed.
const ROUNDS: usize = 8;

/// Milliseconds to wait for another remover.
const LOCK_TRIES: u32 = 5000;

/// Removes the store at `address`: no call begins in it after this, its directory goes away, and
/// objects that connected processes hold stay readable until they release them. Returns the store,
/// so that the caller can wake its waiters.
pub fn remove(address: &Address) -> Result<Segment> {
    let opened = open(address, Access::Remove);
    let opened = opened.map_err(|error| error.and_if(Status::NotAStore, "nothing was removed"));
    let Some(segment) = opened? else {
        return Err(Error::new(
            Status::StoreNotFound,
            format!("there is no store at {}", address.display()),
        ));
    };
    if let Some(removal) = Removal::begin(&segment, address)? {
        removal.carry_out()?;
    }
    Ok(segment)
}

/// Finishes the removal of a store that is GONE.
pub fn finish_removal(address: &Address, segment: &Segment) -> Result<()> {
    let Some(removal) = Removal::begin(segment, address)? else { return Ok(()) };
    if segment.lifecycle()? == Lifecycle::Gone {
        return removal.carry_out();
    }
    // Its remover could not rename it, and made it LIVE again.
    removal.give_up();
    Ok(())
}

/// The right to remove a store. There is one remover at a time: a second one could rename away a
/// new store that was made at the address, and the first one could take back a GONE that the second
/// relies on. Everything that can prevent a removal is checked before it begins, so a store rarely
/// becomes GONE in vain.
///
/// The lock is on a file that only removers can open. On any other file, a reader could keep all of
/// them out with a read lock.
struct Removal<'a> {
    segment: &'a Segment,
    address: &'a Address,
    parent: OwnedFd,
    file: Option<OwnedFd>,
}

impl<'a> Removal<'a> {
    /// Takes the right. Returns `None` when another process has removed the store.
    fn begin(segment: &'a Segment, address: &'a Address) -> Result<Option<Self>> {
        let dir = segment.dir.fd()?;
        let parent = match parent_of(&dir) {
            // Gone with the store.
            Err(error) if error.errno() == libc::ENOENT => return Ok(None),
            parent => parent?,
        };
        refuse_strangers(address, dir, &parent)?;
        refuse_foreign_files(address, segment)?;
        for _ in 0..LOCK_TRIES {
            match lock_removal(segment) {
                Ok(Some(file)) => {
                    let removal = Self { segment, address, parent, file };
                    // The name may belong to another store by now, which means that the old one is
                    // out of the way.
                    if !removal.is_named(dir)? {
                        removal.give_up();
                        return Ok(None);
                    }
                    return match removal.probe() {
                        Ok(()) => Ok(Some(removal)),
                        Err(error) => {
                            removal.give_up();
                            Err(error)
                        }
                    };
                }
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(errno) => {
                    return Err(errno.because(format!("cannot lock {}", address.display())));
                }
            }
        }
        Err(Error::new(
            Status::Timeout,
            format!("another process is removing {} and makes no progress", address.display()),
        ))
    }

    fn is_named(&self, dir: BorrowedFd<'_>) -> Result<bool> {
        let stat = file::stat_fd(dir).map_err(|errno| self.cannot_inspect(errno))?;
        Ok(is_named(&self.parent, &self.address.name, &stat))
    }

    fn cannot_inspect(&self, errno: Errno) -> Error {
        errno.because(format!("cannot inspect {}", self.address.display()))
    }

    /// Returns whether the kernel would let the directory be renamed: rmdir makes the same checks
    /// before it refuses a directory that is not empty.
    fn probe(&self) -> Result<()> {
        match file::remove_dir_at(Some(self.parent.as_fd()), &self.address.name) {
            Err(Errno(libc::ENOTEMPTY | libc::EEXIST)) | Ok(()) => Ok(()),
            Err(errno) => Err(self.not_renamed(errno)),
        }
    }

    fn not_renamed(&self, errno: Errno) -> Error {
        match errno.0 {
            // A bind mount from the same file system.
            libc::EBUSY => mount_point(self.address),
            _ => errno.because(format!("cannot rename {} aside", self.address.display())),
        }
    }

    /// Makes the store GONE, renames it aside and unlinks it.
    fn carry_out(self) -> Result<()> {
        let Self { segment, address, parent, .. } = &self;
        let dir = segment.dir.fd()?;
        let condemned = segment.lifecycle_word().condemn();
        let moved = move_aside(address, parent)
            .and_then(|moved| moved.map_err(|errno| self.not_renamed(errno)));
        match moved {
            Ok(aside) => {
                remove_tree(parent, &aside, dir);
                if address.own_parent {
                    // This fails while the directory contains other stores, as it should.
                    let _ = file::remove_dir_at(None, &address.parent);
                }
                Ok(())
            }
            Err(error) => {
                if condemned && self.is_named(dir).unwrap_or(false) {
                    segment.lifecycle_word().pardon();
                }
                self.give_up();
                Err(error)
            }
        }
    }

    /// Gives the right up: the store stays, or another process has removed it.
    fn give_up(self) {
        if self.file.is_some()
            && let Ok(dir) = self.segment.dir.get()
        {
            let _ = file::unlink_at(Some(dir), files::REMOVE);
        }
    }
}

fn refuse_strangers(address: &Address, dir: BorrowedFd<'_>, parent: &OwnedFd) -> Result<()> {
    let cannot = |errno: Errno| errno.because(format!("cannot inspect {}", address.display()));
    let stat = file::stat_fd(dir).map_err(cannot)?;
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

/// Refuses a store with a file that does not belong to it: the file would be left behind in a
/// directory that nobody inspects.
fn refuse_foreign_files(address: &Address, segment: &Segment) -> Result<()> {
    let cannot = |errno: Errno| errno.because(format!("cannot inspect {}", address.display()));
    let mut known = vec![
        files::INDEX,
        files::HEAP,
        files::WAKE,
        files::MEMBERS,
        files::LOCKS,
        files::BEACON,
        files::REMOVE,
    ];
    // Any reader may plant names in `readers/`, and they are removed with the store.
    known.extend(segment.readers.as_ref().map(|_| files::READERS));
    let dir = segment.dir.get().map_err(cannot)?;
    let found = strange_name(dir, known.len(), |name| known.contains(&name));
    let found = match found.map_err(cannot)? {
        Some(name) => Some(name),
        None => {
            let below = |name: CString| [files::LOCKS.to_bytes(), b"/", name.to_bytes()].concat();
            strange_lock(dir).map_err(cannot)?.map(below).and_then(|name| CString::new(name).ok())
        }
    };
    match found {
        None => Ok(()),
        Some(name) => Err(Error::new(
            Status::Unsupported,
            format!(
                "{} holds {name:?}, which does not belong to a store; move it elsewhere, and \
                 then remove the store",
                address.display()
            ),
        )),
    }
}

/// Returns a name in `locks/` that no store makes there.
fn strange_lock(dir: BorrowedFd<'_>) -> SysResult<Option<CString>> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let inner = match file::open_at(Some(dir), files::LOCKS, flags, 0) {
        // The directory is gone, and perhaps the store with it.
        Err(Errno(libc::ENOENT)) => return Ok(None),
        inner => inner?,
    };
    let at = Some(inner.as_fd());
    strange_name(inner.as_fd(), LOCKS, |name| {
        // A file that is gone since the listing was removed with the store.
        let stat = || file::stat_at(at, name).map_or(true, |stat| stat.is_file());
        files::slot_of(name).is_some_and(|which| (which as usize) < LOCKS) && stat()
    })
}

/// Returns a name in a directory that `ours` does not know. If there are more than `most` names,
/// one of them must be unknown.
fn strange_name(
    dir: BorrowedFd<'_>,
    most: usize,
    ours: impl Fn(&CStr) -> bool,
) -> SysResult<Option<CString>> {
    let mut strange = None;
    match file::list_dir(dir, most + 1, |name, _| {
        if strange.is_none() && !ours(name) {
            strange = Some(name.to_owned());
        }
    }) {
        // The directory is gone, and the store with it.
        Err(Errno(libc::ENOENT)) => Ok(None),
        listed => listed.map(|_| strange),
    }
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        // A child that was forked during this has the descriptor too, and would keep the lock.
        let locked = match &self.file {
            Some(file) => Ok(file.as_fd()),
            None => self.segment.index_fd.get(),
        };
        let _ = locked.and_then(file_lock::unlock);
    }
}

/// Locks the removers' file, which is made if it does not exist. Returns `None` while another
/// process has it.
fn lock_removal(segment: &Segment) -> SysResult<Option<Option<OwnedFd>>> {
    let dir = segment.dir.get()?;
    let flags = libc::O_RDWR | libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = match file::open_at(Some(dir), files::REMOVE, flags, 0) {
        Err(errno) if errno.0 == libc::ENOENT => return make_removal(segment),
        file => file?,
    };
    // A remover that fails unlinks the file.
    let locked = file_lock::try_write_lock(file.as_fd())? && file::stat_fd(file.as_fd())?.nlink > 0;
    Ok(locked.then_some(Some(file)))
}

/// Makes the removers' file: it belongs to the owner, and is locked before it has a name.
fn make_removal(segment: &Segment) -> SysResult<Option<Option<OwnedFd>>> {
    let dir = segment.dir.get()?;
    let made = || {
        let (file, owner) = (file::tmpfile_at(dir, 0o600)?, file::stat_fd(dir)?.uid);
        if owner != process::uid() {
            file::set_owner(file.as_fd(), owner)?;
        }
        file::set_mode(file.as_fd(), 0o600)?;
        let locked = file_lock::try_write_lock(file.as_fd())?;
        file::link_tmpfile(file.as_fd(), dir, files::REMOVE)?;
        Ok(locked.then_some(Some(file)))
    };
    match made() {
        Err(Errno(libc::EEXIST)) => Ok(None),
        // Another process has removed the store.
        Err(Errno(libc::ENOENT)) => Ok(Some(None)),
        // There is no room for a file; the removal makes some.
        Err(Errno(libc::ENOSPC | libc::EDQUOT)) => {
            Ok(file_lock::try_write_lock(segment.index_fd.get()?)?.then_some(None))
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

/// Unlinks the files of a store that has lost its name, and its directory if that is empty then.
/// Best effort: a file that cannot be removed is left to a later sweep.
pub fn remove_tree(parent: &OwnedFd, name: &CStr, dir: BorrowedFd<'_>) {
    for _ in 0..ROUNDS {
        let removed = empty_store(dir, &[files::INDEX, files::REMOVE]);
        if file::remove_dir_at(Some(parent.as_fd()), name).is_ok() || removed == 0 {
            return;
        }
    }
}

/// Unlinks the files of a store that was never published, and its directory; by the owner of the
/// lock on its `index`. The index goes last, and the directory only if it is empty then: as soon as
/// there is no index, a builder may make one, and the directory is that builder's.
pub fn remove_site(parent: &OwnedFd, name: &CStr, dir: BorrowedFd<'_>) {
    empty_store(dir, &[]);
    let _ = file::unlink_at(Some(dir), files::INDEX);
    let _ = file::remove_dir_at(Some(parent.as_fd()), name);
}

/// Unlinks the files that every store has beside its index, and these. Returns the number of names.
fn empty_store(dir: BorrowedFd<'_>, more: &[&CStr]) -> usize {
    let below = [files::LOCKS, files::READERS].map(|subdir| empty(dir, subdir));
    let names = [files::HEAP, files::WAKE, files::MEMBERS, files::BEACON];
    let unlinked = names.iter().chain(more).filter(|name| file::unlink_at(Some(dir), name).is_ok());
    below.iter().sum::<usize>() + unlinked.count()
}

/// Unlinks the names of files in `locks/` or `readers/`, of any type where readers plant them, and then the
/// directory. Returns the number of names.
fn empty(dir: BorrowedFd<'_>, subdir: &CStr) -> usize {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let Ok(inner) = file::open_at(Some(dir), subdir, flags, 0) else { return 0 };
    let planted = subdir == files::READERS;
    if planted {
        // From here on its readers can plant nothing more, so the loop ends.
        let _ = file::set_mode(inner.as_fd(), 0o700);
    }
    let at = Some(inner.as_fd());
    let mut removed = 0;
    // Names are unlinked while they are listed, because there may be more names than there is
    // memory.
    let _ = file::list_dir(inner.as_fd(), MANY, |name, _| {
        if planted || files::slot_of(name).is_some() {
            let gone = file::unlink_at(at, name).is_ok()
                || planted && file::remove_dir_at(at, name).is_ok();
            removed += usize::from(gone);
        }
    });
    removed + usize::from(file::remove_dir_at(Some(dir), subdir).is_ok())
}
