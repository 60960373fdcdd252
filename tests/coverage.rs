//! docs/coverage.md says which test holds what; this holds docs/coverage.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words of `text` that begin with `prefix`.
fn words<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(prefix))
        .collect()
}

/// Each function of the header, with the statuses that its comment names; `-` if it has none.
fn functions() -> BTreeMap<String, BTreeSet<String>> {
    let header = read("include/plasma.h");
    let (_, prototypes) = header.split_once("extern \"C\" {").expect("the functions");
    let mut functions = BTreeMap::new();
    for part in prototypes.split("/**").skip(1) {
        let (comment, prototype) = part.split_once("*/").expect("the end of a comment");
        let Some((before, _)) = prototype.split_once('(') else { continue };
        let name = before.split([' ', '*']).next_back().expect("a name").to_owned();
        let mut statuses: BTreeSet<String> =
            words(comment, "PLASMA_ERR_").iter().map(|word| short(word)).collect();
        if before.contains("plasma_status_t") {
            statuses.insert("OK".to_owned());
        } else {
            statuses = BTreeSet::from(["-".to_owned()]);
        }
        assert!(functions.insert(name, statuses).is_none(), "declared twice");
    }
    assert!(functions.len() > 50, "{functions:?}");
    functions
}

/// The name of a status without what all have in common.
fn short(status: &str) -> String {
    status.trim_start_matches("PLASMA_ERR_").trim_start_matches("PLASMA_").to_owned()
}

/// Each status of the enum.
fn statuses() -> BTreeSet<String> {
    let header = read("include/plasma.h");
    let (_, rest) = header.split_once("typedef enum plasma_status {").expect("the enum");
    let (body, _) = rest.split_once("} plasma_status;").expect("its end");
    let is_member = |line: &&str| line.contains(" = ");
    body.lines().filter(is_member).flat_map(|line| words(line, "PLASMA_ERR_")).map(short).collect()
}

/// The rows below a heading, each as its cells.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let text = read("docs/coverage.md");
    let (_, rest) = text
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("docs/coverage.md has no heading {heading:?}"));
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let table = section.lines().filter(|line| line.starts_with('|')).skip(2);
    table
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
        })
        .collect()
}

/// `file::name` of each test that a row names, without the quotes.
fn tests(row: &[String]) -> Vec<String> {
    let cell = row.last().expect("a cell");
    cell.split(", ").map(|test| test.trim_matches('`').to_owned()).collect()
}

const HEADINGS: [&str; 5] = ["Functions", "Any function", "Bad input", "Promises", "Events"];

/// Why a test that is named is none, if so.
fn flaw(test: &str) -> Option<String> {
    let Some((file, name)) = test.split_once("::") else {
        return Some("is not file::name".to_owned());
    };
    let (path, definition) = if file.ends_with(".c") {
        (PathBuf::from("tests/c").join(file), format!("\nstatic void {name}(void)"))
    } else {
        (PathBuf::from("tests").join(file), format!("fn {name}("))
    };
    if !root().join(&path).is_file() {
        return Some("names no file".to_owned());
    }
    let source = read(&path);
    if file.ends_with(".c") {
        let listed = format!("TEST({})", name.trim_start_matches("test_"));
        // Tests that differ in one word are made by a macro named after what they do.
        let made = source.lines().any(|line| {
            line.strip_suffix(&format!("({})", name.trim_start_matches("test_")))
                .is_some_and(|macro_name| macro_name.chars().all(|c| c.is_ascii_uppercase()))
        });
        if !source.contains(&listed) {
            return Some("is not in its file's table of tests".to_owned());
        }
        return (!made && !source.contains(&definition)).then(|| "is no test".to_owned());
    }
    let found = source.find(&definition).map(|at| &source[..at]);
    let is_test = |before: &str| before.trim_end().ends_with("#[test]");
    (!found.is_some_and(is_test)).then(|| "is no test".to_owned())
}

#[test]
fn each_row_names_tests_that_exist() {
    let mut flaws = Vec::new();
    for heading in HEADINGS {
        let rows = rows(heading);
        assert!(!rows.is_empty(), "nothing below {heading:?}");
        for row in rows {
            for test in tests(&row) {
                if let Some(flaw) = flaw(&test) {
                    flaws.push(format!("{heading}, {:?}: {test:?} {flaw}", row[0]));
                }
            }
        }
    }
    assert!(flaws.is_empty(), "docs/coverage.md:\n{}", flaws.join("\n"));
}

#[test]
fn each_function_and_each_status_it_names_has_a_row() {
    let rows = rows("Functions");
    let covered: BTreeSet<(&str, &str)> =
        rows.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert_eq!(covered.len(), rows.len(), "two rows for the same");
    let functions = functions();
    let mut missing = Vec::new();
    for (function, statuses) in &functions {
        for status in statuses {
            if !covered.contains(&(function.as_str(), status.as_str())) {
                missing.push(format!("{function} {status}"));
            }
        }
    }
    assert!(missing.is_empty(), "docs/coverage.md has no row for {missing:?}");
    let unknown: Vec<_> = covered.iter().filter(|row| !functions.contains_key(row.0)).collect();
    assert!(unknown.is_empty(), "the header has no {unknown:?}");
}

#[test]
fn each_status_has_a_row() {
    let rows = rows("Any function");
    let covered: BTreeSet<String> = rows.iter().map(|row| row[0].clone()).collect();
    assert_eq!(covered, statuses());
}

#[test]
fn the_tests_of_a_function_call_it() {
    let mut flaws = Vec::new();
    for row in rows("Functions") {
        let called = tests(&row).iter().any(|test| {
            let file = test.split("::").next().unwrap_or_default();
            let own = read(Path::new("tests/c").join(file));
            let mut all = own.clone() + &read("tests/c/check.h");
            for helper in ["system.h", "remote.h", "waiters.h"] {
                if own.contains(&format!("#include \"{helper}\"")) {
                    all += &read(Path::new("tests/c").join(helper));
                }
            }
            let says = match row[1].as_str() {
                "-" | "OK" => true,
                status => own.contains(&format!("PLASMA_ERR_{status}")),
            };
            says && all.contains(&format!("{}(", row[0]))
        });
        if !called {
            flaws.push(format!("{} {}", row[0], row[1]));
        }
    }
    assert!(flaws.is_empty(), "no test named in docs/coverage.md calls it: {flaws:?}");
}

#[test]
fn promises_and_events_are_all_there() {
    let numbers: Vec<String> =
        rows("Promises").iter().map(|row| row[0].chars().take(2).collect()).collect();
    assert_eq!(numbers, ["1.", "2.", "3.", "4.", "5.", "6."]);
    assert!(rows("Events").len() >= 11);
    assert!(rows("Bad input").len() >= 40);
}
