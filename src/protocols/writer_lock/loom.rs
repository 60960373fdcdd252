//! The shipped lock in every interleaving.

use super::*;
use crate::sync::AtomicU32;
use crate::sync::explore::explore;
use ::loom::sync::{Arc, Condvar, Mutex};
use ::loom::thread;

/// The word, and a futex for it that never times out: a lost wake is a deadlock.
struct Shared {
    word: AtomicU64,
    queue: Mutex<()>,
    wake: Condvar,
    /// Updated by a load and a store, so any lack of exclusion or order loses an update.
    count: AtomicU32,
    dead: [AtomicU32; 2],
    thefts: AtomicU32,
    recoveries: AtomicU32,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: AtomicU64::new(LockWord::FREE.raw()),
            queue: Mutex::new(()),
            wake: Condvar::new(),
            count: AtomicU32::new(0),
            dead: [AtomicU32::new(0), AtomicU32::new(0)],
            thefts: AtomicU32::new(0),
            recoveries: AtomicU32::new(0),
        })
    }

    fn lock(&self) -> WriterLock<'_> {
        WriterLock::new(&self.word)
    }

    fn count_up(&self) {
        let now = self.count.load(Ordering::Relaxed);
        self.count.store(now + 1, Ordering::Relaxed);
    }

    fn wake_all(&self) {
        let _queue = self.queue.lock().unwrap();
        self.wake.notify_all();
    }

    /// Acquires, recovers if told to, counts, and releases.
    fn work(&self, me: u16, env: &mut impl LockEnv) {
        let got = self.lock().acquire(me, env).unwrap();
        self.thefts.fetch_add(got.stolen.into(), Ordering::Relaxed);
        if got.recover {
            self.recoveries.fetch_add(1, Ordering::Relaxed);
            self.lock().recovered(me).unwrap();
        }
        self.count_up();
        self.lock().release(me, || self.wake_all()).unwrap();
    }
}

/// Sleeps on the futex. Slots 0 and 1 die when `dead` is set; only sleeps on a dead owner time out.
struct Sleeps<'a>(&'a Shared);

impl LockEnv for Sleeps<'_> {
    fn park(&mut self, futex_half: u32) -> Parked {
        let queue = self.0.queue.lock().unwrap();
        let word = self.0.lock().peek();
        let dead = |slot: u16| self.0.dead.get(usize::from(slot));
        let dead = word.owner().and_then(dead);
        let times_out = dead.is_some_and(|dead| dead.load(Ordering::Relaxed) == 1);
        if word.futex_half() == futex_half && !times_out {
            drop(self.0.wake.wait(queue).unwrap());
        }
        Parked::Woken
    }
    fn owner_is_dead(&mut self, slot: u16) -> Result<bool, Error> {
        // SYNC model-death: stands for the kernel, which frees a file lock after the last store.
        let dead = self.0.dead.get(usize::from(slot));
        Ok(dead.is_some_and(|dead| dead.load(Ordering::Acquire) == 1))
    }
}

/// As [`Sleeps`], but each sleep ends by itself and orders nothing.
struct Dozes<'a>(&'a Shared);

impl LockEnv for Dozes<'_> {
    fn park(&mut self, _futex_half: u32) -> Parked {
        thread::yield_now();
        Parked::Woken
    }
    fn owner_is_dead(&mut self, slot: u16) -> Result<bool, Error> {
        Sleeps(self.0).owner_is_dead(slot)
    }
}

/// A thief that is slow to act: after its inspection the owner releases the lock and ends, and
/// another client takes its slot and the lock.
struct Tarries<'a>(&'a Shared);

impl LockEnv for Tarries<'_> {
    fn park(&mut self, _futex_half: u32) -> Parked {
        let again = self.0.lock().peek().sequence() > 1;
        if again { Parked::GiveUp(Status::Interrupted) } else { Parked::Woken }
    }
    fn owner_is_dead(&mut self, slot: u16) -> Result<bool, Error> {
        let lock = self.0.lock();
        if lock.peek().sequence() > 1 {
            return Ok(false);
        }
        lock.release(slot, || ()).unwrap();
        assert!(!lock.try_acquire(slot).unwrap().recover);
        Ok(true)
    }
}

/// Yields instead of sleeping. For two threads only, which then alternate.
struct Yields;

impl LockEnv for Yields {
    fn park(&mut self, _futex_half: u32) -> Parked {
        thread::yield_now();
        Parked::Woken
    }
    fn owner_is_dead(&mut self, _slot: u16) -> Result<bool, Error> {
        Ok(false)
    }
}

