//! Operations of the shipped library, killed at single machine instructions.
//!
//! A C program that is linked to the release `libplasma.so` runs one operation, one instruction
//! after another, and is killed after the k-th. `PLASMA_STEP_ALL` (make instructions) tries every
//! k; otherwise some k, evenly spread. Afterwards the same must be true as in the sweep over kill
//! points.
//!
//! The library is the one in `$PLASMA_LIB_DIR`, else in `release` of this target directory.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/ptrace.rs"]
mod ptrace;

use common::world::{World, WorldKind};
use common::{bystander, role, skip};
use ptrace::{Stop, Traced};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const CHILD: &str = "a_child_plays_its_role";
/// Number of instants of one operation that a quick run tries.
const QUICK: u64 = 60;
/// No operation takes this many instructions: it hangs.
const HANG: u64 = 5_000_000;

#[test]
fn a_child_plays_its_role() {
    if let Some(role) = role() {
        assert!(bystander::play(&role), "{role:?}");
    }
}

fn library() -> PathBuf {
    let dir = std::env::var_os("PLASMA_LIB_DIR").map(PathBuf::from).unwrap_or_else(|| {
        // <target>/<profile>/deps/<this>
        std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("release")
    });
    assert!(
        dir.join("libplasma.so").exists(),
        "no libplasma.so in {}: run `make build` first, or set PLASMA_LIB_DIR",
        dir.display()
    );
    dir.canonicalize().unwrap()
}

/// Compiles the program that is killed, once.
fn victim() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instruction-victim");
        let library = library();
        let done = Command::new("cc")
            .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-g"])
            .arg("-D_XOPEN_SOURCE=700")
            // No symbol is looked up between the counted instructions.
            .arg("-Wl,-z,now")
            .arg("-I")
            .arg(root.join("include"))
            .arg(root.join("tests/instructions/victim.c"))
            .arg("-o")
            .arg(&binary)
            .arg("-L")
            .arg(&library)
            .arg("-lplasma")
            .arg(format!("-Wl,-rpath,{}", library.display()))
            .status()
            .unwrap();
        assert!(done.success());
        binary
    })
}

/// Starts a victim that is about to begin its operation.
fn at_the_start(address: &str, operation: &str) -> Traced {
    let mut command = Command::new(victim());
    // Cargo's library path could contain a library that an older build left in target/debug.
    command.args([address, operation]).env_remove("LD_LIBRARY_PATH");
    let traced = Traced::start(&mut command).unwrap();
    assert_eq!(traced.run(), Stop::Signal(libc::SIGSTOP), "{operation} failed");
    traced
}

/// Executes `instructions`, or fewer if the operation ends before. Returns the number. `each` is
/// called before each.
fn execute(traced: &Traced, instructions: u64, mut each: impl FnMut(u64)) -> u64 {
    for done in 0..instructions {
        each(done);
        match traced.step() {
            Stop::Step => {}
            Stop::Signal(libc::SIGSTOP) => return done,
            stop => panic!("after {done} instructions: {stop:?}"),
        }
    }
    instructions
}

/// Shortcuts to instants of an operation: addresses that it reaches for the first time, and when.
#[derive(Default)]
struct Shortcuts(BTreeMap<u64, u64>);

impl Shortcuts {
    #[cfg(target_arch = "x86_64")]
    fn note(&mut self, known: &mut BTreeSet<u64>, traced: &Traced, done: u64) {
        let address = traced.ip();
        if known.insert(address) {
            self.0.insert(done, address);
        }
    }

    /// Executes the first `k` instructions: at full speed to a shortcut, from there one by one.
    #[cfg(target_arch = "x86_64")]
    fn execute(&self, traced: &Traced, k: u64) -> u64 {
        let Some((&at, &address)) = self.0.range(..=k).next_back() else {
            return execute(traced, k, |_| {});
        };
        match traced.run_to(address) {
            None => at + execute(traced, k - at, |_| {}),
            // This run took another path.
            Some(Stop::Signal(libc::SIGSTOP)) => at,
            Some(stop) => panic!("on the way to {at}: {stop:?}"),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn note(&mut self, _: &mut BTreeSet<u64>, _: &Traced, _: u64) {}

    #[cfg(not(target_arch = "x86_64"))]
    fn execute(&self, traced: &Traced, k: u64) -> u64 {
        execute(traced, k, |_| {})
    }
}

fn sweep(operation: &str) {
    if let Err(error) = Traced::start(&mut Command::new("true")) {
        return skip::skip(operation, &format!("no ptrace here: {error}"));
    }
    let mut world = World::new(CHILD, WorldKind::Resting, false, false);
    let victim = at_the_start(&world.address, operation);
    let (mut shortcuts, mut known) = (Shortcuts::default(), BTreeSet::new());
    let total = execute(&victim, HANG, |done| shortcuts.note(&mut known, &victim, done));
    assert!(total < HANG, "{operation} hangs");
    victim.kill();
    world.check(&format!("{operation}, killed at its end"));
    let all = std::env::var_os("PLASMA_STEP_ALL").is_some();
    let step = if all { 1 } else { (total / QUICK).max(1) };
    let (mut kills, mut ended) = (0, 0);
    for k in (0..total).step_by(step as usize) {
        let victim = at_the_start(&world.address, operation);
        let done = shortcuts.execute(&victim, k);
        victim.kill();
        kills += 1;
        ended += u64::from(done < k);
        world.check(&format!("{operation}, killed after {done} of {total} instructions"));
    }
    println!("{operation}: {total} instructions, {kills} kills, {ended} of them at another end");
    // Mostly the same instructions: time and chance cause small differences.
    assert!(ended * 2 <= kills, "{ended} of {kills}");
    world.finish(operation);
}

macro_rules! operations {
    ($($name:ident)*) => {
        mod killed_in {
            $(#[test]
            fn $name() {
                super::sweep(stringify!($name));
            })*
        }
    };
}

operations! { create first_create seal get first_get get_by_name release delete }
