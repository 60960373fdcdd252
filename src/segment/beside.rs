//! The directories beside a store while it is made and removed, which have names of their own.
//!
//! Each store has few such names, so a client that looks for the remains of a killed process need
//! not read the parent directory, which may hold any number of other names. Each name is tried in
//! turn. Where other users may make names in the parent (it is sticky, like /tmp), they may take
//! all of these names; then a random name is used, which nobody can guess, and which no later
//! client looks for.

use super::address::Address;
use super::files;
use super::remove::{remove_site, remove_tree};
use crate::error::{Error, Result, Status};
use crate::sys::file::{self, Stat};
use crate::sys::{Errno, SysResult, file_lock, process, random};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};

/// Number of names of each kind that every client of a store tries.
const NAMES: u32 = 16;

/// Number of random names that are tried when those are taken; only a faulty machine needs a second
/// one.
const DRAWN: u32 = 4;

const DIRECTORY: i32 = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;

/// The purpose of a directory beside a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DirKind {
    /// A store that is being made.
    Tmp,
    /// A store that is being unlinked.
    Gone,
}

/// Returns a name beside the store: `.<name>.<which>.<kind>`.
fn name(address: &Address, which: &str, kind: DirKind) -> Result<CString> {
    let kind: &[u8] = match kind {
        DirKind::Tmp => b".tmp",
        DirKind::Gone => b".gone",
    };
    CString::new([b".", address.name.to_bytes(), b".", which.as_bytes(), kind].concat())
        .map_err(|_| Error::new(Status::InvalidArgument, "the address contains a NUL"))
}

/// Returns the names of a kind in the order in which they are tried.
fn names(address: &Address, kind: DirKind) -> impl Iterator<Item = Result<CString>> {
    let drawn = move || {
        let mut nonce = [0; 8];
        random::fill(&mut nonce)?;
        name(address, &format!("{:016x}", u64::from_ne_bytes(nonce)), kind)
    };
    let fixed = (0..NAMES).map(move |k| name(address, &k.to_string(), kind));
    fixed.chain((0..DRAWN).map(move |_| drawn()))
}

/// A directory in which a store is built, and its `index`, whose lock shows that the builder is
/// alive.
pub struct Site {
    /// Its name beside the store.
    pub name: CString,
    /// The directory.
    pub dir: OwnedFd,
    /// Its `index`, locked.
    pub index: OwnedFd,
}

/// Makes a directory to build in.
pub fn make_site(address: &Address, parent: &OwnedFd) -> Result<Site> {
    let cannot = |errno: Errno| {
        let hint =
            if errno.0 == libc::EACCES { "; choose a directory you may write in" } else { "" };
        errno.because(format!("cannot make {}{hint}", address.display()))
    };
    for name in names(address, DirKind::Tmp) {
        if let Some(site) = try_site(parent, name?).map_err(cannot)? {
            return Ok(site);
        }
    }
    let at = address.display();
    let way_out = "choose a directory that keeps files, for example below /dev/shm";
    Err(Error::new(Status::System, format!("no directory can be made beside {at}; {way_out}")))
}

/// Returns `None` when the name is taken.
fn try_site(parent: &OwnedFd, name: CString) -> SysResult<Option<Site>> {
    let parent_is_there = || file::stat_fd(parent.as_fd()).is_ok_and(|stat| stat.nlink > 0);
    match file::make_dir_at(Some(parent.as_fd()), &name, 0o700) {
        Ok(()) => {}
        Err(errno) if errno.0 == libc::EEXIST => return Ok(None),
        // Swept between its creation and the change of its mode.
        Err(errno) if errno.0 == libc::ENOENT && parent_is_there() => return Ok(None),
        Err(errno) => return Err(errno),
    }
    // A sweeper may take the directory, or the lock in it, first. It then owns both, and the
    // builder uses another name.
    let swept = |errno: &Errno| matches!(errno.0, libc::ENOENT | libc::EEXIST);
    let dir = match file::open_at(Some(parent.as_fd()), &name, DIRECTORY, 0) {
        Err(errno) if swept(&errno) => return Ok(None),
        dir => dir?,
    };
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
    let index = match file::open_at(Some(dir.as_fd()), files::INDEX, flags, 0o600) {
        Err(errno) if swept(&errno) => return Ok(None),
        Ok(index) => file_lock::try_write_lock(index.as_fd()).map(|locked| (index, locked)),
        Err(errno) => Err(errno),
    };
    match index {
        // A sweeper that had the lock before has unlinked the file by now.
        Ok((index, true)) if file::stat_fd(index.as_fd()).is_ok_and(|stat| stat.nlink > 0) => {
            Ok(Some(Site { name, dir, index }))
        }
        Ok(_) => Ok(None),
        Err(errno) => {
            remove_site(parent, &name, dir.as_fd());
            Err(errno)
        }
    }
}

/// Renames the store away from its own name. Returns the new name.
pub fn move_aside(address: &Address, parent: &OwnedFd) -> Result<SysResult<CString>> {
    let here = Some(parent.as_fd());
    for aside in names(address, DirKind::Gone) {
        let aside = aside?;
        match file::rename_noreplace(here, &address.name, here, &aside) {
            Ok(()) => return Ok(Ok(aside)),
            Err(Errno(libc::EEXIST | libc::ENOTEMPTY)) => {}
            Err(errno) => return Ok(Err(errno)),
        }
    }
    Ok(Err(Errno(libc::EEXIST)))
}

/// Removes what killed builders and removers of this store left beside it.
pub fn sweep(parent: &OwnedFd, address: &Address) -> Result<()> {
    for k in 0..NAMES {
        for kind in [DirKind::Tmp, DirKind::Gone] {
            sweep_one(parent, &name(address, &k.to_string(), kind)?, kind);
        }
    }
    Ok(())
}

fn sweep_one(parent: &OwnedFd, name: &CStr, kind: DirKind) {
    let Ok(dir) = file::open_at(Some(parent.as_fd()), name, DIRECTORY, 0) else { return };
    let Ok(stat) = file::stat_fd(dir.as_fd()) else { return };
    if stat.uid != process::uid() {
        return;
    }
    match kind {
        DirKind::Gone => remove_tree(parent, name, dir.as_fd()),
        DirKind::Tmp => {
            // A builder unlocks after it has published, and the name may belong to another builder
            // then.
            if let Some(_lock) = builder_lock(&dir)
                && is_named(parent, name, &stat)
            {
                remove_site(parent, name, dir.as_fd());
            }
        }
    }
}

/// Returns whether `name` still names this directory. The directory is kept open, so no other can
/// have its inode.
pub fn is_named(parent: &OwnedFd, name: &CStr, dir: &Stat) -> bool {
    file::stat_at(Some(parent.as_fd()), name).is_ok_and(|named| named.same_file(dir))
}

/// Takes the lock of the builder of `dir` if the builder is dead or done. The owner of the lock
/// owns a directory that is not published; a builder that has not taken the lock yet finds it taken
/// and uses another name.
fn builder_lock(dir: &OwnedFd) -> Option<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOFOLLOW;
    let index = file::open_at(Some(dir.as_fd()), files::INDEX, flags, 0).or_else(|_| {
        let flags = flags | libc::O_CREAT | libc::O_EXCL;
        file::open_at(Some(dir.as_fd()), files::INDEX, flags, 0o600)
    });
    index.ok().filter(|index| file_lock::try_write_lock(index.as_fd()).unwrap_or(false))
}
