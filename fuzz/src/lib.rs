//! Hostile bytes and hostile calls.
//!
//! There are three targets, each a function of an input's bytes: `resting_store` edits the files of
//! a store without clients, then connects; `live_store` edits them under connected clients; `c_api`
//! calls the C functions with right and wrong arguments, beside a model of the required answers.
//! Under `--cfg fuzzing` libFuzzer generates the inputs (`make fuzz`); the tests of this crate run
//! the stored inputs and random ones with any toolchain.
//!
//! Required: no crash, no hang, no byte outside the heap; every status is one that the call may
//! return; and if no edit touched trusted data (the header, the table, the heap), every answer is
//! right.

mod calls;
mod capi;
mod copy;
mod edit;
mod image;
mod scratch;
mod store;
mod verdict;
mod world;

pub use capi::c_api;
pub use store::{live_store, resting_store};

/// Runs the inputs in the files that the command line names.
pub fn replay(target: fn(&[u8])) {
    for path in std::env::args().skip(1) {
        match std::fs::read(&path) {
            Ok(input) => target(&input),
            Err(error) => eprintln!("{path}: {error}"),
        }
    }
}
