//! Killing at the n-th point, for n = 1, 2, .. to the end.

use super::common::{Child, say, spawn};
use plasma::sync::mutex::Mutex;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Children run this test, which only plays roles.
pub const CHILD: &str = "a_child_plays_its_role";

/// Number of points of one sweep that a quick run tries.
const QUICK: usize = 5;

/// Number of points of one sweep above which a full run tries only a part.
const MANY: u64 = 9000;

/// How a child ended.
#[derive(Debug)]
pub enum End {
    /// It finished.
    Passed(Points),
    /// It was killed at this point.
    Killed(String),
}

/// The points that a child passed; all of them only if it was to remember them.
#[derive(Debug)]
pub struct Points {
    pub total: u64,
    /// The first passage of each place.
    pub first: Vec<u64>,
    /// The first passages of each place, and some of the others.
    most: Vec<u64>,
}

/// Passages of a place after which only each 16th one is in `most`.
const OFTEN: u64 = 64;

/// Places in the source that were passed, and by which operations.
pub static PASSED: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// On this thread each operation runs once, without a kill.
    static UNHARMED: Cell<bool> = const { Cell::new(false) };
}

/// Runs all operations of `all` once, without a kill.
pub fn run_unharmed(all: impl FnOnce()) {
    UNHARMED.set(true);
    all();
    UNHARMED.set(false);
}

/// In the child: arms the kill at the `n`-th point from now, or remembers all points if `n` is 0.
pub fn arm(n: &str) {
    let n = n.parse().unwrap();
    plasma::sync::before_death(|point| say(&format!("killed at {point}")));
    plasma::sync::trace(n == 0);
    plasma::sync::arm(n);
}

/// In the child: reports the end of the operation.
pub fn passed() {
    let passed = plasma::sync::passed();
    plasma::sync::arm(0);
    plasma::sync::trace(false);
    let (mut first, mut most) = (Vec::new(), Vec::new());
    let mut times = BTreeMap::new();
    for (point, n) in plasma::sync::traced().into_iter().zip(1..) {
        let times: &mut u64 = times.entry(point).or_default();
        *times += 1;
        if *times == 1 {
            first.push(format!("{n}={point}"));
        }
        if *times <= OFTEN || times.is_multiple_of(16) {
            most.push(n.to_string());
        }
    }
    say(&format!("passed {passed}|{}|{}", most.join(","), first.join(";")));
}

/// Returns how an armed child ended.
pub fn end_of(child: Child, operation: &str) -> End {
    let said = child.next().unwrap_or_else(|| panic!("{operation} failed"));
    if let Some(point) = said.strip_prefix("killed at ") {
        child.end();
        return End::Killed(point.to_owned());
    }
    let mut parts = said.strip_prefix("passed ").unwrap().splitn(3, '|');
    let total = parts.next().unwrap().parse().unwrap();
    let numbers = parts.next().unwrap().split(',').filter_map(|n| n.parse().ok());
    let mut points = Points { total, first: Vec::new(), most: numbers.collect() };
    let mut known = PASSED.lock();
    for (n, place) in parts.next().unwrap().split(';').filter_map(|place| place.split_once('=')) {
        points.first.push(n.parse().unwrap());
        known.entry(place.to_owned()).or_default().insert(operation.to_owned());
    }
    drop(known);
    assert!(child.end().success(), "{operation}");
    End::Passed(points)
}

/// Runs a role that is armed at once, with `n` as its second argument.
pub fn run(role: &str, address: &str, n: u64, rest: &[&str]) -> End {
    let n = n.to_string();
    end_of(spawn(CHILD, &[&[role, address, &n], rest].concat()), role)
}

/// Returns whether to try all points, or with `most` not every passage of a loop.
fn thorough() -> Option<String> {
    std::env::var("PLASMA_KILL_ALL").ok()
}

/// Returns the points to try: all of them (if there are very many, the first at each place and a
/// few more), or the first at some places, which differ from sweep to sweep.
pub fn points(what: &str, passed: &Points) -> Vec<u64> {
    let Points { total, first, most } = passed;
    match thorough().as_deref() {
        Some(_) if *total > MANY => {
            let some = (1..=*total).step_by((total / 20) as usize);
            let points: BTreeSet<u64> = first.iter().copied().chain(some).collect();
            return points.into_iter().collect();
        }
        Some("most") => return most.clone(),
        Some(_) => return (1..=*total).collect(),
        None => {}
    }
    let quick = if *total <= MANY { QUICK } else { QUICK / 2 };
    let step = first.len().div_ceil(quick).max(1);
    let seed = what.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    first.iter().copied().skip(seed % step).step_by(step).collect()
}

/// Sweeps over one operation: `victim(n)` runs it and kills it at its `n`-th point, or completes
/// it for 0, and `after` checks the store.
pub fn sweep(what: &str, mut victim: impl FnMut(u64) -> End, mut after: impl FnMut(&str)) {
    let End::Passed(passed) = victim(0) else { panic!("{what}: killed at point 0") };
    if UNHARMED.get() {
        return;
    }
    after(&format!("{what}, unharmed"));
    let (mut kills, mut n) = (0, 0);
    let total = passed.total;
    let points = points(what, &passed);
    let mut chosen = points.iter();
    loop {
        n = match chosen.next() {
            Some(&n) => n,
            // Where others are at work, the operation may be longer than it was.
            None if thorough().is_some() && total <= MANY => n + 1,
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
    println!("{what}: {total} points at {} places, {kills} kills", passed.first.len());
}
