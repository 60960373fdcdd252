//! Hostile bytes and hostile calls.
//!
//! Three targets, each a function of an input's bytes: `resting_store` edits the files of a store
//! that nobody uses, then connects; `live_store` edits them under connected clients; `c_api` makes
//! calls through the C functions with arguments right and wrong, beside a model of what they have
//! to answer. Under `--cfg fuzzing` libFuzzer makes up the inputs (`make fuzz`); the tests of this
//! crate run the kept inputs and random ones with any toolchain.
//!
//! What must hold: no crash, no hang, no byte outside the heap; every status is one that the call
//! may return; and where no edit touched the truth (the header, the table, the heap), every answer
//! is right.

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

/// Run the inputs in the files that the command line names.
pub fn replay(target: fn(&[u8])) {
    for path in std::env::args().skip(1) {
        match std::fs::read(&path) {
            Ok(input) => target(&input),
            Err(error) => eprintln!("{path}: {error}"),
        }
    }
}
