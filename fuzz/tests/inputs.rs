//! Runs each stored input, and random ones, with any toolchain.

use std::fs;
use std::path::Path;

/// Runs the inputs that once crashed, hung or answered wrongly, and those that reach most of the
/// code.
fn kept(target: &str, run: fn(&[u8])) {
    let mut count = 0;
    for dir in ["regressions", "corpus"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir).join(target);
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            println!("{}", path.display());
            run(&fs::read(&path).unwrap());
            count += 1;
        }
    }
    println!("{target}: {count} kept inputs");
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
    kept("resting_store", plasma_fuzz::resting_store);
    random(plasma_fuzz::resting_store);
}

#[test]
fn a_live_store_of_any_bytes_gives_errors_or_answers() {
    kept("live_store", plasma_fuzz::live_store);
    random(plasma_fuzz::live_store);
}

#[test]
fn the_c_functions_take_any_calls() {
    kept("c_api", plasma_fuzz::c_api);
    random(plasma_fuzz::c_api);
}