#[test]
fn owners_exclude_each_other() {
    explore(99, || {
        let shared = Shared::new();
        let other = shared.clone();
        let other = thread::spawn(move || other.work(1, &mut Yields));
        shared.work(0, &mut Yields);
        other.join().unwrap();
        assert_eq!(shared.count.load(Ordering::Relaxed), 2);
        assert_eq!(shared.lock().peek().sequence(), 2);
        assert_eq!(shared.thefts.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn no_wake_up_is_lost() {
    explore(2, || {
        let shared = Shared::new();
        let threads = [1, 2].map(|me| {
            let shared = shared.clone();
            thread::spawn(move || shared.work(me, &mut Sleeps(&shared)))
        });
        shared.work(0, &mut Sleeps(&shared));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(shared.count.load(Ordering::Relaxed), 3);
        assert_eq!(shared.lock().peek().owner(), None);
        assert_eq!(shared.lock().peek().sequence(), 3);
    });
}

#[test]
fn a_dead_owner_is_robbed_once() {
    explore(3, || {
        let shared = Shared::new();
        let held = shared.lock().try_acquire(0).unwrap();
        assert!(!held.recover);
        let threads = [1, 2].map(|me| {
            let shared = shared.clone();
            thread::spawn(move || shared.work(me, &mut Sleeps(&shared)))
        });
        shared.count_up();
        // SYNC model-death: see `owner_is_dead`.
        shared.dead[0].store(1, Ordering::Release);
        shared.wake_all();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(shared.count.load(Ordering::Relaxed), 3);
        assert_eq!(shared.thefts.load(Ordering::Relaxed), 1);
        assert_eq!(shared.recoveries.load(Ordering::Relaxed), 1);
        assert_eq!(shared.lock().peek().sequence(), 3);
    });
}

#[test]
fn a_dirty_release_is_recovered_once() {
    explore(2, || {
        let shared = Shared::new();
        let held = shared.lock().try_acquire(0).unwrap();
        assert!(!held.recover);
        let threads = [1, 2].map(|me| {
            let shared = shared.clone();
            thread::spawn(move || shared.work(me, &mut Sleeps(&shared)))
        });
        shared.count_up();
        shared.lock().release_needing_recovery(0, || shared.wake_all()).unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(shared.count.load(Ordering::Relaxed), 3);
        assert_eq!(shared.recoveries.load(Ordering::Relaxed), 1);
        assert!(!shared.lock().peek().needs_recovery());
    });
}

#[test]
fn a_thief_that_dies_hands_the_duty_on() {
    explore(3, || {
        let shared = Shared::new();
        assert!(!shared.lock().try_acquire(0).unwrap().recover);
        shared.count_up();
        shared.dead[0].store(1, Ordering::Relaxed);
        let thief = shared.clone();
        let thief = thread::spawn(move || {
            let got = thief.lock().acquire(1, &mut Sleeps(&thief)).unwrap();
            thief.thefts.fetch_add(got.stolen.into(), Ordering::Relaxed);
            // Killed before it recovered.
            thief.count_up();
            // SYNC model-death: see `owner_is_dead`.
            thief.dead[1].store(1, Ordering::Release);
            thief.wake_all();
        });
        shared.work(2, &mut Sleeps(&shared));
        thief.join().unwrap();
        let count = shared.count.load(Ordering::Relaxed);
        let thefts = shared.thefts.load(Ordering::Relaxed);
        assert_eq!(shared.recoveries.load(Ordering::Relaxed), 1);
        // The thief was first; or it came after the recovery and holds the lock, dead.
        assert_eq!((count, thefts), if thefts == 2 { (3, 2) } else { (3, 1) });
    });
}

#[test]
fn a_delayed_thief_takes_nothing_from_the_next_owner_of_the_slot() {
    explore(3, || {
        let shared = Shared::new();
        assert!(!shared.lock().try_acquire(0).unwrap().recover);
        let thief = shared.clone();
        let thief = thread::spawn(move || thief.work(1, &mut Sleeps(&thief)));
        shared.count_up();
        shared.lock().release(0, || shared.wake_all()).unwrap();
        // SYNC model-death: the owner ends, after its release.
        shared.dead[0].store(1, Ordering::Release);
        shared.wake_all();
        let next = shared.clone();
        let next = thread::spawn(move || {
            // Another client takes the slot of the dead owner.
            next.dead[0].store(0, Ordering::Relaxed);
            next.work(0, &mut Sleeps(&next));
        });
        thief.join().unwrap();
        next.join().unwrap();
        assert_eq!(shared.count.load(Ordering::Relaxed), 3);
        assert_eq!(shared.thefts.load(Ordering::Relaxed), 0);
        assert_eq!(shared.recoveries.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_thief_is_not_mistaken_for_a_dead_client_that_had_its_slot() {
    explore(3, || {
        let shared = Shared::new();
        assert!(!shared.lock().try_acquire(1).unwrap().recover);
        shared.count_up();
        // Both slots have files of dead clients; another client takes one of the slots. Loom never
        // shows a thread that yielded an earlier value again, so another thread stores them.
        let dead = shared.clone();
        let dead = thread::spawn(move || {
            dead.dead.iter().for_each(|dead| dead.store(1, Ordering::Relaxed));
        });
        dead.join().unwrap();
        let next = shared.clone();
        let next = thread::spawn(move || {
            next.dead[0].store(0, Ordering::Relaxed);
            next.work(0, &mut Dozes(&next));
        });
        shared.work(2, &mut Dozes(&shared));
        next.join().unwrap();
        assert_eq!(shared.count.load(Ordering::Relaxed), 3);
        assert_eq!(shared.thefts.load(Ordering::Relaxed), 1);
        assert_eq!(shared.recoveries.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_death_counts_only_for_the_holding_that_was_inspected() {
    explore(99, || {
        let shared = Shared::new();
        assert!(!shared.lock().try_acquire(0).unwrap().recover);
        let thief = shared.lock().acquire(1, &mut Tarries(&shared));
        assert_eq!(thief, Err(LockError::GaveUp(Status::Interrupted)));
        assert_eq!(shared.lock().peek().owner(), Some(0));
        assert_eq!(shared.lock().peek().sequence(), 2);
    });
}
