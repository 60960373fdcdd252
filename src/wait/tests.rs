//! Wake words and the spin policy, in one thread.

use super::*;

fn announced(word: &WakeWord, unhinted: bool) -> u32 {
    let mut wakes = 0;
    announce([word], unhinted, &mut |_| wakes += 1);
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
    assert_eq!(word.seq.load(Ordering::Relaxed), s.wrapping_add(1));
}

#[test]
fn many_words_begin_together() {
    let words = [WakeWord::new(), WakeWord::new(), WakeWord::new()];
    announce(&words[1..2], true, &mut |_| {});
    let mut seen = Vec::new();
    begin_all(&words, true, |seq| seen.push(seq));
    assert_eq!(seen, [0, 1, 0]);
    let mut woken = 0;
    announce(&words, false, &mut |_| woken += 1);
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
