//! Leaving, joining and reaping on one slot of a client, and on one name of a reader.

use super::files::{Futex, Locks, Names, locked, new_slot};
use super::rt::{Arc, thread};
use crate::layout::members::{FREE, Slot};
use crate::protocols::lifecycle::{begin_clearing, end_clearing, is_clearing};
use crate::protocols::members::{claim, tenant, vacate};
use crate::sync::explore::explore;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// The serial of the earlier client, and that of the new one.
const OLD: u64 = 1;
const NEW: u64 = 2;

struct SlotModel {
    slot: Slot,
    locks: Locks,
    lock: AtomicU64,
    futex: Futex,
    /// Objects that the old client left WRITING.
    writers: AtomicU32,
}

impl SlotModel {
    /// Returns a slot with a client; dead if it is not `alive`.
    fn new(alive: bool) -> Arc<Self> {
        let model = Self {
            slot: new_slot(OLD),
            locks: Locks::default(),
            lock: AtomicU64::new(0),
            futex: Futex::default(),
            writers: AtomicU32::new(1),
        };
        if alive {
            model.locks.lock(OLD);
        }
        Arc::new(model)
    }

    /// `store/clients/reap.rs`, reap_dead. Returns whether it reaped a client.
    fn reap(&self, me: u16) -> bool {
        let seen = tenant(&self.slot);
        if seen == FREE || self.locks.is_locked(seen) {
            return false;
        }
        locked(&self.lock, &self.futex, me, || {
            if tenant(&self.slot) != seen {
                return false;
            }
            assert_eq!(seen, OLD, "a living client was taken for dead");
            // Relaxed, by load and store: called under the lock.
            self.writers.store(0, Ordering::Relaxed);
            vacate(&self.slot, seen)
        })
    }

    /// `store/connection/own_slot.rs`, leave.
    fn leave(&self) {
        assert!(vacate(&self.slot, OLD), "the slot went while its tenant lived");
        self.locks.unlock(OLD);
    }

    /// `store/connection/own_slot.rs`, join.
    fn join(&self) -> bool {
        self.locks.lock(NEW);
        claim(&self.slot, NEW)
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
fn a_leaver_frees_its_own_slot_and_a_reaper_frees_that_of_no_living_one() {
    explore(3, || {
        let model = SlotModel::new(true);
        let leaver = spawn(&model, |model| model.leave());
        let reaper = spawn(&model, |model| model.reap(5));
        let joined = model.join();
        leaver.join().unwrap();
        assert!(!reaper.join().unwrap());
        assert_eq!(tenant(&model.slot), if joined { NEW } else { FREE });
    });
}

#[test]
fn two_reapers_and_a_joiner_agree_on_a_slot() {
    explore(2, || {
        let model = SlotModel::new(false);
        let reapers = [5, 6].map(|me| spawn(&model, move |model| model.reap(me)));
        let joined = model.join();
        if joined {
            assert_eq!(model.writers.load(Ordering::Relaxed), 0);
        }
        let [first, second] = reapers.map(|reaper| reaper.join().unwrap());
        assert!(first != second, "{first} {second}");
        assert_eq!(tenant(&model.slot), if joined { NEW } else { FREE });
    });
}

/// The only name, the file that a reader planted there, and the file of a reader that joins.
const NAME: usize = 0;
const PLANTED: usize = 0;
const JOINER: usize = 1;

/// In `readers/`, where other processes of a reader's user may remove names.
struct Readers {
    names: Names,
    clearing: AtomicU32,
}

impl Readers {
    /// `store/clients/reap.rs`, remove_planted. Called under the lock, which only the caller takes.
    fn clear(&self) {
        begin_clearing(&self.clearing, NAME as u32);
        if self.names.named(NAME) == Some(PLANTED) {
            self.names.unlink(NAME);
        }
        end_clearing(&self.clearing);
    }

    /// `store/connection/own_file.rs`, link_into. Returns whether it has the name.
    fn join(&self) -> bool {
        self.names.link(NAME, JOINER)
            && !is_clearing(&self.clearing, NAME as u32)
            && self.names.named(NAME) == Some(JOINER)
    }
}

#[test]
fn a_reader_keeps_the_name_of_what_was_planted_or_takes_another() {
    explore(3, || {
        let readers = Readers { names: Names::new(1), clearing: AtomicU32::new(0) };
        let readers = Arc::new(readers);
        assert!(readers.names.link(NAME, PLANTED));
        let [planter, producer] = [readers.clone(), readers.clone()];
        let planter = thread::spawn(move || planter.names.unlink_if(NAME, PLANTED));
        let producer = thread::spawn(move || producer.clear());
        let joined = readers.join();
        planter.join().unwrap();
        producer.join().unwrap();
        assert!(!joined || readers.names.named(NAME) == Some(JOINER), "its name was taken away");
    });
}
