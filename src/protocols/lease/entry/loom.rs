//! Retain, release and close in threads of one process, against a reclaimer in another process; and
//! calls on a writer.
#![allow(unsafe_code)] // a payload that loom watches

use super::{Entry, Holder, Last};
use crate::protocols::lease;
use crate::sync::explore::explore;
use crate::sync::local::{AtomicBool, at_compiler_fence};
use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};
use ::loom::cell::UnsafeCell;
use ::loom::sync::mpsc::{Receiver, Sender, channel};
use ::loom::sync::{Arc, Mutex};
use ::loom::thread;

/// The serial of the buffer that a process holds from the start.
const FIRST: u64 = 1;

struct Process {
    entry: Entry,
    copies: Mutex<()>,
    closed: AtomicBool,
    /// How often the client was freed.
    gone: AtomicU32,
    lease: AtomicU64,
    /// The payload that the lease protects.
    bytes: UnsafeCell<u32>,
}

// SAFETY: loom fails the model when accesses to the cell are not ordered.
unsafe impl Sync for Process {}
// SAFETY: the process holds nothing of a thread.
unsafe impl Send for Process {}

impl Process {
    /// Creates a process that holds a buffer.
    fn new() -> Arc<Self> {
        let process = Self {
            entry: Entry::new(),
            copies: Mutex::new(()),
            closed: AtomicBool::new(false),
            gone: AtomicU32::new(0),
            lease: AtomicU64::new(1),
            bytes: UnsafeCell::new(7),
        };
        assert_eq!(process.entry.take(false), Some(FIRST));
        Arc::new(process)
    }

    fn read(&self) {
        // SAFETY: the pointer comes from the cell; loom checks that nobody writes it now.
        assert_eq!(self.bytes.with(|bytes| unsafe { *bytes }), 7);
    }

    fn retain(&self) {
        let _copies = self.copies.lock().unwrap();
        assert!(self.entry.add_copy());
    }

    /// Releases a holder as the handle table does.
    fn release(&self, holder: Holder) {
        let only = if holder == Holder::Copy { None } else { self.entry.only_first(FIRST) };
        let last = only.or_else(|| {
            let _copies = self.copies.lock().unwrap();
            self.entry.let_go(holder)
        });
        if let Some(last) = last {
            self.end(last);
        }
    }

    fn end(&self, last: Last) {
        lease::release(&self.lease);
        if self.entry.end(last, &self.closed, false) {
            self.settle();
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.settle();
    }

    /// Returns `false` when a buffer is left.
    fn settle(&self) -> bool {
        let _keeper = self.copies.lock().unwrap();
        if !self.entry.is_free() {
            return false;
        }
        assert_eq!(self.lease.load(Ordering::Relaxed), 0);
        self.gone.store(1, Ordering::Relaxed);
        true
    }

    /// Reclaims the object, which is DOOMED already, in another process.
    fn reclaim(&self) {
        let leased = self.lease.load(Ordering::Relaxed) != 0;
        lease::end_scan();
        if !leased {
            // SAFETY: the pointer comes from the cell; loom checks that nobody uses it now.
            self.bytes.with_mut(|bytes| unsafe { *bytes = 8 });
        }
    }
}

fn spawn(process: &Arc<Process>, run: impl FnOnce(&Process) + 'static) -> thread::JoinHandle<()> {
    let process = process.clone();
    thread::spawn(move || run(&process))
}

#[test]
fn the_bytes_of_a_copy_stay_until_it_is_released() {
    explore(4, || {
        let process = Process::new();
        process.retain();
        let copy = spawn(&process, |process| {
            process.read();
            process.release(Holder::Copy);
        });
        let first = spawn(&process, |process| {
            process.read();
            process.release(Holder::First);
        });
        process.reclaim();
        copy.join().unwrap();
        first.join().unwrap();
        assert_eq!(process.lease.load(Ordering::Relaxed), 0);
        assert!(process.entry.take(false).is_some());
    });
}

#[test]
fn a_copy_of_a_copy_outlives_both() {
    explore(3, || {
        let process = Process::new();
        process.retain();
        let copy = spawn(&process, |process| {
            process.retain();
            process.release(Holder::Copy);
            process.read();
            process.release(Holder::Copy);
        });
        let first = spawn(&process, |process| process.release(Holder::First));
        process.reclaim();
        copy.join().unwrap();
        first.join().unwrap();
        process.reclaim();
    });
}

#[test]
fn a_closed_client_goes_with_its_last_buffer_once() {
    explore(4, || {
        let process = Process::new();
        process.retain();
        let copy = spawn(&process, |process| process.release(Holder::Copy));
        let first = spawn(&process, |process| process.release(Holder::First));
        process.close();
        copy.join().unwrap();
        first.join().unwrap();
        assert_eq!(process.gone.load(Ordering::Relaxed), 1);
    });
}

/// The kernel's barrier in every thread, of which the model has two: one asks for it, and the other
/// executes it somewhere.
struct Barrier {
    tell: Sender<()>,
    told: Receiver<()>,
}

impl Barrier {
    fn new() -> (Self, Self) {
        let ((ask, asked), (pass, passed)) = (channel(), channel());
        (Self { tell: ask, told: passed }, Self { tell: pass, told: asked })
    }

    fn everywhere(&self) {
        fence(Ordering::SeqCst);
        self.tell.send(()).unwrap();
        self.told.recv().unwrap();
        fence(Ordering::SeqCst);
    }

