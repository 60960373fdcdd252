//! One cell of the matrix, in a process of its own.

use super::api::*;
use super::calls::Call;
use super::common::{connect as rust_connect, id, say};
use super::disturbances::{Disturbance, When};
use super::expected::{Allowed, Situation, allowed};
use super::fixture::{Fix, KEPT, Obstacle, StoreKind, StoreLocation, make_store};
use super::judge;
use super::owner::Owner;
use super::thread::{PausePoint, Stand, Victim, until};
use super::{crowd, system};
use plasma::Client;
use plasma::ffi::*;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};

/// The longest wait for the writer lock where its owner is stopped.
const LOCK_TIMEOUT_MS: i64 = 50;

const CLONE_NEWTIME: i32 = 0x80;

/// A call, its situation, its disturbance, and the kind of store.
#[derive(Clone, Copy)]
pub struct Cell {
    pub call: &'static Call,
    pub situation: Situation,
    pub disturbance: Disturbance,
    pub kind: StoreKind,
    /// The number of the point at which it is paused; 0: before it begins.
    pub point: u64,
}

impl Cell {
    /// Returns the role of a process that runs it in a directory.
    pub fn role(&self, dir: &str) -> Vec<String> {
        vec![
            "cell".into(),
            self.call.name.into(),
            format!("{:?}", self.situation),
            format!("{:?}", self.disturbance),
            format!("{:?}", self.kind),
            self.point.to_string(),
            dir.to_owned(),
        ]
    }

    pub fn of(role: &[String]) -> Cell {
        Cell {
            call: Call::named(&role[1]),
            situation: Situation::named(&role[2]),
            disturbance: Disturbance::named(&role[3]),
            kind: StoreKind::named(&role[4]),
            point: role[5].parse().unwrap(),
        }
    }

    pub fn allowed(&self) -> Allowed {
        allowed(self.call, self.situation, self.disturbance, self.kind)
    }
}

/// The things that a disturbance can see.
pub struct Scene {
    pub address: CString,
    pub client: Handle,
    pub stand: &'static Stand,
    dir: PathBuf,
    pub cell: Cell,
    disconnected: AtomicBool,
}

impl Scene {
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn store(&self) -> PathBuf {
        PathBuf::from(self.address.to_str().unwrap())
    }

    /// Returns whether the call removes the store.
    pub fn is_being_removed(&self) -> bool {
        self.cell.call.name == "plasma_store_remove"
    }

    /// Returns whether no other thread is about to end the client.
    pub fn client_lives(&self) -> bool {
        self.cell.call.name != "plasma_disconnect"
    }
}

/// Runs one cell, and prints how it ended.
pub fn play(role: &[String]) {
    // A failure in any thread ends the process, because other threads may wait for it.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        system::restore_low_files();
        report(panic);
        std::process::exit(101);
    }));
    let cell = Cell::of(role);
    let place = StoreLocation::new(&role[6], cell.kind, cell.disturbance.mount());
    let address = place.dir().join("store").to_str().unwrap().to_owned();
    // A client outside, whatever namespace the call's process has.
    let outside = make_store(&address, cell.kind);
    let inside = || {
        say(&disturbed(cell, &address));
        0
    };
    use Disturbance::*;
    match cell.disturbance {
        Alone => system::in_child(inside),
        UserNamespace => system::in_child(|| {
            system::unshare(libc::CLONE_NEWUSER);
            std::fs::write("/proc/self/uid_map", "0 0 1").unwrap();
            inside()
        }),
        PidNamespace => {
            system::unshare(libc::CLONE_NEWPID);
            system::in_child(inside);
        }
        TimeNamespace => system::in_child(|| {
            // It applies to the children from now on.
            system::unshare(CLONE_NEWTIME);
            std::fs::write("/proc/self/timens_offsets", "monotonic 86400 0").unwrap();
            system::in_child(inside);
            0
        }),
        MountNamespace => {
            system::own_mounts();
            say(&disturbed(cell, &address));
        }
        NewCallsMissing | NewCallsForbidden => {
            let missing = cell.disturbance == NewCallsMissing;
            system::refuse_new_calls(if missing { libc::ENOSYS } else { libc::EPERM });
            say(&disturbed(cell, &address));
        }
        LowFiles => {
            system::close_low_files();
            let said = disturbed(cell, &address);
            system::restore_low_files();
            return say(&said);
        }
        _ => say(&disturbed(cell, &address)),
    }
    drop(outside);
}

