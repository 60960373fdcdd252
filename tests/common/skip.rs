//! Tests that cannot run on this machine report that.

use std::fs::OpenOptions;
use std::io::Write;

/// Reports that `test` cannot run here, and why: on stderr, and in the file `$PLASMA_SKIPS`, if
/// set, for the script that decides which tests may be skipped.
pub fn skip(test: &str, reason: &str) {
    let line = format!("SKIP {test}: {reason}\n");
    eprint!("{line}");
    if let Some(log) = std::env::var_os("PLASMA_SKIPS") {
        let mut log = OpenOptions::new().append(true).create(true).open(log).unwrap();
        log.write_all(line.as_bytes()).unwrap();
    }
}
