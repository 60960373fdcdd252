//! The writer lock: one word, futex waiting, stealing from the dead.
//!
//! Nothing here sleeps or asks the kernel: [`LockEnv`] does both. A waiter sets WAITERS before it
//! parks on the futex half it saw; a release changes that half and wakes everybody, so that a
//! waiter either finds the half changed or is woken. A releaser that dies between its CAS and its
//! wake costs the waiters one park, which is bounded.
//!
//! A lock is stolen only from a holding (owner and sequence) that was seen before its owner was
//! found dead. A steal leaves RECOVER in the word until [`WriterLock::recovered`], so a thief that
//! dies hands the duty on.

use crate::error::{Error, Status};
use crate::layout::lock_word::{LockWord, OWNER_SLOTS};
use crate::sync::{AtomicU64, Ordering, fence, local};

/// Pauses of the processor before the first park: about what a sleep and a wake cost.
const SPINS: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 2000 };

/// The writer lock over its word in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct WriterLock<'a> {
    word: &'a AtomicU64,
}

/// What the lock needs from the system.
pub trait LockEnv {
    /// Sleeps while the low half of the word is `futex_half`: until woken, or a few milliseconds.
    fn park(&mut self, futex_half: u32) -> Parked;

    /// Pauses of the processor before the first look again at a held lock.
    fn first_pause(&self) -> u32 {
        Backoff::SHORTEST
    }

    /// Returns whether the client of `slot` is dead: no thread of it can store any more, and its
    /// last stores are visible here.
    fn owner_is_dead(&mut self, slot: u16) -> Result<bool, Error>;
}

/// Why [`LockEnv::park`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// Woken, changed or slept enough: look again.
    Woken,
    /// The caller waits no longer. After [`Status::Timeout`] the owner's life is still asked for.
    GiveUp(Status),
}

/// Why the lock was not acquired or released. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockError {
    /// The environment gave up with this status.
    GaveUp(Status),
    /// The owner's life could not be told, and it still holds the lock.
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

/// The lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Acquired {
    /// Recover before anything else, then say so with [`WriterLock::recovered`].
    pub recover: bool,
    /// Taken from a dead owner.
    pub stolen: bool,
    /// The word that made the caller the owner.
    pub word: LockWord,
}

impl<'a> WriterLock<'a> {
    /// Returns the lock over `word`.
    pub const fn new(word: &'a AtomicU64) -> Self {
        Self { word }
    }

    /// Returns the word now. Tells nothing about what it protects.
    pub fn peek(&self) -> LockWord {
        LockWord::from_raw(self.word.load(Ordering::Relaxed))
    }

    /// Takes the lock if it is free.
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

    /// Takes the lock, waiting for its owner; from a dead owner, steal it.
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
            // The caller lives, and so does another thread of it that holds the lock.
            if owner != me && self.peek().same_holding(seen) {
                // SYNC owner: Acquire; whoever owns it locked its file before, and that is seen now.
                fence(Ordering::Acquire);
                match env.owner_is_dead(owner) {
                    Ok(true) => {
                        if let Some(acquired) = self.steal(seen, me) {
                            return Ok(acquired);
                        }
                    }
                    Ok(false) => {}
                    // Its file may have gone with it while this was asked.
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

    /// What the lock protects is whole again.
    pub fn recovered(&self, me: u16) -> Result<(), LockError> {
        // Relaxed: only the next owner cares, and it synchronises with the release.
        self.change(me, LockWord::recovered, Ordering::Relaxed).map(drop)
    }

    /// Lets go, and call `wake` (wake all sleepers on the futex half) if somebody may sleep.
    pub fn release(&self, me: u16, wake: impl FnOnce()) -> Result<(), LockError> {
        // SYNC writer-lock: what the owner stored is seen by whoever acquires or steals next.
        let before = self.change(me, LockWord::released, Ordering::Release)?;
        if before.has_waiters() {
            wake();
        }
        Ok(())
    }

    /// Lets go of what may be half changed: the next owner recovers.
    pub fn release_needing_recovery(&self, me: u16, wake: impl FnOnce()) -> Result<(), LockError> {
        let dirty = |word: LockWord| word.released().needing_recovery();
        // SYNC writer-lock: as in `release`.
        let before = self.change(me, dirty, Ordering::Release)?;
        if before.has_waiters() {
            wake();
        }
        Ok(())
    }

    /// Looks a little while at a lock that nobody sleeps on yet, less and less often.
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
        // SYNC writer-lock, owner: everything former owners stored is seen; and who asks whether this
        // owner lives sees that its file is locked.
        self.swap(seen, word, Ordering::AcqRel)?;
        Ok(Acquired { recover: word.needs_recovery(), stolen: false, word })
    }

    /// Steals the holding of `judged`, whatever became of its bits; `None` when it has ended.
    fn steal(&self, judged: LockWord, me: u16) -> Option<Acquired> {
        let mut seen = judged;
        while seen.same_holding(judged) {
            let word = seen.stolen_by(me);
            // SYNC owner: Release; as in `take`. What the dead owner stored, and those before it, is
            // seen because it was found dead.
            match self.swap(seen, word, Ordering::Release) {
                Ok(()) => return Some(Acquired { recover: true, stolen: true, word }),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Changes the word of a lock that `me` holds; returns the word before.
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

/// How long a client keeps away from a lock that it found held, learnt from how often it does.
///
/// Each look takes the word's cache line from the owner, and when the lock changes hands after each
/// holding, all that it protects goes back and forth between processors. So where two are always after
/// it, each has it for several holdings, and then the other. Where they meet seldom, a holding is over
/// soon, and the first look comes after a moment. One for each client; a heuristic only, so its races
/// do not matter.
#[derive(Debug)]
pub struct Backoff {
    pause: local::AtomicU32,
}

impl Default for Backoff {
    /// Of a client that never found the lock held.
    fn default() -> Self {
        Self { pause: local::AtomicU32::new(Self::SHORTEST) }
    }
}

impl Backoff {
    const SHORTEST: u32 = 1;
    const LONGEST: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 256 };

    /// Pauses of the processor before the first look again.
    pub fn pause(&self) -> u32 {
        self.pause.load(local::Ordering::Relaxed)
    }

    /// The lock was free.
    #[inline]
    pub fn found_free(&self) {
        let pause = self.pause();
        if pause > Self::SHORTEST {
            self.pause.store(pause - 1, local::Ordering::Relaxed);
        }
    }

    /// The lock was held.
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
