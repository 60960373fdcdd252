//! The lock in one thread, against a scripted environment.

use super::*;

/// Parks by calling the script. `dead` decides whether owners are dead.
struct Script<F> {
    on_park: F,
    dead: Result<bool, Error>,
    asked: u32,
}

impl<F: FnMut(u32) -> Parked> Script<F> {
    fn new(dead: Result<bool, Error>, on_park: F) -> Self {
        Self { on_park, dead, asked: 0 }
    }
}

impl<F: FnMut(u32) -> Parked> LockEnv for Script<F> {
    fn park(&mut self, futex_half: u32) -> Parked {
        (self.on_park)(futex_half)
    }
    fn owner_is_dead(&mut self, _slot: u16) -> Result<bool, Error> {
        self.asked += 1;
        self.dead.clone()
    }
}

fn never() {
    panic!("nobody sleeps");
}

#[test]
fn free_then_held_then_free() {
    let word = AtomicU64::new(0);
    let lock = WriterLock::new(&word);
    let first = lock.try_acquire(0).unwrap();
    assert!(!first.recover && !first.stolen);
    assert_eq!(first.word.sequence(), 1);
    assert!(lock.try_acquire(1).is_none());
    lock.release(0, never).unwrap();
    assert_eq!(lock.try_acquire(1).unwrap().word.sequence(), 2);
}

#[test]
fn a_release_wakes_waiters() {
    let word = AtomicU64::new(0);
    let lock = WriterLock::new(&word);
    let _held = lock.try_acquire(3).unwrap();
    let mut woken = 0;
    let mut env = Script::new(Ok(false), |half| {
        assert_eq!(half, lock.peek().futex_half());
        assert!(lock.peek().has_waiters());
        lock.release(3, || woken += 1).unwrap();
        Parked::Woken
    });
    let got = lock.acquire(4, &mut env).unwrap();
    assert!(!got.recover);
    assert_eq!(env.asked, 0);
    assert_eq!(woken, 1);
    lock.release(4, never).unwrap();
}

#[test]
fn a_dead_owner_is_robbed_and_the_thief_recovers() {
    let word = AtomicU64::new(0);
    let lock = WriterLock::new(&word);
    let _held = lock.try_acquire(3).unwrap();
    let mut env = Script::new(Ok(true), |_| Parked::Woken);
    let got = lock.acquire(4, &mut env).unwrap();
    assert!(got.recover && got.stolen);
    // The thief dies before it recovered, so the next thief has to recover.
    let got = lock.acquire(5, &mut env).unwrap();
    assert!(got.recover && got.stolen);
    assert_eq!(got.word.sequence(), 3);
    lock.recovered(5).unwrap();
    let mut woken = false;
    lock.release(5, || woken = true).unwrap();
    assert!(woken, "the waiters of a dead owner are still waiters");
    assert!(!lock.try_acquire(6).unwrap().recover);
}

#[test]
fn giving_up_changes_nothing_and_asks_first() {
    let word = AtomicU64::new(0);
    let lock = WriterLock::new(&word);
    let held = lock.try_acquire(3).unwrap();
    let mut env = Script::new(Ok(false), |_| Parked::GiveUp(Status::Timeout));
    assert_eq!(lock.acquire(4, &mut env), Err(LockError::GaveUp(Status::Timeout)));
    assert_eq!(env.asked, 1);
    assert!(lock.peek().same_holding(held.word));
    let mut env = Script::new(Ok(true), |_| Parked::GiveUp(Status::Interrupted));
    assert_eq!(lock.acquire(4, &mut env), Err(LockError::GaveUp(Status::Interrupted)));
    assert_eq!(env.asked, 0);
    // A caller whose time is up still steals from a dead owner.
    let mut env = Script::new(Ok(true), |_| Parked::GiveUp(Status::Timeout));
    assert!(lock.acquire(4, &mut env).unwrap().stolen);
}

