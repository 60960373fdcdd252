//! The broadcast ring of events: any number of writers and readers, no lock, no waiting.
//!
//! A writer takes a ticket, stores the payload words into the ticket's entry, each with the tag of
//! its lap, and raises the entry's sequence to ticket + 1. No writer owns an entry, so a writer
//! that stops or dies inside one blocks no other.
//!
//! Two writers a lap or more apart may store into one entry at the same time. One ticket has one
//! writer, which stores each word once, so words that all carry the tag of ticket t are exactly
//! those that the writer of t stored. A reader accepts nothing else, so each event that it returns
//! is whole. An entry that a slow writer has torn is lost to readers that had not read it. (Tags
//! repeat after 2^24 laps, which is 10^11 events of a store; a writer would have to stop inside an
//! append for that long.) A writer that finds itself lapped before it stored drops its event.
//!
//! A ticket that was taken and not completed holds readers up: its writer is at work, or dead. A
//! client that buries a dead producer appends a gap, and readers skip the incomplete entries before
//! the gap.

mod check_ring;
mod subscribers;

pub use subscribers::{Subscribers, Subscriptions};

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::event::{EventEntry, EventKind, EventPayload, Sizes};
use crate::sync::{AtomicU64, Ordering};

/// The ring over its words in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct EventRing<'a> {
    head: &'a AtomicU64,
    last_gap: &'a AtomicU64,
    entries: &'a [EventEntry],
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its position in the order of all events. Tickets start at 0 and have no holes except losses
    /// and gaps.
    pub ticket: u64,
    /// What happened; never [`EventKind::Gap`].
    pub kind: EventKind,
    /// Time of the event, in microseconds since 1970.
    pub time_us: i64,
    /// Id of the object.
    pub id: ObjectId,
    /// Sizes of the object, in bytes.
    pub sizes: Sizes,
}

/// The result of [`Cursor::poll`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// The next event.
    Event(Event),
    /// This number of tickets was skipped: overwritten, torn, of an unknown kind, or never
    /// completed. 0 means that a client died that may have changed an object before it could append
    /// the event. In either case the reader lists the objects again to be sure.
    Lost(u64),
    /// No further event yet.
    Empty,
}

impl<'a> EventRing<'a> {
    /// Returns the ring over these words; `entries` must be a power of two.
    pub fn new(
        head: &'a AtomicU64,
        last_gap: &'a AtomicU64,
        entries: &'a [EventEntry],
    ) -> Result<Self> {
        if !entries.len().is_power_of_two() {
            return Err(Error::plain(Status::Corrupt));
        }
        Ok(Self { head, last_gap, entries })
    }

    /// Appends an event about a change that is already published. Returns the ticket.
    #[cfg(test)]
    pub fn append(&self, kind: EventKind, time_us: i64, id: &ObjectId, sizes: Sizes) -> u64 {
        let ticket = self.take_ticket();
        self.fill(ticket, &EventPayload::new(kind, time_us, id, sizes));
        ticket
    }

    /// Records the death of a client that may have taken a ticket, or may have been about to.
    /// Returns the ticket.
    ///
    /// A slow writer that is alive loses its event to readers that pass it; it does no harm.
    pub fn append_gap(&self, time_us: i64) -> u64 {
        let ticket = self.take_ticket();
        // SYNC event-gap: a reader that sees the bound finds complete what was complete before it.
        self.last_gap.fetch_max(ticket, Ordering::Release);
        let (nothing, none) = (ObjectId::default(), Sizes::default());
        self.fill(ticket, &EventPayload::new(EventKind::Gap, time_us, &nothing, none));
        ticket
    }

    /// Appends `count` events about changes that are all published. All entries are written before
    /// the first one is completed, so that the processor waits for their cache lines at once. A
    /// writer that dies in between leaves as many tickets that are never completed.
    pub fn append_all(&self, count: usize, payloads: impl Iterator<Item = EventPayload>) {
        let first = self.take_tickets(count as u64);
        let tickets = (0..count as u64).map(|at| first.wrapping_add(at));
        tickets.clone().zip(payloads).for_each(|(ticket, payload)| self.write(ticket, &payload));
        tickets.for_each(|ticket| self.complete(ticket));
    }

    fn take_ticket(&self) -> u64 {
        self.take_tickets(1)
    }

    #[inline]
    fn take_tickets(&self, count: u64) -> u64 {
        // SYNC event-head: a cursor that starts after a ticket sees what was published before.
        self.head.fetch_add(count, Ordering::Release)
    }

    #[inline]
    fn fill(&self, ticket: u64, payload: &EventPayload) {
        self.write(ticket, payload);
        self.complete(ticket);
    }

