//! The identity of this process, and whether another process is stopped.
#![allow(unsafe_code)] // geteuid and the like

use super::kernel_file::{read_small, read_text};
use super::{Errno, SysResult, fork};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering::*};

/// Returns the id of this process in its pid namespace.
pub fn pid() -> i32 {
    std::process::id() as i32
}

/// Returns the effective user.
pub fn uid() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Returns the effective user as the parent of this user namespace knows it: the same as [`uid`] in
/// the initial namespace, and where /proc does not say. A lack of descriptors or memory is an
/// error.
pub fn outer_uid() -> SysResult<u32> {
    let uid = uid();
    match read_text("/proc/self/uid_map") {
        Ok(map) => Ok(outer(&map, uid).unwrap_or(uid)),
        Err(errno) if matches!(errno.0, libc::EMFILE | libc::ENFILE | libc::ENOMEM) => Err(errno),
        Err(_) => Ok(uid),
    }
}

/// Returns the outer id of an id by a map of /proc, whose lines are: first id inside, first id
/// outside, count.
fn outer(map: &str, id: u32) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut numbers = line.split_ascii_whitespace().map(|number| number.parse::<u32>().ok());
        let (inside, outside) = (numbers.next()??, numbers.next()??);
        let count = numbers.next()??;
        let at = id.checked_sub(inside).filter(|at| *at < count)?;
        outside.checked_add(at)
    })
}

/// Returns the path of the working directory. Fails when no path leads to it: it was deleted, or
/// lies outside this process's root.
pub fn working_dir() -> SysResult<Vec<u8>> {
    let path = std::env::current_dir().map_err(Errno::from)?.into_os_string().into_vec();
    if path.starts_with(b"/") { Ok(path) } else { Err(Errno(libc::ENOENT)) }
}

/// Returns the effective group.
pub fn gid() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::getegid() }
}

/// Returns whether the effective or a supplementary group of this process is `gid`.
pub fn is_in_group(gid: u32) -> bool {
    if gid == self::gid() {
        return true;
    }
    // SAFETY: without room for groups, the call only counts them.
    let count = unsafe { libc::getgroups(0, std::ptr::null_mut()) };
    let mut groups = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: pointer and length are those of `groups`, which outlives the call.
    let count = unsafe { libc::getgroups(groups.len() as libc::c_int, groups.as_mut_ptr()) };
    groups.iter().take(usize::try_from(count).unwrap_or(0)).any(|group| *group == gid)
}

/// Returns whether this thread's process may run on more than one processor. std's function is not
/// used: it reads the limits of cgroups, and its code is a fiftieth of the library.
pub fn has_several_processors() -> bool {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    let failed =
        // SAFETY: `set` has room for this number of bytes.
        unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) };
    // SAFETY: a set of plain integers, zeroed above.
    let set = unsafe { set.assume_init() };
    // It fails where there are more processors than the set has bits.
    // SAFETY: only counts bits.
    failed != 0 || unsafe { libc::CPU_COUNT(&set) } > 1
}

/// Constants that identify this process besides its pid; they are cached because /proc is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    /// Its start time in clock ticks since boot; 0 where /proc does not say.
    pub start_time: u64,
    /// The inode of its pid namespace; 0 where /proc does not say.
    pub pid_namespace: u64,
}

/// The owner of the words below: fork generation and pid; 0 for none.
static BORN: AtomicU64 = AtomicU64::new(0);
static START_TIME: AtomicU64 = AtomicU64::new(0);
static PID_NAMESPACE: AtomicU64 = AtomicU64::new(0);

/// Returns the birth of this process. It uses no lock, which a fork could leave held in the child.
pub fn birth() -> Birth {
    let who = u64::from(fork::generation()) << 32 | u64::from(pid() as u32);
    // SYNC birth: Acquire; pairs with the Release below.
    if BORN.load(Acquire) == who {
        let (start_time, pid_namespace) = (START_TIME.load(Relaxed), PID_NAMESPACE.load(Relaxed));
        return Birth { start_time, pid_namespace };
    }
    let birth = Birth { start_time: start_time_ticks(), pid_namespace: pid_namespace() };
    // Threads that race store the same values.
    START_TIME.store(birth.start_time, Relaxed);
    PID_NAMESPACE.store(birth.pid_namespace, Relaxed);
    // SYNC birth: Release; a thread that sees it sees both words.
    BORN.store(who, Release);
    birth
}

/// Returns the start time of this process in clock ticks since boot; 0 where /proc does not say.
fn start_time_ticks() -> u64 {
    let mut room = [0; 1024];
    let stat = read_small("/proc/self/stat", &mut room);
    // Field 22, which is field 20 after the name.
    fields(stat).nth(19).and_then(|f| str::from_utf8(f).ok()?.parse().ok()).unwrap_or(0)
}