/// Runs it here, and returns how it ended, in the form that the harness reads.
fn disturbed(cell: Cell, address: &str) -> String {
    let Cell { call, situation, disturbance, .. } = cell;
    let helper = rust_connect(address);
    // Everything that it needs is mapped now.
    super::common::put(&helper, &id(super::fixture::OTHER, 8), 10, None);
    helper.delete(&id(super::fixture::OTHER, 8)).unwrap();
    let mut crowd = crowd::Crowd::new(disturbance, address);
    let stopped = disturbance == Disturbance::OwnerStopped;
    let mut fix = Fix::new(address, if stopped { LOCK_TIMEOUT_MS } else { -1 });
    fix.prepare(call.before, &helper);
    if let (Some(super::fixture::Wait::Event), Situation::Free | Situation::Behind) =
        (call.waits, situation)
    {
        super::common::put(&helper, &id(super::fixture::OTHER, 9), 10, None);
    }
    let news = helper.subscribe().unwrap();
    let mut obstacle = None;
    if situation == Situation::Waits {
        if call.before == super::fixture::Before::Sealed {
            helper.delete(&super::fixture::target()).unwrap();
        }
        obstacle = Some(Obstacle::new(call.waits.unwrap(), &helper));
        fix.timeout = -1;
    }
    let _group = (disturbance == Disturbance::Cgroup).then(system::Cgroup::join);
    let mut owner = Owner::new(cell, address);
    let stand: &'static Stand = Box::leak(Box::default());
    let scene = Scene {
        address: c_string(address),
        client: fix.client,
        stand,
        dir: Path::new(address).parent().unwrap().to_owned(),
        cell,
        disconnected: AtomicBool::new(false),
    };
    crowd.die();
    use Disturbance::*;
    match disturbance {
        SignalRestart | SignalCalls => system::handle_signals(true, disturbance == SignalCalls),
        SignalNoRestart => system::handle_signals(false, false),
        _ => {}
    }
    let status = if disturbance == Alone {
        (call.run)(&mut fix)
    } else {
        let status;
        (fix, status) = beside(fix, &scene, &helper, &mut obstacle, &mut owner);
        if cell.point > 0 && disturbance.when() == When::Inside && !stand.stood() {
            // In a store of this kind the call passes fewer points, so nothing has happened to it:
            // there is nothing to judge, and the harness tries an earlier point.
            owner.give_way();
            let (all, counted) = stand.passed();
            return format!("ended: {status}|{all}|{counted}|");
        }
        status
    };
    if disturbance == LowFiles {
        // With the results of the call still there.
        system::low_files_are_free();
    }
    disturbance.undo(&scene);
    owner.give_way();
    if let Some(obstacle) = &mut obstacle
        && !obstacle.gave_way()
        && disturbance.leaves_a_store()
    {
        obstacle.give_way(&helper);
    }
    drop(owner);
    drop(crowd);
    let right = cell.allowed();
    let (all, counted) = stand.passed();
    assert!(right.has(status), "{} is not in {right:?}: {}", status_name(status), fix.message);
    let gone = scene.disconnected.load(SeqCst);
    judge::judge(cell, fix, gone, status, (helper, news));
    format!("ended: {status}|{all}|{counted}|{}", stand.point())
}

/// Runs the call in one thread, and its disturbance in others.
fn beside(
    mut fix: Fix,
    scene: &Scene,
    helper: &Client,
    obstacle: &mut Option<Obstacle>,
    owner: &mut Owner,
) -> (Fix, i32) {
    let Cell { call, situation, disturbance, point, .. } = scene.cell;
    let stand = scene.stand;
    let meets = disturbance.when() == When::Meets;
    let place = match situation {
        _ if situation.sleeps(call) || meets && call.locks() => PausePoint::Sleep,
        _ if disturbance == Disturbance::Disconnect && call.is_counted() => {
            PausePoint::Counted(point)
        }
        _ => PausePoint::Point(point),
    };
    static STATUS: AtomicI32 = AtomicI32::new(i32::MAX);
    let (send, receive) = std::sync::mpsc::channel();
    let before = point == 0 && place != PausePoint::Sleep;
    if before {
        let none = Victim::spawn(|| {});
        if disturbance.when() == When::Inside && disturbance != Disturbance::Cancel {
            disturbance.strike(scene, &none);
            scene.disconnected.store(disturbance == Disturbance::Disconnect, SeqCst);
        }
        none.join();
    }
    let victim = Victim::spawn(move || {
        stand.watch(place);
        STATUS.store((call.run)(&mut fix), SeqCst);
        fix.message = text(plasma_error_message()).to_string_lossy().into_owned();
        stand.unwatch();
        send.send(fix).unwrap();
    });
    if !before {
        until("the point", || stand.stands() || stand.has_returned());
        std::thread::scope(|scope| {
            if stand.stands() && disturbance.when() == When::Inside {
                let striker: &'static Stand = Box::leak(Box::default());
                let victim = &victim;
                scope.spawn(move || {
                    // It may have to wait for the call that is paused here.
                    striker.watch(PausePoint::Sleep);
                    striker.go_on();
                    disturbance.strike(scene, victim);
                    striker.unwatch();
                });
                until("the disturbance", || striker.has_returned() || striker.stood());
                if disturbance == Disturbance::Disconnect {
                    scene.disconnected.store(true, SeqCst);
                }
            }
            stand.go_on();
            disturbance.insist(scene, &victim);
            owner.after(scene);
            if situation.sleeps(call) && !disturbance.ends_waits() {
                owner.give_way();
                if let Some(obstacle) = obstacle {
                    obstacle.give_way(helper);
                }
            }
            until("the end of the call", || {
                assert!(stand.is_there(), "the thread ended inside the call");
                stand.has_returned()
            });
        });
    }
    let cancelled = victim.join();
    let fix = receive.recv().expect("the call returned");
    assert_eq!(cancelled, disturbance == Disturbance::Cancel && !before && stand.stood());
    (fix, STATUS.load(SeqCst))
}

/// Returns the id of an object that stays in each store.
pub fn kept(n: u64) -> plasma::ObjectId {
    id(KEPT, n)
}
