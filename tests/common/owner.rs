//! The writer lock in the name of a living client that does nothing.

use plasma::{Client, ConnectOptions, Result};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The writer lock, held by another client of this process that does not move.
pub struct StoppedOwner {
    index: File,
    free: u64,
    _client: Client,
}

impl StoppedOwner {
    /// Offset of the lock's word in the index; a golden test fixes the layout.
    const LOCK_AT: u64 = 256;

    /// Takes it, in the store of this client.
    pub fn new(beside: &Client) -> Result<Self> {
        let address = beside.address().to_str().unwrap();
        let slots = |client: &Client| -> Result<BTreeSet<u32>> {
            Ok(client.list_clients()?.iter().map(|client| client.slot).collect())
        };
        let before = slots(beside)?;
        let client = Client::connect(Some(address), &ConnectOptions::default())?;
        let slot = *slots(&client)?.difference(&before).next().unwrap();
        let index = File::options().read(true).write(true).open(format!("{address}/index"));
        let index = index.unwrap();
        let mut word = [0; 8];
        index.read_exact_at(&mut word, Self::LOCK_AT).unwrap();
        let free = u64::from_le_bytes(word);
        let held = ((free >> 32) + 1) << 32 | u64::from(slot + 1);
        index.write_all_at(&held.to_le_bytes(), Self::LOCK_AT).unwrap();
        Ok(Self { index, free, _client: client })
    }

    /// Releases it.
    pub fn give_back(self) {
        let free = ((self.free >> 32) + 1) << 32;
        self.index.write_all_at(&free.to_le_bytes(), Self::LOCK_AT).unwrap();
    }
}
