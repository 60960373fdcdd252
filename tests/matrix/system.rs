//! Operations of the harness on its own process and on file systems.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, Ordering::SeqCst};
use std::time::SystemTime;

/// Makes this process end with the thread that started it, even while it is stopped.
pub fn die_with_parent() {
    // SAFETY: takes integers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) }, 0);
}

pub fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Copies of the descriptors that were closed, in the order of their numbers; 0 for none.
static COPIES: [AtomicI32; 3] = [const { AtomicI32::new(0) }; 3];

/// Closes descriptors 0, 1 and 2, as in programs that some daemons start.
pub fn close_low_files() {
    for (fd, kept) in COPIES.iter().enumerate() {
        let fd = fd as i32;
        // SAFETY: takes no pointers.
        let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 100) };
        assert!(copy >= 100, "{}", std::io::Error::last_os_error());
        kept.store(copy, SeqCst);
        // SAFETY: takes no pointers, and nothing here owns the number.
        unsafe { libc::close(fd) };
    }
}

/// Nothing keeps one of them. A thread of the library may have one for the moment before it moves
/// what it opened for reading.
pub fn low_files_are_free() {
    // SAFETY: takes no pointers.
    let is_free = |fd: i32| unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0;
    for fd in 0..3 {
        super::thread::until(&format!("a free descriptor {fd}"), || is_free(fd));
    }
}

/// Opens them again, so that a report of a failure can be read, too.
pub fn restore_low_files() {
    for (fd, kept) in COPIES.iter().enumerate() {
        let copy = kept.swap(0, SeqCst);
        if copy > 0 {
            // SAFETY: takes no pointers.
            unsafe { libc::dup2(copy, fd as i32) };
        }
    }
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

#[track_caller]
fn mount(path: &Path, flags: libc::c_ulong, options: &str) -> i32 {
    let (path, options) = (c_path(path), CString::new(options).unwrap());
    let kind = c"tmpfs".as_ptr();
    // SAFETY: all texts end in NUL and outlive the call.
    unsafe { libc::mount(kind, path.as_ptr(), kind, flags, options.as_ptr().cast()) }
}

/// A file system that only this process and its children see.
pub fn mount_tmpfs(path: &Path, options: &str) {
    own_mounts();
    assert_eq!(mount(path, 0, options), 0, "{}", std::io::Error::last_os_error());
}

/// A mount namespace that propagates nothing.
pub fn own_mounts() {
    unshare(libc::CLONE_NEWNS);
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    let none = std::ptr::null();
    // SAFETY: a text that ends in NUL, and nothing else to read.
    assert_eq!(unsafe { libc::mount(none, c"/".as_ptr(), none, flags, std::ptr::null()) }, 0);
}

/// Returns whether a namespace of this kind is available.
pub fn unshare(flags: i32) {
    // SAFETY: takes no pointers.
    let failed = unsafe { libc::unshare(flags) };
    assert_eq!(failed, 0, "unshare: {}", std::io::Error::last_os_error());
}

/// Mounts a read-only mount over the directory, or removes it. (A file system with files that are
/// open for writing cannot become read-only itself.)
pub fn cover_read_only(path: &Path, covered: bool) {
    if !covered {
        return unmount(path);
    }
    let (path, none) = (c_path(path), std::ptr::null());
    for flags in [libc::MS_BIND, libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY] {
        // SAFETY: texts that end in NUL, and nothing else to read.
        let failed = unsafe { libc::mount(path.as_ptr(), path.as_ptr(), none, flags, none.cast()) };
        assert_eq!(failed, 0, "{}", std::io::Error::last_os_error());
    }
}

pub fn unmount(path: &Path) {
    let path = c_path(path);
    // SAFETY: a text that ends in NUL.
    unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) };
}

/// Writes until the file system is full.
pub fn fill_up(dir: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(dir.join("ballast")).unwrap();
    for size in [1 << 20, 4096] {
        let block = vec![0; size];
        while file.write_all(&block).is_ok() {}
    }
}

/// Makes files until no more can be made.
pub fn use_inodes(dir: &Path) {
    let ballast = dir.join("ballast");
    std::fs::create_dir(&ballast).unwrap();
    let made = (0..1000).take_while(|n| std::fs::write(ballast.join(n.to_string()), "").is_ok());
    assert!(made.count() < 1000);
}

pub fn make_room(dir: &Path) {
    let ballast = dir.join("ballast");
    let _ = std::fs::remove_file(&ballast);
    let _ = std::fs::remove_dir_all(&ballast);
}

/// Does what `rm -r` does.
pub fn remove_tree(path: &Path) {
    // Another process may remove its content at the same time.
    while path.exists() {
        let _ = std::fs::remove_dir_all(path);
    }
}

