//! A covering array: a small number of cells in which each two values of different columns occur
//! together, and each kind of store occurs with each pair of a call and a disturbance.

use super::calls::{CALLS, Call};
use super::common::Rng;
use super::disturbances::{DISTURBANCES, Disturbance};
use super::expected::{Situation, fits, is_possible};
use super::fixture::StoreKind;
use std::collections::BTreeSet;

/// Columns: call, situation, disturbance, kind of store.
type Row = (usize, usize, usize, usize);
type Triple = (u8, usize, usize, usize);

fn triples((call, situation, disturbance, kind): Row) -> [Triple; 3] {
    [(0, call, disturbance, kind), (1, call, situation, kind), (2, situation, disturbance, kind)]
}

fn possible((call, situation, disturbance, kind): Row) -> bool {
    let (call, situation) = (&CALLS[call], Situation::ALL[situation]);
    let (disturbance, kind) = (DISTURBANCES[disturbance].0, StoreKind::ALL[kind]);
    is_possible(call, situation, disturbance) && fits(call, situation, disturbance, kind)
}

/// Returns rows in which all possible triples with the kind of store occur; at most `most` rows,
/// those that cover most first.
pub fn rows(seed: u64, most: usize) -> Vec<(&'static Call, Situation, Disturbance, StoreKind)> {
    let mut all: Vec<Row> = Vec::new();
    for call in 0..CALLS.len() {
        for situation in 0..Situation::ALL.len() {
            for disturbance in 0..DISTURBANCES.len() {
                let kinds =
                    (0..StoreKind::ALL.len()).map(|kind| (call, situation, disturbance, kind));
                all.extend(kinds.filter(|row| possible(*row)));
            }
        }
    }
    let mut rng = Rng(seed);
    for at in (1..all.len()).rev() {
        all.swap(at, rng.below(at as u64 + 1) as usize);
    }
    let mut covered = BTreeSet::new();
    let mut chosen = Vec::new();
    // Greedy: a row for three new triples, then for two, then for one.
    for new in (1..=3).rev() {
        all.retain(|row| {
            let count = triples(*row).iter().filter(|it| !covered.contains(*it)).count();
            let take = count >= new && chosen.len() < most;
            if take {
                covered.extend(triples(*row));
                chosen.push(*row);
            }
            !take
        });
    }
    let of = |(call, situation, disturbance, kind): Row| {
        let disturbance = DISTURBANCES[disturbance].0;
        (&CALLS[call], Situation::ALL[situation], disturbance, StoreKind::ALL[kind])
    };
    chosen.into_iter().map(of).collect()
}

#[test]
fn each_triple_with_a_kind_of_store_is_covered() {
    let chosen = rows(1, usize::MAX);
    let has = |call: &str, disturbance: Disturbance, kind: StoreKind| {
        chosen.iter().any(|(c, _, d, k)| c.name == call && *d == disturbance && *k == kind)
    };
    for call in CALLS {
        for (disturbance, _) in DISTURBANCES {
            for kind in StoreKind::ALL {
                if !fits(call, Situation::Free, *disturbance, kind) {
                    continue;
                }
                assert!(
                    has(call.name, *disturbance, kind),
                    "{} {disturbance:?} {kind:?}",
                    call.name
                );
            }
        }
    }
    // The same seed draws the same rows.
    let again = rows(1, 50);
    assert!(again.iter().zip(&chosen).all(|(a, b)| a.0.name == b.0.name && a.2 == b.2));
}
