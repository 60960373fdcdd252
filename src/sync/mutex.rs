//! A mutex of this process.
//!
//! It is std's, without poisoning: a panic leaves the value as it is, and the next owner checks it.
//! It allocates nothing and keeps nothing for each thread, so a library that uses it can be
//! unloaded.

use std::fmt;
#[allow(clippy::disallowed_types)] // what is wrapped here
use std::sync::Mutex as Inner;
use std::sync::{MutexGuard, PoisonError, TryLockError};

/// A value that one thread uses at a time.
#[derive(Default)]
pub struct Mutex<T>(#[allow(clippy::disallowed_types)] Inner<T>);

impl<T> Mutex<T> {
    /// Creates an unlocked mutex.
    #[allow(clippy::disallowed_types)]
    pub const fn new(value: T) -> Self {
        Self(Inner::new(value))
    }

    /// Locks the value, waiting until no other thread has it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the value if no other thread has it.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Returns the value of a mutex that is not shared.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_does_not_poison_it() {
        let mutex = Mutex::new(1);
        std::thread::scope(|scope| {
            let died = scope.spawn(|| {
                *mutex.lock() = 2;
                let _held = mutex.lock();
                panic!("on purpose");
            });
            assert!(died.join().is_err());
        });
        assert_eq!(*mutex.lock(), 2);
        assert_eq!(mutex.try_lock().map(|value| *value), Some(2));
        let held = mutex.lock();
        assert!(mutex.try_lock().is_none());
        drop(held);
    }
}
