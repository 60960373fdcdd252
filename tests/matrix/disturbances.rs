//! Disturbances: events beside a call. One row each, and how each is done.

use super::api::*;
use super::fixture::StoreKind;
use super::run::Scene;
use super::system;
use super::thread::{Victim, until};
use plasma::ffi::*;
use std::mem::MaybeUninit;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disturbance {
    Nothing,
    // Another thread of the process.
    Disconnect,
    Interrupt,
    Cancel,
    Fork,
    Connect,
    Subscribe,
    Remove,
    SignalRestart,
    SignalNoRestart,
    SignalCalls,
    ClockSteps,
    // The owner of the writer lock, another process.
    OwnerStopped,
    OwnerKilled,
    OwnerSlow,
    // Resources that run out.
    Files,
    LowFiles,
    AddressSpace,
    FileSize,
    FullTmpfs,
    Inodes,
    Cgroup,
    // Changes of the files.
    DirectoryRemoved,
    DirectoryRenamed,
    ReadOnlyMount,
    FilesReplaced,
    // Other clients.
    OneClient,
    HundredClients,
    ThousandClients,
    ManyLeases,
    Alone,
    UserNamespace,
    PidNamespace,
    MountNamespace,
    TimeNamespace,
    // System calls that the kernel refuses.
    NewCallsMissing,
    NewCallsForbidden,
}

use Disturbance::*;

pub const DISTURBANCES: &[(Disturbance, &str)] = &[
    (Nothing, "nothing"),
    (Disconnect, "another thread disconnects the client"),
    (Interrupt, "another thread interrupts the client"),
    (Cancel, "another thread cancels this one"),
    (Fork, "another thread forks"),
    (Connect, "another thread connects and leaves"),
    (Subscribe, "another thread subscribes and ends it"),
    (Remove, "another thread removes the store"),
    (SignalRestart, "a signal, with SA_RESTART"),
    (SignalNoRestart, "a signal, without SA_RESTART"),
    (SignalCalls, "a signal whose handler calls what it may"),
    (ClockSteps, "the wall clock steps by a day, back and forth"),
    (OwnerStopped, "the owner of the writer lock is stopped"),
    (OwnerKilled, "the owner of the writer lock is killed"),
    (OwnerSlow, "the owner of the writer lock is slow"),
    (Files, "no more open files"),
    (LowFiles, "descriptors 0, 1 and 2 are closed"),
    (AddressSpace, "no more address space"),
    (FileSize, "no file may grow (RLIMIT_FSIZE)"),
    (FullTmpfs, "the file system is full"),
    (Inodes, "the file system has no more inodes"),
    (Cgroup, "the memory cgroup is full"),
    (DirectoryRemoved, "the store's directory is deleted"),
    (DirectoryRenamed, "the store's directory is renamed"),
    (ReadOnlyMount, "a read-only mount covers the file system"),
    (FilesReplaced, "the store's files are replaced"),
    (OneClient, "one other client, dead"),
    (HundredClients, "100 other clients, some dead"),
    (ThousandClients, "1,000 other clients, some dead"),
    (ManyLeases, "64,000 leases are held"),
    (Alone, "the process has one thread"),
    (UserNamespace, "a user namespace of its own"),
    (PidNamespace, "a pid namespace of its own"),
    (MountNamespace, "a mount namespace of its own"),
    (TimeNamespace, "a time namespace of its own"),
    (NewCallsMissing, "system calls younger than Linux 4.18 are missing (ENOSYS)"),
    (NewCallsForbidden, "system calls younger than Linux 4.18 are forbidden (EPERM)"),
];

/// When a disturbance comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// While the call is paused at a point.
    Inside,
    /// Before the call: the process runs under it.
    Before,
    /// Before the call, which then finds it.
    Meets,
}

impl Disturbance {
    pub fn named(name: &str) -> Disturbance {
        DISTURBANCES.iter().find(|(it, _)| format!("{it:?}") == name).unwrap().0
    }

    pub fn when(self) -> When {
        match self {
            Alone | UserNamespace | PidNamespace | MountNamespace | TimeNamespace
            | NewCallsMissing | NewCallsForbidden | LowFiles | OneClient | HundredClients
            | ThousandClients | ManyLeases => When::Before,
            OwnerStopped | OwnerKilled | OwnerSlow => When::Meets,
            _ => When::Inside,
        }
    }

