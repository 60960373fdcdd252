//! The writer lock: one word, futex waiting, stealing from dead owners.
//!
//! Nothing here sleeps or calls the kernel: [`LockEnv`] does both. A waiter sets WAITERS before it
//! parks on the futex half that it saw. A release changes that half and wakes all waiters, so a
//! waiter either finds the half changed or is woken. A releaser that dies between its CAS and its
//! wake costs the waiters one park, which is bounded.
//!
//! A lock is stolen only from a holding (owner and sequence) that was seen before its owner was
//! found dead. A steal leaves RECOVER in the word until [`WriterLock::recovered`], so a thief that
//! dies passes the duty on.

use crate::error::{Error, Status};
use crate::layout::lock_word::{LockWord, OWNER_SLOTS};
use crate::sync::{AtomicU64, Ordering, fence, local};

/// Pauses of the processor before the first park: they take about as long as a sleep and a wake.
const SPINS: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 2000 };

/// The writer lock over its word in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct WriterLock<'a> {
    word: &'a AtomicU64,
}

/// The services of the kernel that the lock needs.
pub trait LockEnv {
    /// Sleeps while the low half of the word is `futex_half`, until woken or for a few
    /// milliseconds.
    fn park(&mut self, futex_half: u32) -> Parked;

    /// Returns the pauses of the processor before a held lock is loaded again for the first time.
    fn first_pause(&self) -> u32 {
        Backoff::SHORTEST
    }

    /// Returns whether the client of `slot` is dead: none of its threads can store again, and its
    /// last stores are visible here.
    fn owner_is_dead(&mut self, slot: u16) -> Result<bool, Error>;
}

/// Why [`LockEnv::park`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// Woken, changed, or slept long enough: load the word again.
    Woken,
    /// The caller stops waiting. After [`Status::Timeout`] the lock still finds out whether the
    /// owner is alive.
    GiveUp(Status),
}

/// Why the lock was not acquired or released. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockError {
    /// The environment gave up with this status.
    GaveUp(Status),
    /// It could not be found out whether the owner is alive, and it still holds the lock.
    Env(Error),
    /// The word is not one that Plasma stores here.
    Corrupt(LockWord),
}

impl From<LockError> for Error {
    fn from(error: LockError) -> Self {
        match error {
            LockError::GaveUp(status) => Error::plain(status),
            LockError::Env(error) => error,
            LockError::Corrupt(word) => {
                Error::new(Status::Corrupt, format!("the writer lock holds {:#x}", word.raw()))
            }
        }
    }
}

/// Proof that the lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Acquired {
    /// The caller must recover before anything else, and then call [`WriterLock::recovered`].
    pub recover: bool,
    /// The lock was taken from a dead owner.
    pub stolen: bool,
    /// The word that made the caller the owner.
    pub word: LockWord,
}

impl<'a> WriterLock<'a> {
    /// Returns the lock over `word`.
    pub const fn new(word: &'a AtomicU64) -> Self {
        Self { word }
    }

