//! Whether the results of concurrent calls on one object are those of some order of the calls.
//!
//! Each call takes effect at one instant between its begin and its end; a put at two, in which it
//! creates and seals. The search tries all calls that may come next, in each state.

use super::api::*;
use plasma::ffi::plasma_status;
use plasma::sync::mutex::Mutex;
use std::collections::HashSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Absent,
    Writing,
    Sealed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    Create,
    Seal,
    Abort,
    Put,
    Get,
    /// A get that waits briefly.
    WaitFor,
    Contains(State),
    Delete,
}

#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub did: Did,
    pub status: i32,
    pub begun: u64,
    pub ended: u64,
}

const EXISTS: i32 = plasma_status::PLASMA_ERR_EXISTS as i32;
const NOT_FOUND: i32 = plasma_status::PLASMA_ERR_NOT_FOUND as i32;
const NOT_SEALED: i32 = plasma_status::PLASMA_ERR_NOT_SEALED as i32;

/// The calls on each object.
pub struct History(Vec<Mutex<Vec<Entry>>>);

impl History {
    pub fn new(objects: u64) -> History {
        History((0..objects).map(|_| Mutex::default()).collect())
    }

    pub fn add(&self, number: u64, entry: Entry) {
        self.0[number as usize].lock().push(entry);
    }

    /// The calls must have an order that ends in `end`.
    pub fn judge(&self, number: u64, end: State, interrupted: bool, what: &str) {
        let entries = self.0[number as usize].lock();
        for entry in entries.iter() {
            let ended_early = entry.status == INTERRUPTED;
            assert!(!ended_early || interrupted, "{what}: nobody interrupted {entry:?}");
        }
        let mut search = Search { entries: &entries, end, seen: HashSet::new() };
        let steps = vec![0; entries.len()];
        assert!(
            search.reaches(State::Absent, steps),
            "{what}: no order of the calls on object {number} ends {end:?}: {entries:#?}"
        );
    }
}

/// Returns the state after one step of a call, if the step is possible in this state.
fn step(entry: &Entry, step: u8, state: State) -> Option<State> {
    use State::{Absent, Sealed, Writing};
    let next = match (entry.did, entry.status, step) {
        (Did::Create, OK, _) | (Did::Put, OK, 0) => (Absent, Writing),
        (Did::Seal, OK, _) | (Did::Put, OK, _) => (Writing, Sealed),
        (Did::Abort, OK, _) => (Writing, Absent),
        (Did::Delete, OK, _) => (Sealed, Absent),
        (Did::Get | Did::WaitFor, OK, _) => (Sealed, Sealed),
        (Did::Contains(seen), OK, _) => (seen, seen),
        (Did::Get | Did::Delete, NOT_FOUND, _) => (Absent, Absent),
        (Did::Get | Did::Delete, NOT_SEALED, _) => (Writing, Writing),
        (Did::Create | Did::Put, EXISTS, _) if state == Absent => return None,
        (Did::Create | Did::Put, EXISTS, _) => (state, state),
        (Did::WaitFor, TIMEOUT, _) if state == Sealed => return None,
        (Did::WaitFor, TIMEOUT, _) => (state, state),
        // Nothing changed.
        (_, INTERRUPTED, _) => (state, state),
        _ => return None,
    };
    (next.0 == state).then_some(next.1)
}

/// Returns the number of steps of a call.
fn steps(entry: &Entry) -> u8 {
    if entry.did == Did::Put && entry.status == OK { 2 } else { 1 }
}

struct Search<'a> {
    entries: &'a [Entry],
    end: State,
    seen: HashSet<(State, Vec<u8>)>,
}

impl Search<'_> {
    /// Returns whether the rest of the calls has an order, after the given number of steps of each.
    fn reaches(&mut self, state: State, taken: Vec<u8>) -> bool {
        let open = |at: &usize| taken[*at] < steps(&self.entries[*at]);
        let left: Vec<usize> = (0..self.entries.len()).filter(open).collect();
        if left.is_empty() {
            return state == self.end;
        }
        if !self.seen.insert((state, taken.clone())) {
            return false;
        }
        // A call may come next unless another call that is not done ended before it began.
        let first_end = left.iter().map(|at| self.entries[*at].ended).min().unwrap();
        for at in left {
            let entry = &self.entries[at];
            if entry.begun > first_end {
                continue;
            }
            if let Some(next) = step(entry, taken[at], state) {
                let mut taken = taken.clone();
                taken[at] += 1;
                if self.reaches(next, taken) {
                    return true;
                }
            }
        }
        false
    }
}

#[test]
fn a_result_that_no_order_gives_is_found() {
    let entry = |did, status, begun, ended| Entry { did, status, begun, ended };
    let judged = |entries: &[Entry], end| {
        let history = History::new(1);
        entries.iter().for_each(|entry| history.add(0, *entry));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            history.judge(0, end, false, "a test");
        }))
        .is_ok()
    };
    let put = entry(Did::Put, OK, 0, 5);
    assert!(judged(&[put, entry(Did::Get, OK, 1, 2)], State::Sealed), "both were under way");
    assert!(judged(&[put, entry(Did::Get, NOT_SEALED, 1, 2)], State::Sealed));
    assert!(judged(&[put, entry(Did::Get, OK, 6, 7)], State::Sealed));
    assert!(!judged(&[put, entry(Did::Get, NOT_FOUND, 6, 7)], State::Sealed), "it was lost");
    assert!(!judged(&[put], State::Absent), "it was lost");
    assert!(!judged(&[put, entry(Did::Put, OK, 6, 7)], State::Sealed), "made twice");
    assert!(!judged(&[put, entry(Did::Create, INTERRUPTED, 6, 7)], State::Sealed));
}
