//! The examples are short and print their transcripts; hello.c is the program of the README, and
//! may run repeatedly.
#![cfg(not(loom))]

#[path = "common/sources.rs"]
mod sources;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

const LINES: usize = 80;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the directory in which `make build` leaves the libraries.
fn libraries() -> PathBuf {
    let dir =
        env::var_os("PLASMA_LIB_DIR").map_or_else(|| root().join("target/release"), PathBuf::from);
    assert!(dir.join("libplasma.so").exists(), "{}: run `make build` first", dir.display());
    dir
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn must(output: Output) -> String {
    let (out, err) = (String::from_utf8(output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {err}", output.status);
    out.unwrap()
}

/// Compiles an example with warnings as errors, and links it as the README says.
fn compile(language: &str, source: &str, program: &Path, link: &[String]) {
    let (compiler, standard) = match language {
        "c" => ("cc", "-std=c99"),
        _ => ("c++", "-std=c++17"),
    };
    let output = Command::new(compiler)
        .args([standard, "-D_XOPEN_SOURCE=700", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .arg("-I")
        .arg(root().join("include"))
        .arg(root().join(source))
        .arg("-o")
        .arg(program)
        .args(link)
        .output();
    must(output.unwrap());
}

fn compile_hello(name: &str, link: &[String]) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    compile("c", "c_examples/hello.c", &program, link);
    program
}

fn with_the_shared_library() -> Vec<String> {
    let dir = libraries().display().to_string();
    vec![format!("-L{dir}"), "-lplasma".into(), format!("-Wl,-rpath,{dir}")]
}

/// Builds all examples of a language, runs them as their transcripts say, and compares the output.
fn examples_print_what_their_transcripts_say(language: &str) {
    let directory = format!("{language}_examples");
    let programs = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&directory);
    fs::create_dir_all(&programs).unwrap();
    for name in sources::named(&directory, language) {
        let source = format!("{directory}/{name}.{language}");
        compile(language, &source, &programs.join(&name), &with_the_shared_library());
    }
    let mut shown = String::new();
    for name in sources::named(&format!("{directory}/expected"), "txt") {
        let transcript = format!("{directory}/expected/{name}.txt");
        let output = program_alone(Path::new("sh"))
            .arg(root().join("scripts/compare-transcript.sh"))
            .arg(&programs)
            .arg(root().join(&transcript))
            .output()
            .unwrap();
        let difference = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{transcript}:\n{difference}");
        shown += &text(&transcript);
    }
    for name in sources::named(&directory, language) {
        let run = shown
            .lines()
            .any(|line| line.starts_with("$ ") && line.split([' ', ';']).any(|word| word == name));
        assert!(run, "{name} is in no transcript of {directory}/expected");
    }
}

/// Runs it twice in stores at several kinds of address, and checks that no store remains.
fn run_in_any_store(program: &Path, name: &str) {
    let word = format!("test-{name}-{}", std::process::id());
    let path = format!("/dev/shm/plasma-{word}");
    for address in [word.as_str(), path.as_str()] {
        for _ in 0..2 {
            let out = must(program_alone(program).env("PLASMA_STORE", address).output().unwrap());
            let (said, place) = out.split_once(" (").unwrap();
            assert_eq!(said, "hello from shared memory");
            let store = place.trim_end().trim_end_matches(')').split(" in ").nth(1).unwrap();
            assert!(store.ends_with(address), "{out}");
            assert!(!Path::new(store).exists(), "{store} is still there");
        }
    }
}

/// Runs a built program without cargo's library path, which could contain an older build.
fn program_alone(program: &std::path::Path) -> Command {
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH");
    command
}

#[test]
fn the_readme_shows_hello_c() {
    let readme = text("README.md");
    let shown = readme.split("```c\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(shown, Some(text("c_examples/hello.c").as_str()));
}

#[test]
fn the_manual_shows_each_example() {
    let manual = text("docs/doxygen/main.md") + &text("docs/doxygen/examples.md");
    for language in ["c", "cpp"] {
        for name in sources::named(&format!("{language}_examples"), language) {
            let line = format!("\n@include {name}.{language}\n");
            assert_eq!(manual.matches(&line).count(), 1, "{name}.{language}");
        }
    }
}

#[test]
fn each_c_example_is_short() {
    for name in sources::named("c_examples", "c") {
        let lines = text(&format!("c_examples/{name}.c")).lines().count();
        assert!(lines < LINES, "{name}: {lines} lines");
    }
}

#[test]
fn the_c_examples_print_what_their_transcripts_say() {
    examples_print_what_their_transcripts_say("c");
}

#[test]
fn the_cpp_examples_print_what_their_transcripts_say() {
    examples_print_what_their_transcripts_say("cpp");
}

#[test]
fn hello_runs_twice_with_the_shared_library() {
    run_in_any_store(&compile_hello("hello_shared", &with_the_shared_library()), "shared");
}

#[test]
fn hello_runs_twice_with_the_static_library() {
    let archive = libraries().join("libplasma.a").display().to_string();
    let link = [archive, "-lpthread".into(), "-ldl".into(), "-lm".into()];
    run_in_any_store(&compile_hello("hello_static", &link), "static");
}

#[test]
fn hello_leaves_a_store_alone_that_was_there_before() {
    let program = compile_hello("hello_guest", &with_the_shared_library());
    let address = format!("/dev/shm/plasma-test-guest-{}", std::process::id());
    let client = plasma::Client::connect(Some(&address), &Default::default()).unwrap();
    for _ in 0..2 {
        must(program_alone(&program).env("PLASMA_STORE", &address).output().unwrap());
    }
    client.reap().unwrap();
    assert_eq!(client.list().unwrap().len(), 0);
    drop(client);
    plasma::Client::remove_store(Some(&address)).unwrap();
}

#[test]
fn hello_says_what_is_wrong() {
    let program = compile_hello("hello_refused", &with_the_shared_library());
    let output = program_alone(&program).env("PLASMA_STORE", "a word").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.starts_with("hello: plasma_connect: PLASMA_ERR_INVALID_ARGUMENT: "), "{error}");
}
