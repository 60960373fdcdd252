use super::*;
use crate::layout::order::words;
use std::collections::BTreeMap;

struct Shared {
    words: Vec<AtomicU64>,
    shape: Shape,
}

impl Shared {
    fn new(max: u32) -> Self {
        let words = (0..words(max)).map(|_| AtomicU64::new(0)).collect();
        Self { words, shape: Shape::of(max) }
    }

    fn order(&self) -> Order<'_> {
        Order::new(&self.words, &self.shape, u32::MAX)
    }
}

/// A generator of numbers below a bound.
fn numbers(mut state: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % below
    }
}

/// The oldest of a model, which has a stamp for each slot, and whether it is held.
fn oldest(model: &BTreeMap<u32, (u64, bool)>) -> Option<Oldest> {
    let free = model.iter().filter(|(_, it)| !it.1);
    let oldest = free.min_by_key(|(slot, it)| (it.0, **slot));
    oldest.map(|(&slot, it)| Oldest { slot, stamp: it.0 })
}

#[test]
fn the_oldest_is_that_of_a_model() {
    for max in [1, 15, 16, 17, 300, 5000] {
        let shared = Shared::new(max);
        let order = shared.order();
        let mut model: BTreeMap<u32, (u64, bool)> = BTreeMap::new();
        let mut next = numbers(u64::from(max));
        for now in 1..2000 {
            let slot = next(u64::from(max)) as u32;
            match next(8) {
                0 | 1 => {
                    let held = next(4) == 0;
                    order.insert(slot, now, held);
                    model.insert(slot, (now, held));
                }
                2 => {
                    order.touch(slot, now);
                    model.entry(slot).and_modify(|it| it.0 = now);
                }
                3 => {
                    order.raise(slot, now);
                    model.entry(slot).and_modify(|it| it.0 = now);
                }
                4 if model.contains_key(&slot) => {
                    order.hold(slot);
                    model.entry(slot).and_modify(|it| it.1 = true);
                }
                5 if model.contains_key(&slot) => {
                    let at = next(2) * now;
                    order.let_go(slot, at);
                    model.entry(slot).and_modify(|it| *it = (it.0.max(at), false));
                }
                6 => {
                    let taken = order.take_oldest();
                    assert_eq!(taken, oldest(&model), "of {max} at {now}");
                    if let Some(taken) = taken {
                        model.entry(taken.slot).and_modify(|it| it.1 = true);
                    }
                }
                7 => {
                    let slots = [slot, slot / 2, slot / 3, slot];
                    order.hold_all(slots.into_iter());
                    for slot in slots {
                        model.entry(slot).and_modify(|it| it.1 = true);
                    }
                }
                _ => {}
            }
            assert_eq!(order.check(), None);
            assert_eq!(order.oldest(), oldest(&model), "of {max} at {now}");
            if let Some(it) = model.get(&slot) {
                let used = order.used(slot).unwrap();
                assert_eq!((used.stamp, used.held), *it);
            }
        }
    }
}

#[test]
fn nodes_that_are_too_low_are_repaired_on_the_way() {
    let shared = Shared::new(4096);
    let order = shared.order();
    (0..4096).for_each(|slot| order.insert(slot, u64::from(slot), false));
    // As many stale paths as one search repairs.
    (0..40).for_each(|slot| order.touch(slot, 10_000));
    assert_eq!(order.oldest(), Some(Oldest { slot: 40, stamp: 40 }));
    // More than that: the oldest of those that were seen, and never none.
    let spread = (0..4096).step_by(16).skip(3);
    spread.for_each(|slot| order.touch(slot, 20_000));
    let found: Vec<_> = (0..10).map(|_| order.oldest().unwrap().stamp).collect();
    assert_eq!(found.last(), Some(&40), "{found:?}");
    assert_eq!(order.check(), None);
}

#[test]
fn a_rebuild_computes_the_minima_whatever_was_there() {
    let shared = Shared::new(300);
    let order = shared.order();
    shared.words.iter().enumerate().for_each(|(at, word)| word.store(at as u64 * 7919, Relaxed));
    order.rebuild(|slot, _| match slot % 3 {
        0 => None,
        kind => Some(Stamp { stamp: u64::from(300 - slot), held: kind == 1, unsealed: kind == 2 }),
    });
    assert_eq!(order.check(), None);
    assert_eq!(order.oldest(), Some(Oldest { slot: 299, stamp: 1 }));
    assert_eq!(order.used(0), None);
    assert_eq!(order.used(1), Some(Stamp { stamp: 299, held: true, unsealed: false }));
}

#[test]
fn a_use_clears_the_hint_that_an_object_is_being_written() {
    let shared = Shared::new(300);
    let order = shared.order();
    let stamp = |stamp, held, unsealed| Some(Stamp { stamp, held, unsealed });
    order.insert(0, 5, false);
    assert_eq!((order.used(0), order.oldest().unwrap().slot), (stamp(5, false, true), 0));
    order.touch(0, 3);
    assert_eq!(order.used(0), stamp(5, false, false));
    order.insert(1, 5, true);
    order.touch(1, 7);
    assert_eq!(order.used(1), stamp(7, true, false));
}

#[test]
fn slots_without_memory_are_not_touched() {
    let shared = Shared::new(300);
    let few = Order::new(&shared.words, &shared.shape, 20);
    (0..300).for_each(|slot| few.insert(slot, 1 + u64::from(slot), false));
    assert_eq!(shared.words.iter().filter(|word| word.load(Relaxed) != 0).count(), 20 + 2 + 1 + 1);
    assert_eq!(few.oldest(), Some(Oldest { slot: 0, stamp: 1 }));
}

#[test]
fn nonsense_ends_a_search() {
    let shared = Shared::new(5000);
    shared.words.iter().for_each(|word| word.store(u64::MAX, Relaxed));
    assert_eq!(shared.order().oldest(), None);
    // All nodes are too low.
    shared.words[5000..].iter().for_each(|word| word.store(1, Relaxed));
    assert_eq!(shared.order().oldest(), None);
}
