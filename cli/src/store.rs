//! The store that is meant.

use crate::advice::Purpose;
use crate::failure::{Failure, Result};
use plasma::{Client, ConnectOptions};
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

/// The store that was asked for; nothing is `$PLASMA_STORE` or the default.
pub struct Store {
    address: Option<String>,
}

impl Store {
    pub fn new(address: Option<&OsString>) -> Result<Self> {
        let text = |address: &OsString| match address.to_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(Failure::usage(format!(
                "the store {address:?} is not UTF-8; stores have names that are"
            ))),
        };
        Ok(Self { address: address.map(text).transpose()? })
    }

    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// How the user names it on a command line.
    pub fn flag(&self) -> String {
        let flag = |address: &String| format!(" -s {}", crate::output::word(address));
        self.address.as_ref().map_or_else(String::new, flag)
    }

    /// Connect to look only.
    pub fn read(&self) -> Result<Arc<Client>> {
        self.connect(&ConnectOptions { read_only: true, ..Default::default() })
    }

    /// Connect to change something in it.
    pub fn write(&self) -> Result<Arc<Client>> {
        self.connect(&ConnectOptions { existing: true, ..Default::default() })
    }

    /// Connect to make or change it, or to look.
    pub fn connect(&self, options: &ConnectOptions) -> Result<Arc<Client>> {
        let purpose = match options {
            ConnectOptions { read_only: true, .. } => Purpose::Look,
            ConnectOptions { existing: true, .. } => Purpose::Change,
            _ => Purpose::Make,
        };
        let client = Client::connect(self.address(), options);
        Ok(Arc::new(client.map_err(|error| self.cannot(purpose, &error))?))
    }
}

/// Text of the command line that goes into a store: UTF-8.
pub fn text<'a>(what: &str, text: &'a OsStr) -> Result<&'a str> {
    let wrong = || Failure::usage(format!("the {what} {text:?} is not UTF-8; in a store it is"));
    text.to_str().ok_or_else(wrong)
}
