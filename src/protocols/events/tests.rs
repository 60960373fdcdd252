//! The ring in one thread. The effects of a second thread are made by hand.

use super::*;

struct Ring {
    head: AtomicU64,
    last_gap: AtomicU64,
    entries: Vec<EventEntry>,
}

impl Ring {
    fn new(entries: usize) -> Self {
        let entries = (0..entries).map(|_| EventEntry::new()).collect();
        Self { head: AtomicU64::new(0), last_gap: AtomicU64::new(0), entries }
    }
    fn ring(&self) -> EventRing<'_> {
        EventRing::new(&self.head, &self.last_gap, &self.entries).unwrap()
    }
    fn append(&self, n: u8) -> u64 {
        self.ring().append(
            EventKind::Sealed,
            n.into(),
            &ObjectId::new([n; 20]),
            Sizes { data: n.into(), metadata: 0 },
        )
    }
}

fn payload(n: u8) -> EventPayload {
    EventPayload::new(
        EventKind::Sealed,
        n.into(),
        &ObjectId::new([n; 20]),
        Sizes { data: n.into(), metadata: 0 },
    )
}

/// Returns the `n` of the next event.
fn event(cursor: &mut Cursor, ring: &Ring) -> u64 {
    match cursor.poll(&ring.ring()) {
        Poll::Event(event) => {
            assert_eq!(event.id, ObjectId::new([event.sizes.data as u8; 20]));
            assert_eq!(event.time_us as u64, event.sizes.data);
            event.sizes.data
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn events_come_in_order_from_the_subscription_on() {
    let ring = Ring::new(4);
    ring.append(1);
    let mut cursor = Cursor::at_end(&ring.ring());
    assert_eq!(cursor.poll(&ring.ring()), Poll::Empty);
    for n in 2..50 {
        assert_eq!(ring.append(n), u64::from(n) - 1);
        assert_eq!(event(&mut cursor, &ring), n.into());
        assert_eq!(cursor.poll(&ring.ring()), Poll::Empty);
    }
}

#[test]
fn a_lapped_reader_is_told_how_many_it_lost() {
    let ring = Ring::new(4);
    let mut cursor = Cursor::at_end(&ring.ring());
    for n in 0..11 {
        ring.append(n);
    }
    assert_eq!(cursor.poll(&ring.ring()), Poll::Lost(7));
    for n in 7..11 {
        assert_eq!(event(&mut cursor, &ring), n);
    }
    assert_eq!(cursor.poll(&ring.ring()), Poll::Empty);
}

#[test]
fn a_writer_at_work_is_waited_for() {
    let ring = Ring::new(4);
    let mut cursor = Cursor::at_end(&ring.ring());
    let ticket = ring.ring().take_ticket();
    ring.append(2);
    assert_eq!(cursor.poll(&ring.ring()), Poll::Empty);
    ring.ring().fill(ticket, &payload(1));
    assert_eq!(event(&mut cursor, &ring), 1);
    assert_eq!(event(&mut cursor, &ring), 2);
}

#[test]
fn a_gap_frees_readers_from_the_dead() {
    let ring = Ring::new(8);
    let mut cursor = Cursor::at_end(&ring.ring());
    ring.ring().take_ticket();
    ring.ring().take_ticket();
    ring.append(2);
    ring.ring().take_ticket();
    assert_eq!(cursor.poll(&ring.ring()), Poll::Empty);
    ring.ring().append_gap(0);
    assert_eq!(cursor.poll(&ring.ring()), Poll::Lost(2));
    assert_eq!(event(&mut cursor, &ring), 2);
    assert_eq!(cursor.poll(&ring.ring()), Poll::Lost(1), "with the gap that ends the run");
    ring.ring().append_gap(0);
    assert_eq!(cursor.poll(&ring.ring()), Poll::Lost(0), "nobody died inside an append");
    assert_eq!(cursor.poll(&ring.ring()), Poll::Empty);
    // After a gap, readers wait for living writers as before.
    ring.ring().take_ticket();
    assert_eq!(cursor.poll(&ring.ring()), Poll::Empty);
}

#[test]
fn a_writer_lapped_before_it_stored_drops_its_event() {
    let ring = Ring::new(2);
    let slow = ring.ring().take_ticket();
    let mut cursor = Cursor::at_end(&ring.ring());
    ring.append(1);
    ring.append(2);
    ring.ring().fill(slow, &payload(9));
    assert_eq!(event(&mut cursor, &ring), 1);
    assert_eq!(event(&mut cursor, &ring), 2);
}

#[test]
fn an_entry_torn_by_a_lapped_writer_is_lost_not_mixed() {
    let ring = Ring::new(2);
    let slow = ring.ring().take_ticket();
    for at in 0..7 {
        let mut cursor = Cursor::at_end(&ring.ring());
        ring.append(1);
        let ticket = ring.append(2);
        let words: Vec<u64> = payload(9).words(ring.ring().lap(slow)).collect();
        ring.ring().entry(ticket).words[at].store(words[at], Ordering::Relaxed);
        let at_once = Cursor { next: ticket }.poll(&ring.ring());
        assert_eq!(at_once, Poll::Lost(1));
        assert_eq!(event(&mut cursor, &ring), 1);
        assert_eq!(cursor.poll(&ring.ring()), Poll::Lost(1));
        assert_eq!(cursor.poll(&ring.ring()), Poll::Empty);
    }
}

#[test]
fn an_unknown_kind_is_a_loss() {
    let ring = Ring::new(2);
    let mut cursor = Cursor::at_end(&ring.ring());
    let ticket = ring.append(1);
    // The kind is the first byte after the four words of the id.
    let kind = &ring.entries[ticket as usize].words[4];
    kind.store(kind.load(Ordering::Relaxed) | 0xff, Ordering::Relaxed);
    assert_eq!(cursor.poll(&ring.ring()), Poll::Lost(1));
}

#[test]
fn corrupt_words_never_panic_nor_loop() {
    for head in [0, 1, 3, 1 << 63, u64::MAX - 1, u64::MAX] {
        for fill in [0, 1, 2, 0xff << 40, u64::MAX] {
            for start in [0, 2, u64::MAX - 2, u64::MAX] {
                let ring = Ring::new(4);
                ring.head.store(head, Ordering::Relaxed);
                ring.last_gap.store(fill, Ordering::Relaxed);
                for entry in &ring.entries {
                    entry.sequence.store(fill, Ordering::Relaxed);
                    entry.words.iter().for_each(|word| word.store(fill, Ordering::Relaxed));
                }
                let mut cursor = Cursor { next: start };
                for n in 0..if cfg!(miri) { 5 } else { 20 } {
                    cursor.poll(&ring.ring());
                    ring.append(n);
                }
            }
        }
    }
}

#[test]
fn the_ring_is_a_power_of_two() {
    let word = AtomicU64::new(0);
    let entries: Vec<_> = (0..3).map(|_| EventEntry::new()).collect();
    assert!(EventRing::new(&word, &word, &entries).is_err());
    assert!(EventRing::new(&word, &word, &entries[..0]).is_err());
}
