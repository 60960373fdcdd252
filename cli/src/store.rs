//! The store that is meant, and the object in it.

use crate::failure::{Exit, Failure, Result};
use plasma::{Client, ConnectOptions, ObjectId, ObjectInfo, Status};
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
        let client = Client::connect(self.address(), options).map_err(|error| {
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
        })?;
        Ok(Arc::new(client))
    }
}

/// Text of the command line that goes into a store: UTF-8.
pub fn text<'a>(what: &str, text: &'a OsStr) -> Result<&'a str> {
    let wrong = || Failure::usage(format!("the {what} {text:?} is not UTF-8; in a store it is"));
    text.to_str().ok_or_else(wrong)
}

/// What the user calls an object: an id of 40 hexadecimal digits, or a name.
#[derive(Clone, Debug)]
pub enum Call {
    Id(ObjectId),
    Name(String),
}

impl Call {
    pub fn new(object: &OsStr) -> Result<Self> {
        let object = text("name", object)?;
        Ok(match ObjectId::from_hex(object) {
            Ok(id) => Self::Id(id),
            Err(_) => Self::Name(object.to_owned()),
        })
    }
}

/// The id of the object that `object` calls: by its id, its name, or the first digits of its id,
/// at least four, if no other begins so.
pub fn find(client: &Client, object: &OsStr) -> Result<ObjectId> {
    let name = match Call::new(object)? {
        Call::Id(id) => return Ok(id),
        Call::Name(name) => name,
    };
    match client.lookup(&name) {
        Ok(id) => return Ok(id),
        Err(error) if error.status() == Status::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let digits = name.to_ascii_lowercase();
    if digits.len() < 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(not_found(&name));
    }
    let begins = |info: &ObjectInfo| {
        info.state != plasma::ObjectState::Deleted && info.id.to_hex().starts_with(&digits)
    };
    let found: Vec<ObjectInfo> = client.list()?.into_iter().filter(begins).collect();
    match found.as_slice() {
        [one] => Ok(one.id),
        [] => Err(not_found(&name)),
        many => Err(Failure::new(
            Exit::NotFound,
            format!("{} objects have ids that begin with {name}; write more digits", many.len()),
        )),
    }
}

pub fn not_found(object: &str) -> Failure {
    Failure::new(Exit::NotFound, format!("no object has the id or name {object}"))
        .hint("plasma ls lists them")
}

/// As [`not_found`] where a call says so, else the call's own error, about this object.
pub fn about(object: &OsStr, error: plasma::Error) -> Failure {
    match error.status() {
        Status::NotFound => not_found(&object.to_string_lossy()),
        _ => Failure::from(error).context(object.display()),
    }
}
