//! Loom's atomics, extended so that loom sees every race.
//!
//! Loom 0.7 remembers only the last access to an atomic. So a store does not race with earlier
//! loads of other threads when the storing thread has just loaded the word itself. A lock holder
//! does that with most words, so nearly all races would go unexplored. Here each word has a mark
//! for each thread that loaded it: a load touches the thread's own mark, and a store first touches
//! those of all other threads.
//!
//! Loom knows the total order of SeqCst fences, but treats a SeqCst access as AcqRel. Here such an
//! access stands between two SeqCst fences, which is how processors are made to keep the order as
//! well.

pub use ::loom::sync::atomic::{Ordering, fence};
use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::atomic as plain;

::loom::thread_local! {
    static AT_COMPILER_FENCE: RefCell<Option<Box<dyn FnOnce()>>> = RefCell::new(None);
}

/// Runs `barrier` where this thread next has a fence for the compiler alone. A model thus puts the
/// barrier that the kernel executes in the thread there.
pub fn at_compiler_fence(barrier: impl FnOnce() + 'static) {
    AT_COMPILER_FENCE.with(|at| *at.borrow_mut() = Some(Box::new(barrier)));
}

/// A fence for the compiler alone, which no model needs.
pub fn compiler_fence(_order: Ordering) {
    let barrier = AT_COMPILER_FENCE.with(|at| at.borrow_mut().take());
    barrier.into_iter().for_each(|barrier| barrier());
}

/// Maximum number of threads in a model.
const THREADS: usize = 4;

/// Whether a thread has loaded the word, and its mark. Boxed, because loom's stacks are small.
#[derive(Debug)]
struct Marks(Box<[(plain::AtomicBool, ::loom::sync::atomic::AtomicBool); THREADS]>);

impl Marks {
    fn new() -> Self {
        Self(Box::new(std::array::from_fn(|_| Default::default())))
    }

    fn load(&self) {
        let (loaded, mark) = &self.0[me()];
        loaded.store(true, Ordering::Relaxed);
        // Relaxed, and an exchange because loom tries all values that a load may return.
        mark.swap(true, Ordering::Relaxed);
    }

    fn store(&self) {
        let me = me();
        for (thread, (loaded, mark)) in self.0.iter().enumerate() {
            if thread != me && loaded.load(Ordering::Relaxed) {
                mark.swap(true, Ordering::Relaxed);
            }
        }
    }
}

/// Runs an access, between two fences if it is SeqCst.
fn ordered<T>(order: Ordering, access: impl FnOnce() -> T) -> T {
    if order != Ordering::SeqCst {
        return access();
    }
    fence(Ordering::SeqCst);
    let result = access();
    fence(Ordering::SeqCst);
    result
}

/// Returns the number of the running thread in its model.
fn me() -> usize {
    struct Last(u64);
    impl Hasher for Last {
        fn write(&mut self, _: &[u8]) {}
        fn write_usize(&mut self, value: usize) {
            self.0 = value as u64;
        }
        fn finish(&self) -> u64 {
            self.0
        }
    }
    let mut last = Last(0);
    ::loom::thread::current().id().hash(&mut last);
    last.finish() as usize
}

macro_rules! modelled {
    ($name:ident, $value:ty) => {
        #[derive(Debug)]
        pub struct $name(::loom::sync::atomic::$name, Marks);

        impl $name {
            pub fn new(value: $value) -> Self {
                Self(::loom::sync::atomic::$name::new(value), Marks::new())
            }
            pub fn load(&self, order: Ordering) -> $value {
                self.1.load();
                ordered(order, || self.0.load(order))
            }
            pub fn store(&self, value: $value, order: Ordering) {
                self.1.store();
                ordered(order, || self.0.store(value, order));
            }
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.1.store();
                ordered(order, || self.0.swap(value, order))
            }
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.1.store();
                ordered(success, || self.0.compare_exchange(current, new, success, failure))
            }
        }
    };
}

macro_rules! arithmetic {
    ($name:ident, $value:ty) => {
        modelled!($name, $value);

        impl $name {
            pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                self.1.store();
                ordered(order, || self.0.fetch_add(value, order))
            }
            pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                self.1.store();
                ordered(order, || self.0.fetch_or(value, order))
            }
            pub fn fetch_max(&self, value: $value, order: Ordering) -> $value {
                self.1.store();
                ordered(order, || self.0.fetch_max(value, order))
            }
        }
    };
}

modelled!(AtomicBool, bool);
arithmetic!(AtomicU32, u32);
arithmetic!(AtomicU64, u64);
