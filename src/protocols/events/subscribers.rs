//! Whether anybody subscribes to the events: a change that nobody is told of costs no event.
//!
//! ```text
//! subscriber                        publisher
//!   its own word: begun + 1, ON       publish
//!   word = (version + 1, ANY)         fence
//!   fence                             ANY? append
//!   cursor at the end
//! ```
//!
//! A publisher that does not see ANY fenced before the subscriber did. So what it published is seen
//! by everything that the subscriber does after it subscribed.
//!
//! The threads of a client subscribe and end subscriptions without waiting for each other, so that
//! none waits for one that was stopped. The client counts its subscriptions in its own memory. The
//! thread that ends the last one clears ON if its client's word is what it was before that was known; a subscription
//! that began in between has changed it.
//!
//! The client that clears ON, its own or that of a dead one, then clears ANY if no client is ON
//! and the version is the one that it saw before it looked at the words: a subscriber that came in
//! between has changed it. A death between the steps leaves ANY set for nothing, which costs time
//! alone, until the next client ends its subscriptions; so does a thread that begins a subscription
//! while another ends the client.

use crate::layout::wake::WakeWord;
use crate::sync::local::AtomicU32;
use crate::sync::{AtomicU64, Ordering, fence, fence_after_rmw};

/// The number of subscriptions of a client, in its own memory.
pub struct Subscriptions(AtomicU32);

/// The client has left.
const LEFT: u32 = u32::MAX;

impl Subscriptions {
    /// Returns those of a new client: none.
    pub fn none() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Adds one; `false` if the client has left.
    fn add(&self) -> bool {
        self.change(|count| (count != LEFT).then(|| count + 1)).is_some()
    }

    /// Removes one; whether it was the last.
    fn remove(&self) -> bool {
        let before = self.change(|count| (count != LEFT).then(|| count.checked_sub(1)).flatten());
        before == Some(1)
    }

    fn leave(&self) -> bool {
        !matches!(self.change(|_| Some(LEFT)), Some(0 | LEFT))
    }

    /// Relaxed throughout: the word of the client orders what matters.
    fn change(&self, to: impl Fn(u32) -> Option<u32>) -> Option<u32> {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let next = to(now)?;
            match self.0.compare_exchange(now, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(now),
                Err(other) => now = other,
            }
        }
    }
}

/// The words of a store's subscribers.
#[derive(Clone, Copy)]
pub struct Subscribers<'a> {
    /// ANY, and above it the number of subscriptions that began.
    pub word: &'a AtomicU64,
    /// A word for each client: ON, and above it the number of subscriptions that began.
    pub clients: &'a [WakeWord],
}

const ANY: u64 = 1;
const VERSION: u64 = 2;
const ON: u32 = 1;
const BEGUN: u32 = 2;

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

    /// Begins a subscription of a client, before its cursor begins; `false` if the client has left.
    pub fn begin(&self, client: u32, own: &Subscriptions) -> bool {
        let begins = own.add();
        if begins {
            self.enter(client);
        }
        begins
    }

    fn enter(&self, client: u32) {
        let Some(word) = self.clients.get(client as usize) else { return };
        let mut now = word.subscribed.load(Ordering::Relaxed);
        loop {
            let next = now.wrapping_add(BEGUN) | ON;
            // SYNC subscription: Release; who sees the word sees that the subscription is counted.
            match word.subscribed.compare_exchange(now, next, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(other) => now = other,
            }
        }
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

    /// Ends a subscription of a client.
    pub fn end(&self, client: u32, own: &Subscriptions) {
        let Some(word) = self.clients.get(client as usize) else { return };
        // SYNC subscription: Acquire; all subscriptions that the word counts are in `own`.
        let before = word.subscribed.load(Ordering::Acquire);
        let relaxed = Ordering::Relaxed;
        // A failure means that another subscription began, perhaps of the next client in the slot.
        if own.remove()
            && word.subscribed.compare_exchange(before, before & !ON, relaxed, relaxed).is_ok()
        {
            self.clear();
        }
    }

    /// Ends all subscriptions of a client that leaves.
    pub fn end_all(&self, client: u32, own: &Subscriptions) {
        if own.leave() {
            self.leave(client);
        }
    }

    /// Notes that a client, which may be dead, does not subscribe any longer.
    pub fn leave(&self, client: u32) {
        let Some(word) = self.clients.get(client as usize) else { return };
        let relaxed = Ordering::Relaxed;
        let mut now = word.subscribed.load(relaxed);
        while now & ON != 0 {
            match word.subscribed.compare_exchange(now, now & !ON, relaxed, relaxed) {
                Ok(_) => return self.clear(),
                Err(other) => now = other,
            }
        }
    }

    /// Clears ANY, after the word of a client was cleared, if no client subscribes.
    fn clear(&self) {
        // SYNC subscribers: SeqCst; of two that leave at once, one sees that the other has.
        fence(Ordering::SeqCst);
        // SYNC subscribers: Acquire; the words of all that subscribed before are seen.
        let now = self.word.load(Ordering::Acquire);
        let idle = |word: &WakeWord| word.subscribed.load(Ordering::Relaxed) & ON == 0;
        if now & ANY != 0 && self.clients.iter().all(idle) {
            let (next, relaxed) = (now & !ANY, Ordering::Relaxed);
            // A failure means that somebody subscribed, or has cleared it.
            let _ = self.word.compare_exchange(now, next, relaxed, relaxed);
        }
    }
}
