//! Tags, rows, slices and the spin policy, in one thread.

use super::*;
use std::collections::HashSet;
use std::time::Duration;

struct Store {
    clients: [WakeWord; 70],
    tags: [AtomicU64; 2],
    rows: [AtomicU64; 4],
}

impl Store {
    fn new() -> Self {
        Self {
            clients: std::array::from_fn(|_| WakeWord::new()),
            tags: [const { AtomicU64::new(0) }; 2],
            rows: [const { AtomicU64::new(0) }; 4],
        }
    }

    fn waiters(&self) -> Waiters<'_> {
        Waiters { clients: &self.clients, tags: &self.tags, rows: &self.rows }
    }

    fn begin(&self, client: u32, topics: &[Topic]) -> u32 {
        let seq = self.waiters().begin(client, topics);
        assert_eq!(seq & WakeWord::ASLEEP, WakeWord::ASLEEP);
        assert!(self.sleeps(client, seq));
        seq
    }

    fn sleeps(&self, client: u32, seq: u32) -> bool {
        self.clients[client as usize].seq.load(Ordering::Relaxed) == seq
    }

    /// The clients that an announcement wakes.
    fn woken_by(&self, topics: &[Topic], has_memory: bool) -> Vec<usize> {
        let mut woken = Vec::new();
        self.waiters().announce(topics, |_| has_memory, &mut |seq| {
            woken.extend(self.clients.iter().position(|word| std::ptr::eq(&word.seq, seq)));
        });
        woken
    }
}

fn topic(bucket: u32, tag: u32) -> Topic {
    Topic { bucket, tag }
}

#[test]
fn only_waiters_with_the_tag_are_woken_and_only_once() {
    let store = Store::new();
    assert!(store.woken_by(&[topic(0, 7)], true).is_empty());
    let seq = store.begin(3, &[topic(0, 7)]);
    store.begin(69, &[topic(0, 7), topic(1, 9)]);
    assert!(store.woken_by(&[topic(0, 8), topic(1, 7)], true).is_empty());
    assert_eq!(store.woken_by(&[topic(0, 7)], true), [3, 69]);
    assert!(!store.sleeps(3, seq));
    assert!(store.woken_by(&[topic(0, 7)], true).is_empty());
    assert!(store.woken_by(&[topic(1, 9)], true).is_empty(), "it is awake already");
}

#[test]
fn a_row_is_woken_as_a_whole() {
    let store = Store::new();
    store.begin(0, &[topic(0, 1)]);
    let other = store.begin(1, &[topic(0, 2)]);
    assert_eq!(store.woken_by(&[topic(0, 1)], true), [0, 1]);
    assert!(!store.sleeps(1, other), "so it registers again");
    store.begin(1, &[topic(0, 2)]);
    assert_eq!(store.woken_by(&[topic(0, 2)], true), [1]);
}

#[test]
fn a_row_without_memory_wakes_everybody() {
    let store = Store::new();
    store.begin(0, &[topic(0, 1)]);
    store.begin(5, &[topic(1, 1)]);
    assert_eq!(store.woken_by(&[topic(0, 1)], false), [0, 5]);
}

#[test]
fn nonsense_in_the_file_wakes_or_does_nothing() {
    let store = Store::new();
    store.tags[0].store(u64::MAX, Ordering::Relaxed);
    store.rows.iter().for_each(|part| part.store(u64::MAX, Ordering::Relaxed));
    store.clients[4].seq.store(u32::MAX, Ordering::Relaxed);
    assert_eq!(store.woken_by(&[topic(0, 1)], true), [4], "bits beyond the clients are ignored");
    assert_eq!(store.clients[4].seq.load(Ordering::Relaxed), 0, "the sequence wraps");
    assert!(store.woken_by(&[topic(77, 1)], true).is_empty());
    store.begin(4, &[topic(77, 1)]);
    assert_eq!(store.waiters().begin(99, &[topic(0, 1)]), 0);
}

#[test]
fn three_tags_fit_and_the_fourth_stands_for_all() {
    let mut tags = Tags(0);
    for tag in [1, 0xf_ffff, 0x8_0000] {
        assert!(!tags.has(tag));
        tags = tags.with(tag);
        assert!(tags.has(tag) && tags.with(tag) == tags);
    }
    assert!(!tags.has(2));
    assert_eq!(tags.without(1).with(2).without(2), tags.without(1));
    assert_eq!(tags.without(1).without(0xf_ffff).without(0x8_0000), Tags(0));
    let all = tags.with(2);
    assert!(all.has(2) && all.has(3), "MORE");
    assert_eq!(all.without(3), Tags(0));
}