    #[inline]
    fn write(&self, ticket: u64, payload: &EventPayload) {
        let entry = self.entry(ticket);
        // Relaxed: usually saves the newer entry; the tags catch the other cases.
        if entry.sequence.load(Ordering::Relaxed) > ticket.wrapping_add(1) {
            return;
        }
        for (word, value) in entry.words.iter().zip(payload.words(self.lap(ticket))) {
            // Relaxed: ordered before the sequence by its Release.
            word.store(value, Ordering::Relaxed);
        }
    }

    #[inline]
    fn complete(&self, ticket: u64) {
        let complete = ticket.wrapping_add(1);
        // SYNC event-entry: a reader that sees this sequence or a later one sees these words or later
        // ones. A maximum, so that a lapped writer does not undo the newer sequence.
        self.entry(ticket).sequence.fetch_max(complete, Ordering::Release);
    }

    fn entry(&self, ticket: u64) -> &'a EventEntry {
        &self.entries[(ticket % self.entries.len() as u64) as usize]
    }

    fn lap(&self, ticket: u64) -> u64 {
        ticket / self.entries.len() as u64
    }

    fn inspect(&self, ticket: u64) -> Found {
        let entry = self.entry(ticket);
        let complete = ticket.wrapping_add(1);
        // SYNC event-entry: brings the words of this sequence, or later ones.
        let sequence = entry.sequence.load(Ordering::Acquire);
        if sequence == complete {
            // Relaxed: ordered by the sequence.
            let words = entry.words.iter().map(|word| word.load(Ordering::Relaxed));
            let payload = EventPayload::from_words(words, self.lap(ticket));
            return match payload.and_then(|payload| Some((payload.kind().ok()?, payload))) {
                Some((kind, payload)) => Found::Whole(kind, payload),
                None => Found::Torn,
            };
        }
        // Relaxed: the Acquire above brings at least the head that the sequence came from.
        let head = self.head.load(Ordering::Relaxed);
        let oldest = head.saturating_sub(self.entries.len() as u64);
        if ticket >= head {
            Found::Pending
        } else if oldest > ticket {
            Found::Lapped(oldest)
        } else if sequence > complete {
            // A sequence ahead of the head is corrupt.
            Found::Torn
        // SYNC event-gap: an entry that was complete before the bound is complete here.
        } else if ticket < self.last_gap.load(Ordering::Acquire) {
            // Relaxed: ordered by the bound; the next inspection acquires.
            match entry.sequence.load(Ordering::Relaxed) == complete {
                true => Found::Again,
                false => Found::Torn,
            }
        } else {
            Found::Pending
        }
    }
}

/// The result of inspecting one ticket.
enum Found {
    Whole(EventKind, EventPayload),
    /// The entry will never be whole again, or never was.
    Torn,
    /// Overwritten: continue at the oldest ticket that may be whole.
    Lapped(u64),
    /// Not taken yet, or its writer is at work.
    Pending,
    /// Completed during the inspection.
    Again,
}

/// A reader's private position in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    next: u64,
}

impl Cursor {
    /// Starts after the last ticket. The changes whose events the cursor does not deliver were
    /// published before this call.
    pub fn at_end(ring: &EventRing<'_>) -> Self {
        // SYNC event-head: sees what the holders of all earlier tickets published.
        Self { next: ring.head.load(Ordering::Acquire) }
    }

    /// Returns the ticket that [`poll`](Self::poll) inspects next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Returns the next event or loss. Consecutive losses are one loss, together with the gap that
    /// ends them.
    pub fn poll(&mut self, ring: &EventRing<'_>) -> Poll {
        let start = self.next;
        // The loop is bounded because writers may be faster than this reader. Arithmetic wraps
        // because a corrupt head may have any value.
        for _ in 0..=ring.entries.len() {
            match ring.inspect(self.next) {
                Found::Whole(EventKind::Gap, _) => {
                    let lost = self.next.wrapping_sub(start);
                    self.next = self.next.wrapping_add(1);
                    return Poll::Lost(lost);
                }
                Found::Whole(kind, payload) if self.next == start => {
                    self.next = self.next.wrapping_add(1);
                    return Poll::Event(Event {
                        ticket: start,
                        kind,
                        time_us: payload.time_us(),
                        id: payload.id(),
                        sizes: payload.sizes(),
                    });
                }
                Found::Torn => self.next = self.next.wrapping_add(1),
                Found::Lapped(oldest) => self.next = oldest,
                Found::Again => {}
                Found::Whole(..) | Found::Pending => break,
            }
        }
        match self.next.wrapping_sub(start) {
            0 => Poll::Empty,
            lost => Poll::Lost(lost),
        }
    }
}

#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
#[cfg(all(test, not(any(loom, shuttle))))]
mod threads;
