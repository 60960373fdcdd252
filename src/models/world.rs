//! Clients of one store that put, get and delete objects, and are killed at any store.
//!
//! The model repeats the steps of `store/objects/create.rs`, `objects/get.rs`, `memory/reclaim.rs`
//! and `recovery/recover.rs`, with the shipped lock, index, free slots and leases. The bytes of an
//! object are one word per slot.

use super::files::Futex;
use super::rt::{Arc, thread};
use crate::error::Error;
use crate::layout::record::{IdWords, Record};
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::fixture::{Table, id_in};
use crate::protocols::index::{Astray, Hit, Key};
use crate::protocols::lease;
use crate::protocols::writer_lock::{LockEnv, Parked, WriterLock};
use crate::sync::Ordering::Relaxed;
use crate::sync::explore::{explore, killed_at};
use crate::sync::{AtomicU32, AtomicU64};
use shuttle::rand::{Rng, thread_rng};

const CLIENTS: usize = 3;
const SLOTS: usize = 16;
const BUCKETS: usize = 2;
const IDS: usize = 3;

struct World {
    table: Table,
    lock: AtomicU64,
    futex: Futex,
    bytes: Vec<AtomicU64>,
    leases: Vec<AtomicU64>,
    /// The kernel's knowledge that a client's serial is unlocked.
    dead: Vec<AtomicU32>,
}

/// Sleeps while the owner is alive.
struct Env<'a>(&'a World);

impl LockEnv for Env<'_> {
    fn park(&mut self, futex_half: u32) -> Parked {
        let (world, lock) = (self.0, WriterLock::new(&self.0.lock));
        world.futex.wait_while(|| {
            let word = lock.peek();
            let dead = word.owner().is_some_and(|owner| world.is_dead(owner.into()));
            word.futex_half() == futex_half && !dead
        });
        Parked::Woken
    }
    fn owner_is_dead(&mut self, slot: u16) -> Result<bool, Error> {
        Ok(self.0.is_dead(slot.into()))
    }
}

fn id(n: usize) -> IdWords {
    id_in(n as u64 % BUCKETS as u64, BUCKETS, n)
}

fn content(id: &IdWords, word: RecordWord) -> u64 {
    id.0 << 32 | u64::from(word.generation())
}

impl World {
    fn new() -> Arc<Self> {
        let words = |n: usize| (0..n).map(|_| AtomicU64::new(0)).collect();
        let world = Self {
            // It grows as objects are made.
            table: Table::growing(SLOTS, 1, 4 * BUCKETS),
            lock: AtomicU64::new(0),
            futex: Futex::default(),
            bytes: words(SLOTS),
            leases: words(CLIENTS + 1),
            dead: (0..=CLIENTS).map(|_| AtomicU32::new(0)).collect(),
        };
        // Object 0 exists all the time.
        world.put(CLIENTS, 0);
        Arc::new(world)
    }

    fn is_dead(&self, client: usize) -> bool {
        self.dead[client].load(Relaxed) == 1
    }

    fn record(&self, slot: u32) -> &Record {
        &self.table.records[slot as usize]
    }

    fn slots(&self) -> impl Iterator<Item = u32> {
        0..self.table.table.used.load(Relaxed)
    }

    fn locked<T>(&self, me: usize, section: impl FnOnce() -> T) -> T {
        let (lock, who) = (WriterLock::new(&self.lock), me as u16);
        let got = lock.acquire(who, &mut Env(self)).unwrap();
        if got.recover {
            self.recover();
            lock.recovered(who).unwrap();
        }
        let result = section();
        lock.release(who, || self.futex.wake_all()).unwrap();
        result
    }

    fn recover(&self) {
        for slot in self.slots() {
            if let Some(word) = self.orphan(slot) {
                let next = word.generation() + 1;
                let free = RecordWord::new(next, RecordWord::ORPHANED, State::Free);
                self.record(slot).swap(word, free).unwrap();
            }
        }
        self.table.slots().rebuild(&self.table.index()).unwrap();
        let index = self.table.index();
        if !index.mend_chains().unwrap() {
            index.begin_rebuild();
            index.rebuild_chains().unwrap();
        }
        index.end_rebuild();
    }

    /// Returns the word of a record that a dead creator left WRITING. Called under the lock. The
    /// creator's death is checked first, since until then it may seal.
    fn orphan(&self, slot: u32) -> Option<RecordWord> {
        let creator = self.record(slot).creator_slot.load(Relaxed) as usize;
        let dead = self.is_dead(creator);
        let word = self.record(slot).load();
        (dead && word.is(State::Writing)).then_some(word)
    }

    /// As `Session::find`: a client that dies between freeing a record and the end of a recovery
    /// leaves a chain that leads astray, and the table has the answer.
    fn find(&self, n: usize) -> Option<Hit> {
        let (index, key) = (self.table.index(), Key::Id(id(n)));
        index.find(&key).unwrap_or_else(|Astray| index.scan(&key))
    }

