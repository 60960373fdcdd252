//! Access checks: the access of this process to a file, by its effective user and group.
//!
//! The C library's function is not used. It answers "no" when a sandbox returns EPERM for the
//! underlying system call (Linux 5.8), as container profiles do that do not know the call.
#![allow(unsafe_code)] // system calls

use super::file::{Stat, at, stat_at};
use super::process::{gid, uid};
use super::{Errno, check};
use libc::{c_int, c_long};
use std::ffi::CStr;
use std::os::fd::BorrowedFd;

/// Returns whether this process may read the file `name`, and with `write` also write it.
pub fn accessible(dir: Option<BorrowedFd<'_>>, name: &CStr, write: bool) -> bool {
    let mode = if write { libc::R_OK | libc::W_OK } else { libc::R_OK };
    let ask = |call: c_long, flags: c_int| {
        // SAFETY: `name` ends in NUL and outlives the call; the last argument is for one of the calls.
        check(unsafe { libc::syscall(call, at(dir), name.as_ptr(), mode, flags) })
    };
    match ask(libc::SYS_faccessat2, libc::AT_EACCESS) {
        Err(Errno(libc::ENOSYS | libc::EPERM)) => {}
        answer => return answer.is_ok(),
    }
    if is_itself() {
        // The older call uses the real user and group.
        return ask(libc::SYS_faccessat, 0).is_ok();
    }
    stat_at(dir, name).is_ok_and(|stat| allows(&stat, mode as u32, uid(), in_group))
}

/// Returns whether the real user and group are the effective ones.
fn is_itself() -> bool {
    // SAFETY: takes nothing and cannot fail.
    let (real_uid, real_gid) = (unsafe { libc::getuid() }, unsafe { libc::getgid() });
    (real_uid, real_gid) == (uid(), gid())
}

/// Returns whether this process is in a group; `false` if that cannot be found out.
fn in_group(group: u32) -> bool {
    const MOST: usize = 1024;
    let mut groups = [0; MOST];
    // SAFETY: there is room for so many.
    let count = unsafe { libc::getgroups(MOST as c_int, groups.as_mut_ptr()) };
    let count = usize::try_from(count).unwrap_or(0).min(MOST);
    group == gid() || groups[..count].contains(&group)
}

/// Returns whether the permission bits of a file allow the access: the decision of the kernel where
/// there are no access control lists.
fn allows(stat: &Stat, mode: u32, user: u32, in_group: impl Fn(u32) -> bool) -> bool {
    let shift = if user == stat.uid {
        6
    } else if in_group(stat.gid) {
        3
    } else {
        0
    };
    user == 0 || stat.perm() >> shift & mode == mode
}

#[cfg(test)]
mod tests {
    use super::super::file::{make_dir_at, stat_fd};
    use super::super::testing::TempDir;
    use super::*;

    #[test]
    fn an_own_file_is_accessible() {
        let dir = TempDir::new();
        make_dir_at(Some(dir.fd()), c"a", 0o700).unwrap();
        assert!(accessible(Some(dir.fd()), c"a", true) && accessible(Some(dir.fd()), c".", false));
        assert!(!accessible(Some(dir.fd()), c"b", false));
    }

    #[test]
    fn the_first_class_that_a_user_is_in_decides() {
        let dir = TempDir::new();
        let stat = |mode| Stat { mode, uid: 1, gid: 2, ..stat_fd(dir.fd()).unwrap() };
        let (read, both) = (libc::R_OK as u32, (libc::R_OK | libc::W_OK) as u32);
        let may = |mode, want, user, group| allows(&stat(mode), want, user, |asked| asked == group);
        assert!(may(0o600, both, 1, 9) && !may(0o066, read, 1, 2));
        assert!(may(0o640, read, 5, 2) && !may(0o640, both, 5, 2) && !may(0o604, read, 5, 2));
        assert!(may(0o604, read, 5, 9) && !may(0o660, read, 5, 9) && !may(0o604, both, 5, 9));
        assert!(may(0, both, 0, 9));
    }
}
