//! The shipped ring in every interleaving, on rings so small that writers lap each other.

use super::*;
use crate::layout::wake::WakeWord;
use crate::sync::AtomicU32;
use crate::sync::explore::explore;
use ::loom::sync::Arc;
use ::loom::thread;

struct Ring {
    head: AtomicU64,
    last_gap: AtomicU64,
    entries: Vec<EventEntry>,
    /// Relaxed throughout: the ring itself has to order these.
    published: AtomicU32,
}

impl Ring {
    fn new(entries: usize) -> Arc<Self> {
        Arc::new(Self {
            head: AtomicU64::new(0),
            last_gap: AtomicU64::new(0),
            entries: (0..entries).map(|_| EventEntry::new()).collect(),
            published: AtomicU32::new(0),
        })
    }
    fn ring(&self) -> EventRing<'_> {
        EventRing::new(&self.head, &self.last_gap, &self.entries).unwrap()
    }
    fn append(&self, n: u8) {
        self.ring().append(
            EventKind::Sealed,
            n.into(),
            &ObjectId::new([n; 20]),
            Sizes { data: n.into(), metadata: 0 },
        );
    }
    fn append_all(&self, numbers: &[u8]) {
        let payload = |n: &u8| {
            let (id, sizes) = (ObjectId::new([*n; 20]), Sizes { data: (*n).into(), metadata: 0 });
            EventPayload::new(EventKind::Sealed, (*n).into(), &id, sizes)
        };
        self.ring().append_all(numbers.len(), numbers.iter().map(payload));
    }
}

#[derive(Default)]
struct Seen {
    events: Vec<u64>,
    lost: u64,
    gaps: u64,
}

impl Seen {
    /// Polls at most `times`, until the ring is empty. Each event must be whole.
    fn poll(&mut self, cursor: &mut Cursor, ring: &Ring, times: usize) {
        for _ in 0..times {
            match cursor.poll(&ring.ring()) {
                Poll::Event(event) => {
                    assert_eq!(event.id, ObjectId::new([event.sizes.data as u8; 20]));
                    assert_eq!(event.time_us as u64, event.sizes.data);
                    assert!(!self.events.contains(&event.sizes.data));
                    self.events.push(event.sizes.data);
                }
                Poll::Lost(count) => {
                    self.lost += count;
                    self.gaps += u64::from(count == 0);
                }
                Poll::Empty => return,
            }
        }
    }
}

fn spawn(ring: &Arc<Ring>, run: impl FnOnce(&Ring) + 'static) -> thread::JoinHandle<()> {
    let ring = ring.clone();
    thread::spawn(move || run(&ring))
}

/// Runs two writers that append `counts` events, and a reader that polls during that and to the
/// end.
fn writers_and_reader(entries: usize, counts: [u8; 2], polls: usize) {
    explore(3, move || {
        let ring = Ring::new(entries);
        let mut cursor = Cursor::at_end(&ring.ring());
        let [first, second] = counts;
        let writers = [
            spawn(&ring, move |r| (1..=first).for_each(|n| r.append(n))),
            spawn(&ring, move |r| (1..=second).for_each(|n| r.append(100 + n))),
        ];
        let mut seen = Seen::default();
        seen.poll(&mut cursor, &ring, polls);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        seen.poll(&mut cursor, &ring, usize::MAX);
        assert_eq!(seen.events.len() as u64 + seen.lost, u64::from(first + second));
        assert_eq!(cursor.next(), u64::from(first + second));
    });
}

#[test]
fn two_writers_in_one_entry_are_never_mixed() {
    writers_and_reader(1, [1, 1], 2);
}

#[test]
fn events_and_losses_add_up() {
    writers_and_reader(2, [2, 1], 3);
}

#[test]
fn without_lapping_nothing_is_lost() {
    explore(99, || {
        let ring = Ring::new(2);
        let mut cursor = Cursor::at_end(&ring.ring());
        let writers = [1, 2].map(|n| spawn(&ring, move |r| r.append(n)));
        let mut seen = Seen::default();
        seen.poll(&mut cursor, &ring, 3);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        seen.poll(&mut cursor, &ring, usize::MAX);
        assert_eq!((seen.events.len(), seen.lost), (2, 0));
    });
}

#[test]
fn the_dead_do_not_block_readers() {
    explore(4, || {
        let ring = Ring::new(4);
        let mut cursor = Cursor::at_end(&ring.ring());
        // One writer completes, then dies between its next ticket and the entry; another client
        // buries it.
        let burial = spawn(&ring, |r| {
            r.append(1);
            r.ring().take_ticket();
            r.ring().append_gap(0);
        });
        let writer = spawn(&ring, |r| r.append(2));
        let mut seen = Seen::default();
        seen.poll(&mut cursor, &ring, 3);
        burial.join().unwrap();
        writer.join().unwrap();
        seen.poll(&mut cursor, &ring, usize::MAX);
        assert_eq!(cursor.next(), 4);
        assert!(seen.events.contains(&1), "complete before the gap");
        // An event of a living writer that a gap overtook may be lost too.
        let lost = 1 + u64::from(!seen.events.contains(&2));
        assert_eq!(seen.lost, lost);
        assert!(seen.gaps <= 1);
    });
}

#[test]
fn events_that_are_appended_together_are_whole_or_lost() {
    for entries in [1, 2, 4] {
        explore(3, move || {
            let ring = Ring::new(entries);
            let mut cursor = Cursor::at_end(&ring.ring());
            let batch = spawn(&ring, |r| r.append_all(&[1, 2]));
            let other = spawn(&ring, |r| r.append(3));
            let mut seen = Seen::default();
            seen.poll(&mut cursor, &ring, 2);
            batch.join().unwrap();
            other.join().unwrap();
            seen.poll(&mut cursor, &ring, usize::MAX);
            assert_eq!((seen.events.len() as u64 + seen.lost, cursor.next()), (3, 3));
            assert!(entries < 4 || seen.lost == 0);
        });
    }
}

