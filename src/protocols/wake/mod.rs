//! Waiting for a condition, and waking the waiters.
//!
//! Each client has one futex word. A bucket is a word of tags and a row with a bit for each client.
//!
//! ```text
//! waiter                              sealer
//!   seq |= ASLEEP                       announcing += 1
//!   set its bit in the row              publish
//!   fence                               fence
//!   add the tag                         the tag is there?
//!   fence                                   take it
//!   condition holds? done                   fence
//!   sleep while seq is the same             take the row; each client in it: if ASLEEP,
//!   again                                       bump seq, wake
//!                                       announcing -= 1
//! ```
//!
//! Why no waiter sleeps on a published condition: take one round of a waiter and one sealer X. The
//! fence before the check and the fence after the publication have an order.
//!
//! 1. X's fence is first: the check sees what X published.
//! 2. The waiter's fence is first: X's load of the tags sees this round's tag, or a later value.
//!    * The tag is there: X takes it. The waiter's first fence is before X's second one, because X
//!      read what follows the first. So X sees this round's bit, or a later value of the row.
//!    * The tag is gone: a sealer Y took it after this round added it, or after it saw it there.
//!      The argument above holds for Y.
//!
//! A row that lost this round's bit was taken by a sealer that goes on to this client. The bit is
//! stored after ASLEEP with Release and taken with Acquire, so a sealer that takes it sees this
//! round's ASLEEP, or a bump that came later. Either way `seq` leaves the value that the waiter
//! sleeps on and a wake follows: the sleep ends, or never begins.
//!
//! The order is needed on both sides: tags before the row would let a sealer take an empty row, and
//! a wake without a bump would be lost on a waiter that is about to sleep.
//!
//! All threads of a client share its word and its bits, so a bump wakes all of them, and each looks
//! again. A bit or a tag that stays behind costs a wake for nothing.
//!
//! A sealer that dies between publication and wake leaves `announcing` above 0. Every sleep is
//! bounded, and a waiter whose sleep ran out looks at the words of all clients: if one of the dead
//! was announcing, it wakes everybody. So a wake that is lost to a kill comes as late as the next
//! look of any waiter. A `seq` that wraps all the way round between load and sleep also costs one
//! bounded sleep.
//!
//! Clients that cannot write the file sleep on the words of [`open`], which sealers advance in any
//! case.

pub mod open;
mod slices;
mod spin;
mod topic;

pub use slices::{Deafness, Slices};
pub use spin::Spin;
pub use topic::Topic;

use crate::layout::wake::{Tags, WakeWord};
use crate::sync::{AtomicU32, AtomicU64, Ordering, fence, fence_after_rmw};

/// The words of a store's waiters.
#[derive(Clone, Copy)]
pub struct Waiters<'a> {
    /// A word for each client.
    pub clients: &'a [WakeWord],
    /// The tags of each bucket.
    pub tags: &'a [AtomicU64],
    /// The rows of all buckets, one after the other.
    pub rows: &'a [AtomicU64],
}

