//! Python's multiprocessing with fork, over the C library: tests/python/fork.py.

mod common;

use common::{HANG, Scratch};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Returns the library that the C tests use, see tests/c_suite.rs.
fn library() -> PathBuf {
    let dir = std::env::var_os("PLASMA_LIB_DIR").map(PathBuf::from).unwrap_or_else(|| {
        let exe = std::env::current_exe().unwrap();
        // <target>/<profile>/deps/<this>
        exe.ancestors().nth(3).unwrap().join("release")
    });
    let library = dir.join("libplasma.so");
    assert!(library.exists(), "no {}: run `make build`", library.display());
    library
}

#[test]
fn workers_that_python_forks_connect_anew() {
    let scratch = Scratch::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/fork.py");
    let mut python = Command::new("python3")
        .arg(script)
        .arg(library())
        .arg(scratch.store("store"))
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("python3");
    let end = Instant::now() + HANG;
    let status = loop {
        if let Some(status) = python.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            // With the workers.
            let kill = format!("kill -s KILL -- -{}", python.id());
            let _ = (Command::new("sh").args(["-c", &kill]).status(), python.wait());
            panic!("tests/python/fork.py hangs");
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let said = std::io::read_to_string(python.stdout.take().unwrap()).unwrap();
    assert!(status.success() && said == "done\n", "{status}: {said}");
    assert_eq!(scratch.names(), Vec::<String>::new());
}
