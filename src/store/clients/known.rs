//! The clients that this process knows.

use crate::store::clients::client_file::ClientFile;
use crate::store::clients::client_path::ClientPath;
use crate::sync::mutex::Mutex;
use std::collections::HashMap;

/// The clients that scans have seen.
#[derive(Default)]
pub struct ClientRegistry {
    pub known: Mutex<Known>,
}

#[derive(Default)]
pub struct Known {
    pub named: HashMap<ClientPath, KnownClient>,
    /// Living readers that unlinked or renamed their own files. They do no harm, and their leases
    /// still count.
    pub nameless: Vec<(ClientPath, KnownClient)>,
    /// The number of releases in the ring of each slot that are folded; empty without eviction.
    pub folded: Vec<u64>,
    /// What the last visit cost.
    pub cost: VisitCost,
}

/// The clients that made a visit cost something.
#[derive(Clone, Copy, Default)]
pub struct VisitCost {
    /// Members with lease words that may be in use.
    pub members: u64,
    /// Readers of other users.
    pub readers: u64,
}

pub struct KnownClient {
    pub file: ClientFile,
    /// The number of releases that are folded.
    pub folded: u64,
}
