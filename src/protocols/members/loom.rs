//! Loom models of members: slots, leases and verdicts.
#![allow(unsafe_code)] // a payload that loom watches

use super::{
    claim, clear, forget_leases, identify, identity, inherit, leases_in_use, new_serial, tenant,
    vacate,
};
use crate::layout::members::{FREE, Slot};
use crate::layout::record::Record;
use crate::layout::word::{LeaseWord, State};
use crate::protocols::index::fixture::{Table, id_in};
use crate::protocols::lease;
use crate::sync::explore::explore;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use ::loom::cell::UnsafeCell;
use ::loom::sync::{Arc, Mutex};
use ::loom::thread;

/// One slot, one object and the bytes of the object.
struct Model {
    slot: Slot,
    lease: AtomicU64,
    table: Table,
    bytes: UnsafeCell<u32>,
    /// The kernel's locks: bit n is set while serial n is locked. The kernel orders its calls.
    locked: Mutex<u64>,
}

// SAFETY: loom fails the model when accesses to the cell are not ordered.
unsafe impl Sync for Model {}
// SAFETY: the model holds nothing of a thread.
unsafe impl Send for Model {}

const SLOT: u32 = 0;

impl Model {
    /// A sealed object, and a slot with this tenant, which once had leases.
    fn new(tenant: u64) -> Arc<Self> {
        let model = Self {
            slot: Slot {
                tenant: AtomicU64::new(tenant),
                lease_high: AtomicU32::new(u32::from(tenant != FREE)),
                lease_room: AtomicU32::new(1),
            },
            lease: AtomicU64::new(0),
            table: Table::new(1, 1),
            bytes: UnsafeCell::new(1),
            locked: Mutex::new(0),
        };
        model.table.create(id_in(0, 1, 0), None, State::Sealed);
        Arc::new(model)
    }

    fn record(&self) -> &Record {
        &self.table.records[0]
    }

    fn lock(&self, serial: u64) {
        *self.locked.lock().unwrap() |= 1 << serial;
    }

    fn unlock(&self, serial: u64) {
        *self.locked.lock().unwrap() &= !(1 << serial);
    }

    fn is_alive(&self, serial: u64) -> bool {
        *self.locked.lock().unwrap() >> serial & 1 == 1
    }

    /// Locks the serial, takes the slot, clears it, and reads the object if it is there.
    fn join_and_read(&self, serial: u64) -> bool {
        self.lock(serial);
        if !claim(&self.slot, serial) {
            self.unlock(serial);
            return false;
        }
        clear([&self.lease].into_iter().take(leases_in_use(&self.slot) as usize));
        forget_leases(&self.slot);
        self.slot.lease_high.fetch_max(1, Ordering::Relaxed);
        self.read();
        true
    }

    fn read(&self) {
        let seen = self.record().load();
        if seen.is(State::Sealed)
            && lease::protect(&self.lease, self.record(), SLOT, seen).is_some()
        {
            self.bytes.with(|bytes| {
                // SAFETY: loom reports a write at the same time.
                assert_eq!(unsafe { *bytes }, 1);
            });
            lease::release(&self.lease);
        }
    }

    fn leave(&self, serial: u64) {
        assert!(vacate(&self.slot, serial));
        self.unlock(serial);
    }

    /// Deletes the object, and uses its memory again if no client leases it.
    fn delete_and_reuse(&self) {
        let sealed = self.record().load();
        let doomed = sealed.in_state(State::Doomed);
        self.record().swap(sealed, doomed).unwrap();
        lease::begin_scan();
        let serial = tenant(&self.slot);
        let mut held = false;
        if serial != FREE {
            if leases_in_use(&self.slot) > 0 {
                let word = LeaseWord(self.lease.load(Ordering::Relaxed));
                held = word == LeaseWord::new(sealed.generation(), SLOT) && self.is_alive(serial);
            }
            lease::end_scan();
        }
        if !held {
            self.bytes.with_mut(|bytes| {
                // SAFETY: loom reports a read at the same time.
                unsafe { *bytes = 2 };
            });
        }
    }
}

fn spawn(
    model: &Arc<Model>,
    run: impl FnOnce(&Model) + Send + Sync + 'static,
) -> thread::JoinHandle<()> {
    let model = model.clone();
    thread::spawn(move || run(&model))
}

#[test]
fn a_scan_sees_the_lease_of_a_client_that_joins() {
    explore(3, || {
        let model = Model::new(FREE);
        let joiner = spawn(&model, |model| {
            assert!(model.join_and_read(1));
        });
        model.delete_and_reuse();
        joiner.join().unwrap();
    });
}

#[test]
fn a_client_that_leaves_has_read_its_last_byte_and_the_next_may_take_its_slot() {
    explore(3, || {
        let model = Model::new(1);
        model.lock(1);
        let leaver = spawn(&model, |model| {
            model.read();
            model.leave(1);
        });
        let next = spawn(&model, |model| {
            model.join_and_read(2);
        });
        model.delete_and_reuse();
        leaver.join().unwrap();
        next.join().unwrap();
    });
}

#[test]
fn a_reaper_frees_the_slot_of_the_dead_alone() {
    explore(3, || {
        let model = Model::new(1);
        // Client 1 is dead. Its verdict is old when the second reaper acts.
        let reapers = [(); 2].map(|()| {
            spawn(&model, |model| {
                let serial = tenant(&model.slot);
                if serial == 1 && !model.is_alive(serial) {
                    vacate(&model.slot, serial);
                }
            })
        });
        let joined = {
            model.lock(2);
            claim(&model.slot, 2)
        };
        for reaper in reapers {
            reaper.join().unwrap();
        }
        assert_eq!(tenant(&model.slot), if joined { 2 } else { FREE });
    });
}

#[test]
fn an_identity_is_that_of_one_tenant() {
    explore(3, || {
        let model = Model::new(1);
        let identified = Arc::new(AtomicU64::new(0));
        let parts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let write = |identified: &AtomicU64, parts: &[AtomicU64; 2], serial: u64| {
            identify(identified, serial, || {
                parts.iter().for_each(|part| part.store(serial, Ordering::Relaxed));
            });
        };
        write(&identified, &parts, 1);
        let next = {
            let (model, identified, parts) = (model.clone(), identified.clone(), parts.clone());
            thread::spawn(move || {
                assert!(vacate(&model.slot, 1) && claim(&model.slot, 2));
                write(&identified, &parts, 2);
            })
        };
        for serial in [1, 2] {
            let seen = identity(&model.slot, &identified, serial, || {
                [0, 1].map(|at: usize| parts[at].load(Ordering::Relaxed))
            });
            assert!(seen.is_none_or(|seen| seen == [serial; 2]), "{serial} is {seen:?}");
        }
        next.join().unwrap();
    });
}

#[test]
fn serials_are_unique_and_one_undertaker_inherits() {
    explore(3, || {
        let model = Model::new(1);
        let serials = Arc::new(AtomicU64::new(1));
        let run = |model: &Model, serials: &AtomicU64| {
            let serial = new_serial(serials);
            model.lock(serial);
            let is_dead = |serial| !model.is_alive(serial);
            (serial, inherit(&model.slot, serial, is_dead, || false))
        };
        let other = {
            let (model, serials) = (model.clone(), serials.clone());
            thread::spawn(move || run(&model, &serials))
        };
        let (mine, theirs) = (run(&model, &serials), other.join().unwrap());
        assert!(mine.0 != theirs.0 && mine.1 != theirs.1, "{mine:?} {theirs:?}");
    });
}