#[test]
fn an_announcement_of_the_dead_is_found_once() {
    let store = Store::new();
    let waiters = store.waiters();
    store.begin(1, &[topic(0, 1)]);
    drop(Announcement::begin(Some(&store.clients[2]), true));
    assert_eq!(waiters.inspect(|_| true), (0, None), "it has ended");
    std::mem::forget(Announcement::begin(Some(&store.clients[2]), false));
    assert_eq!(waiters.inspect(|_| false), (0, None), "it is still going on");
    let (_, lost) = waiters.inspect(|client| client == 2);
    waiters.forget(lost.unwrap());
    store.clients[1].waiting.store(3, Ordering::Relaxed);
    store.clients[2].waiting.store(u32::MAX, Ordering::Relaxed);
    assert_eq!(waiters.inspect(|_| true), (u32::MAX, None), "whatever is stored");
}

#[test]
fn spinning_grows_when_it_pays_and_shrinks_when_not() {
    let spin = Spin::new(true);
    let late = || {
        let mut left = spin.limit();
        spin.probe(|| {
            left -= 1;
            (left == 0).then_some(())
        })
    };
    for _ in 0..10 {
        assert!(late().is_some());
    }
    assert_eq!(spin.limit(), Spin::MAX);
    assert!(spin.probe(|| Some(())).is_some());
    assert_eq!(spin.limit(), Spin::MAX, "an early answer changes nothing");
    for _ in 0..100 {
        assert!(spin.probe(|| None::<()>).is_none());
    }
    assert_eq!(spin.limit(), Spin::MIN);
    assert!(late().is_some());
    assert_eq!(spin.limit(), 2 * Spin::MIN);
}

#[test]
fn one_processor_never_spins() {
    let spin = Spin::new(false);
    assert!(spin.probe(|| -> Option<()> { panic!("probed") }).is_none());
    assert_eq!(spin.limit(), 0);
}

/// Regression: a killed winner of get_or_create was noticed up to 100 ms later, and so was the next
/// one.
#[test]
fn a_death_is_noticed_no_later_than_its_waiters_have_waited() {
    for number in 0..20 {
        let (mut slices, mut waited, mut looks) = (Slices::staggered(number), Duration::ZERO, 0);
        while slices.length(Slices::SHORT) < Slices::SHORT {
            let next = slices.length(Slices::SHORT);
            assert!(next <= waited + Duration::from_millis(2), "{number}: {slices:?}");
            waited += next;
            slices.slept_out();
            looks += 1;
        }
        assert!((6..=8).contains(&looks), "{looks}");
    }
    let first: HashSet<_> =
        (0..8).map(|number| Slices::staggered(number).length(Slices::SHORT)).collect();
    assert_eq!(first.len(), 8);
}

/// The looks of all waiters together: their number in a second does not grow with theirs.
#[test]
fn many_waiters_sleep_longer() {
    for (creator, shortest, looks) in [(false, Slices::LONG, 20), (true, Slices::SHORT, 100)] {
        assert_eq!(Slices::most(1, creator), shortest);
        for sleepers in [10, 100, 1000] {
            let each = Slices::longest(3).length(Slices::most(sleepers, creator));
            assert!(each >= shortest);
            assert!(f64::from(sleepers) / each.as_secs_f64() <= f64::from(looks), "{sleepers}");
        }
    }
}

#[test]
fn a_waiter_that_is_often_woken_for_nothing_is_deaf_for_longer_and_longer() {
    let mut deafness = Deafness::new(1);
    let mut woken =
        |slept, threads| deafness.woken_for_nothing(Duration::from_millis(slept), threads, || 1);
    for _ in 0..4 {
        assert_eq!(woken(1, 1), None);
    }
    let pauses: Vec<_> = (0..12).map(|_| woken(1, 1).unwrap().as_millis()).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000]);
    assert_eq!(woken(100, 1), None, "a long sleep resets the count");
    for _ in 0..30 {
        assert_eq!(woken(0, 30), None, "the wakes may be for one of the other threads");
    }
    assert!(!deafness.presumes(), "its check is short");
}

/// The more threads wait for many objects each, the more seldom each of them checks.
#[test]
fn a_large_wait_among_many_is_deaf_for_longer() {
    let mut large = Deafness::new(1000);
    let mut woken = |slept| large.woken_for_nothing(Duration::from_millis(slept), 30, || 10);
    assert_eq!([0; 3].map(&mut woken), [None; 3]);
    let pauses = [150; 8].map(|slept| woken(slept).unwrap().as_millis());
    assert_eq!(pauses, [30, 30, 30, 30, 30, 32, 64, 128]);
    assert_eq!(woken(2000), None);

    let mut crowd = Deafness::new(1000);
    assert!(!crowd.presumes());
    for _ in 0..3 {
        assert_eq!(crowd.woken_for_nothing(Duration::ZERO, 1, || 900), Some(Slices::LONG));
        assert!(crowd.presumes());
        // It registers for one of eight checks.
        for _ in 0..7 {
            assert!(crowd.is_lasting());
            assert_eq!(crowd.goes_on(), Some(Slices::LONG));
        }
        assert!(!crowd.is_lasting());
        assert_eq!(crowd.goes_on(), None);
    }
    crowd.advanced();
    assert!(!crowd.presumes());
}
