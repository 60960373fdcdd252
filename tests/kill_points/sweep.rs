//! Killing at the n-th point, for n = 1, 2, .. to the end.

use super::common::{Child, say, spawn};
use parking_lot::Mutex;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Children run this test: it only plays roles.
pub const CHILD: &str = "a_child_plays_its_role";

/// Points of one sweep that a quick run tries.
const QUICK: usize = 5;

/// Points of one sweep above which a full run tries a part.
const MANY: u64 = 9000;

/// How a child ended.
#[derive(Debug)]
pub enum End {
    /// It did all it had to do, past so many points; and when it passed each place first, if it
    /// was to remember that.
    Passed(u64, Vec<u64>),
    /// It was killed at this point.
    Killed(String),
}

/// Places in the source that were passed, and by which operations.
pub static PASSED: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// On this thread each operation is done once, unharmed.
    static SURVEY: Cell<bool> = const { Cell::new(false) };
}

/// Do everything once, unharmed, in what `all` does.
pub fn survey(all: impl FnOnce()) {
    SURVEY.set(true);
    all();
    SURVEY.set(false);
}

/// In the child: be killed at the `n`-th point from now, or remember all of them if `n` is 0.
pub fn arm(n: &str) {
    let n = n.parse().unwrap();
    plasma::sync::before_death(|point| say(&format!("killed at {point}")));
    plasma::sync::trace(n == 0);
    plasma::sync::arm(n);
}

/// In the child: it is done.
pub fn passed() {
    let passed = plasma::sync::passed();
    plasma::sync::arm(0);
    plasma::sync::trace(false);
    let places = plasma::sync::places();
    let places: Vec<_> = places.iter().map(|(point, n)| format!("{n}={point}")).collect();
    say(&format!("passed {passed} {}", places.join(";")));
}

/// What an armed child came to.
pub fn end_of(child: Child, operation: &str) -> End {
    let said = child.next().unwrap_or_else(|| panic!("{operation} failed"));
    if let Some(point) = said.strip_prefix("killed at ") {
        child.end();
        return End::Killed(point.to_owned());
    }
    let (passed, places) = said.strip_prefix("passed ").unwrap().split_once(' ').unwrap();
    let places = places.split(';').filter_map(|place| place.split_once('='));
    let mut first = Vec::new();
    let mut known = PASSED.lock();
    for (n, place) in places {
        first.push(n.parse().unwrap());
        known.entry(place.to_owned()).or_default().insert(operation.to_owned());
    }
    drop(known);
    assert!(child.end().success(), "{operation}");
    first.sort_unstable();
    End::Passed(passed.parse().unwrap(), first)
}

/// Run a role that is armed at once, with `n` as its second argument.
pub fn run(role: &str, address: &str, n: u64, rest: &[&str]) -> End {
    let n = n.to_string();
    end_of(spawn(CHILD, &[&[role, address, &n], rest].concat()), role)
}

fn all() -> bool {
    std::env::var_os("PLASMA_KILL_ALL").is_some()
}

/// The points to try of so many: all of them (of very many: the first of each place, and a
/// thousand), or the first at some places, which differ from sweep to sweep.
pub fn points(what: &str, total: u64, first: &[u64]) -> Vec<u64> {
    if all() && total <= MANY {
        return (1..=total).collect();
    }
    if all() {
        let some = (1..=total).step_by((total / 1000) as usize);
        let points: BTreeSet<u64> = first.iter().copied().chain(some).collect();
        return points.into_iter().collect();
    }
    let quick = if total <= MANY { QUICK } else { QUICK / 2 };
    let step = first.len().div_ceil(quick).max(1);
    let seed = what.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    first.iter().copied().skip(seed % step).step_by(step).collect()
}

/// Sweep over one operation: `victim(n)` runs it and kills it at its `n`-th point, or not at all
/// for 0, and `after` looks at what is left.
pub fn sweep(what: &str, mut victim: impl FnMut(u64) -> End, mut after: impl FnMut(&str)) {
    let End::Passed(total, first) = victim(0) else { panic!("{what}: killed at point 0") };
    if SURVEY.get() {
        return;
    }
    after(&format!("{what}, unharmed"));
    let (mut kills, mut n) = (0, 0);
    let points = points(what, total, &first);
    let mut chosen = points.iter();
    loop {
        n = match chosen.next() {
            Some(&n) => n,
            // Where others are at work, this time it may be longer than it was.
            None if all() && total <= MANY => n + 1,
            None => break,
        };
        let (place, past_the_end) = match victim(n) {
            End::Killed(point) => {
                kills += 1;
                (point, false)
            }
            End::Passed(..) => ("its end".to_owned(), n > total),
        };
        after(&format!("{what}, killed at {n} of {total}: {place}"));
        if past_the_end {
            break;
        }
    }
    println!("{what}: {total} points at {} places, {kills} kills", first.len());
}
