//! Runs the cells: each in a process of its own, several at a time.

use super::CHILD;
use super::api::status_name;
use super::calls::{CALLS, Call, Class};
use super::common::skip::skip;
use super::common::{Rng, Scratch, spawn};
use super::cover;
use super::disturbances::{DISTURBANCES, Disturbance, When};
use super::expected::{Allowed, Situation, is_possible};
use super::run::Cell;
use super::table::{usual_kind, write_runs};
use plasma::sync::mutex::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Number of processes at a time, and time limit of one.
const AT_A_TIME: usize = 3;
const LIMIT: Duration = Duration::from_secs(300);

/// The short form runs one of this many slow cells, and this many triples.
const ONE_IN: u64 = 24;
const SHORT_TRIPLES: usize = 250;

/// The result of a cell: its status, the points that it passed (all, and while counted), and its
/// place.
struct Outcome {
    status: i32,
    passed: u64,
    counted: u64,
    point: String,
}

fn run(cell: Cell) -> Result<Outcome, String> {
    let dir = Scratch::new();
    let role = cell.role(dir.0.to_str().unwrap());
    let role: Vec<&str> = role.iter().map(String::as_str).collect();
    let child = spawn(CHILD, &role);
    let mut said = None;
    while let Some(line) = child.next_within(LIMIT)? {
        if let Some(rest) = line.strip_prefix("ended: ") {
            said = Some(rest.to_owned());
        }
    }
    let ended = child.end();
    let said = said.filter(|_| ended.success()).ok_or_else(|| format!("it ended with {ended}"))?;
    let parts: Vec<&str> = said.splitn(4, '|').collect();
    let number = |n: usize| parts[n].parse::<i64>().unwrap();
    Ok(Outcome {
        status: number(0) as i32,
        passed: number(1) as u64,
        counted: number(2) as u64,
        point: parts[3].to_owned(),
    })
}

/// How the matrix is run.
struct Form {
    full: bool,
    seed: u64,
    /// Only cells whose names contain all of these words, and none of those that begin with `-`.
    words: Vec<String>,
}

impl Form {
    fn of_environment() -> Form {
        let words = std::env::var("PLASMA_MATRIX_ONLY").unwrap_or_default();
        let seed = std::env::var("PLASMA_MATRIX_SEED").ok().and_then(|seed| seed.parse().ok());
        Form {
            full: std::env::var_os("PLASMA_MATRIX_FULL").is_some(),
            seed: seed.unwrap_or(1),
            words: words.split_whitespace().map(str::to_owned).collect(),
        }
    }

    fn has(&self, cell: &Cell) -> bool {
        let name = name(cell);
        let meant = self.words.iter().all(|word| match word.strip_prefix('-') {
            Some(word) => !name.contains(word),
            None => name.contains(word),
        });
        let long =
            matches!(cell.disturbance, Disturbance::ThousandClients | Disturbance::ManyLeases);
        meant && (self.full || !long || self.draw(&name).below(ONE_IN) == 0)
    }

    fn draw(&self, name: &str) -> Rng {
        let seed = name.bytes().fold(self.seed, |sum, it| sum.wrapping_mul(31) + u64::from(it));
        let mut rng = Rng(seed);
        rng.next();
        rng
    }

    /// Returns the points of `n` at which a cell is run: one of them, or several.
    fn points(&self, cell: &Cell, n: u64) -> Vec<u64> {
        let mut rng = self.draw(&name(cell));
        let one = 1 + rng.below(n.max(1));
        if n == 0 || cell.disturbance.when() != When::Inside {
            vec![one.min(n)]
        } else if self.full {
            let some = [1, n, one, 1 + rng.below(n)];
            BTreeSet::from(some).into_iter().collect()
        } else if cell.call.class == Class::Store {
            // These make system calls of many kinds.
            BTreeSet::from([1, one, n]).into_iter().collect()
        } else {
            vec![one]
        }
    }
}

fn name(cell: &Cell) -> String {
    format!("{} {:?} {:?} {:?}", cell.call.name, cell.situation, cell.disturbance, cell.kind)
}

/// The results of all cells.
#[derive(Default)]
struct Report {
    runs: Mutex<BTreeMap<String, BTreeMap<i32, u32>>>,
    failed: Mutex<Vec<String>>,
    skipped: Mutex<BTreeSet<String>>,
}

impl Report {
    /// Runs a cell where that is possible. `passed` are the points of the undisturbed call.
    fn cell(&self, form: &Form, mut cell: Cell, passed: (u64, u64)) -> Option<(u64, u64)> {
        if matches!(cell.allowed(), Allowed::Not(_)) {
            return None;
        }
        if let Some(reason) = cell.disturbance.cannot() {
            self.skipped.lock().insert(format!("{:?}: {reason}", cell.disturbance));
            return None;
        }
        // A disconnect waits for calls that it finds counted.
        let counted = cell.disturbance == Disturbance::Disconnect && cell.call.is_counted();
        let n = if counted { passed.1 } else { passed.0 };
        if counted && n == 0 && !cell.situation.sleeps(cell.call) {
            return None;
        }
        let mut came = None;
        for point in form.points(&cell, n) {
            cell.point = point;
            came = self.once(&cell, counted);
        }
        came
    }

