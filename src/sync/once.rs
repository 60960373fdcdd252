//! A value that is made at first use, without any thread waiting for another.
//!
//! A once-cell would not do: a child that is forked while another thread makes the value has the
//! half-made cell but not that thread, and would wait forever. Here each early thread makes a value
//! of its own, and the first one to publish it wins. So a fork finds either nothing or the whole
//! value.
#![allow(unsafe_code)] // the pointer is null, or a box that is published once

use crate::sync::local::{AtomicPtr, Ordering::*};
use std::marker::PhantomData;
use std::ptr;

/// Empty at first, then a value that never changes.
pub struct Once<T>(AtomicPtr<T>, PhantomData<Box<T>>);

impl<T> Once<T> {
    /// Creates an empty cell.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()), PhantomData)
    }

    /// Returns the value if it was made.
    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        // SYNC once: Acquire; the value is whole.
        let value = self.0.load(Acquire);
        // SAFETY: null, or a box that `get_or_try_make` published and only `take` and `drop` undo,
        // which have `self` alone.
        unsafe { value.as_ref() }
    }

    /// Returns the value; calls `make` first if the cell is empty. Threads that race all make one, and
    /// one of them is kept.
    pub fn get_or_try_make<E>(&self, make: impl FnOnce() -> Result<Box<T>, E>) -> Result<&T, E> {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let made = Box::into_raw(make()?);
        // SYNC once: Release publishes the value; Acquire for that of the winner.
        match self.0.compare_exchange(ptr::null_mut(), made, AcqRel, Acquire) {
            // SAFETY: made above, published by this, and as in `get`.
            Ok(_) => Ok(unsafe { &*made }),
            Err(won) => {
                // SAFETY: made above and not published.
                drop(unsafe { Box::from_raw(made) });
                // SAFETY: as in `get`; it was not null.
                Ok(unsafe { &*won })
            }
        }
    }

    /// Takes the value out.
    pub fn take(&mut self) -> Option<Box<T>> {
        let value = std::mem::replace(self.0.get_mut(), ptr::null_mut());
        // SAFETY: from `into_raw`, and nobody has a reference: `self` is exclusive.
        (!value.is_null()).then(|| unsafe { Box::from_raw(value) })
    }
}

impl<T> Drop for Once<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

// SAFETY: it owns a `T`, which may be dropped by another thread than the one that made it.
unsafe impl<T: Send> Send for Once<T> {}
// SAFETY: threads share a `T`, and any of them may be the one that makes it.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::local::AtomicU32;

    #[test]
    fn all_threads_see_the_one_value_that_won() {
        static DROPPED: AtomicU32 = AtomicU32::new(0);
        #[derive(Debug)]
        struct Counted(u32);
        impl Drop for Counted {
            fn drop(&mut self) {
                DROPPED.fetch_add(1, Relaxed);
            }
        }
        let mut once = Once::new();
        let made = AtomicU32::new(0);
        assert!(once.get_or_try_make(|| Err::<Box<Counted>, ()>(())).is_err());
        let barrier = std::sync::Barrier::new(4);
        let seen: Vec<u32> = std::thread::scope(|scope| {
            let make = || {
                barrier.wait();
                once.get_or_try_make(|| Ok::<_, ()>(Box::new(Counted(made.fetch_add(1, Relaxed)))))
                    .unwrap()
                    .0
            };
            let threads = [(); 4].map(|()| scope.spawn(make));
            threads.map(|thread| thread.join().unwrap()).into()
        });
        assert!(seen.iter().all(|value| *value == once.get().unwrap().0), "{seen:?}");
        assert_eq!(DROPPED.load(Relaxed) + 1, made.load(Relaxed));
        assert_eq!(once.take().unwrap().0, seen[0]);
        assert!(once.get().is_none() && once.take().is_none());
    }
}
