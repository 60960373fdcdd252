//! The store that is meant.

use crate::failure::{Exit, Failure, Result};
use plasma::{Client, ConnectOptions, Status};
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

    pub fn connect(&self, options: &ConnectOptions) -> Result<Arc<Client>> {
        let client =
            Client::connect(self.address(), options).map_err(|error| self.cannot(error))?;
        Ok(Arc::new(client))
    }

    /// Why the store cannot be connected to, and what command helps.
    pub fn cannot(&self, error: plasma::Error) -> Failure {
        // What the library advises is for programs that use it.
        let fact = error.detail().and_then(|detail| detail.split("; ").next());
        let fact = fact.unwrap_or_default().to_owned();
        let advice = |what, command| format!("{fact}; {what}: plasma {command}{}", self.flag());
        match error.status() {
            Status::StoreNotFound => Failure::new(Exit::NoStore, advice("make one", "create")),
            Status::StoreExists => Failure::new(Exit::Exists, advice("see it", "stat")),
            Status::Permission => {
                let what = fact.split(": Permission denied").next().unwrap_or_default();
                let others = "its owner can admit others: plasma create --mode 640";
                Failure::new(Exit::Permission, format!("{what}: permission denied; {others}"))
            }
            _ => Failure::from(error),
        }
    }
}

/// Text of the command line that goes into a store: UTF-8.
pub fn text<'a>(what: &str, text: &'a OsStr) -> Result<&'a str> {
    let wrong = || Failure::usage(format!("the {what} {text:?} is not UTF-8; in a store it is"));
    text.to_str().ok_or_else(wrong)
}
