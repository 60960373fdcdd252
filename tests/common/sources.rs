//! The files of a directory of sources.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// Returns the names of the files in a directory that end with `.extension`, without it, sorted.
pub fn named(directory: &str, extension: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory))
        .expect("the directory of the tests");
    let mut found: Vec<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension() == Some(OsStr::new(extension)))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    found.sort();
    found
}
