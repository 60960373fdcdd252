//! The orderings of the protocols under the memory models of C11, x86-64 and AArch64: herd7 judges
//! each program of `tests/litmus` and each of its weakened forms.
//!
//! A program names its model and the forbidden outcome: its condition, or a race where it says
//! `expect: no race`. After an operation there are weaker ones, with the verdict that herd7 must
//! then find (`// weak: memory_order_relaxed => Sometimes`); `all weak` weakens all of them at
//! once. Assembly has no comments, so its header names the n-th occurrence of an instruction and
//! its replacement, or nothing. So each program shows that it can fail, and which orderings it
//! needs.
//!
//! `make litmus` prints all verdicts; docs/internals/memory-model.md explains them.

#[path = "common/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the named herd7, the one that `scripts/fetch-herd.sh` fetches, or the installed one.
fn herd7() -> Option<PathBuf> {
    let named = std::env::var_os("HERD7").map(PathBuf::from);
    let brought = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/herd/herd7");
    let herd7 = named.unwrap_or(if brought.exists() { brought } else { "herd7".into() });
    let answer = Command::new(&herd7).arg("-version").output();
    answer.is_ok_and(|it| it.status.success()).then_some(herd7)
}

/// Returns the text after `key` in a comment of its own, up to the comment's end.
fn header<'a>(text: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    let prefix = format!("(* {key}: ");
    text.lines().filter_map(move |line| line.strip_prefix(&prefix)?.strip_suffix(" *)"))
}

/// A program and the verdict that herd7 must find.
struct Case {
    what: String,
    text: String,
    verdict: String,
}

/// Returns the program with the n-th occurrence of an instruction changed.
fn change(text: &str, what: &str, nth: usize, to: &str) -> String {
    let body = text.find("\n{").expect("the first values");
    let (at, _) = text[body..].match_indices(what).nth(nth - 1).expect("an n-th occurrence");
    format!("{}{to}{}", &text[..body + at], &text[body + at + what.len()..])
}

/// Returns a line with the weaker form of its operation.
fn weaken(code: &str, weaker: &str) -> String {
    if weaker == "dropped" {
        return String::new();
    }
    // The first order of an exchange is that of its success.
    let from = code.find("memory_order_").expect("an order");
    let end = from + code[from..].find([',', ')']).expect("its end");
    format!("{}{weaker}{}", &code[..from], &code[end..])
}

/// Returns the program as it is, and all its weakened forms.
fn cases(text: &str) -> Vec<Case> {
    let head = header(text, "model").next().expect("a model");
    let good = if head.contains("expect: no race") { "no race" } else { "Never" };
    let mut cases = vec![Case { what: "as it is".into(), text: text.into(), verdict: good.into() }];
    let mut all: Vec<String> = text.lines().map(str::to_owned).collect();
    for (number, line) in text.lines().enumerate() {
        let Some((code, weak)) = line.split_once("// weak: ") else { continue };
        for form in weak.split("; ") {
            let (weaker, verdict) = form.split_once(" => ").expect("`what => verdict`");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines[number] = weaken(code, weaker);
            all[number].clone_from(&lines[number]);
            cases.push(Case {
                what: format!("line {} {weaker}", number + 1),
                text: lines.join("\n"),
                verdict: verdict.into(),
            });
        }
    }
    if let Some(verdict) = header(text, "all weak").next() {
        let text = all.join("\n");
        cases.push(Case { what: "all of these".into(), text, verdict: verdict.into() });
    }
    for form in header(text, "changed").flat_map(|line| line.split("; ")) {
        let (edit, verdict) = form.split_once(" => ").expect("`what => verdict`");
        let (what, rest) = edit.split_once(" #").expect("`what #n`");
        let (nth, to) = rest.split_once(" to ").unwrap_or((rest, ""));
        cases.push(Case {
            what: edit.into(),
            text: change(text, what, nth.parse().expect("a number"), to),
            verdict: verdict.into(),
        });
    }
    cases
}

/// Returns the verdict of herd7 on a program.
fn judge(herd7: &Path, model: &str, case: &Case, good: &str, scratch: &Path) -> String {
    fs::write(scratch, &case.text).expect("a file for herd7");
    let output = Command::new(herd7).args(["-model", model]).arg(scratch).output();
    let output = output.expect("herd7 runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let observed = said.lines().find_map(|line| line.strip_prefix("Observation "));
    let Some(observed) = observed else {
        panic!("{}: {said}{}", case.what, String::from_utf8_lossy(&output.stderr))
    };
    let race = said.lines().any(|line| line == "Undef");
    match (good, race) {
        ("no race", true) => "race".into(),
        ("no race", false) => "no race".into(),
        _ => observed.split(' ').nth(1).expect("a verdict").into(),
    }
}

#[test]
fn each_program_and_each_weakened_form_is_judged_as_it_says() {
    let Some(herd7) = herd7() else {
        return skip::skip("litmus", "there is no herd7 (see scripts/fetch-herd.sh)");
    };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/litmus");
    let scratch = std::env::temp_dir().join(format!("plasma-{}.litmus", std::process::id()));
    let (mut programs, mut forms, mut needed, mut wrong) = (0, 0, 0, Vec::new());
    let files: BTreeSet<PathBuf> =
        fs::read_dir(dir).expect("tests/litmus").map(|it| it.expect("an entry").path()).collect();
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("a program");
        let head = header(&text, "model").next().expect("a model");
        let model = head.split(';').next().expect("a model");
        let cases = cases(&text);
        let good = cases[0].verdict.clone();
        programs += 1;
        forms += cases.len() - 1;
        for case in &cases {
            let found = judge(&herd7, model, case, &good, &scratch);
            println!("{name}, {}: {found}", case.what);
            needed += u32::from(found != good);
            if found != case.verdict {
                wrong.push(format!("{name}, {}: {found}, not {}", case.what, case.verdict));
            }
        }
        if cases.iter().all(|case| case.verdict == good) {
            wrong.push(format!("{name}: no weakened form fails"));
        }
    }
    let _ = fs::remove_file(&scratch);
    println!("{programs} programs, {forms} weakened forms, of which {needed} go wrong");
    assert!(programs > 0 && wrong.is_empty(), "{wrong:#?}");
}