impl<'a> Waiters<'a> {
    fn row(&self, bucket: u32) -> &'a [AtomicU64] {
        let len = self.rows.len() / self.tags.len();
        self.rows.get(bucket as usize * len..(bucket as usize + 1) * len).unwrap_or(&[])
    }

    /// Begins a round of waiting of one client; returns the value of `seq` to sleep on. The caller
    /// checks the condition afterwards, and sleeps only if it does not hold. The pages of the rows
    /// must be reserved.
    pub fn begin(&self, client: u32, topics: &[Topic]) -> u32 {
        let Some(word) = self.clients.get(client as usize) else { return 0 };
        // SYNC wake-seq: a bump that is seen brings what its sealer took before.
        let seq = word.seq.fetch_or(WakeWord::ASLEEP, Ordering::AcqRel) | WakeWord::ASLEEP;
        let (at, bit) = (client as usize / 64, 1 << (client % 64));
        for topic in topics {
            let Some(part) = self.row(topic.bucket).get(at) else { continue };
            // SYNC wake-row: ASLEEP is set before the bit. Also where the bit is set already: a
            // sealer that takes it has to see this round's ASLEEP.
            part.fetch_or(bit, Ordering::Release);
        }
        // SYNC wake-tags: bits before tags.
        fence(Ordering::SeqCst);
        for topic in topics {
            if let Some(tags) = self.tags.get(topic.bucket as usize) {
                change(tags, |now| Tags(now).with(topic.tag).0, Ordering::Relaxed);
            }
        }
        // SYNC wake-fence: tags before check, against publication before the sealer's load of tags.
        fence(Ordering::SeqCst);
        seq
    }

    /// Wakes the waiters for `topics`, for what was published before this call. `reserve` makes
    /// sure that the row of a bucket has memory; `wake` wakes all sleepers on a word.
    pub fn announce(
        &self,
        topics: &[Topic],
        mut reserve: impl FnMut(u32) -> bool,
        wake: &mut dyn FnMut(&'a AtomicU32),
    ) {
        if self.await_any(topics) {
            self.announce_awaited(topics, &mut reserve, wake);
        }
    }

    /// Returns whether anybody may wait for one of `topics`, for what was published before this call.
    #[inline(always)]
    pub fn await_any(&self, topics: &[Topic]) -> bool {
        // SYNC wake-fence: publication before tags, for all topics at once. The last step of each
        // publication is an atomic read-modify-write: of a record, of an event, or of the writer lock.
        fence_after_rmw();
        topics.iter().any(|topic| self.tags_with(*topic).is_some())
    }

    /// The tags of a bucket that has this one.
    #[inline(always)]
    fn tags_with(&self, Topic { bucket, tag }: Topic) -> Option<&'a AtomicU64> {
        let tags = self.tags.get(bucket as usize)?;
        // Relaxed: ordered by the fence of `await_any`.
        Tags(tags.load(Ordering::Relaxed)).has(tag).then_some(tags)
    }

    #[cold]
    fn announce_awaited(
        &self,
        topics: &[Topic],
        reserve: &mut dyn FnMut(u32) -> bool,
        wake: &mut dyn FnMut(&'a AtomicU32),
    ) {
        for &Topic { bucket, tag } in topics {
            let Some(tags) = self.tags_with(Topic { bucket, tag }) else { continue };
            change(tags, |now| Tags(now).without(tag).0, Ordering::Relaxed);
            // SYNC wake-tags: tags before bits.
            fence(Ordering::SeqCst);
            if !reserve(bucket) {
                self.wake_all(wake);
                return;
            }
            for (at, part) in self.row(bucket).iter().enumerate() {
                // SYNC wake-row: the ASLEEP of each bit that is taken is seen.
                let mut taken = change(part, |_| 0, Ordering::Acquire);
                while taken != 0 {
                    let client = at as u32 * 64 + taken.trailing_zeros();
                    taken &= taken - 1;
                    self.wake_client(client, wake);
                }
            }
        }
    }

    /// Wakes every client that may sleep.
    pub fn wake_all(&self, wake: &mut dyn FnMut(&'a AtomicU32)) {
        // SYNC wake-fence: publication before ASLEEP.
        fence(Ordering::SeqCst);
        (0..self.clients.len() as u32).for_each(|client| self.wake_client(client, wake));
    }

    /// Wakes the threads of a client if one may sleep.
    pub fn wake_client(&self, client: u32, wake: &mut dyn FnMut(&'a AtomicU32)) {
        let Some(WakeWord { seq, .. }) = self.clients.get(client as usize) else { return };
        let bumped = |now| {
            if now & WakeWord::ASLEEP == 0 { now } else { WakeWord::bumped(now) }
        };
        let mut now = seq.load(Ordering::Relaxed);
        // Without ASLEEP no thread sleeps on the value, or another sealer is about to wake it.
        while now != bumped(now) {
            // SYNC wake-seq: Release; a row that was taken before is seen as taken with the bump.
            match seq.compare_exchange(now, bumped(now), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return wake(seq),
                Err(other) => now = other,
            }
        }
    }

    /// The number of threads of the client that wait. It is right for a living client.
    pub fn waiting(&self, client: u32) -> u32 {
        self.clients.get(client as usize).map_or(0, |word| word.waiting.load(Ordering::Relaxed))
    }

    /// The number of threads that wait, those of the dead included.
    pub fn sleepers(&self) -> u32 {
        (0..self.clients.len() as u32)
            .fold(0, |sum, client| self.waiting(client).saturating_add(sum))
    }

    /// The number of threads that wait, those of the dead included, and the first client that began
    /// an announcement and is dead. The caller makes up for it by [`Waiters::wake_all`], and then
    /// forgets it.
    pub fn inspect(&self, mut is_dead: impl FnMut(u32) -> bool) -> (u32, Option<Lost>) {
        let (mut sleepers, mut lost) = (0_u32, None);
        for (client, word) in (0..).zip(self.clients) {
            sleepers = word.waiting.load(Ordering::Relaxed).saturating_add(sleepers);
            let announcing = word.announcing.load(Ordering::Relaxed);
            if announcing != 0 && lost.is_none() && is_dead(client) {
                lost = Some(Lost { client, announcing });
            }
        }
        (sleepers, lost)
    }

    /// Forgets the announcements of a dead client. If a new client has its slot, and its count is
    /// the same, that client's count is wrong: after its death everybody is woken again.
    pub fn forget(&self, lost: Lost) {
        if let Some(word) = self.clients.get(lost.client as usize) {
            let (was, relaxed) = (lost.announcing, Ordering::Relaxed);
            let _ = word.announcing.compare_exchange(was, 0, relaxed, relaxed);
        }
    }
}

/// Announcements that a dead client began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    client: u32,
    announcing: u32,
}

/// An announcement that was begun. Either this client announces each publication that it makes
/// until the end, or its death is noticed.
pub struct Announcement<'a> {
    word: Option<&'a WakeWord>,
    alone: bool,
}

