//! Runs each stored input, and random ones, with any toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the files in a directory, sorted by name, with their bytes.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Returns the inputs of the archive for a target, which together reach most of the code.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let name = format!("corpus-{target}-{}", std::process::id());
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir(&dir).unwrap();
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus.tar.gz");
    let status = Command::new("tar").args(["-xzf", archive, "-C"]).arg(&dir).arg(target).status();
    assert!(status.expect("tar").success(), "tar cannot unpack {archive}");
    let inputs = files(&dir.join(target));
    fs::remove_dir_all(&dir).unwrap();
    inputs
}

/// Runs the inputs that once crashed, hung or answered wrongly, and those of the archive.
fn stored(target: &str, run: fn(&[u8])) {
    let regressions = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions").join(target);
    let inputs = [files(&regressions), corpus(target)].concat();
    for (path, input) in &inputs {
        println!("{}", path.display());
        run(input);
    }
    println!("{target}: {} stored inputs", inputs.len());
}

/// Runs random inputs; a failing one is printed by its seed.
fn random(run: fn(&[u8])) {
    let count = std::env::var("PLASMA_FUZZ_RANDOM").map_or(100, |n| n.parse().unwrap());
    for seed in 0..count {
        let mut state: u64 = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) as u8
        };
        let length = usize::from(next());
        let input: Vec<u8> = (0..length).map(|_| next()).collect();
        println!("seed {seed}");
        run(&input);
    }
}

#[test]
fn a_resting_store_of_any_bytes_is_refused_or_answers() {
    stored("resting_store", plasma_fuzz::resting_store);
    random(plasma_fuzz::resting_store);
}

#[test]
fn a_live_store_of_any_bytes_gives_errors_or_answers() {
    stored("live_store", plasma_fuzz::live_store);
    random(plasma_fuzz::live_store);
}

#[test]
fn the_c_functions_take_any_calls() {
    stored("c_api", plasma_fuzz::c_api);
    random(plasma_fuzz::c_api);
}
