//! The directory of clients as the kernel keeps it: names, and locks that end with their owners.

use super::rt::{Condvar, Mutex};
use crate::error::Error;
use crate::protocols::writer_lock::{LockEnv, Parked, WriterLock};
use crate::sync::{AtomicU32, AtomicU64};

/// A client file: its owner maps it, and other clients read it.
pub struct File {
    pub joined: AtomicU32,
}

#[derive(Default)]
struct State {
    /// For each slot, the file that has its name.
    names: Vec<Option<usize>>,
    locked: Vec<bool>,
}

/// The files, numbered as by inodes.
pub struct Files {
    state: Mutex<State>,
    pub files: Vec<File>,
}

impl Files {
    pub fn new(slots: usize, files: usize) -> Self {
        let state = State { names: vec![None; slots], locked: vec![false; files] };
        let files = (0..files).map(|_| File { joined: AtomicU32::new(0) }).collect();
        Self { state: Mutex::new(state), files }
    }

    fn call<T>(&self, call: impl FnOnce(&mut State) -> T) -> T {
        call(&mut self.state.lock().unwrap())
    }

    /// Links a file to a name that is not taken.
    pub fn link(&self, slot: usize, file: usize) -> bool {
        self.call(|state| state.names[slot].is_none() && state.names[slot].replace(file).is_none())
    }

    /// Removes a name, whichever file has it.
    pub fn unlink(&self, slot: usize) -> Option<usize> {
        self.call(|state| state.names[slot].take())
    }

    /// Removes a name if it is still that of `file`. Called by the owner of the file.
    pub fn unlink_if(&self, slot: usize, file: usize) {
        self.call(|state| {
            if state.names[slot] == Some(file) {
                state.names[slot] = None;
            }
        });
    }

    pub fn named(&self, slot: usize) -> Option<usize> {
        self.call(|state| state.names[slot])
    }

    pub fn try_lock(&self, file: usize) -> bool {
        self.call(|state| !std::mem::replace(&mut state.locked[file], true))
    }

    /// Unlocks, by an exit, a kill or a close.
    pub fn unlock(&self, file: usize) {
        self.call(|state| state.locked[file] = false);
    }

    pub fn is_locked(&self, file: usize) -> bool {
        self.call(|state| state.locked[file])
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
