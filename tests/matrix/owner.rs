//! The owner of the writer lock during the call.

use super::common::{Child, connect, hear, say, spawn};
use super::disturbances::Disturbance;
use super::expected::Situation;
use super::run::{Cell, Scene};
use super::thread::{nap, until};
use plasma::sync::{at_points, no_more_points};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread::JoinHandle;

pub enum Owner {
    Nobody,
    /// Another client of this process.
    Thread(Arc<AtomicU32>, Option<JoinHandle<()>>),
    /// Another process, stopped.
    Process(Option<Child>),
}

const OWNS: u32 = 1;
const LETS_GO: u32 = 2;

/// Calls `stand` once this thread has the writer lock.
fn once_it_owns(stand: impl FnOnce() + 'static) {
    let (mut took, mut stand) = (false, Some(stand));
    at_points(move |point| {
        let of_lock = point.file().ends_with("src/protocols/writer_lock/mod.rs");
        let here = took && !of_lock;
        took |= of_lock && point.what() == "compare_exchange";
        if here {
            stand.take().into_iter().for_each(|stand| stand());
        }
        here
    });
}

fn store_is_there(address: &str) -> bool {
    std::path::Path::new(address).exists()
}

/// The role of a process that takes the lock, and stops.
pub fn play(address: &str) {
    let client = connect(address);
    say("ready");
    hear();
    once_it_owns(plasma::sys::process::stop_self);
    // The store may be gone when it continues.
    assert!(
        client.check().is_ok_and(|report| report.problem_count == 0) || !store_is_there(address)
    );
    assert!(!no_more_points());
    say("done");
    hear();
}

impl Owner {
    pub fn new(cell: Cell, address: &str) -> Owner {
        use Disturbance::{OwnerKilled, OwnerSlow, OwnerStopped};
        if matches!(cell.disturbance, OwnerStopped | OwnerKilled | OwnerSlow) {
            let mut owner = spawn(super::CHILD, &["owner", address]);
            owner.expect("ready");
            owner.tell("go");
            assert!(owner.wait_for_state('T'));
            return Owner::Process(Some(owner));
        }
        if cell.situation != Situation::Behind {
            return Owner::Nobody;
        }
        let state = Arc::new(AtomicU32::new(0));
        let (seen, address) = (state.clone(), address.to_owned());
        let thread = std::thread::spawn(move || {
            let client = connect(&address);
            once_it_owns(move || {
                seen.store(OWNS, SeqCst);
                while seen.load(SeqCst) != LETS_GO {
                    nap();
                }
            });
            // Changes nothing. The store may be gone when it continues.
            let _ = client.check();
            assert!(!no_more_points());
        });
        until("an owner", || state.load(SeqCst) == OWNS);
        Owner::Thread(state, Some(thread))
    }

    /// Decides the fate of the owner while the call waits.
    pub fn after(&mut self, scene: &Scene) {
        let Owner::Process(owner) = self else { return };
        if !scene.cell.call.locks() {
            return;
        }
        match scene.cell.disturbance {
            Disturbance::OwnerKilled => owner.take().unwrap().kill(),
            Disturbance::OwnerSlow => {
                let owner = owner.as_ref().unwrap();
                until("the wait", || scene.stand.sleeps() || scene.stand.has_returned());
                owner.signal(libc::SIGCONT);
            }
            _ => {}
        }
    }

    /// Releases the lock.
    pub fn give_way(&mut self) {
        match self {
            Owner::Nobody => {}
            Owner::Thread(state, thread) => {
                state.store(LETS_GO, SeqCst);
                thread.take().into_iter().for_each(|thread| thread.join().unwrap());
            }
            Owner::Process(owner) => {
                if let Some(owner) = owner.take() {
                    owner.signal(libc::SIGCONT);
                    owner.expect("done");
                    assert!(owner.end().success());
                }
            }
        }
    }
}
