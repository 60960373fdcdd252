//! Forked children: their detection, and the descriptors that they must close.
//!
//! A child without exec shares the parent's open files and thereby its liveness locks: while the
//! child holds the descriptors, a dead parent looks alive. So the child closes them before anything
//! else. It never unlocks, because an unlock acts on the shared open file, and the living parent
//! would look dead.
//!
//! A child that another thread forks between the opening of such a file and its registration would
//! keep the descriptor. Therefore [`unforked`] opens the file again when a fork happened in
//! between.
#![allow(unsafe_code)] // pthread_atfork, close, and chunks that are never freed

use super::file::Stat;
use super::verified_fd::VerifiedFd;
use super::{Errno, SysResult};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

/// Number of forks between the first process and this one, since [`install`].
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Number of threads of this process that are inside fork, and number of completed forks.
static FORKING: AtomicU32 = AtomicU32::new(0);
static FORKED: AtomicU32 = AtomicU32::new(0);

/// Number of attempts to open a file while other threads fork. Only a program that connects inside
/// its own fork handler, or that forks without a pause, exhausts them.
const TRIES: u32 = 1000;

/// Returns a number that differs between a process and the children that it forked after
/// [`install`].
#[inline]
pub fn generation() -> u32 {
    // Relaxed: it changes only in the child, before any other code of the library runs there.
    GENERATION.load(Ordering::Relaxed)
}

