//! Whether anybody subscribes to the events: a change that nobody is told of costs no event.
//!
//! ```text
//! subscriber                        publisher
//!   its own word = 1                  publish
//!   word = (version + 1, ANY)         fence
//!   fence                             ANY? append
//!   cursor at the end
//! ```
//!
//! A publisher that does not see ANY fenced before the subscriber did. So what it published is seen
//! by everything that the subscriber does after it subscribed.
//!
//! A client that ends its last subscription, or another that reaps it, clears the client's word. It
//! then clears ANY if no word is set and the version is the one that it saw before it looked at the
//! words: a subscriber that came in between has changed it. A death between the steps leaves ANY set
//! for nothing, which costs time alone, until the next client ends its subscriptions.

use crate::layout::wake::WakeWord;
use crate::sync::{AtomicU64, Ordering, fence, fence_after_rmw};

/// The words of a store's subscribers.
#[derive(Clone, Copy)]
pub struct Subscribers<'a> {
    /// ANY, and above it the number of subscriptions that began.
    pub word: &'a AtomicU64,
    /// A word for each client.
    pub clients: &'a [WakeWord],
}

const ANY: u64 = 1;
const VERSION: u64 = 2;

impl Subscribers<'_> {
    /// Returns whether anybody may subscribe to what was published before. The last step of a
    /// publication is an atomic read-modify-write: of a record, or of the writer lock.
    #[inline(always)]
    pub fn any(&self) -> bool {
        // SYNC subscribed: SeqCst; publication before ANY. Pairs with the fence in `enter`.
        fence_after_rmw();
        // Relaxed: ordered by the fences.
        self.word.load(Ordering::Relaxed) & ANY != 0
    }

    /// Notes that a client subscribes, before its cursor begins.
    pub fn enter(&self, client: u32) {
        let Some(own) = self.clients.get(client as usize) else { return };
        own.subscribed.store(1, Ordering::Relaxed);
        let mut now = self.word.load(Ordering::Relaxed);
        loop {
            let next = now.wrapping_add(VERSION) | ANY;
            // SYNC subscribers: Release; who sees the version sees that the client subscribes.
            match self.word.compare_exchange(now, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break,
                Err(other) => now = other,
            }
        }
        // SYNC subscribed: SeqCst; ANY before all that the subscriber looks at. Pairs with the fence
        // of a publisher.
        fence(Ordering::SeqCst);
    }

    /// Notes that a client, which may be dead, does not subscribe any longer.
    pub fn leave(&self, client: u32) {
        let Some(own) = self.clients.get(client as usize) else { return };
        if own.subscribed.load(Ordering::Relaxed) == 0 {
            return;
        }
        own.subscribed.store(0, Ordering::Relaxed);
        // SYNC subscribers: SeqCst; of two that leave at once, one sees that the other has.
        fence(Ordering::SeqCst);
        // SYNC subscribers: Acquire; the words of all that subscribed before are seen.
        let now = self.word.load(Ordering::Acquire);
        let idle = |word: &WakeWord| word.subscribed.load(Ordering::Relaxed) == 0;
        if now & ANY != 0 && self.clients.iter().all(idle) {
            let (next, relaxed) = (now & !ANY, Ordering::Relaxed);
            // A failure means that somebody subscribed, or has cleared it.
            let _ = self.word.compare_exchange(now, next, relaxed, relaxed);
        }
    }
}
