//! The ring in real threads, so small that writers lap each other and their readers.

use super::*;
use crate::sync::testing::rounds;
use std::thread;

const EVENTS: u64 = rounds(20_000, 6) as u64;
const WRITERS: u64 = 2;

struct Ring {
    head: AtomicU64,
    last_gap: AtomicU64,
    entries: Vec<EventEntry>,
    /// Events that each writer published. Relaxed: the ring itself has to order it.
    published: [AtomicU64; WRITERS as usize],
}

impl Ring {
    fn new(entries: usize) -> Self {
        Self {
            head: AtomicU64::new(0),
            last_gap: AtomicU64::new(0),
            entries: (0..entries).map(|_| EventEntry::new()).collect(),
            published: [const { AtomicU64::new(0) }; WRITERS as usize],
        }
    }

    fn ring(&self) -> EventRing<'_> {
        EventRing::new(&self.head, &self.last_gap, &self.entries).unwrap()
    }

    /// Publishes and appends the events of one writer. The bytes of an id tell which writer it was.
    fn write(&self, writer: u64) {
        for n in 1..=EVENTS {
            self.published[writer as usize].store(n, Ordering::Relaxed);
            let mut id = [n as u8; 20];
            id[0] = writer as u8;
            self.ring().append(
                EventKind::Sealed,
                n as i64,
                &ObjectId::new(id),
                Sizes { data: n, metadata: 0 },
            );
        }
    }

    /// Subscribes, lists the published events, and reads to the end: no event is mixed, and none is
    /// lost without a notice.
    fn read(&self) {
        let mut cursor = Cursor::at_end(&self.ring());
        let start = cursor.next();
        let mut last = [0, 1].map(|writer| self.published[writer].load(Ordering::Relaxed));
        let listed = last;
        let (mut events, mut lost) = (0, 0);
        while cursor.next() < EVENTS * WRITERS {
            match cursor.poll(&self.ring()) {
                Poll::Event(event) => {
                    events += 1;
                    let bytes = event.id.as_bytes();
                    let (n, writer) = (event.sizes.data, bytes[0] as usize);
                    assert_eq!(event.time_us as u64, n);
                    assert!(bytes[1..].iter().all(|byte| *byte == n as u8));
                    // Each event comes after those of the same writer before it, in the list or in
                    // the ring.
                    let old = n <= listed[writer];
                    assert!(old || lost > 0 || n == last[writer] + 1, "{n} after {last:?}");
                    last[writer] = last[writer].max(n);
                }
                Poll::Lost(count) => lost += count,
                Poll::Empty => thread::yield_now(),
            }
        }
        assert_eq!(events + lost, EVENTS * WRITERS - start);
    }
}

fn run(entries: usize) {
    let ring = Ring::new(entries);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let ring = &ring;
            scope.spawn(move || ring.write(writer));
        }
        scope.spawn(|| ring.read());
        scope.spawn(|| ring.read());
    });
}

#[test]
fn readers_in_threads_miss_nothing_untold() {
    run((EVENTS * WRITERS).next_power_of_two() as usize);
}

#[test]
fn readers_that_are_lapped_get_whole_events() {
    run(2);
}