    fn once(&self, cell: &Cell, counted: bool) -> Option<(u64, u64)> {
        let mut cell = *cell;
        // Another run may pass fewer points, for example where the lock was never held.
        for _ in 0..4 {
            match run(cell) {
                Ok(outcome) => {
                    let inside = cell.disturbance.when() == When::Inside;
                    let wanted = cell.point > 0 || cell.situation.sleeps(cell.call);
                    if inside && wanted && outcome.point.is_empty() && cell.point > 0 {
                        let n = if counted { outcome.counted } else { outcome.passed };
                        cell.point = n.min(cell.point - 1);
                        continue;
                    }
                    let mut runs = self.runs.lock();
                    let statuses = runs.entry(name(&cell)).or_default();
                    *statuses.entry(outcome.status).or_default() += 1;
                    println!(
                        "{}: {} at {}",
                        name(&cell),
                        status_name(outcome.status),
                        outcome.point
                    );
                    return Some((outcome.passed, outcome.counted));
                }
                Err(error) => {
                    println!("FAILED {} at {}: {error}", name(&cell), cell.point);
                    let failed = format!("{} at {}: {error}", name(&cell), cell.point);
                    self.failed.lock().push(failed);
                    // One failure is enough for a caller that asks whether any cell fails.
                    if std::env::var_os("PLASMA_MATRIX_FIRST").is_some() {
                        ENOUGH.store(true, Relaxed);
                    }
                    return None;
                }
            }
        }
        let failed = format!("{}: it never stands at a point", name(&cell));
        self.failed.lock().push(failed);
        None
    }

    fn end(mut self, form: &Form) {
        for reason in std::mem::take(self.skipped.get_mut()) {
            skip("matrix", &reason);
        }
        let runs = std::mem::take(self.runs.get_mut());
        write_runs(&runs);
        let failed = std::mem::take(self.failed.get_mut());
        let seed = form.seed;
        println!("{} cells, {} failed, seed {seed}", runs.len(), failed.len());
        assert!(failed.is_empty(), "seed {seed}, {} failed: {failed:#?}", failed.len());
        assert!(!runs.is_empty() || !form.words.is_empty(), "nothing was run");
    }
}

/// No further cell is started.
static ENOUGH: AtomicBool = AtomicBool::new(false);

/// Does each of `work`, several at a time.
fn side_by_side<T: Sync>(work: &[T], each: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(one) = work.get(next.fetch_add(1, Relaxed))
                    && !ENOUGH.load(Relaxed)
                {
                    each(one);
                }
            });
        }
    });
}

type Passed = BTreeMap<(String, Situation), (u64, u64)>;

#[test]
fn every_pair_and_some_triples_end_as_written() {
    let form = Form::of_environment();
    let report = Report::default();
    let mut calls: Vec<(&'static Call, Situation)> = Vec::new();
    for call in CALLS {
        let possible = |it: &Situation| is_possible(call, *it, Disturbance::Nothing);
        calls.extend(Situation::ALL.into_iter().filter(possible).map(|it| (call, it)));
    }
    let cell = |call: &'static Call, situation, disturbance| Cell {
        call,
        situation,
        disturbance,
        kind: usual_kind(call),
        point: 0,
    };
    // The undisturbed call first: that shows which points exist.
    let mut passed: Mutex<Passed> = Mutex::default();
    side_by_side(&calls, |(call, situation)| {
        let undisturbed = cell(call, *situation, Disturbance::Nothing);
        let mut work = DISTURBANCES.iter().map(|(it, _)| cell(call, *situation, *it));
        if work.any(|cell| form.has(&cell)) {
            let came = report.cell(&form, undisturbed, (0, 0)).unwrap_or_default();
            passed.lock().insert((call.name.to_owned(), *situation), came);
        }
    });
    let passed = std::mem::take(passed.get_mut());
    let of = |cell: &Cell| passed.get(&(cell.call.name.to_owned(), cell.situation)).copied();
    let mut work = Vec::new();
    for (call, situation) in &calls {
        let others = DISTURBANCES.iter().skip(1).map(|(it, _)| *it);
        let possible = others.filter(|it| is_possible(call, *situation, *it));
        work.extend(possible.map(|it| cell(call, *situation, it)));
    }
    let most = if form.full { usize::MAX } else { SHORT_TRIPLES };
    for (call, situation, disturbance, kind) in cover::rows(form.seed, most) {
        work.push(Cell { kind, ..cell(call, situation, disturbance) });
    }
    work.retain(|cell| form.has(cell));
    side_by_side(&work, |cell| {
        report.cell(&form, *cell, of(cell).unwrap_or_default());
    });
    report.end(&form);
}
