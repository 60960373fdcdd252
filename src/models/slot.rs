//! Leaving, joining and reaping on one client slot.

use super::files::{Files, Futex, locked};
use super::rt::{Arc, thread};
use crate::protocols::lifecycle::{
    begin_clearing, end_clearing, is_clearing, say_joined, says_joined,
};
use crate::sync::explore::explore;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

const SLOT: usize = 0;
/// The file of the earlier client, and that of the new one.
const OLD: usize = 0;
const NEW: usize = 1;

struct SlotModel {
    files: Files,
    lock: AtomicU64,
    futex: Futex,
    /// Objects that the old client left WRITING.
    writers: AtomicU32,
}

impl SlotModel {
    /// Returns a slot with a client that uses the store; dead if it is not `alive`.
    fn new(alive: bool) -> Arc<Self> {
        let model = Self {
            files: Files::new(1, 2),
            lock: AtomicU64::new(0),
            futex: Futex::default(),
            writers: AtomicU32::new(1),
        };
        assert!(model.files.try_lock(OLD) && model.files.link(SLOT, OLD));
        say_joined(&model.files.files[OLD].joined, true);
        if !alive {
            model.files.unlock(OLD);
        }
        Arc::new(model)
    }

    /// `store/clients/reap.rs`, reap_client. Returns whether it did.
    fn bury(&self, me: u16) -> bool {
        locked(&self.lock, &self.futex, me, || {
            // The order matters: a leaver unlinks first and unlocks afterwards.
            if self.files.is_locked(OLD) || self.files.named(SLOT) != Some(OLD) {
                return false;
            }
            self.free_writers();
            assert_eq!(self.files.unlink(SLOT), Some(OLD), "the name belongs to another file");
            true
        })
    }

    fn free_writers(&self) {
        // Relaxed, by load and store: called under the lock.
        self.writers.store(0, Ordering::Relaxed);
    }

    /// `store/connection/leave.rs`: removes the name, then the lock.
    fn leave(&self, file: usize) {
        self.say_joined(file, false);
        assert_eq!(self.files.named(SLOT), Some(file), "the name went while its owner lived");
        self.files.unlink(SLOT);
        self.files.unlock(file);
    }

    /// `store/connection/own_file.rs`, join.
    fn join(&self) -> bool {
        assert!(self.files.try_lock(NEW));
        let joined = self.files.link(SLOT, NEW);
        if joined {
            self.say_joined(NEW, true);
        }
        joined
    }

    /// `store/clients/registry.rs`, find_clients, by a client that knew the old one: not GONE.
    fn scan(&self) {
        if self.files.named(SLOT) == Some(OLD) {
            return;
        }
        let alive = self.files.is_locked(OLD);
        let joined = says_joined(|| self.files.files[OLD].joined.load(Ordering::Relaxed));
        assert!(!(alive && joined), "a user's file was deleted");
    }

    fn say_joined(&self, file: usize, joined: bool) {
        say_joined(&self.files.files[file].joined, joined);
    }
}

fn spawn<T: Send + 'static>(
    model: &Arc<SlotModel>,
    run: impl FnOnce(&SlotModel) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let model = model.clone();
    thread::spawn(move || run(&model))
}

#[test]
fn a_leaver_takes_its_own_name_and_a_reaper_takes_no_living_one() {
    explore(3, || {
        let model = SlotModel::new(true);
        let leaver = spawn(&model, |model| model.leave(OLD));
        let reaper = spawn(&model, |model| model.bury(5));
        let joined = model.join();
        if joined {
            assert_eq!(model.files.named(SLOT), Some(NEW));
        }
        model.scan();
        leaver.join().unwrap();
        reaper.join().unwrap();
        assert_eq!(model.files.named(SLOT), joined.then_some(NEW));
    });
}

#[test]
fn two_reapers_and_a_joiner_agree_on_a_name() {
    explore(2, || {
        let model = SlotModel::new(false);
        let reapers = [5, 6].map(|me| spawn(&model, move |model| model.bury(me)));
        let joined = model.join();
        model.scan();
        let [first, second] = reapers.map(|reaper| reaper.join().unwrap());
        assert!(first != second, "{first} {second}");
        assert_eq!(model.files.named(SLOT), joined.then_some(NEW));
    });
}

/// In `readers/`, where other processes of a reader's user may remove names.
struct Readers {
    files: Files,
    clearing: AtomicU32,
}

impl Readers {
    /// `store/clients/reap.rs`, remove_planted. Called under the lock, which only the caller takes.
    fn clear(&self) {
        begin_clearing(&self.clearing, SLOT as u32);
        if self.files.named(SLOT) == Some(OLD) {
            self.files.unlink(SLOT);
        }
        end_clearing(&self.clearing);
    }

    /// `store/connection/own_file.rs`, link_into. Returns whether it has the name.
    fn join(&self) -> bool {
        self.files.link(SLOT, NEW)
            && !is_clearing(&self.clearing, SLOT as u32)
            && self.files.named(SLOT) == Some(NEW)
    }
}

#[test]
fn a_reader_keeps_the_name_of_what_was_planted_or_takes_another() {
    explore(3, || {
        let readers = Readers { files: Files::new(1, 2), clearing: AtomicU32::new(0) };
        let readers = Arc::new(readers);
        assert!(readers.files.link(SLOT, OLD));
        let [planter, producer] = [readers.clone(), readers.clone()];
        let planter = thread::spawn(move || planter.files.unlink_if(SLOT, OLD));
        let producer = thread::spawn(move || producer.clear());
        let joined = readers.join();
        planter.join().unwrap();
        producer.join().unwrap();
        assert!(!joined || readers.files.named(SLOT) == Some(NEW), "its name was taken away");
    });
}
