//! The calls of a client that are in flight.

use crate::sync::local::Ordering::*;
use crate::sync::local::{AtomicBool, AtomicU32};
use crate::sys::futex;
use std::time::Duration;

/// A flag in [`Calls::in_flight`]: a disconnect waits for the count to become 0.
pub const AWAITED: u32 = 1 << 31;

/// How long a disconnect sleeps before it loads the count again.
const PATIENCE: Duration = Duration::from_millis(100);

/// The calls in flight of one client.
#[derive(Debug, Default)]
pub struct Calls {
    /// The interrupt generation, a futex. It advances to end all calls in flight.
    pub generation: AtomicU32,
    pub closing: AtomicBool,
    /// The number of calls in flight, and [`AWAITED`]; a futex.
    pub in_flight: AtomicU32,
}

impl Calls {
    /// Ends all calls that are in flight with INTERRUPTED.
    pub fn interrupt(&self) {
        // SYNC call: SeqCst; pairs with `Call::ensure_not_ended`.
        self.generation.fetch_add(1, SeqCst);
        futex::wake_private(&self.generation);
    }

    /// Ends all calls in flight with DISCONNECTED, and returns after the last of them has ended.
    /// `wake` wakes the calls that do not watch the generation.
    pub fn close(&self, wake: impl FnOnce()) {
        // SYNC call: SeqCst; either a call finds the client closing, or it is counted here.
        self.closing.store(true, SeqCst);
        // SYNC call: SeqCst; the last call to leave sees AWAITED, or has left before.
        let mut count = self.in_flight.fetch_or(AWAITED, SeqCst) & !AWAITED;
        if count > 0 {
            self.interrupt();
            wake();
        }
        while count > 0 {
            futex::wait_private(&self.in_flight, count | AWAITED, Some(PATIENCE));
            // SYNC call: SeqCst; as above.
            count = self.in_flight.load(SeqCst) & !AWAITED;
        }
    }

    /// The futex that ends waits early. A wait sleeps while the futex holds [`Call::generation`].
    pub fn word(&self) -> &AtomicU32 {
        &self.generation
    }
}
