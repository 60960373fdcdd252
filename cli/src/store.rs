//! The store of the command line.

use crate::advice::Purpose;
use crate::failure::{Failure, Result};
use plasma::{Client, ConnectOptions};
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

/// The store that was asked for; without an address, `$PLASMA_STORE` or the default.
pub struct Store {
    address: Option<String>,
}

impl Store {
    pub fn new(address: Option<&OsString>) -> Result<Self> {
        let text = |address: &OsString| match address.to_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(Failure::usage(format!(
                "the store {address:?} is not UTF-8; the names of stores are"
            ))),
        };
        Ok(Self { address: address.map(text).transpose()? })
    }

    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// The option that names it on a command line.
    pub fn flag(&self) -> String {
        let flag = |address: &String| format!(" -s {}", crate::output::word(address));
        self.address.as_ref().map_or_else(String::new, flag)
    }

    /// Connect for reading only.
    pub fn read(&self) -> Result<Arc<Client>> {
        self.connect(&ConnectOptions::default().read_only(true))
    }

    /// Connect for changes.
    pub fn write(&self) -> Result<Arc<Client>> {
        self.connect(&ConnectOptions::default().existing(true))
    }

    /// Connect for creating, changing or reading, as the options say.
    pub fn connect(&self, options: &ConnectOptions) -> Result<Arc<Client>> {
        let purpose = match options {
            ConnectOptions { read_only: true, .. } => Purpose::Read,
            ConnectOptions { existing: true, .. } => Purpose::Change,
            _ => Purpose::Make,
        };
        let client = Client::connect(self.address(), options);
        Ok(Arc::new(client.map_err(|error| self.cannot(purpose, &error))?))
    }
}

/// Text of the command line for a store, which is UTF-8.
pub fn text<'a>(what: &str, text: &'a OsStr) -> Result<&'a str> {
    let wrong =
        || Failure::usage(format!("the {what} {text:?} is not UTF-8; in a store it must be"));
    text.to_str().ok_or_else(wrong)
}
