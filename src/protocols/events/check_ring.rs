//! Check: the properties of the ring that hold while others append.

use super::EventRing;
use crate::sync::Ordering::{Acquire, Relaxed};

impl EventRing<'_> {
    /// Returns why appends cannot have made this ring; `None` when they can.
    pub fn check(&self) -> Option<String> {
        let len = self.entries.len() as u64;
        for (at, entry) in (0u64..).zip(self.entries) {
            // SYNC event-entry: Acquire; the ticket of a complete entry was taken before.
            let sequence = entry.sequence.load(Acquire);
            let Some(ticket) = sequence.checked_sub(1) else { continue };
            if ticket % len != at || ticket >= self.head.load(Relaxed) {
                return Some(format!("event entry {at} holds ticket {ticket}"));
            }
        }
        // SYNC event-gap: Acquire; as above.
        let gap = self.last_gap.load(Acquire);
        let head = self.head.load(Relaxed);
        (gap > head).then(|| format!("the last gap is ticket {gap}, the next ticket is {head}"))
    }
}
