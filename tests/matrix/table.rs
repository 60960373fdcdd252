//! The table of pairs, for people: docs/internals/matrix.md is made of the rows, and a file below the target
//! directory lists all runs.

use super::api::status_name;
use super::calls::{CALLS, Call, Class};
use super::disturbances::{DISTURBANCES, Disturbance, When};
use super::expected::{Allowed, Situation, allowed, is_possible};
use super::fixture::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// The kind of store in which a call is tried with each disturbance.
pub fn usual_kind(call: &Call) -> Kind {
    if call.name == "plasma_evict" { Kind::Lru } else { Kind::Plain }
}

/// The statuses of a pair in each situation.
fn pairs(disturbance: Disturbance) -> impl Iterator<Item = (&'static Call, Situation, Allowed)> {
    CALLS.iter().flat_map(move |call| {
        let possible = move |it: &Situation| is_possible(call, *it, disturbance);
        Situation::ALL.into_iter().filter(possible).map(move |situation| {
            (call, situation, allowed(call, situation, disturbance, usual_kind(call)))
        })
    })
}

fn short(call: &Call) -> &str {
    call.name.trim_start_matches("plasma_")
}

const HEAD: &str = "\
# Calls beside everything that can happen to them

Made by tests/matrix from its rows; `PLASMA_UPDATE_MATRIX=1 make matrix` writes it anew.

A cell is a call, its situation, and a disturbance. The call runs in a process of its own and stands
at a point of the library when the disturbance comes: it is free of obstacles, or waits for another
client by its nature, or waits behind another client that has the writer lock. Then the call ends with a
status that is allowed, `plasma_check` finds nothing wrong, and objects, leases and memory are those of
the model. A second status has its reason below. `make test` runs all cells but those with very
many clients, of which it runs some; `make matrix` runs all of them, each at several points, and
triples of call, disturbance and kind of store by a covering array.
";

fn document() -> String {
    let mut text = HEAD.to_owned();
    let cells = |d: Disturbance| pairs(d).filter(|(.., it)| !matches!(it, Allowed::Not(_)));
    let total: usize = DISTURBANCES.iter().map(|(d, _)| cells(*d).count()).sum();
    let (calls, all) = (CALLS.len(), DISTURBANCES.len());
    writeln!(text, "\n{calls} calls, {all} disturbances, {total} cells.\n\n\n## Disturbances\n")
        .unwrap();
    writeln!(text, "| what happens | when | cells | statuses |\n|---|---|---|---|").unwrap();
    for (disturbance, words) in DISTURBANCES {
        let mut statuses: BTreeMap<i32, usize> = BTreeMap::new();
        for (_, _, allowed) in cells(*disturbance) {
            match allowed {
                Allowed::One(one) => *statuses.entry(-one).or_default() += 1,
                Allowed::Two(one, other, _) => {
                    *statuses.entry(-one).or_default() += 1;
                    *statuses.entry(-other).or_default() += 1;
                }
                Allowed::Not(_) => {}
            }
        }
        let statuses: Vec<String> =
            statuses.iter().map(|(it, n)| format!("{} {n}", status_name(-it))).collect();
        let when = match disturbance.when() {
            When::Inside => "during the call",
            When::Before => "before the call",
            When::Meets => "the call waits behind it",
        };
        let count = cells(*disturbance).count();
        writeln!(text, "| {words} | {when} | {count} | {} |", statuses.join(", ")).unwrap();
    }
    reasons(&mut text);
    text.push_str("\n\n## Calls\n\n| call | what it touches | situations |\n|---|---|---|\n");
    for call in CALLS {
        let situations = Situation::ALL.into_iter();
        let of = situations.filter(|it| is_possible(call, *it, Disturbance::Nothing));
        let names: Vec<&str> = of
            .map(|it| match it {
                Situation::Free => "free",
                Situation::Waits => "waits",
                Situation::Behind => "behind the lock's owner",
            })
            .collect();
        writeln!(text, "| `{}` | {} | {} |", call.name, touches(call.class), names.join(", "))
            .unwrap();
    }
    text
}