/// A memory cgroup of this process, with no room left.
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// Returns the directory of version 1 of cgroups for memory.
    pub fn is_there() -> bool {
        Path::new("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists()
    }

    pub fn join() -> Cgroup {
        let group = Self::own();
        std::fs::create_dir(group).unwrap();
        std::fs::write(group.join("cgroup.procs"), "0").unwrap();
        Cgroup(group.clone())
    }

    /// Its directory. Processes in other pid namespaces may have the same pid.
    fn own() -> &'static PathBuf {
        static OWN: OnceLock<PathBuf> = OnceLock::new();
        OWN.get_or_init(|| {
            let since = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
            let name = format!("plasma-matrix-{}-{since}", std::process::id());
            Path::new("/sys/fs/cgroup/memory").join(name)
        })
    }

    /// Leaves room for a few pages of the process itself, but not for a chunk of a store; or as
    /// much as there is.
    pub fn limit(full: bool) {
        let group = Self::own();
        let usage = std::fs::read_to_string(group.join("memory.usage_in_bytes")).unwrap();
        let usage: i64 = usage.trim().parse().unwrap();
        let limit = if full { usage + (2 << 20) } else { -1 };
        std::fs::write(group.join("memory.limit_in_bytes"), limit.to_string()).unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let top = self.0.parent().unwrap().join("cgroup.procs");
        let _ = std::fs::write(top, "0");
        let _ = std::fs::remove_dir(&self.0);
    }
}

pub fn limit(which: libc::__rlimit_resource_t, value: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a live local to write to.
    assert_eq!(unsafe { libc::getrlimit(which, &raw mut limit) }, 0);
    limit.rlim_cur = value.min(limit.rlim_max);
    // SAFETY: a live local to read.
    assert_eq!(unsafe { libc::setrlimit(which, &raw const limit) }, 0);
}

/// Writes as far as possible.
pub fn unlimit(which: libc::__rlimit_resource_t) {
    limit(which, u64::MAX);
}

/// Allows no further descriptor, from the lowest free one on.
pub fn limit_files() {
    let next = std::os::fd::AsRawFd::as_raw_fd(&std::fs::File::open("/").unwrap());
    // Holes below the limit are few, and are filled permanently: the process ends soon.
    limit(libc::RLIMIT_NOFILE, next as u64 + 1);
    while let Ok(file) = std::fs::File::open("/") {
        std::mem::forget(file);
    }
}

/// Allows no further page, except those that malloc has in reserve.
pub fn limit_address_space() {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
    // Small allocations of the harness itself succeed, mappings of a store do not.
    limit(libc::RLIMIT_AS, pages * 4096 + (512 << 10));
}

/// Forks, and judges the child by the result of `run`, which must be 0.
pub fn in_child(run: impl FnOnce() -> i32) {
    // SAFETY: the child calls the library and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: takes no pointers. A child that hangs is ended.
        unsafe { libc::alarm(60) };
        let code = run();
        // SAFETY: takes no pointers, and does not return.
        unsafe { libc::_exit(code) };
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: a live local to write to, and a child that nobody else waits for.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    assert_eq!(status, 0, "the child of a fork says that something is wrong");
}

static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// How often the handler ran.
pub fn signals() -> u32 {
    SIGNALS.load(SeqCst)
}

extern "C" fn count(_: i32) {
    SIGNALS.fetch_add(1, SeqCst);
}

extern "C" fn count_and_call(_: i32) {
    SIGNALS.fetch_add(1, SeqCst);
    // Operations that plasma.h allows in handlers.
    let known = plasma::ffi::plasma_version() != 0
        && !plasma::ffi::plasma_version_string().is_null()
        && !plasma::ffi::plasma_status_name(-1).is_null();
    if !known {
        SIGNALS.store(u32::MAX / 2, SeqCst);
    }
}

/// Sets the handler of SIGUSR1.
pub fn handle_signals(restart: bool, calls: bool) {
    let handler = if calls { count_and_call } else { count };
    // SAFETY: integers and pointers, for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(i32) as usize;
    action.sa_flags = if restart { libc::SA_RESTART } else { 0 };
    let old = std::ptr::null_mut();
    // SAFETY: a live local to read, and nothing to write to.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, old) }, 0);
}

/// Seconds by which the wall clock is wrong.
static OFF_BY: AtomicI64 = AtomicI64::new(0);

pub fn step_clock(seconds: i64) {
    OFF_BY.store(seconds, SeqCst);
}

/// Replaces the C library's function in this whole program: the wall clock may step.
///
/// # Safety As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> i32 {
    // SAFETY: `time` is the caller's to write to.
    let failed = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
    let real = [libc::CLOCK_REALTIME, libc::CLOCK_REALTIME_COARSE].contains(&clock);
    if failed == 0 && real {
        // SAFETY: written above.
        let seconds = unsafe { &mut (*time).tv_sec };
        *seconds += OFF_BY.load(SeqCst);
    }
    failed as i32
}

const CLONE3: u32 = 435;

/// System calls that are younger than Linux 4.18, and may be missing.
const NEW_CALLS: &[u32] = &[
    425, 426, 427, // io_uring
    434, 435, 436, 437, 438, 439, 441, // pidfd_open, clone3, close_range, openat2 and others
    449, 452, 454, 455, 456, // futex_waitv, fchmodat2, futex_wake, futex_wait, futex_requeue
];

/// Refuses them in this thread and in those that it starts.
pub fn refuse_new_calls(errno: i32) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = vec![step(LOAD, 0, 0, 0)];
    // glibc makes no threads where clone3 is forbidden instead of missing.
    let refused = NEW_CALLS.iter().filter(|it| **it != CLONE3 || errno == libc::ENOSYS);
    for call in refused {
        program.push(step(EQUAL, 0, 1, *call));
        program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32));
    }
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes integers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: a live local, whose program outlives the call.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter) }, 0);
}
