//! Tests written in C and C++: compiled with warnings as errors against the committed headers,
//! linked to the release `libplasma.so`, and run with a directory of their own for their stores.
//!
//! The library is the one in `$PLASMA_LIB_DIR`, else in `release` of this target directory.
//!
//! For sanitizers and valgrind (see the Makefile): `$PLASMA_C_CFLAGS` is added when compiling,
//! `$PLASMA_C_WRAPPER` precedes the program when it is run, and `$PLASMA_C_SLOWER` is the factor by
//! which the time limit grows.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// Returns how long the tests of one file may take together.
fn time_limit() -> Duration {
    let slower = words_of("PLASMA_C_SLOWER").pop().map_or(1, |it| it.parse().expect("a number"));
    Duration::from_secs(120) * slower
}

/// Returns the words of an environment variable; none when it is not set.
fn words_of(variable: &str) -> Vec<String> {
    let value = std::env::var(variable).unwrap_or_default();
    value.split_whitespace().map(str::to_owned).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the directory of the library under test.
fn library_dir() -> PathBuf {
    let dir = std::env::var_os("PLASMA_LIB_DIR").map(PathBuf::from).unwrap_or_else(|| {
        let exe = std::env::current_exe().expect("the path of this test");
        // <target>/<profile>/deps/<this>
        exe.ancestors().nth(3).expect("a target directory").join("release")
    });
    assert!(
        dir.join("libplasma.so").exists(),
        "no libplasma.so in {}: run `make build` first, or set PLASMA_LIB_DIR",
        dir.display()
    );
    dir.canonicalize().expect("the library's directory")
}

/// One test program.
pub struct Program<'a> {
    /// `cc` or `c++`.
    pub compiler: &'a str,
    /// The standard, and further flags of the language.
    pub flags: &'a [&'a str],
    /// Path relative to the root of the project.
    pub source: &'a str,
    /// Name of the program, its stores and its messages.
    pub name: &'a str,
}

impl Program<'_> {
    /// Compiles it, runs it, and checks that it succeeds and leaves no store.
    pub fn test(&self) {
        let binary = self.compile();
        let stores = Stores::new(self.name);
        let log = binary.with_extension("log");
        let output = File::create(&log).expect("a log");
        let mut line = words_of("PLASMA_C_WRAPPER");
        line.push(binary.to_str().expect("a path in UTF-8").to_owned());
        let mut child = Command::new(&line[0])
            .args(&line[1..])
            // Cargo's library path could contain a library that an older build left in
            // target/debug.
            .env_remove("LD_LIBRARY_PATH")
            .env("PLASMA_TEST_DIR", &stores.0)
            .stdout(output.try_clone().expect("a second descriptor of the log"))
            .stderr(output)
            .process_group(0)
            .spawn()
            .expect("the compiled test");
        let ended = wait(&mut child);
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(&log);
        let _ = fs::remove_file(&binary);
        print!("{text}");
        match ended {
            None => panic!("{} did not end within {:?}:\n{text}", self.source, time_limit()),
            Some(status) => assert!(status.success(), "{}: {status}\n{text}", self.source),
        }
        let left = stores.left();
        assert!(left.is_empty(), "{} left {left:?}", self.source);
    }

    /// Compiles it. The path is unique to this run, so that runs do not disturb each other.
    fn compile(&self) -> PathBuf {
        let name = format!("{}-{}-{}", self.compiler, self.name, std::process::id());
        let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let library = library_dir();
        let output = Command::new(self.compiler)
            .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g", "-pthread"])
            .args(["-D_XOPEN_SOURCE=700", "-D_DEFAULT_SOURCE"])
            .args(self.flags)
            .arg("-I")
            .arg(root().join("include"))
            .arg(root().join(self.source))
            .arg("-o")
            .arg(&binary)
            .arg("-L")
            .arg(&library)
            .arg("-lplasma")
            .arg(format!("-Wl,-rpath,{}", library.display()))
            .args(words_of("PLASMA_C_CFLAGS"))
            .output()
            .unwrap_or_else(|error| panic!("a compiler named {}: {error}", self.compiler));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} does not compile:\n{error}", self.source);
        binary
    }
}

/// A directory for the stores of one test, on tmpfs; removed with everything in it.
struct Stores(PathBuf);

impl Stores {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/dev/shm/plasma-c-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a directory in /dev/shm");
        Self(path)
    }

    fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).expect("the directory of the stores");
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits for a test. If it is late, ends it and its process group.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let end = Instant::now() + time_limit();
    while Instant::now() < end {
        if let Some(status) = child.try_wait().expect("the state of a child") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = format!("kill -s KILL -- -{}", child.id());
    let _ = Command::new("sh").args(["-c", &kill]).status();
    let _ = child.wait();
    None
}