/// Returns the fields of a `/proc/<pid>/stat` from the state on. The name before them may contain
/// spaces and `)`.
fn fields(stat: &[u8]) -> impl Iterator<Item = &[u8]> {
    let name_end = stat.iter().rposition(|&b| b == b')').map_or(stat.len(), |at| at + 1);
    stat[name_end..].split(u8::is_ascii_whitespace).filter(|f| !f.is_empty())
}

/// Returns the name of this process, which is that of its first thread, padded with zeros.
pub fn comm() -> [u8; 16] {
    let mut comm = [0; 16];
    // gettid is not used because glibc has it only since 2.30.
    // SAFETY: takes nothing and cannot fail.
    if unsafe { libc::syscall(libc::SYS_gettid) } == libc::c_long::from(pid()) {
        // SAFETY: there is room for the 16 bytes that it writes at most, including a zero.
        unsafe { libc::prctl(libc::PR_GET_NAME, comm.as_mut_ptr()) };
        return comm;
    }
    let mut room = [0; 64];
    let text = read_small("/proc/self/comm", &mut room);
    // The last byte stays zero.
    for (to, from) in comm[..15].iter_mut().zip(text.strip_suffix(b"\n").unwrap_or(text)) {
        *to = *from;
    }
    comm
}

/// Returns the inode of this process's pid namespace; 0 where /proc does not say.
fn pid_namespace() -> u64 {
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino())
}

/// Returns the name of the host, at most 64 bytes.
pub fn host_name() -> String {
    const MAX: usize = 64;
    let mut bytes = [0u8; MAX + 1];
    // SAFETY: pointer and length are those of the live local; its last byte stays zero.
    unsafe { libc::gethostname(bytes.as_mut_ptr().cast(), MAX) };
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(MAX);
    let mut name = String::from_utf8_lossy(&bytes[..end]).into_owned();
    name.truncate(name.floor_char_boundary(MAX));
    name
}

/// Returns whether a process of this pid namespace is stopped, by a signal or a debugger.
pub fn is_stopped(pid: i32) -> bool {
    let mut room = [0; 1024];
    let stat = read_small(&format!("/proc/{pid}/stat"), &mut room);
    matches!(fields(stat).next(), Some(b"T" | b"t"))
}

/// Dies at once, as by `kill -9`.
pub fn kill_self() -> ! {
    // SAFETY: takes no pointers.
    unsafe { libc::kill(pid(), libc::SIGKILL) };
    // The init process of a pid namespace ignores its own SIGKILL.
    // SAFETY: runs no handlers and touches no memory.
    unsafe { libc::_exit(128 + libc::SIGKILL) }
}

/// Stops this process, as `kill -STOP` does, until another process continues it.
#[cfg(feature = "kill-points")]
pub fn stop_self() {
    // The signal goes to this thread, which then takes no further step; a signal to the process may
    // stop another thread first.
    // SAFETY: takes no pointers.
    unsafe { libc::raise(libc::SIGSTOP) };
}

#[cfg(test)]
mod tests {
    use super::super::testing::eventually;
    use super::*;
    use std::process::Command;

    #[test]
    fn this_process_knows_itself() {
        assert!(birth().start_time > 0 && birth().pid_namespace > 0);
        assert_eq!(birth(), birth(), "from /proc, and remembered");
        // This test runs in a thread of its own.
        assert_ne!(comm()[0], 0);
        assert!(!comm().contains(&b'\n') && comm()[15] == 0);
        assert!((1..=64).contains(&host_name().len()));
        assert_eq!(uid(), std::fs::metadata("/proc/self").unwrap().uid());
        assert_eq!(gid(), std::fs::metadata("/proc/self").unwrap().gid());
        assert!(!is_stopped(pid()) && !is_stopped(-1));
    }

    #[test]
    fn a_user_is_named_as_the_parent_namespace_knows_it() {
        let first = "         0          0 4294967295\n";
        assert_eq!((outer(first, 0), outer(first, 1000)), (Some(0), Some(1000)));
        let podman = "0 1000 1\n1 100000 65536\n";
        assert_eq!((outer(podman, 0), outer(podman, 7)), (Some(1000), Some(100006)));
        assert_eq!(outer(podman, 70000), None, "the uid has no number outside");
        for nonsense in ["", "x", "0 1", "0 4294967295 4294967295", "-1 -1 -1"] {
            assert_eq!(outer(nonsense, 1), None, "{nonsense:?}");
        }
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
        assert_eq!(outer_uid(), Ok(outer(&map, uid()).unwrap()));
    }

    #[test]
    fn a_name_cannot_forge_a_field() {
        assert_eq!(fields(b"7 (a) T (b) S 1 2\n").collect::<Vec<_>>(), [b"S", b"1", b"2"]);
        assert_eq!(fields(b"").next(), None);
    }

    #[test]
    fn a_stopped_process_is_seen() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id() as i32;
        // SAFETY: signals a child that is not reaped yet.
        unsafe { libc::kill(pid, libc::SIGSTOP) };
        eventually(|| is_stopped(pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_stopped(pid));
    }
}
