//! Remove a store.

use crate::error::Result;
use crate::segment::{Address, remove};
use crate::store::session::Session;

impl Session {
    /// Removes a store, and wakes all waits in it.
    pub fn remove_store(address: Option<&str>) -> Result<()> {
        remove(&Address::parse(address)?)?.wake_everybody();
        Ok(())
    }
}
