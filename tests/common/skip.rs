//! Tests that cannot be done on this machine say so.

use std::fs::OpenOptions;
use std::io::Write;

/// Say that `test` cannot be done here, and why: on stderr, and in the file `$PLASMA_SKIPS`, if
/// set, for who decides which tests may be left out.
pub fn skip(test: &str, reason: &str) {
    let line = format!("SKIP {test}: {reason}\n");
    eprint!("{line}");
    if let Some(log) = std::env::var_os("PLASMA_SKIPS") {
        let mut log = OpenOptions::new().append(true).create(true).open(log).unwrap();
        log.write_all(line.as_bytes()).unwrap();
    }
}
