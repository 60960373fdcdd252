//! Check: what can be said of the ring while others append.

use super::EventRing;
use crate::sync::Ordering::{Acquire, Relaxed};

impl EventRing<'_> {
    /// Why the ring cannot be one that appends have made; `None` when it can.
    pub fn check(&self) -> Option<String> {
        let len = self.entries.len() as u64;
        for (at, entry) in (0u64..).zip(self.entries) {
            // SYNC event-entry: Acquire; the ticket of what is complete was taken before.
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