#[test]
fn a_batch_that_dies_between_its_entries_does_not_block_readers() {
    explore(4, || {
        let ring = Ring::new(4);
        let mut cursor = Cursor::at_end(&ring.ring());
        // The writer completes the first of two entries; another client buries it.
        let burial = spawn(&ring, |r| {
            let first = r.ring().take_tickets(2);
            r.ring().fill(
                first,
                &EventPayload::new(
                    EventKind::Sealed,
                    1,
                    &ObjectId::new([1; 20]),
                    Sizes { data: 1, metadata: 0 },
                ),
            );
            r.ring().append_gap(0);
        });
        let mut seen = Seen::default();
        seen.poll(&mut cursor, &ring, 2);
        burial.join().unwrap();
        seen.poll(&mut cursor, &ring, usize::MAX);
        assert_eq!((cursor.next(), seen.lost), (3, 1));
        assert!(seen.events == [1]);
    });
}

#[test]
fn subscribe_then_list_misses_nothing() {
    explore(99, || {
        let ring = Ring::new(2);
        let writer = spawn(&ring, |r| {
            r.published.store(1, Ordering::Relaxed);
            r.append(1);
        });
        let mut cursor = Cursor::at_end(&ring.ring());
        let listed = ring.published.load(Ordering::Relaxed) == 1;
        writer.join().unwrap();
        let mut seen = Seen::default();
        seen.poll(&mut cursor, &ring, usize::MAX);
        assert!(listed || seen.events == [1]);
    });
}

/// A ring, an object, and the words of two clients that may subscribe.
struct Subscribed {
    ring: Arc<Ring>,
    word: AtomicU64,
    clients: [WakeWord; 2],
    own: [Subscriptions; 2],
}

impl Subscribed {
    fn new() -> Arc<Self> {
        let (word, clients) = (AtomicU64::new(0), [WakeWord::new(), WakeWord::new()]);
        Arc::new(Self {
            ring: Ring::new(2),
            word,
            clients,
            own: [Subscriptions::none(), Subscriptions::none()],
        })
    }

    fn begin(&self, client: usize) {
        assert!(self.subscribers().begin(client as u32, &self.own[client]));
    }

    fn end(&self, client: usize) {
        self.subscribers().end(client as u32, &self.own[client]);
    }

    fn subscribers(&self) -> Subscribers<'_> {
        Subscribers { word: &self.word, clients: &self.clients }
    }

    /// Publishes the object, and its event if anybody subscribes.
    fn publish(&self) {
        self.ring.published.store(1, Ordering::Relaxed);
        if self.subscribers().any() {
            self.ring.append(1);
        }
    }

    /// Subscribes, lists, and subscribes on; each object is in the list or among the events.
    fn miss_nothing(&self, client: usize, publisher: thread::JoinHandle<()>) {
        self.begin(client);
        let mut cursor = Cursor::at_end(&self.ring.ring());
        let listed = self.ring.published.load(Ordering::Relaxed) == 1;
        publisher.join().unwrap();
        let mut seen = Seen::default();
        seen.poll(&mut cursor, &self.ring, usize::MAX);
        assert!(listed || seen.events == [1]);
    }
}

#[test]
fn the_first_subscriber_misses_nothing() {
    explore(3, || {
        let all = Subscribed::new();
        let publisher = all.clone();
        let publisher = thread::spawn(move || publisher.publish());
        all.miss_nothing(0, publisher);
    });
}

#[test]
fn a_subscriber_misses_nothing_while_another_leaves() {
    explore(2, || {
        let all = Subscribed::new();
        all.begin(1);
        let (publisher, leaver) = (all.clone(), all.clone());
        let leaver = thread::spawn(move || leaver.subscribers().leave(1));
        let publisher = thread::spawn(move || publisher.publish());
        all.miss_nothing(0, publisher);
        leaver.join().unwrap();
        assert!(all.subscribers().any(), "a client subscribes");
    });
}

#[test]
fn nothing_is_appended_after_the_last_two_left_at_once() {
    explore(99, || {
        let all = Subscribed::new();
        (0..2).for_each(|client| all.begin(client));
        let other = all.clone();
        let other = thread::spawn(move || other.end(1));
        all.end(0);
        other.join().unwrap();
        assert!(!all.subscribers().any());
    });
}

#[test]
fn a_thread_misses_nothing_while_another_of_its_client_ends_a_subscription() {
    explore(2, || {
        let all = Subscribed::new();
        all.begin(0);
        let (publisher, other) = (all.clone(), all.clone());
        let other = thread::spawn(move || other.end(0));
        let publisher = thread::spawn(move || publisher.publish());
        all.miss_nothing(0, publisher);
        other.join().unwrap();
        assert!(all.subscribers().any(), "a thread subscribes");
        all.end(0);
        assert!(!all.subscribers().any());
    });
}

#[test]
fn a_late_end_takes_nothing_from_the_next_client_in_the_slot() {
    explore(99, || {
        let all = Subscribed::new();
        let next = Subscriptions::none();
        all.begin(0);
        let other = all.clone();
        let other = thread::spawn(move || other.end(0));
        all.subscribers().end_all(0, &all.own[0]);
        all.subscribers().leave(0);
        assert!(all.subscribers().begin(0, &next));
        other.join().unwrap();
        assert!(all.subscribers().any(), "the next client subscribes");
        assert!(!all.subscribers().begin(0, &all.own[0]), "it has left");
    });
}
