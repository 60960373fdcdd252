//! Wake words and the spin policy, in one thread.

use super::*;

fn announced(word: &WakeWord, unhinted: bool) -> u32 {
    let mut wakes = 0;
    announce([word], unhinted, &mut |_, _| wakes += 1);
    wakes
}

#[test]
fn only_hinted_words_are_woken_and_only_once() {
    let word = WakeWord::new();
    assert_eq!(announced(&word, false), 0);
    let s = word.begin();
    assert_eq!(announced(&word, false), 1);
    assert_ne!(word.seq.load(Ordering::Relaxed), s);
    assert_eq!(announced(&word, false), 0);
}

#[test]
fn unhinted_words_are_always_bumped() {
    let word = WakeWord::new();
    let s = word.begin_unhinted();
    assert_eq!(word.hint.load(Ordering::Relaxed), 0);
    assert_eq!(announced(&word, true), 1);
    assert_eq!(word.seq.load(Ordering::Relaxed), WakeWord::bumped(s, false));
}

#[test]
fn many_words_begin_together() {
    let words = [WakeWord::new(), WakeWord::new(), WakeWord::new()];
    announce(&words[1..2], true, &mut |_, _| {});
    let mut seen = Vec::new();
    begin_all(&words, true, false, |seq| seen.push(seq));
    assert_eq!(seen, [0, WakeWord::bumped(0, false), 0]);
    let mut woken = 0;
    announce(&words, false, &mut |_, _| woken += 1);
    assert_eq!(woken, 3);
}

#[test]
fn the_sequence_wraps() {
    let word = WakeWord { seq: crate::sync::AtomicU32::new(u32::MAX), ..WakeWord::new() };
    assert_eq!(word.begin(), u32::MAX);
    announced(&word, false);
    assert_eq!(word.begin(), 0);
}

#[test]
fn a_bump_changes_the_value_and_says_whether_to_relay() {
    for seq in [0, 1, 6, 7, u32::MAX - 1, u32::MAX] {
        for relay in [false, true] {
            let next = WakeWord::bumped(seq, relay);
            assert_ne!(next, seq);
            assert_eq!(next & WakeWord::RELAY != 0, relay);
        }
    }
}

#[test]
fn of_many_waiters_a_few_are_woken_and_wake_the_next() {
    let word = WakeWord::new();
    let counts = |unhinted| {
        let mut counts = Vec::new();
        announce([&word], unhinted, &mut |_, count| counts.push(count));
        counts
    };
    let relayed = |slept_on| {
        let mut counts = Vec::new();
        relay([&word], [slept_on], &mut |_, count| counts.push(count));
        counts
    };
    let first = word.begin();
    assert_eq!(counts(false), [u32::MAX], "one");
    assert!(relayed(first).is_empty());
    let first = word.begin();
    begin_all([&word], true, true, |_| {});
    assert_eq!(counts(false), [u32::MAX], "one, in its second round");
    assert!(relayed(first).is_empty());
    let first = word.begin();
    word.begin();
    assert_eq!(counts(false), [FEW]);
    assert_eq!(relayed(first), [FEW]);
    let later = word.begin();
    assert!(relayed(later).is_empty(), "a later waiter is queued after all that must be woken");
    word.begin();
    assert_eq!(counts(true), [u32::MAX], "hints are not trusted");
    assert!(relayed(first).is_empty(), "and the relay has ended");
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
        while slices.now() < Slices::LONGEST {
            assert!(slices.now() <= waited + Duration::from_millis(2), "{number}: {slices:?}");
            waited += slices.now();
            slices.slept_out();
            looks += 1;
        }
        assert!((6..=8).contains(&looks), "{looks}");
        slices.slept_out();
        assert_eq!(slices.now(), Slices::LONGEST);
    }
    let first: std::collections::HashSet<_> =
        (0..8).map(|number| Slices::staggered(number).now()).collect();
    assert_eq!(first.len(), 8, "they check one after another");
}
