//! The examples: hello.c is the program of the README, and runs as often as one likes.
#![cfg(not(loom))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

const LINES: usize = 60;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where `make build` left the libraries.
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

/// Compile hello.c with warnings as errors, and link it as the README says.
fn compile(name: &str, link: &[String]) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let output = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .arg("-I")
        .arg(root().join("include"))
        .arg(root().join("c_examples/hello.c"))
        .arg("-o")
        .arg(&program)
        .args(link)
        .output();
    must(output.unwrap());
    program
}

/// Run it twice in stores of several kinds of address, and see that nothing stays.
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

/// A run of a built program: without cargo's library path, where an older build may lie about.
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
fn hello_c_is_short() {
    let lines = text("c_examples/hello.c").lines().count();
    assert!(lines < LINES, "{lines} lines");
}

#[test]
fn hello_runs_twice_with_the_shared_library() {
    let dir = libraries().display().to_string();
    let link = [format!("-L{dir}"), "-lplasma".into(), format!("-Wl,-rpath,{dir}")];
    run_in_any_store(&compile("hello_shared", &link), "shared");
}

#[test]
fn hello_runs_twice_with_the_static_library() {
    let archive = libraries().join("libplasma.a").display().to_string();
    let link = [archive, "-lpthread".into(), "-ldl".into(), "-lm".into()];
    run_in_any_store(&compile("hello_static", &link), "static");
}

#[test]
fn hello_leaves_a_store_alone_that_was_there_before() {
    let dir = libraries().display().to_string();
    let link = [format!("-L{dir}"), "-lplasma".into(), format!("-Wl,-rpath,{dir}")];
    let program = compile("hello_guest", &link);
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
    let dir = libraries().display().to_string();
    let link = [format!("-L{dir}"), "-lplasma".into(), format!("-Wl,-rpath,{dir}")];
    let program = compile("hello_refused", &link);
    let output = program_alone(&program).env("PLASMA_STORE", "a word").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.starts_with("hello: plasma_connect: PLASMA_ERR_INVALID_ARGUMENT: "), "{error}");
}