    /// Returns options of the file system that the store needs for itself.
    pub fn mount(self) -> Option<&'static str> {
        match self {
            FullTmpfs => Some("size=64m"),
            Inodes => Some("size=64m,nr_inodes=40"),
            ReadOnlyMount => Some("size=64m"),
            _ => None,
        }
    }

    /// Returns whether it needs a process with privileges, mostly root.
    pub fn cannot(self) -> Option<&'static str> {
        let root = system::is_root();
        if self == Cgroup && (!root || !system::Cgroup::is_there()) {
            return Some("there is no memory cgroup of the first version to be had");
        }
        let needs_root = self.mount().is_some()
            || matches!(self, UserNamespace | PidNamespace | MountNamespace | TimeNamespace);
        (needs_root && !root).then_some("only root may mount and make namespaces")
    }

    /// Returns whether it ends calls that wait; then nobody gives way.
    pub fn ends_waits(self) -> bool {
        matches!(self, Disconnect | Interrupt | Remove | SignalNoRestart | DirectoryRemoved)
    }

    /// Does it while the call is paused at its point: in a thread of its own, which may have to
    /// wait for the call. Returns a note.
    pub fn strike(self, scene: &Scene, victim: &Victim) {
        match self {
            Disconnect => plasma_disconnect(scene.client.0),
            Interrupt => assert_eq!(plasma_interrupt(scene.client.get()), OK),
            Cancel => victim.cancel(),
            Fork => system::in_child(|| child_of_a_fork(scene)),
            Connect => match connect(&scene.address, &existing()) {
                Ok(other) => plasma_disconnect(other.0),
                Err(status) => assert!(scene.is_being_removed(), "{}", status_name(status)),
            },
            Subscribe => {
                let mut news = MaybeUninit::uninit();
                match plasma_subscribe(scene.client.get(), Some(&mut news)) {
                    OK => plasma_unsubscribe(written(&news)),
                    status => assert!(scene.is_being_removed(), "{}", status_name(status)),
                }
            }
            Remove => {
                let status = plasma_store_remove(scene.address.as_ptr());
                assert!(status == OK || scene.is_being_removed(), "{}", status_name(status));
            }
            SignalRestart | SignalNoRestart | SignalCalls => victim.signal(libc::SIGUSR1),
            ClockSteps => system::step_clock(86_400),
            Files => system::limit_files(),
            AddressSpace => system::limit_address_space(),
            FileSize => system::limit(libc::RLIMIT_FSIZE, 0),
            Cgroup => system::Cgroup::limit(true),
            FullTmpfs => system::fill_up(scene.dir()),
            Inodes => system::use_inodes(scene.dir()),
            // After a call that removes the store there may be none left.
            DirectoryRemoved | DirectoryRenamed | FilesReplaced if !scene.store().exists() => {}
            DirectoryRemoved => system::remove_tree(&scene.store()),
            DirectoryRenamed => {
                std::fs::rename(scene.store(), scene.dir().join("elsewhere")).unwrap();
            }
            ReadOnlyMount => system::cover_read_only(scene.dir(), true),
            FilesReplaced => replace_files(scene),
            _ => {}
        }
    }

    /// Undoes it, so that the store can be checked.
    pub fn undo(self, scene: &Scene) {
        match self {
            ClockSteps => system::step_clock(0),
            Files => system::unlimit(libc::RLIMIT_NOFILE),
            AddressSpace => system::unlimit(libc::RLIMIT_AS),
            FileSize => system::unlimit(libc::RLIMIT_FSIZE),
            Cgroup => system::Cgroup::limit(false),
            FullTmpfs | Inodes => system::make_room(scene.dir()),
            DirectoryRenamed if scene.dir().join("elsewhere").exists() => {
                std::fs::rename(scene.dir().join("elsewhere"), scene.store()).unwrap();
            }
            ReadOnlyMount => system::cover_read_only(scene.dir(), false),
            _ => {}
        }
    }

    /// Returns whether there is a store to check afterwards.
    pub fn leaves_a_store(self) -> bool {
        !matches!(self, Remove | DirectoryRemoved | FilesReplaced)
    }

    /// Keeps sending a signal to a thread that sleeps, until the handler has run often enough or
    /// the call has returned.
    pub fn insist(self, scene: &Scene, victim: &Victim) {
        let enough = match self {
            SignalNoRestart => u32::MAX,
            SignalRestart | SignalCalls => 20,
            _ => return,
        };
        until("enough signals", || {
            let done = scene.stand.has_returned() || system::signals() >= enough;
            if !done {
                victim.signal(libc::SIGUSR1);
            }
            done
        });
    }
}

/// In a child the handles are immediately those of its parent, and a new one works.
fn child_of_a_fork(scene: &Scene) -> i32 {
    let id = plasma_id_t { bytes: [9; 20] };
    let inherited =
        plasma_put(scene.client.get(), Some(&id), std::ptr::null(), 0, std::ptr::null());
    if scene.client_lives() && inherited != FORKED && !scene.is_being_removed() {
        return 1;
    }
    // It does not wait for a thread that was inside a call at the time of the fork.
    let mut options = existing();
    options.lock_timeout_ms = 1;
    match connect(&scene.address, &options) {
        Ok(own) => {
            let mut got = MaybeUninit::uninit();
            let kept = super::fixture::c_id(&super::common::id(super::fixture::KEPT, 0));
            let status = plasma_get(own.get(), Some(&kept), 0, Some(&mut got));
            plasma_disconnect(own.0);
            if status == OK || scene.is_being_removed() { 0 } else { 2 }
        }
        Err(_) if scene.is_being_removed() => 0,
        // Whether the store stays is for the thread of the parent to decide, which is paused.
        Err(TIMEOUT) if scene.cell.kind == StoreKind::Ephemeral => 0,
        Err(_) => 3,
    }
}

/// The files of another store take the place of this one's.
fn replace_files(scene: &Scene) {
    let other = scene.dir().join("other");
    // With other modes than those of the directories, which stay, it would not be a store.
    let kind = match scene.cell.kind {
        StoreKind::Readers => StoreKind::Readers,
        _ => StoreKind::Plain,
    };
    drop(super::fixture::make_store(other.to_str().unwrap(), kind));
    for name in ["index", "heap", "wake"] {
        let from = other.join(name);
        let to = scene.store().join(name);
        let copied = std::fs::remove_file(&to).and_then(|()| std::fs::copy(from, to));
        assert!(copied.is_ok() || scene.cell.call.name == "plasma_store_remove");
    }
}