    /// Returns the current word. It says nothing about the data that the lock protects.
    pub fn peek(&self) -> LockWord {
        LockWord::from_raw(self.word.load(Ordering::Relaxed))
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_acquire(&self, me: u16) -> Option<Acquired> {
        debug_assert!(me < OWNER_SLOTS);
        let mut seen = self.peek();
        while seen.is_valid() && seen.owner().is_none() {
            match self.take(seen, me) {
                Ok(acquired) => return Some(acquired),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Takes the lock. Waits for its owner, and steals it from a dead owner.
    pub fn acquire(&self, me: u16, env: &mut impl LockEnv) -> Result<Acquired, LockError> {
        debug_assert!(me < OWNER_SLOTS);
        let mut seen = self.spin(env.first_pause());
        loop {
            if !seen.is_valid() {
                return Err(LockError::Corrupt(seen));
            }
            let Some(owner) = seen.owner() else {
                match self.take(seen, me) {
                    Ok(acquired) => return Ok(acquired),
                    Err(now) => seen = now,
                }
                continue;
            };
            if !seen.has_waiters() {
                // Relaxed: the bit orders nothing; as an RMW it keeps the release sequence whole.
                if let Err(now) = self.swap(seen, seen.with_waiters(), Ordering::Relaxed) {
                    seen = now;
                    continue;
                }
                seen = seen.with_waiters();
            }
            let parked = env.park(seen.futex_half());
            if let Parked::GiveUp(status) = parked
                && status != Status::Timeout
            {
                return Err(LockError::GaveUp(status));
            }
            // The caller is alive, and so is another thread of it that holds the lock.
            if owner != me && self.peek().same_holding(seen) {
                // SYNC owner: Acquire; the owner locked its file before, and that is seen now.
                fence(Ordering::Acquire);
                match env.owner_is_dead(owner) {
                    Ok(true) => {
                        if let Some(acquired) = self.steal(seen, me) {
                            return Ok(acquired);
                        }
                    }
                    Ok(false) => {}
                    // The owner's file may have gone together with its holding.
                    Err(error) if self.peek().same_holding(seen) => {
                        return Err(LockError::Env(error));
                    }
                    Err(_) => {}
                }
            }
            if let Parked::GiveUp(status) = parked {
                return Err(LockError::GaveUp(status));
            }
            seen = self.peek();
        }
    }

    /// Records that the protected data is whole again.
    pub fn recovered(&self, me: u16) -> Result<(), LockError> {
        // Relaxed: only the next owner needs it, and synchronises with the release.
        self.change(me, LockWord::recovered, Ordering::Relaxed).map(drop)
    }

    /// Releases the lock. Calls `wake` (which wakes all sleepers on the futex half) if there may be
    /// sleepers.
    pub fn release(&self, me: u16, wake: impl FnOnce()) -> Result<(), LockError> {
        // SYNC writer-lock: the next owner or thief sees the stores of this owner.
        let before = self.change(me, LockWord::released, Ordering::Release)?;
        if before.has_waiters() {
            wake();
        }
        Ok(())
    }

    /// Releases the lock when the protected data may be half changed: the next owner recovers.
    pub fn release_needing_recovery(&self, me: u16, wake: impl FnOnce()) -> Result<(), LockError> {
        let dirty = |word: LockWord| word.released().needing_recovery();
        // SYNC writer-lock: as in `release`.
        let before = self.change(me, dirty, Ordering::Release)?;
        if before.has_waiters() {
            wake();
        }
        Ok(())
    }

    /// Loads a lock that has no sleepers yet a number of times, at growing intervals.
    fn spin(&self, first_pause: u32) -> LockWord {
        let mut seen = self.peek();
        let mut pause = first_pause;
        let mut left = SPINS;
        while left > 0 && seen.owner().is_some() && !seen.has_waiters() {
            (0..pause).for_each(|_| std::hint::spin_loop());
            left -= left.min(pause);
            pause = (2 * pause).min(Backoff::LONGEST);
            seen = self.peek();
        }
        seen
    }

    fn take(&self, seen: LockWord, me: u16) -> Result<Acquired, LockWord> {
        let word = seen.acquired_by(me);
        // SYNC writer-lock, owner: the stores of all earlier owners are seen; and a client that
        // asks whether this owner is alive sees that its file is locked.
        self.swap(seen, word, Ordering::AcqRel)?;
        Ok(Acquired { recover: word.needs_recovery(), stolen: false, word })
    }

    /// Steals the holding of `judged`, even if its bits have changed. Returns `None` when the
    /// holding has ended.
    fn steal(&self, judged: LockWord, me: u16) -> Option<Acquired> {
        let mut seen = judged;
        while seen.same_holding(judged) {
            let word = seen.stolen_by(me);
            // SYNC owner: Release; as in `take`. The stores of the dead owner and of those before
            // it are seen because it was found dead.
            match self.swap(seen, word, Ordering::Release) {
                Ok(()) => return Some(Acquired { recover: true, stolen: true, word }),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Changes the word of a lock that `me` holds. Returns the word before.
    fn change(
        &self,
        me: u16,
        to: impl Fn(LockWord) -> LockWord,
        order: Ordering,
    ) -> Result<LockWord, LockError> {
        let mut seen = self.peek();
        while seen.owner() == Some(me) {
            match self.swap(seen, to(seen), order) {
                Ok(()) => return Ok(seen),
                Err(now) => seen = now,
            }
        }
        Err(LockError::Corrupt(seen))
    }

    #[track_caller]
    fn swap(&self, from: LockWord, to: LockWord, order: Ordering) -> Result<(), LockWord> {
        self.word
            .compare_exchange(from.raw(), to.raw(), order, Ordering::Relaxed)
            .map(drop)
            .map_err(LockWord::from_raw)
    }
}

/// How long a client stays away from a lock that it found held, learnt from how often that happens.
///
/// Each load takes the word's cache line from the owner. When the lock changes hands after each
/// holding, all the data that it protects moves between processors each time. So when two clients
/// contend all the time, each has the lock for several holdings in a row. When they seldom meet, a
/// holding is over soon, and the first load comes after a moment. There is one for each client. It
/// is a heuristic, so its races do not matter.
#[derive(Debug)]
pub struct Backoff {
    pause: local::AtomicU32,
}

impl Default for Backoff {
    /// Creates the backoff of a client that has never found the lock held.
    fn default() -> Self {
        Self { pause: local::AtomicU32::new(Self::SHORTEST) }
    }
}

impl Backoff {
    const SHORTEST: u32 = 1;
    const LONGEST: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 256 };

    /// Returns the pauses of the processor before the first further load.
    pub fn pause(&self) -> u32 {
        self.pause.load(local::Ordering::Relaxed)
    }

    /// Learns that the lock was free.
    #[inline]
    pub fn found_free(&self) {
        let pause = self.pause();
        if pause > Self::SHORTEST {
            self.pause.store(pause - 1, local::Ordering::Relaxed);
        }
    }

    /// Learns that the lock was held.
    pub fn found_held(&self) {
        self.pause.store((2 * self.pause()).min(Self::LONGEST), local::Ordering::Relaxed);
    }
}

#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
#[cfg(all(test, not(any(loom, shuttle))))]
mod threads;
