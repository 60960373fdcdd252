//! The stores that this user names by words, and those of them that nobody comes back to.

use plasma::{Client, ConnectOptions, Status};
use std::path::Path;
use std::time::Duration;

/// How long a look at one of many stores waits for its writer lock: its owner may be stopped.
const PATIENCE: Duration = Duration::from_secs(1);

/// The addresses of all of them, in the order of their names; none, where the system does not say
/// which user this is. Hidden are those that are being made or removed.
pub fn addresses() -> Vec<String> {
    let directory = plasma::directory_of_words().ok();
    let entries = directory.and_then(|path| std::fs::read_dir(path).ok());
    let entries = entries.into_iter().flatten().flatten();
    let shown = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut addresses: Vec<_> =
        shown.filter_map(|entry| Some(entry.path().to_str()?.to_owned())).collect();
    addresses.sort();
    addresses
}

/// To look at one of many stores.
pub fn to_read() -> ConnectOptions {
    ConnectOptions { read_only: true, lock_timeout: Some(PATIENCE), ..Default::default() }
}

/// To change one of many stores.
pub fn to_write() -> ConnectOptions {
    ConnectOptions { existing: true, lock_timeout: Some(PATIENCE), ..Default::default() }
}

/// Whether this error of a reader says that the store there goes with its last client, and that
/// this one was killed.
pub fn is_abandoned(address: &str, error: &plasma::Error) -> bool {
    error.status() == Status::StoreNotFound && Path::new(address).exists()
}

/// Remove a store that goes with its last client if this one was killed; says whether it was. Only
/// looks at others.
pub fn remove_abandoned(address: &str) -> plasma::Result<bool> {
    match Client::connect(Some(address), &to_read()) {
        Err(error) if is_abandoned(address, &error) => {}
        _ => return Ok(false),
    }
    // Whoever connects to write removes it, or finds that others have come.
    match Client::connect(Some(address), &to_write()) {
        Ok(_) => Ok(false),
        Err(error) if error.status() == Status::StoreNotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// As [`remove_abandoned`] for all stores of this user; one that cannot be removed stays.
pub fn remove_all_abandoned() {
    for address in addresses() {
        let _ = remove_abandoned(&address);
    }
}
