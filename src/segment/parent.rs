//! The parent directory of a store: found, made, and trusted only if it is safe.

use super::address::Address;
use crate::error::{Error, Result, Status};
use crate::sys::file::{self, Stat};
use crate::sys::{Errno, process};
use std::os::fd::{AsFd, OwnedFd};

/// Permission bits of users other than the owner who could put something into the directory.
const OTHERS_WRITE: u32 = 0o022;

/// Opens the parent directory of the store; `None` when it does not exist.
pub fn open_parent(address: &Address) -> Result<Option<OwnedFd>> {
    // Every user may make names in /dev/shm: a directory there that is not this user's is not
    // followed.
    let no_follow = if address.own_parent { libc::O_NOFOLLOW } else { 0 };
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | no_follow;
    let parent = match file::open_at(None, &address.parent, flags, 0) {
        Ok(parent) => parent,
        Err(errno) if errno.0 == libc::ENOENT => return Ok(None),
        Err(errno) => {
            if address.own_parent
                && let Ok(stat) = file::stat_at(None, &address.parent)
            {
                refuse_squatter(address, &stat)?;
            }
            return Err(no_parent(address, errno));
        }
    };
    if address.own_parent {
        let stat = file::stat_fd(parent.as_fd())
            .map_err(|errno| errno.because(format!("cannot inspect {}", shown(address))))?;
        refuse_squatter(address, &stat)?;
    }
    Ok(Some(parent))
}

/// As [`open_parent`], but makes this user's own directory of stores if it does not exist.
pub fn make_parent(address: &Address) -> Result<OwnedFd> {
    if address.own_parent {
        match file::make_dir_at(None, &address.parent, 0o700) {
            // ENOENT: a remover removed it before its mode was checked.
            Err(errno) if !matches!(errno.0, libc::EEXIST | libc::ENOENT) => {
                return Err(errno.because(format!("cannot make the directory {}", shown(address))));
            }
            _ => {}
        }
    }
    open_parent(address)?.ok_or_else(|| {
        Error::os(
            Status::StoreNotFound,
            libc::ENOENT,
            format!("the directory {} does not exist; create it first", shown(address)),
        )
    })
}

/// Opens the directory that contains an open store, wherever the store was moved and whatever this
/// process's working directory and root are by now.
pub fn parent_of(dir: &impl AsFd) -> Result<OwnedFd> {
    file::open_at(Some(dir.as_fd()), c"..", libc::O_RDONLY | libc::O_DIRECTORY, 0)
        .map_err(|errno| errno.because("cannot open the directory that holds the store"))
}

/// Checks that the directory of stores that a user addresses by words belongs to this user alone.
/// Any user could have made it first; then nothing in it is used, and the error says so.
fn refuse_squatter(address: &Address, stat: &Stat) -> Result<()> {
    let (parent, me) = (shown(address), process::uid());
    if stat.uid != me {
        let remover = if me == 0 { "remove it" } else { "have its owner or root remove it" };
        return Err(Error::new(
            Status::Permission,
            format!(
                "{parent}, the directory of the stores that uid {me} addresses by words, belongs to \
                 uid {} with mode {:04o}, so it is not used; {remover} (rm -r {parent}), or pass \
                 the path of a store, also in PLASMA_STORE",
                stat.uid,
                stat.perm()
            ),
        ));
    }
    if stat.is_dir() && stat.perm() & OTHERS_WRITE != 0 {
        return Err(Error::new(
            Status::Permission,
            format!(
                "{parent}, the directory of the stores that uid {me} addresses by words, has mode \
                 {:04o}: other users may have put files into it; inspect them, then chmod 0700 it",
                stat.perm()
            ),
        ));
    }
    Ok(())
}

/// Returns the error of a parent that exists and cannot be opened.
fn no_parent(address: &Address, errno: Errno) -> Error {
    let parent = shown(address);
    match errno.0 {
        libc::ENOTDIR | libc::ELOOP => {
            Error::os(Status::NotAStore, errno.0, format!("{parent} is not a directory"))
        }
        _ => errno.because(format!("cannot open the directory {parent}")),
    }
}

fn shown(address: &Address) -> std::borrow::Cow<'_, str> {
    address.parent.to_string_lossy()
}