    fn here(&self) {
        self.told.recv().unwrap();
        fence(Ordering::SeqCst);
        self.tell.send(()).unwrap();
    }
}

/// Where a thread that releases without a fence executes the barrier of the thread that closes.
#[derive(Clone, Copy)]
enum At {
    Before,
    Between,
    After,
}

#[test]
fn a_closed_client_goes_once_where_the_kernel_has_the_barrier() {
    for at in [At::Before, At::Between, At::After] {
        explore(99, move || {
            let process = Process::new();
            let (barrier, there) = Barrier::new();
            let first = spawn(&process, move |process| {
                let last = process.entry.only_first(FIRST).unwrap();
                let mut after = None;
                match at {
                    At::Before => there.here(),
                    At::Between => at_compiler_fence(move || there.here()),
                    At::After => after = Some(there),
                }
                lease::release(&process.lease);
                if process.entry.end(last, &process.closed, true) {
                    process.settle();
                }
                after.into_iter().for_each(|there| there.here());
            });
            process.closed.store(true, Ordering::SeqCst);
            let settled = process.settle();
            // Without need for it the other thread still waits for the barrier.
            barrier.everywhere();
            if !settled {
                process.settle();
            }
            first.join().unwrap();
            assert_eq!(process.gone.load(Ordering::Relaxed), 1);
        });
    }
}

#[test]
fn an_entry_that_is_taken_again_has_no_lease_yet() {
    explore(99, || {
        let process = Process::new();
        let first = spawn(&process, |process| process.release(Holder::First));
        let taken = process.entry.take(false);
        if let Some(serial) = taken {
            assert_eq!(process.lease.load(Ordering::Relaxed), 0);
            assert!(process.entry.is_live(serial));
            assert!(!process.entry.is_live(serial - 1));
        }
        first.join().unwrap();
    });
}

/// Two buffers, which one call releases.
struct Pair {
    entries: [Entry; 2],
    closed: AtomicBool,
    keeper: Mutex<bool>,
}

impl Pair {
    /// As `Process::settle`; notes that the client was freed.
    fn settle(&self) -> bool {
        let mut kept = self.keeper.lock().unwrap();
        if !*kept || !self.entries.iter().all(Entry::is_free) {
            return !*kept;
        }
        *kept = false;
        true
    }

    fn release_both(&self, light: bool, between: impl FnOnce()) {
        let [first, second] = &self.entries;
        first.free(first.only_first(FIRST).unwrap(), light);
        between();
        second.free(second.only_first(FIRST).unwrap(), light);
        if Entry::is_closed(&self.closed, light) {
            self.settle();
        }
    }

    fn new() -> Arc<Self> {
        let entries = [Entry::new(), Entry::new()];
        entries.iter().for_each(|entry| assert_eq!(entry.take(false), Some(FIRST)));
        Arc::new(Self { entries, closed: AtomicBool::new(false), keeper: Mutex::new(true) })
    }
}

#[test]
fn a_closed_client_goes_with_a_batch_of_releases() {
    explore(4, || {
        let pair = Pair::new();
        let other = pair.clone();
        let other = thread::spawn(move || other.release_both(false, || {}));
        pair.closed.store(true, Ordering::SeqCst);
        pair.settle();
        other.join().unwrap();
        assert!(!*pair.keeper.lock().unwrap());
    });
}

#[test]
fn a_closed_client_goes_with_a_batch_where_the_kernel_has_the_barrier() {
    for at in [At::Before, At::Between, At::After] {
        explore(99, move || {
            let pair = Pair::new();
            let (barrier, there) = Barrier::new();
            let other = pair.clone();
            let other = thread::spawn(move || {
                let (mut between, mut after) = (None, None);
                match at {
                    At::Before => there.here(),
                    At::Between => between = Some(there),
                    At::After => after = Some(there),
                }
                other.release_both(true, || between.into_iter().for_each(|there| there.here()));
                after.into_iter().for_each(|there| there.here());
            });
            pair.closed.store(true, Ordering::SeqCst);
            let settled = pair.settle();
            barrier.everywhere();
            if !settled {
                pair.settle();
            }
            other.join().unwrap();
            assert!(!*pair.keeper.lock().unwrap());
        });
    }
}

/// A writer's payload that loom watches.
struct Writer {
    entry: Entry,
    bytes: UnsafeCell<u32>,
}

// SAFETY: loom fails the model when accesses to the cell are not ordered.
unsafe impl Sync for Writer {}
// SAFETY: the writer holds nothing of a thread.
unsafe impl Send for Writer {}

impl Writer {
    fn change(&self) -> u32 {
        // SAFETY: the pointer comes from the cell; loom checks that nobody else uses it now.
        self.bytes.with_mut(|bytes| unsafe {
            *bytes += 1;
            *bytes
        })
    }
}

#[test]
fn of_calls_on_a_writer_one_at_a_time_has_it() {
    explore(99, || {
        let writer = Arc::new(Writer { entry: Entry::new(), bytes: UnsafeCell::new(0) });
        let (serial, call) = writer.entry.take_for_call(false).unwrap();
        writer.change();
        writer.entry.leave(call);
        let closed = AtomicBool::new(false);
        let other = writer.clone();
        let other = thread::spawn(move || {
            let Some(call) = other.entry.enter(serial, false) else { return 0 };
            other.change();
            other.entry.leave(call);
            1
        });
        let ended = writer.entry.enter(serial, false).map(|call| {
            assert!(!writer.entry.end(call, &closed, false));
        });
        // The entry is reused at once.
        let again = writer.entry.take_for_call(false).map(|(next, call)| {
            assert_eq!(next, serial + 1);
            writer.change();
            writer.entry.leave(call);
        });
        assert!(again.is_none() || ended.is_some());
        let changed = other.join().unwrap();
        let last = if again.is_some() { serial + 1 } else { serial };
        assert!(writer.entry.enter(last, false).is_some());
        assert_eq!(writer.change(), 2 + changed + u32::from(again.is_some()));
    });
}
