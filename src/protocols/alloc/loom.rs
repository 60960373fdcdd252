//! Two writers under a lock: Relaxed is enough inside.

use super::fixture::{Heap, got};
use crate::sync::explore::explore;
use crate::sync::{AtomicU32, Ordering};
use ::loom::sync::Arc;
use ::loom::thread;

struct Shared {
    lock: AtomicU32,
    heap: Heap,
}

impl Shared {
    fn locked<T>(&self, section: impl FnOnce(&Heap) -> T) -> T {
        // SYNC model-lock: Acquire pairs with the Release of the holder before.
        while self.lock.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            thread::yield_now();
        }
        let result = section(&self.heap);
        // SYNC model-lock: Release publishes the section to the next holder.
        self.lock.store(0, Ordering::Release);
        result
    }
}

#[test]
fn alternating_writers_never_share_memory() {
    explore(99, || {
        let shared = Arc::new(Shared { lock: AtomicU32::new(0), heap: Heap::new(100, 6) });
        let writers = [10, 20].map(|len| {
            let shared = shared.clone();
            thread::spawn(move || {
                let first = shared.locked(|heap| got(heap.alloc().alloc(len, false)).unwrap());
                let second = shared.locked(|heap| {
                    heap.alloc().free(first).unwrap();
                    got(heap.alloc().alloc(len + 1, false)).unwrap()
                });
                (second.start, second.start + second.len)
            })
        });
        let [a, b] = writers.map(|writer| writer.join().unwrap());
        assert!(a.1 <= b.0 || b.1 <= a.0, "{a:?} and {b:?} overlap");
        shared.locked(|heap| heap.alloc().check().unwrap());
    });
}
