//! File systems: their kind, and how much room they have.
#![allow(unsafe_code)] // fstatfs

use super::{SysResult, retry};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A mounted file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Its name: `tmpfs`, `ext4` and so on, or `unknown`.
    pub name: &'static str,
    /// Bytes that this user may still use; `u64::MAX` when there is no limit.
    pub free_bytes: u64,
    /// Its size; 0 when there is no limit (ramfs, a tmpfs without a size).
    pub total_bytes: u64,
    /// Other machines may change its files, so mappings on two machines may differ.
    pub network: bool,
    /// It stores only huge pages (hugetlbfs).
    pub huge: bool,
}

impl FileSystem {
    /// Returns whether its size is not limited.
    pub const fn is_unlimited(&self) -> bool {
        self.total_bytes == 0
    }
}

/// Returns the file system that an open file is on.
pub fn file_system(fd: BorrowedFd<'_>) -> SysResult<FileSystem> {
    let mut stat = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: `stat` has room for the answer and outlives the call.
    retry(|| unsafe { libc::fstatfs(fd.as_raw_fd(), stat.as_mut_ptr()) })?;
    // SAFETY: fstatfs succeeded, so it filled the struct.
    let stat = unsafe { stat.assume_init() };
    Ok(describe(stat.f_type as u32, stat.f_bsize as u64, stat.f_blocks, stat.f_bavail))
}

/// Returns whether an open file is on a file system that is mounted read-only.
pub fn is_read_only(fd: BorrowedFd<'_>) -> bool {
    let mut stat = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `stat` has room for the answer and outlives the call.
    if retry(|| unsafe { libc::fstatvfs(fd.as_raw_fd(), stat.as_mut_ptr()) }).is_err() {
        return false;
    }
    // SAFETY: fstatvfs succeeded, so it filled the struct.
    let stat = unsafe { stat.assume_init() };
    stat.f_flag & libc::ST_RDONLY != 0
}

fn describe(magic: u32, block: u64, total: u64, free: u64) -> FileSystem {
    use FileSystemKind::{Huge, Local, Network};
    let (name, kind) = match magic {
        0x0102_1994 => ("tmpfs", Local),
        0x8584_58f6 => ("ramfs", Local),
        0x9584_58f6 => ("hugetlbfs", Huge),
        0xef53 => ("ext4", Local),
        0x5846_5342 => ("xfs", Local),
        0x9123_683e => ("btrfs", Local),
        0x794c_7630 => ("overlayfs", Local),
        0xf2f5_2010 => ("f2fs", Local),
        0x2fc1_2fc1 => ("zfs", Local),
        0xca45_1a4e => ("bcachefs", Local),
        0x5265_4973 => ("reiserfs", Local),
        0x3153_464a => ("jfs", Local),
        0x3434 => ("nilfs", Local),
        0x4d44 => ("vfat", Local),
        0x2011_bab0 => ("exfat", Local),
        0x7366_746e => ("ntfs3", Local),
        0x6573_5546 => ("fuse", Local),
        0xf15f => ("ecryptfs", Local),
        0x7371_7368 => ("squashfs", Local),
        0xe0f5_e1e2 => ("erofs", Local),
        0x9660 => ("iso9660", Local),
        0x9fa0 => ("proc", Local),
        0x6265_6572 => ("sysfs", Local),
        0x6969 => ("nfs", Network),
        0x517b => ("smbfs", Network),
        0xff53_4d42 => ("cifs", Network),
        0xfe53_4d42 => ("smb2", Network),
        0x00c3_6400 => ("ceph", Network),
        0x0102_1997 => ("9p", Network),
        0x5346_414f | 0x6b41_4653 => ("afs", Network),
        0x7375_7245 => ("coda", Network),
        0x0bd0_0bd0 => ("lustre", Network),
        0x0116_1970 => ("gfs2", Network),
        0x7461_636f => ("ocfs2", Network),
        0x4750_4653 => ("gpfs", Network),
        0x1983_0326 => ("beegfs", Network),
        0x2003_0528 => ("orangefs", Network),
        0x564c => ("ncpfs", Network),
        0x786f_4256 => ("vboxsf", Network),
        0xbacb_acbc => ("vmhgfs", Network),
        _ => ("unknown", Local),
    };
    FileSystem {
        name,
        free_bytes: if total == 0 { u64::MAX } else { free.saturating_mul(block) },
        total_bytes: total.saturating_mul(block),
        network: matches!(kind, Network),
        huge: matches!(kind, Huge),
    }
}

enum FileSystemKind {
    Local,
    Network,
    Huge,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn proc_and_shm_are_told_apart() {
        let of = |path| file_system(File::open(path).unwrap().as_fd()).unwrap();
        assert_eq!(of("/proc").name, "proc");
        let shm = of("/dev/shm");
        assert!(!shm.network && !shm.huge && shm.free_bytes > 0);
        assert!(shm.is_unlimited() || shm.free_bytes <= shm.total_bytes);
    }

    #[test]
    fn no_limit_is_not_no_room() {
        let unlimited = describe(0x0102_1994, 4096, 0, 0);
        assert!(unlimited.is_unlimited());
        assert_eq!(unlimited.free_bytes, u64::MAX);
        let full = describe(0x0102_1994, 4096, 10, 0);
        assert!(!full.is_unlimited());
        assert_eq!((full.free_bytes, full.total_bytes), (0, 40960));
        assert!(describe(0x6969, 4096, 1, 1).network && describe(0x9584_58f6, 1, 1, 1).huge);
    }
}
