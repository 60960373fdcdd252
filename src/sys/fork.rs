//! What a forked child must know and let go.
//!
//! A child without exec shares the parent's open files and thereby its liveness locks: as long as
//! it holds the descriptors, a dead parent looks alive. So the child closes them, first thing. It
//! never unlocks: an unlock acts on the shared open file, and the living parent would look dead.
#![allow(unsafe_code)] // pthread_atfork, close, and chunks that live for ever

use super::{Errno, SysResult};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};

/// Forks between the first process and this one, from [`install`] on.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Differs between a process and the children it forked after [`install`].
#[inline]
pub fn generation() -> u32 {
    // Relaxed: it changes only in the child, before anything else of ours runs there.
    GENERATION.load(Ordering::Relaxed)
}

/// Make [`generation`] and [`ChildFds`] work in children forked from now on.
pub fn install() -> SysResult<()> {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    // Relaxed: the C library orders its own list. No lock here, which a fork could leave held in
    // the child; threads that race install twice, and the handler may run twice.
    if !INSTALLED.load(Ordering::Relaxed) {
        // SAFETY: the handler is async-signal-safe, and code of this library while it is loaded.
        let failed = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        if failed != 0 {
            return Err(Errno(failed));
        }
        INSTALLED.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Runs in the child, which has one thread: no locks, no allocation.
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    for slot in FDS.slots() {
        let fd = slot.swap(FREE, Ordering::Relaxed);
        if fd >= 0 {
            // SAFETY: the child's copy of a registered descriptor; its owner does not close
            // it in another generation.
            unsafe { libc::close(fd) };
        }
    }
}

const FREE: i32 = -1;
const SLOTS: usize = 126;

/// The descriptors that a forked child closes.
///
/// Slots are only added, never moved, so the child walks them whatever other threads of
/// the parent were doing.
pub struct ChildFds {
    slots: [AtomicI32; SLOTS],
    next: AtomicPtr<ChildFds>,
}

static FDS: ChildFds = ChildFds::new();

impl ChildFds {
    const fn new() -> Self {
        Self {
            slots: [const { AtomicI32::new(FREE) }; SLOTS],
            next: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// From now on forked children close `fd`.
    ///
    /// A child forked by another thread after `fd` was opened and before this call keeps it.
    pub fn register(fd: OwnedFd) -> SysResult<Registration> {
        install()?;
        let raw = fd.as_raw_fd();
        let slot = FDS.take(raw);
        Ok(Registration { fd: ManuallyDrop::new(fd), slot, generation: generation() })
    }

    /// A slot that was free and now holds `fd`.
    fn take(&'static self, fd: i32) -> &'static AtomicI32 {
        loop {
            for slot in self.slots() {
                // Relaxed: a slot carries nothing but its number.
                if slot.compare_exchange(FREE, fd, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                    return slot;
                }
            }
            self.grow();
        }
    }

    /// All slots of this chunk and those after it.
    fn slots(&'static self) -> impl Iterator<Item = &'static AtomicI32> {
        std::iter::successors(Some(self), |chunk| chunk.next()).flat_map(|chunk| &chunk.slots)
    }

    fn next(&self) -> Option<&'static ChildFds> {
        // SYNC fork-chunk: pairs with the Release in grow; the chunk's slots are initialised.
        let next = self.next.load(Ordering::Acquire);
        // SAFETY: null or a chunk that grow leaked.
        unsafe { next.as_ref() }
    }

    fn grow(&'static self) {
        let mut last = self;
        while let Some(next) = last.next() {
            last = next;
        }
        let new = Box::into_raw(Box::new(Self::new()));
        let none = ptr::null_mut();
        // SYNC fork-chunk: publishes the initialised slots to the Acquire in next. Relaxed on
        // failure: the winner's chunk is found by the next look.
        let set = last.next.compare_exchange(none, new, Ordering::Release, Ordering::Relaxed);
        if set.is_err() {
            // SAFETY: it came from Box::into_raw and was not published.
            drop(unsafe { Box::from_raw(new) });
        }
    }
}

/// An open file that forked children do not keep open. Dropped, it is closed.
#[derive(Debug)]
pub struct Registration {
    fd: ManuallyDrop<OwnedFd>,
    slot: &'static AtomicI32,
    generation: u32,
}

impl Registration {
    /// The descriptor; EBADF in a forked child, where the number may mean another file by now.
    pub fn fd(&self) -> SysResult<BorrowedFd<'_>> {
        if self.generation == generation() { Ok(self.fd.as_fd()) } else { Err(Errno(libc::EBADF)) }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // A child closed it already, and slot and number may be taken anew.
        if self.generation != generation() {
            return;
        }
        // First the slot: once closed, the number may be another thread's.
        self.slot.store(FREE, Ordering::Relaxed);
        // SAFETY: dropped here and nowhere else, and not used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.fd) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{TempDir, eventually, in_child};
    use super::super::{check, lock};
    use super::*;

    fn is_open(fd: i32) -> bool {
        // SAFETY: takes no pointers.
        check(unsafe { libc::fcntl(fd, libc::F_GETFD) }).is_ok()
    }

    #[test]
    fn a_child_closes_what_is_registered_and_unlocks_nothing() {
        let dir = TempDir::new();
        let (kept, other) = (dir.open(c"f"), dir.open(c"f"));
        let mine = ChildFds::register(dir.open(c"f")).unwrap();
        assert_eq!(lock::try_write_lock(mine.fd().unwrap()), Ok(true));
        let number = mine.fd().unwrap().as_raw_fd();
        let before = generation();
        let mine = std::cell::Cell::new(Some(mine));
        let seen = in_child(|| {
            let closed = !is_open(number) && is_open(kept.as_raw_fd());
            // The number comes back; dropping the registration must not close it.
            // SAFETY: takes no pointers.
            let again = unsafe { libc::dup2(kept.as_raw_fd(), number) };
            let registration = mine.take().unwrap();
            let refused = registration.fd().is_err();
            drop(registration);
            let ok = closed && refused && is_open(again) && generation() != before;
            i32::from(ok)
        });
        assert_eq!(seen, 1);
        assert_eq!(generation(), before);
        assert_eq!(lock::is_write_locked(other.as_fd()), Ok(true));
        drop(mine.take());
        eventually(|| lock::is_write_locked(other.as_fd()) == Ok(false));
    }

    #[test]
    fn there_is_room_for_many() {
        let chunk: &'static ChildFds = Box::leak(Box::new(ChildFds::new()));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for i in 0..200 {
                        chunk.take(thread * 1000 + i);
                    }
                });
            }
        });
        let mut held: Vec<i32> = chunk.slots().map(|s| s.load(Ordering::Relaxed)).collect();
        held.retain(|&fd| fd != FREE);
        held.sort_unstable();
        let all: Vec<i32> = (0..4).flat_map(|t| (0..200).map(move |i| t * 1000 + i)).collect();
        assert_eq!(held, all);
    }
}
