//! The stores that this user names by words, and the abandoned ones among them.

use plasma::{Client, ConnectOptions, Status};
use std::path::Path;
use std::time::Duration;

/// How long one of many stores may wait for its writer lock, whose owner may be stopped.
const PATIENCE: Duration = Duration::from_secs(1);

/// Their addresses, ordered by name; none if the system does not tell the user id. Stores that are
/// being created or removed have hidden names and are left out.
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

/// Options for reading one of many stores.
pub fn to_read() -> ConnectOptions {
    ConnectOptions::default().read_only(true).lock_timeout(Some(PATIENCE))
}

/// Options for changing one of many stores.
pub fn to_write() -> ConnectOptions {
    ConnectOptions::default().existing(true).lock_timeout(Some(PATIENCE))
}

/// Whether a reader gets this error because the store is EPHEMERAL and its last client was killed.
pub fn is_abandoned(address: &str, error: &plasma::Error) -> bool {
    error.status() == Status::StoreNotFound && Path::new(address).exists()
}

/// Remove an EPHEMERAL store whose last client was killed, and return whether it was one. Other
/// stores are only read.
pub fn remove_abandoned(address: &str) -> plasma::Result<bool> {
    match Client::connect(Some(address), &to_read()) {
        Err(error) if is_abandoned(address, &error) => {}
        _ => return Ok(false),
    }
    // A client that connects to write removes it, or finds that other clients use it.
    match Client::connect(Some(address), &to_write()) {
        Ok(_) => Ok(false),
        Err(error) if error.status() == Status::StoreNotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// [`remove_abandoned`] for all stores of this user; a store that cannot be removed stays.
pub fn remove_all_abandoned() {
    for address in addresses() {
        let _ = remove_abandoned(&address);
    }
}
