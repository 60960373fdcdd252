//! The mapped file `wake`, whose rows have memory only where clients wait.

use super::cast::Single;
use super::files;
use super::publish::refuse_beyond_cgroup;
use crate::error::Result;
use crate::layout::wake::{ALL_BUCKETS, Row, WAKE_RESERVED, WakePage};
use crate::sync::local::AtomicU64;
use crate::sync::local::Ordering::Relaxed;
use crate::sys::file::{self, Stat};
use crate::sys::map::Map;
use crate::sys::thread::CancelOff;
use crate::sys::verified_fd::VerifiedFd;
use std::os::fd::AsFd;
use std::sync::Arc;

const PAGE: u64 = 4096;

/// Pages of rows.
const PAGES: usize = (ALL_BUCKETS * size_of::<Row>()).div_ceil(PAGE as usize);

/// The file `wake`.
pub struct Wake {
    pub page: Single<WakePage>,
    stat: Stat,
    /// The pages of rows that this process made sure of, a bit each. Relaxed throughout: a page
    /// stays reserved, and to reserve it twice changes nothing.
    reserved: [AtomicU64; PAGES.div_ceil(64)],
}

impl Wake {
    pub fn new(map: &Arc<Map>, stat: Stat) -> Result<Self> {
        let reserved = [const { AtomicU64::new(0) }; PAGES.div_ceil(64)];
        Ok(Self { page: Single::new(map, 0)?, stat, reserved })
    }

    /// Makes sure that the row of a bucket has memory, once in each process; `false` if it cannot.
    pub fn reserve_row(&self, dir: &VerifiedFd, bucket: u32) -> bool {
        let page = bucket as usize * size_of::<Row>() / PAGE as usize;
        let (part, bit) = (page / 64, 1 << (page % 64));
        let Some(part) = self.reserved.get(part) else { return false };
        if part.load(Relaxed) & bit != 0 {
            return true;
        }
        let done = self.reserve_page(dir, page as u64).is_ok();
        if done {
            part.fetch_or(bit, Relaxed);
        }
        done
    }

    #[cold]
    fn reserve_page(&self, dir: &VerifiedFd, page: u64) -> Result<()> {
        // Also in a seal, which otherwise enters the kernel only to wake.
        let _cancel = CancelOff::begin();
        let cannot = |errno: crate::sys::Errno| errno.because("cannot reserve memory for waits");
        refuse_beyond_cgroup(PAGE)?;
        let flags = libc::O_RDWR | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let fd = file::open_at(Some(dir.fd()?), files::WAKE, flags, 0).map_err(cannot)?;
        let stat = file::stat_fd(fd.as_fd()).map_err(cannot)?;
        if (stat.dev, stat.ino) != (self.stat.dev, self.stat.ino) {
            return Err(cannot(crate::sys::Errno(libc::ESTALE)));
        }
        file::reserve(fd.as_fd(), WAKE_RESERVED + page * PAGE, PAGE).map_err(cannot)
    }
}
