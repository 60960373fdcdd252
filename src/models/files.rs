//! The part of a store that the kernel keeps: names of files, locks that end with their owners,
//! futexes.

use super::rt::{Condvar, Mutex};
use crate::error::Error;
use crate::layout::members::Slot;
use crate::protocols::writer_lock::{LockEnv, Parked, WriterLock};
use crate::sync::{AtomicU32, AtomicU64};

/// The names in `readers/`: for each slot, the file that has it.
pub struct Names(Mutex<Vec<Option<usize>>>);

impl Names {
    pub fn new(slots: usize) -> Self {
        Self(Mutex::new(vec![None; slots]))
    }

    fn call<T>(&self, call: impl FnOnce(&mut Vec<Option<usize>>) -> T) -> T {
        call(&mut self.0.lock().unwrap())
    }

    /// Links a file to a name that is not taken.
    pub fn link(&self, slot: usize, file: usize) -> bool {
        self.call(|names| names[slot].is_none() && names[slot].replace(file).is_none())
    }

    /// Removes a name, whichever file has it.
    pub fn unlink(&self, slot: usize) -> Option<usize> {
        self.call(|names| names[slot].take())
    }

    /// Removes a name if it is still that of `file`. Called by the owner of the file.
    pub fn unlink_if(&self, slot: usize, file: usize) {
        self.call(|names| {
            if names[slot] == Some(file) {
                names[slot] = None;
            }
        });
    }

    pub fn named(&self, slot: usize) -> Option<usize> {
        self.call(|names| names[slot])
    }
}

/// The locks on serials: bit n is set while a process has the lock on serial n.
#[derive(Default)]
pub struct Locks(Mutex<u64>);

impl Locks {
    /// Locks a serial.
    pub fn lock(&self, serial: u64) {
        *self.0.lock().unwrap() |= 1 << serial;
    }

    /// Unlocks a serial, by an exit, a kill or an unmap.
    pub fn unlock(&self, serial: u64) {
        *self.0.lock().unwrap() &= !(1 << serial);
    }

    pub fn is_locked(&self, serial: u64) -> bool {
        *self.0.lock().unwrap() >> serial & 1 == 1
    }
}

/// A slot with this tenant.
pub fn new_slot(tenant: u64) -> Slot {
    Slot {
        tenant: AtomicU64::new(tenant),
        lease_high: AtomicU32::new(0),
        lease_room: AtomicU32::new(0),
    }
}

/// A futex that never times out.
#[derive(Default)]
pub struct Futex {
    queue: Mutex<()>,
    wake: Condvar,
}

impl Futex {
    pub fn wake_all(&self) {
        let _queue = self.queue.lock().unwrap();
        self.wake.notify_all();
    }

    pub fn wait_while(&self, still: impl Fn() -> bool) {
        let queue = self.queue.lock().unwrap();
        if still() {
            drop(self.wake.wait(queue).unwrap());
        }
    }
}

/// Waits for owners that are alive.
pub struct Patient<'a> {
    pub lock: WriterLock<'a>,
    pub futex: &'a Futex,
}

impl LockEnv for Patient<'_> {
    fn park(&mut self, futex_half: u32) -> Parked {
        self.futex.wait_while(|| self.lock.peek().futex_half() == futex_half);
        Parked::Woken
    }
    fn owner_is_dead(&mut self, _slot: u16) -> Result<bool, Error> {
        Ok(false)
    }
}

/// Takes the lock, runs `section`, and releases the lock.
pub fn locked<T>(word: &AtomicU64, futex: &Futex, me: u16, section: impl FnOnce() -> T) -> T {
    let lock = WriterLock::new(word);
    let got = lock.acquire(me, &mut Patient { lock, futex }).unwrap();
    assert!(!got.recover);
    let result = section();
    lock.release(me, || futex.wake_all()).unwrap();
    result
}
