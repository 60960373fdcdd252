//! Remove a store, finish what a killed remover began, sweep what a killed builder left.
//!
//! Only files that a store is made of are ever unlinked.

use super::address::Address;
use super::open::{Access, no_parent, open};
use super::publish::beside;
use super::{Segment, files};
use crate::error::{Error, Result, Status};
use crate::layout::header::Lifecycle;
use crate::sys::{file, lock, process};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Entries of a directory that are looked at while sweeping or removing.
const MANY: usize = 1 << 20;

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
    let parent = open_parent(address)?;
    refuse_strangers(address, &segment, &parent)?;
    let was = segment.lifecycle()?;
    for from in [Lifecycle::Live, Lifecycle::Closing] {
        segment.set_lifecycle(from, Lifecycle::Gone);
    }
    if let Err(error) = remove_gone(address, &segment, &parent) {
        if was == Lifecycle::Live {
            segment.set_lifecycle(Lifecycle::Gone, Lifecycle::Live);
        }
        return Err(error);
    }
    Ok(segment)
}

/// Finish the removal of a store that is GONE.
pub fn finish_removal(address: &Address, segment: &Segment) -> Result<()> {
    let parent = match open_parent(address) {
        // Gone with the store: another remover was first.
        Err(error) if error.errno() == libc::ENOENT => return Ok(()),
        parent => parent?,
    };
    refuse_strangers(address, segment, &parent)?;
    remove_gone(address, segment, &parent)
}

fn open_parent(address: &Address) -> Result<OwnedFd> {
    file::open_at(None, &address.parent, libc::O_RDONLY | libc::O_DIRECTORY, 0)
        .map_err(|errno| no_parent(address, errno))
}

fn refuse_strangers(address: &Address, segment: &Segment, parent: &OwnedFd) -> Result<()> {
    let cannot =
        |errno: crate::sys::Errno| errno.because(format!("cannot look at {}", address.display()));
    let stat = file::stat_fd(segment.dir.as_fd()).map_err(cannot)?;
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

fn lock_index(segment: &Segment, address: &Address) -> Result<()> {
    for _ in 0..LOCK_TRIES {
        match lock::try_write_lock(segment.index_fd.as_fd()) {
            Ok(true) => return Ok(()),
            Ok(false) => std::thread::sleep(Duration::from_millis(1)),
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

fn mount_point(address: &Address) -> Error {
    Error::new(
        Status::Unsupported,
        format!("{} is a mount point; unmount it instead", address.display()),
    )
}

fn remove_gone(address: &Address, segment: &Segment, parent: &OwnedFd) -> Result<()> {
    let aside = beside(address, "gone")?;
    // One remover at a time, or the second could rename away what was made at the name meanwhile.
    // Nobody else locks a published index, and the lock ends with the segment or the process.
    lock_index(segment, address)?;
    // The name may already lead to another store: then the old one is out of the way.
    let here = file::stat_at(Some(parent.as_fd()), &address.name).map(|stat| (stat.dev, stat.ino));
    let ours = file::stat_fd(segment.dir.as_fd()).map(|stat| (stat.dev, stat.ino));
    if here.is_err() || here != ours {
        return Ok(());
    }
    file::rename_noreplace(Some(parent.as_fd()), &address.name, Some(parent.as_fd()), &aside)
        .map_err(|errno| match errno.0 {
            // A bind mount from the same file system.
            libc::EBUSY => mount_point(address),
            _ => errno.because(format!("cannot rename {} aside", address.display())),
        })?;
    remove_tree(parent, &aside, &segment.dir);
    if address.own_parent {
        // Fails while it holds other stores, and that is right.
        let _ = file::remove_dir_at(None, &address.parent);
    }
    Ok(())
}

/// Unlink what a store is made of, and its directory when that leaves it empty.
pub fn remove_tree(parent: &OwnedFd, name: &CStr, dir: &OwnedFd) {
    // Best effort throughout: what cannot be removed is left, and a later sweep tries again.
    for subdir in [files::CLIENTS, files::READERS] {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        if let Ok(inner) = file::open_at(Some(dir.as_fd()), subdir, flags, 0) {
            let mut names: Vec<CString> = Vec::new();
            let _ = file::list_dir(inner.as_fd(), MANY, |name, _| names.push(name.to_owned()));
            let planted = subdir == files::READERS;
            for name in names.iter().filter(|name| planted || files::slot_of(name).is_some()) {
                if file::unlink_at(Some(inner.as_fd()), name).is_err() && planted {
                    let _ = file::remove_dir_at(Some(inner.as_fd()), name);
                }
            }
            let _ = file::remove_dir_at(Some(dir.as_fd()), subdir);
        }
    }
    for name in [files::HEAP, files::WAKE, files::INDEX] {
        let _ = file::unlink_at(Some(dir.as_fd()), name);
    }
    let _ = file::remove_dir_at(Some(parent.as_fd()), name);
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
            remove_tree(parent, &name, &dir);
        } else if let Some(_lock) = builder_lock(&dir) {
            // A builder unlocks after it has published: under its own name nothing is abandoned.
            let named = file::stat_at(Some(parent.as_fd()), &name);
            if named.is_ok_and(|named| named.same_file(&stat)) {
                remove_tree(parent, &name, &dir);
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