    fn put(&self, me: usize, n: usize) {
        let placed = self.locked(me, || {
            assert!(!self.table.index().grow_ids().unwrap());
            if let Some(hit) = self.find(n) {
                // The record of a dead creator is freed, and the next attempt gets the id.
                if let Some(word) = self.orphan(hit.slot) {
                    self.free(hit.slot, word);
                }
                return None;
            }
            // The creator is stored before the record becomes WRITING.
            let next = self.table.queue[0].load(Relaxed);
            let next = if next == 0 { self.table.table.used.load(Relaxed) } else { next - 1 };
            self.record(next).creator_slot.store(me as u32, Relaxed);
            let (slot, word) = self.table.create(id(n), None, State::Writing);
            assert_eq!(slot, next);
            Some((slot, word))
        });
        if let Some((slot, word)) = placed {
            self.bytes[slot as usize].store(content(&id(n), word), Relaxed);
            self.table.seal(slot, word);
        }
    }

    fn free(&self, slot: u32, word: RecordWord) {
        self.table.index().unlink(slot, word).unwrap();
        self.bytes[slot as usize].store(0, Relaxed);
        self.table.slots().give(&self.table.index(), slot, word, 0).unwrap();
    }

    /// Returns whether the object was there.
    fn get(&self, me: usize, n: usize) -> bool {
        loop {
            let Some(hit) = self.find(n) else { return false };
            if !hit.word.is(State::Sealed) {
                return false;
            }
            let lease = &self.leases[me];
            let Some(word) = lease::protect(lease, self.record(hit.slot), hit.slot, hit.word)
            else {
                continue;
            };
            for _ in 0..2 {
                let bytes = self.bytes[hit.slot as usize].load(Relaxed);
                assert_eq!(bytes, content(&id(n), word), "object {n} in slot {}", hit.slot);
            }
            lease::release(lease);
            return true;
        }
    }

    fn delete(&self, me: usize, n: usize) {
        self.locked(me, || match self.find(n) {
            Some(hit) if hit.word.is(State::Sealed) => {
                self.table.doom(hit.slot, hit.word);
            }
            _ => {}
        });
        self.reclaim(me);
    }

    fn reclaim(&self, me: usize) {
        let doomed: Vec<_> = self.locked(me, || {
            let words = self.slots().map(|slot| (slot, self.record(slot).load()));
            words.filter(|(_, word)| word.is(State::Doomed)).collect()
        });
        lease::begin_scan();
        let living = (0..=CLIENTS).filter(|client| !self.is_dead(*client));
        let leases: Vec<_> = living.map(|client| self.leases[client].load(Relaxed)).collect();
        lease::end_scan();
        self.locked(me, || {
            for (slot, word) in doomed {
                let leased = leases.contains(&LeaseWord::new(word.generation(), slot).0);
                if !leased && self.record(slot).load() == word {
                    self.bytes[slot as usize].store(0, Relaxed);
                    self.table.slots().give(&self.table.index(), slot, word, 0).unwrap();
                }
            }
        });
    }

    /// Makes random calls; the client is killed at the `n`-th store.
    fn live(&self, me: usize, n: u64) {
        let killed = killed_at(n, || {
            for _ in 0..3 {
                let object = thread_rng().gen_range(1..IDS);
                match thread_rng().gen_range(0..4) {
                    0 => self.put(me, object),
                    1 => self.delete(me, object),
                    2 => {
                        self.get(me, object);
                    }
                    _ => assert!(self.get(me, 0), "object 0 is missed"),
                }
            }
        });
        if killed {
            self.dead[me].store(1, Relaxed);
            self.futex.wake_all();
        }
    }

    /// Checks in the last living client that everything adds up.
    fn check(&self) {
        self.locked(CLIENTS, || {
            for slot in self.slots() {
                if let Some(word) = self.orphan(slot) {
                    self.free(slot, word);
                }
            }
        });
        self.reclaim(CLIENTS);
        let free = self.slots().filter(|slot| self.record(*slot).load().is(State::Free)).count();
        assert_eq!(self.table.queue[2].load(Relaxed) as usize, free);
        let sealed = (0..IDS).filter(|n| self.get(CLIENTS, *n)).count();
        assert_eq!(free + sealed, self.slots().count());
        assert_eq!(self.table.live.rebuild_sequence.load(Relaxed) % 2, 0);
        // Every free slot can be taken once.
        for n in 0..SLOTS - sealed {
            self.locked(CLIENTS, || self.table.create(id(IDS + n), None, State::Writing));
        }
        assert!(self.get(CLIENTS, 0));
    }
}

fn lives(deadly: bool) {
    explore(0, move || {
        let world = World::new();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|me| {
                let world = world.clone();
                // A call makes about ten stores.
                let n = if deadly { thread_rng().gen_range(1..40) } else { 0 };
                thread::spawn(move || world.live(me, n))
            })
            .collect();
        assert!(world.get(CLIENTS, 0));
        clients.into_iter().for_each(|client| client.join().unwrap());
        world.check();
    });
}

#[test]
fn everything_adds_up_when_all_live() {
    lives(false);
}

#[test]
fn everything_adds_up_when_some_are_killed() {
    lives(true);
}
