//! The lock in real threads. The protected data is not atomic, so miri and ThreadSanitizer report
//! two owners whose work is not ordered.
#![allow(unsafe_code)] // the protected data, which miri and ThreadSanitizer watch
#![allow(clippy::disallowed_types)] // not atomic, so that a race is reported

use super::*;
use crate::sync::AtomicU32;
use crate::sync::testing::{Futex, rounds};
use std::cell::UnsafeCell;
use std::thread;

const ROUNDS: u32 = rounds(1_000, 4);
const OWNERS: u16 = 3;

struct Shared {
    word: AtomicU64,
    futex: Futex,
    dead: AtomicU32,
    count: UnsafeCell<u32>,
}

// SAFETY: the tests check that accesses to the cell do not race.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Self {
        Self {
            word: AtomicU64::new(LockWord::FREE.raw()),
            futex: Futex::default(),
            dead: AtomicU32::new(0),
            count: UnsafeCell::new(0),
        }
    }

    fn lock(&self) -> WriterLock<'_> {
        WriterLock::new(&self.word)
    }

    fn count_up(&self) {
        // SAFETY: the pointer is the cell's, and the lock keeps others away.
        unsafe { *self.count.get() += 1 };
    }

    /// Acquires, recovers if told to, counts, and releases. Returns whether it stole the lock.
    fn work(&self, me: u16) -> bool {
        let got = self.lock().acquire(me, &mut Sleeps(self)).unwrap();
        if got.recover {
            self.lock().recovered(me).unwrap();
        }
        self.count_up();
        self.lock().release(me, || self.futex.wake_all()).unwrap();
        got.stolen
    }

    /// Each client except slot 0 does `rounds` of work. Returns the number of thefts.
    fn work_together(&self, rounds: u32) -> u32 {
        thread::scope(|scope| {
            let owners = (1..=OWNERS).map(|me| {
                scope.spawn(move || (0..rounds).map(|_| u32::from(self.work(me))).sum::<u32>())
            });
            let owners: Vec<_> = owners.collect();
            owners.into_iter().map(|owner| owner.join().unwrap()).sum()
        })
    }
}

/// Sleeps on the futex. Slot 0 dies when `dead` is set; no thread sleeps on a dead owner.
struct Sleeps<'a>(&'a Shared);

impl LockEnv for Sleeps<'_> {
    fn park(&mut self, futex_half: u32) -> Parked {
        self.0.futex.sleep_while(|| {
            let word = self.0.lock().peek();
            let owner_died = word.owner() == Some(0) && self.0.dead.load(Ordering::Relaxed) == 1;
            word.futex_half() == futex_half && !owner_died
        });
        Parked::Woken
    }
    fn owner_is_dead(&mut self, slot: u16) -> Result<bool, Error> {
        // SYNC model-death: stands for the kernel, which frees a file lock after the last store.
        Ok(slot == 0 && self.0.dead.load(Ordering::Acquire) == 1)
    }
}

#[test]
fn owners_in_threads_exclude_each_other() {
    let mut shared = Shared::new();
    assert_eq!(shared.work_together(ROUNDS), 0);
    assert_eq!(*shared.count.get_mut(), ROUNDS * u32::from(OWNERS));
}

#[test]
fn one_thread_robs_a_dead_owner_and_sees_its_stores() {
    for _ in 0..ROUNDS / 4 {
        let mut shared = Shared::new();
        let held = shared.lock().try_acquire(0);
        assert!(held.is_some());
        let thefts = thread::scope(|scope| {
            scope.spawn(|| {
                shared.count_up();
                // SYNC model-death: see `owner_is_dead`.
                shared.dead.store(1, Ordering::Release);
                shared.futex.wake_all();
            });
            shared.work_together(1)
        });
        assert_eq!(thefts, 1);
        assert_eq!(*shared.count.get_mut(), 1 + u32::from(OWNERS));
    }
}
