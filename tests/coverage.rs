//! tests/coverage.toml says which test holds which promise; this checks that it is complete and
//! correct.

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

/// Returns the words of `text` that begin with `prefix`.
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
        // Types and constants stand between the functions.
        let Some((prototype, _)) = prototype.split_once(");") else { continue };
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

/// Returns the name of a status without the common prefix.
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

/// One promise and the tests that hold it.
struct Row {
    /// A function, a status, an input, a promise or an event.
    name: String,
    /// For a function: one of its statuses; otherwise empty.
    status: String,
    tests: Vec<String>,
}

const LIST: &str = "tests/coverage.toml";

/// Returns all rows by the name of their table. A row is `key = [`, one test a line, and `]`.
fn tables() -> BTreeMap<String, Vec<Row>> {
    let mut tables: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut heading = String::new();
    let mut is_open = false;
    for (number, line) in read(LIST).lines().enumerate() {
        let (line, place) = (line.trim_end(), format!("{LIST}:{}", number + 1));
        let (table, function) = heading.split_once('.').unwrap_or((&heading, ""));
        if line.is_empty() || line.starts_with('#') {
            continue;
        } else if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            assert!(!is_open, "{place}: a heading inside a list");
            name.clone_into(&mut heading);
        } else if line == "]" {
            assert!(is_open, "{place}: closes no list");
            is_open = false;
        } else if let Some(test) = line.strip_prefix("    \"").and_then(|it| it.strip_suffix("\","))
        {
            assert!(is_open, "{place}: a test outside a list");
            let row = tables.get_mut(table).and_then(|rows| rows.last_mut());
            row.expect("a row").tests.push(test.to_owned());
        } else if let Some((key, rest)) = line.split_once(" = [") {
            let is_comment = rest.is_empty() || rest.starts_with(" # ");
            assert!(!is_open && !heading.is_empty() && is_comment, "{place}: {line}");
            let key = key.trim_matches('"').to_owned();
            let (name, status) =
                if function.is_empty() { (key, String::new()) } else { (function.into(), key) };
            let row = Row { name, status, tests: Vec::new() };
            tables.entry(table.to_owned()).or_default().push(row);
            is_open = true;
        } else {
            panic!("{place}: {line}");
        }
    }
    assert!(!is_open, "{LIST}: the last list is open");
    tables
}

/// Returns the rows of one table.
fn rows(table: &str) -> Vec<Row> {
    tables().remove(table).unwrap_or_else(|| panic!("{LIST} has no table {table}"))
}

const TABLES: [&str; 5] = ["any-function", "bad-input", "events", "functions", "promises"];

/// Returns the path of a C test: its file is in one of the directories of tests/c.
fn c_test(file: &str) -> PathBuf {
    let groups = fs::read_dir(root().join("tests/c")).expect("the directory of the C tests");
    let mut paths = groups.map(|group| group.expect("an entry").path().join(file));
    paths.find(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("tests/c").join(file))
}

/// Returns the reason why a named test does not exist, if it does not.
fn flaw(test: &str) -> Option<String> {
    let Some((file, name)) = test.split_once("::") else {
        return Some("is not file::name".to_owned());
    };
    let (path, definition) = if file.ends_with(".c") {
        (c_test(file), format!("\nstatic void {name}(void)"))
    } else {
        (PathBuf::from("tests").join(file), format!("fn {name}("))
    };
    if !root().join(&path).is_file() {
        return Some("names no file".to_owned());
    }
    let source = read(&path);
    if file.ends_with(".c") {
        let listed = format!("TEST({})", name.trim_start_matches("test_"));
        // Tests that differ in one word are made by a macro named after their subject.
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
    let tables = tables();
    assert!(tables.keys().eq(TABLES), "{:?}", tables.keys());
    for (table, rows) in tables {
        for row in rows {
            let name = format!("{table}, {:?} {}", row.name, row.status);
            if row.tests.is_empty() {
                flaws.push(format!("{name}: no test"));
            }
            for test in &row.tests {
                if let Some(flaw) = flaw(test) {
                    flaws.push(format!("{name}: {test:?} {flaw}"));
                }
            }
        }
    }
    assert!(flaws.is_empty(), "{LIST}:\n{}", flaws.join("\n"));
}

#[test]
fn each_function_and_each_status_it_names_has_a_row() {
    let rows = rows("functions");
    let covered: BTreeSet<(&str, &str)> =
        rows.iter().map(|row| (row.name.as_str(), row.status.as_str())).collect();
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
    assert!(missing.is_empty(), "{LIST} has no row for {missing:?}");
    let unknown: Vec<_> = covered.iter().filter(|row| !functions.contains_key(row.0)).collect();
    assert!(unknown.is_empty(), "the header has no {unknown:?}");
}

#[test]
fn each_status_has_a_row() {
    let rows = rows("any-function");
    let covered: BTreeSet<String> = rows.iter().map(|row| row.name.clone()).collect();
    assert_eq!(covered, statuses());
}

#[test]
fn the_tests_of_a_function_call_it() {
    let mut flaws = Vec::new();
    for row in rows("functions") {
        let called = row.tests.iter().any(|test| {
            let file = test.split("::").next().unwrap_or_default();
            let own = read(c_test(file));
            let mut all = own.clone() + &read("tests/c/check.h");
            for helper in ["system.h", "remote.h", "waiters.h"] {
                if own.contains(&format!("#include \"{helper}\"")) {
                    all += &read(Path::new("tests/c").join(helper));
                }
            }
            let says = match row.status.as_str() {
                "-" | "OK" => true,
                status => own.contains(&format!("PLASMA_ERR_{status}")),
            };
            says && all.contains(&format!("{}(", row.name))
        });
        if !called {
            flaws.push(format!("{} {}", row.name, row.status));
        }
    }
    assert!(flaws.is_empty(), "no test named in {LIST} calls it: {flaws:?}");
}

#[test]
fn promises_and_events_are_all_there() {
    let numbers: Vec<String> =
        rows("promises").iter().map(|row| row.name.chars().take(2).collect()).collect();
    assert_eq!(numbers, ["1.", "2.", "3.", "4.", "5.", "6."]);
    assert!(rows("events").len() >= 11);
    assert!(rows("bad-input").len() >= 40);
}