#[test]
fn an_unknown_fate_is_an_error_only_while_it_matters() {
    let word = AtomicU64::new(0);
    let lock = WriterLock::new(&word);
    let _held = lock.try_acquire(3).unwrap();
    let error = Error::os(Status::System, 24, "too many files");
    let mut env = Script::new(Err(error.clone()), |_| Parked::Woken);
    assert_eq!(lock.acquire(4, &mut env), Err(LockError::Env(error.clone())));

    struct Leaves<'a>(WriterLock<'a>, Error);
    impl LockEnv for Leaves<'_> {
        fn park(&mut self, _: u32) -> Parked {
            Parked::Woken
        }
        fn owner_is_dead(&mut self, slot: u16) -> Result<bool, Error> {
            self.0.release(slot, || {}).unwrap();
            Err(self.1.clone())
        }
    }
    assert!(!lock.acquire(4, &mut Leaves(lock, error)).unwrap().stolen);
}

#[test]
fn a_client_never_robs_its_own_slot() {
    let word = AtomicU64::new(0);
    let lock = WriterLock::new(&word);
    let _held = lock.try_acquire(3).unwrap();
    let mut parks = 0;
    let mut env = Script::new(Ok(true), |_| {
        parks += 1;
        if parks < 3 { Parked::Woken } else { Parked::GiveUp(Status::Timeout) }
    });
    assert_eq!(lock.acquire(3, &mut env), Err(LockError::GaveUp(Status::Timeout)));
    assert_eq!(env.asked, 0);
}

#[test]
fn a_holding_that_ended_is_not_stolen() {
    let word = AtomicU64::new(0);
    let lock = WriterLock::new(&word);
    let judged = lock.try_acquire(3).unwrap().word;
    lock.release(3, never).unwrap();
    assert!(lock.steal(judged, 4).is_none());
    let again = lock.try_acquire(3).unwrap().word;
    assert!(lock.steal(judged, 4).is_none());
    assert_eq!(lock.peek(), again);
    // Bits that have changed since do not protect a dead owner.
    word.fetch_or(LockWord::FREE.with_waiters().raw(), Ordering::Relaxed);
    assert!(lock.steal(again, 4).unwrap().word.has_waiters());
}

#[test]
fn a_dirty_release_makes_the_next_recover() {
    let word = AtomicU64::new(0);
    let lock = WriterLock::new(&word);
    let _held = lock.try_acquire(3).unwrap();
    lock.release_needing_recovery(3, never).unwrap();
    let got = lock.try_acquire(4).unwrap();
    assert!(got.recover && !got.stolen);
    lock.release(4, never).unwrap();
    assert!(lock.try_acquire(5).unwrap().recover, "until an owner has recovered");
}

#[test]
fn a_corrupt_word_is_refused() {
    let word = AtomicU64::new(0xdead_beef_dead_beef);
    let lock = WriterLock::new(&word);
    let mut env = Script::new(Ok(true), |_| Parked::Woken);
    assert!(matches!(lock.acquire(1, &mut env), Err(LockError::Corrupt(_))));
    assert!(lock.try_acquire(1).is_none());
    assert!(matches!(lock.release(1, never), Err(LockError::Corrupt(_))));
    let error = Error::from(LockError::Corrupt(lock.peek()));
    assert_eq!(error.status(), Status::Corrupt);
}

#[test]
fn a_client_that_finds_it_held_often_waits_longer_and_forgets_slowly() {
    let backoff = Backoff::default();
    backoff.found_free();
    assert_eq!(backoff.pause(), Backoff::SHORTEST);
    (0..20).for_each(|_| backoff.found_held());
    assert_eq!(backoff.pause(), Backoff::LONGEST);
    // One held lock in about ten is often: with two clients in contention the pause stays there.
    (0..10).for_each(|_| backoff.found_free());
    backoff.found_held();
    assert_eq!(backoff.pause(), Backoff::LONGEST);
    (0..2 * Backoff::LONGEST).for_each(|_| backoff.found_free());
    assert_eq!(backoff.pause(), Backoff::SHORTEST);
}