/// Makes [`generation`] and [`ChildFds`] work in children that are forked from now on.
pub fn install() -> SysResult<()> {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    // Relaxed: the C library orders its own list. There is no lock here, because a fork could leave
    // it held in the child. Threads that race install the handler twice, and it may run twice.
    if !INSTALLED.load(Ordering::Relaxed) {
        let failed = at_fork();
        if failed != 0 {
            return Err(Errno(failed));
        }
        INSTALLED.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// pthread_atfork for a library that may be unloaded; its handlers are not called after that.
///
/// With glibc this is what pthread_atfork does in code that is linked to it statically, which not
/// every linker supports.
#[cfg(target_env = "gnu")]
fn at_fork() -> libc::c_int {
    type Handler = Option<extern "C" fn()>;
    unsafe extern "C" {
        fn __register_atfork(
            before: Handler,
            after: Handler,
            in_child: Handler,
            library: *const libc::c_void,
        ) -> libc::c_int;
        /// Its address identifies this library, or the program.
        static __dso_handle: libc::c_void;
    }
    // SAFETY: the handlers are async-signal-safe, and code of the object that `__dso_handle` identifies.
    unsafe { __register_atfork(Some(before), Some(after), Some(in_child), &raw const __dso_handle) }
}

#[cfg(not(target_env = "gnu"))]
fn at_fork() -> libc::c_int {
    // SAFETY: the handlers are async-signal-safe, and such C libraries never unload code.
    unsafe { libc::pthread_atfork(Some(before), Some(after), Some(in_child)) }
}

extern "C" fn before() {
    // SYNC forking: SeqCst; pairs with the fence of `unforked`.
    FORKING.fetch_add(1, Ordering::SeqCst);
    fence(Ordering::SeqCst);
}

extern "C" fn after() {
    // SYNC forking: SeqCst; counted as completed before it is no longer counted as running.
    FORKED.fetch_add(1, Ordering::SeqCst);
    FORKING.fetch_sub(1, Ordering::SeqCst);
}

/// Runs in the child, which has one thread: no locks, no allocation.
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    FORKING.store(0, Ordering::Relaxed);
    for slot in FDS.slots() {
        slot.close_in_child();
    }
}

/// Runs `open`, which opens and registers a file that children must not keep. Runs it again when
/// another thread forked in the meantime, because that child may have the descriptor.
pub fn unforked<T>(mut open: impl FnMut() -> crate::error::Result<T>) -> crate::error::Result<T> {
    let mut tries = 0;
    loop {
        // SYNC forking: SeqCst; a fork that is done later than this is seen below.
        let forked = FORKED.load(Ordering::SeqCst);
        let opened = open()?;
        // SYNC forking: SeqCst; either a fork sees what `open` registered, or this sees the fork.
        fence(Ordering::SeqCst);
        let under_way = FORKING.load(Ordering::SeqCst) != 0;
        tries += 1;
        if tries == TRIES || (!under_way && FORKED.load(Ordering::SeqCst) == forked) {
            return Ok(opened);
        }
        drop(opened);
        std::thread::yield_now();
    }
}

const FREE: i32 = -1;
const TAKEN: i32 = -2;
const SLOTS: usize = 126;

/// A registered descriptor, and the identity of its file.
#[derive(Debug)]
struct Slot {
    fd: AtomicI32,
    dev: AtomicU64,
    ino: AtomicU64,
}

impl Slot {
    const fn new() -> Self {
        Self { fd: AtomicI32::new(FREE), dev: AtomicU64::new(0), ino: AtomicU64::new(0) }
    }

    /// Takes the slot if it is free.
    fn take(&self, fd: i32, (dev, ino): (u64, u64)) -> bool {
        // Relaxed: a taken slot belongs to its taker alone.
        let free = self.fd.compare_exchange(FREE, TAKEN, Ordering::Relaxed, Ordering::Relaxed);
        if free.is_ok() {
            self.dev.store(dev, Ordering::Relaxed);
            self.ino.store(ino, Ordering::Relaxed);
            // SYNC fork-slot: Release; a child that sees the number sees the rest.
            self.fd.store(fd, Ordering::Release);
        }
        free.is_ok()
    }

    /// Closes the child's copy, unless the number now names another file.
    fn close_in_child(&self) {
        // SYNC fork-slot: Acquire; pairs with `take`.
        let fd = self.fd.swap(FREE, Ordering::Acquire);
        let (dev, ino) = (self.dev.load(Ordering::Relaxed), self.ino.load(Ordering::Relaxed));
        let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: `stat` has room for the answer, and fstat is async-signal-safe.
        if fd < 0 || unsafe { libc::fstat(fd, stat.as_mut_ptr()) } != 0 {
            return;
        }
        // SAFETY: fstat succeeded, so it filled the struct.
        let stat = unsafe { stat.assume_init() };
        if (stat.st_dev, stat.st_ino) == (dev, ino) {
            // SAFETY: the child's copy of a registered descriptor; its owner does not close it in
            // another generation.
            unsafe { libc::close(fd) };
        }
    }
}

/// The descriptors that a forked child closes.
/// Slots are only added and never moved, so the child can walk them whatever other threads of the
/// parent were doing.
pub struct ChildFds {
    slots: [Slot; SLOTS],
    next: AtomicPtr<ChildFds>,
}

static FDS: ChildFds = ChildFds::new();

impl ChildFds {
    const fn new() -> Self {
        Self { slots: [const { Slot::new() }; SLOTS], next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Registers `fd`, so that children forked from now on close it.
    ///
    /// Called within [`unforked`].
    pub fn register(fd: OwnedFd) -> SysResult<Registration> {
        install()?;
        let raw = fd.as_raw_fd();
        let fd = VerifiedFd::new(fd)?;
        let slot = FDS.take(raw, (fd.stat().dev, fd.stat().ino));
        Ok(Registration { fd: Some(fd), slot, generation: generation() })
    }

    /// Returns a slot that was free and now holds `fd`.
    fn take(&'static self, fd: i32, file: (u64, u64)) -> &'static Slot {
        loop {
            if let Some(slot) = self.slots().find(|slot| slot.take(fd, file)) {
                return slot;
            }
            self.grow();
        }
    }

    /// Returns all slots of this chunk and those after it.
    fn slots(&'static self) -> impl Iterator<Item = &'static Slot> {
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
        // failure: the winner's chunk is found by the next walk.
        let set = last.next.compare_exchange(none, new, Ordering::Release, Ordering::Relaxed);
        if set.is_err() {
            // SAFETY: it came from Box::into_raw and was not published.
            drop(unsafe { Box::from_raw(new) });
        }
    }
}

/// An open file that forked children do not keep open. Dropping it closes it.
#[derive(Debug)]
pub struct Registration {
    /// Some, until this is dropped.
    fd: Option<VerifiedFd>,
    slot: &'static Slot,
    generation: u32,
}

impl Registration {
    /// Returns the descriptor; EBADF in a forked child, which has closed it, and when the
    /// application closed it.
    pub fn fd(&self) -> SysResult<BorrowedFd<'_>> {
        self.verified()?.get()
    }

    /// Returns the attributes that the file has now; EBADF as in [`Registration::fd`].
    pub fn stat_now(&self) -> SysResult<Stat> {
        self.verified()?.stat_now()
    }

    /// Returns the attributes that the file had when it was registered.
    pub fn stat(&self) -> Option<&Stat> {
        self.fd.as_ref().map(VerifiedFd::stat)
    }

    fn verified(&self) -> SysResult<&VerifiedFd> {
        match &self.fd {
            Some(fd) if self.generation == generation() => Ok(fd),
            _ => Err(Errno(libc::EBADF)),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let fd = self.fd.take();
        // A child closed it already, and slot and number may be in use again.
        if self.generation != generation() {
            return std::mem::forget(fd);
        }
        // The slot is freed first: once closed, the number may belong to another thread.
        self.slot.fd.store(FREE, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{TempDir, eventually, in_child};
    use super::super::{check, file_lock};
    use super::*;
    use std::os::fd::AsFd;

    fn is_open(fd: i32) -> bool {
        // SAFETY: takes no pointers.
        check(unsafe { libc::fcntl(fd, libc::F_GETFD) }).is_ok()
    }

    #[test]
    fn a_child_closes_what_is_registered_and_unlocks_nothing() {
        let dir = TempDir::new();
        let (kept, other) = (dir.open(c"f"), dir.open(c"f"));
        let mine = ChildFds::register(dir.open(c"f")).unwrap();
        assert_eq!(file_lock::try_write_lock(mine.fd().unwrap()), Ok(true));
        let number = mine.fd().unwrap().as_raw_fd();
        let before = generation();
        let mine = std::cell::Cell::new(Some(mine));
        let seen = in_child(|| {
            let closed = !is_open(number) && is_open(kept.as_raw_fd());
            // The number is reused; dropping the registration must not close it.
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
        assert_eq!(file_lock::is_write_locked(other.as_fd()), Ok(true));
        drop(mine.take());
        eventually(|| file_lock::is_write_locked(other.as_fd()) == Ok(false));
    }

    #[test]
    fn there_is_room_for_many() {
        let chunk: &'static ChildFds = Box::leak(Box::new(ChildFds::new()));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for i in 0..200 {
                        chunk.take(thread * 1000 + i, (1, 1));
                    }
                });
            }
        });
        let mut held: Vec<i32> = chunk.slots().map(|s| s.fd.load(Ordering::Relaxed)).collect();
        held.retain(|&fd| fd != FREE);
        held.sort_unstable();
        let all: Vec<i32> = (0..4).flat_map(|t| (0..200).map(move |i| t * 1000 + i)).collect();
        assert_eq!(held, all);
    }
}
