//! The clients that this process knows.

use crate::store::clients::client_file::ClientFile;
use crate::store::clients::client_path::ClientPath;
use crate::sync::mutex::Mutex;
use std::collections::HashMap;

/// The clients that were seen by scans.
#[derive(Default)]
pub struct ClientRegistry {
    pub known: Mutex<Known>,
}

#[derive(Default)]
pub struct Known {
    pub named: HashMap<ClientPath, KnownClient>,
    /// Living readers that unlinked or renamed their own files: they harm nobody, and what they
    /// hold still counts.
    pub nameless: Vec<(ClientPath, KnownClient)>,
    /// Clients that the last look found.
    pub count: usize,
}

pub struct KnownClient {
    pub file: ClientFile,
    /// Releases folded so far.
    pub folded: u64,
}