fn touches(class: Class) -> &'static str {
    match class {
        Class::Local => "nothing shared",
        Class::Buffer => "a buffer",
        Class::Hot => "words of the store",
        Class::Reads => "the store, without its lock",
        Class::Locks => "the store, with its lock",
        Class::Draft => "a draft",
        Class::DraftLocks => "a draft, with the lock",
        Class::News => "a subscription",
        Class::Store => "a store by its address",
        Class::Ends => "a handle that it ends",
    }
}

/// The pairs that may return two statuses, those that are not done, and why.
fn reasons(text: &mut String) {
    type Row = (&'static str, String, &'static str);
    let mut rows: Vec<(Row, BTreeSet<&str>)> = Vec::new();
    for (disturbance, words) in DISTURBANCES {
        for (call, _, allowed) in pairs(*disturbance) {
            let row = match allowed {
                Allowed::One(_) => continue,
                Allowed::Two(one, other, reason) => {
                    (*words, format!("{} or {}", status_name(one), status_name(other)), reason)
                }
                Allowed::Not(reason) => (*words, "not done".to_owned(), reason),
            };
            match rows.iter_mut().find(|(known, _)| *known == row) {
                Some((_, calls)) => drop(calls.insert(short(call))),
                None => rows.push((row, BTreeSet::from([short(call)]))),
            }
        }
    }
    text.push_str("\n\n## Pairs with a second status, or not done\n\n");
    text.push_str("| what happens | statuses | reason | calls |\n|---|---|---|---|\n");
    for ((words, statuses, reason), calls) in rows {
        let calls: Vec<&str> = calls.into_iter().collect();
        writeln!(text, "| {words} | {statuses} | {reason} | {} |", calls.join(", ")).unwrap();
    }
}

/// Write all runs: call, situation, disturbance, runs, statuses.
pub fn write_runs(runs: &BTreeMap<String, BTreeMap<i32, u32>>) {
    let mut text = String::from("call situation disturbance: runs, statuses\n");
    for (name, statuses) in runs {
        let all: Vec<String> =
            statuses.iter().map(|(it, n)| format!("{} {n}", status_name(*it))).collect();
        let count: u32 = statuses.values().sum();
        writeln!(text, "{name}: {count} runs, {}", all.join(", ")).unwrap();
    }
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix.txt"), text).unwrap();
}

#[test]
fn the_table_in_the_docs_is_that_of_the_rows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/internals/matrix.md");
    let text = document();
    if std::env::var_os("PLASMA_UPDATE_MATRIX").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == text,
        "docs/internals/matrix.md is not current: PLASMA_UPDATE_MATRIX=1 writes it"
    );
}

#[test]
fn every_call_of_the_header_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = std::fs::read_to_string(root.join("capi/plasma.map")).unwrap();
    let lines = map.lines().map(str::trim);
    let exported: BTreeSet<&str> = lines
        .filter_map(|line| line.strip_suffix(';').filter(|name| name.starts_with("plasma_")))
        .collect();
    let rows: BTreeSet<&str> = CALLS.iter().map(|call| call.name).collect();
    assert_eq!(rows, exported, "a row for each symbol of plasma.map, and none beside");
    let header = std::fs::read_to_string(root.join("include/plasma.h")).unwrap();
    assert!(rows.iter().all(|name| header.contains(&format!("{name}("))));
    assert_eq!(rows.len(), CALLS.len(), "one row each");
}

#[test]
fn every_second_status_has_its_reason() {
    for (disturbance, _) in DISTURBANCES {
        for (call, situation, allowed) in pairs(*disturbance) {
            let name = format!("{} {situation:?} {disturbance:?}", call.name);
            match allowed {
                Allowed::One(_) => {}
                Allowed::Two(one, other, reason) => {
                    assert!(one != other && reason.len() > 10, "{name}")
                }
                Allowed::Not(reason) => assert!(reason.len() > 10, "{name}"),
            }
        }
    }
}

#[test]
fn the_tests_that_the_readme_names_are_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let readme = std::fs::read_to_string(tests.join("matrix/README.md")).unwrap();
    let mut named = 0;
    for (file, name) in readme.split('`').filter_map(|word| word.split_once("::")) {
        if file.ends_with(".c") || file.ends_with(".rs") {
            let source = std::fs::read_to_string(tests.join(file)).unwrap_or_default();
            assert!(source.contains(&format!("{name}(")), "{file}::{name}");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}