impl<'a> Announcement<'a> {
    /// Begins an announcement of the client with this word. `alone` means that the process has one
    /// thread: then nobody else changes the count of a living client.
    #[inline]
    pub fn begin(word: Option<&'a WakeWord>, alone: bool) -> Self {
        let announcement = Self { word, alone };
        // Relaxed: the count matters once the client is dead, and a kill comes after all stores of
        // the instructions before it. The publication follows with Release.
        announcement.count(1);
        announcement
    }

    #[inline]
    fn count(&self, more: u32) {
        let Some(WakeWord { announcing, .. }) = self.word else { return };
        if self.alone {
            let now = announcing.load(Ordering::Relaxed);
            announcing.store(now.wrapping_add(more), Ordering::Relaxed);
        } else {
            announcing.fetch_add(more, Ordering::Relaxed);
        }
    }
}

impl Drop for Announcement<'_> {
    #[inline]
    fn drop(&mut self) {
        // Relaxed, as above: the wakes come first. The sum wraps.
        self.count(u32::MAX);
    }
}

/// Changes a word until `next` is stored; returns the value before. Stores nothing if that is the
/// same.
fn change(word: &AtomicU64, next: impl Fn(u64) -> u64, order: Ordering) -> u64 {
    let mut now = word.load(Ordering::Relaxed);
    while next(now) != now {
        match word.compare_exchange(now, next(now), order, Ordering::Relaxed) {
            Ok(_) => break,
            Err(other) => now = other,
        }
    }
    now
}

#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
#[cfg(all(test, not(any(loom, shuttle))))]
mod threads;
