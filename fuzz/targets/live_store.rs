//! See `plasma_fuzz::live_store`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| plasma_fuzz::live_store(data));

/// Without the fuzzer: run the inputs in the files named, once each.
#[cfg(not(fuzzing))]
fn main() {
    plasma_fuzz::replay(plasma_fuzz::live_store);
}
