//! The object of a command line: given by its id, the first digits of it, or its name.

use crate::failure::{Exit, Failure, Result};
use crate::output::word;
use crate::store::text;
use plasma::{Client, ObjectId, ObjectInfo, ObjectState, Status};
use std::borrow::Cow;
use std::ffi::OsStr;

/// The prefix of an id or its first digits, which is never taken for a name.
const ID: &str = "id:";

/// The prefix of a name, which is never taken for an id.
const NAME: &str = "name:";

/// The smallest number of digits that stands for an id.
const FEWEST: usize = 4;

/// Part of the help of each command that takes objects.
pub const HELP: &str = "\
An object is given by its id, by the first digits of its id (four or more), or by its name. A name
takes precedence over the first digits of an id. 40 digits are an id or, if no object has that id, a
name; they are refused if they are the id of one object and the name of another. id:DIGITS is never
taken for a name, and name:NAME is never taken for an id.";

/// The form in which the user gives an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `id:` and all digits.
    Id(ObjectId),
    /// `id:` and the first digits, in lower case.
    Digits(String),
    /// `name:` and a name.
    Name(String),
    /// 40 digits: an id or else a name.
    IdOrName(ObjectId, String),
    /// A name, or else the first digits of an id.
    NameOrDigits(String),
}

/// The object that a call stands for in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    Id(ObjectId),
    /// A name that an object has, or that a command waits for.
    Name(String),
}

impl Call {
    pub fn new(object: &OsStr) -> Result<Self> {
        let object = text("name", object)?;
        if let Some(digits) = object.strip_prefix(ID) {
            return match ObjectId::from_hex(digits) {
                Ok(id) => Ok(Self::Id(id)),
                Err(_) if are_digits(digits) => Ok(Self::Digits(digits.to_ascii_lowercase())),
                Err(_) => Err(Failure::usage(format!(
                    "{object}: an id is {FEWEST} to 40 hexadecimal digits; {} means the object of \
                     this name",
                    word(&format!("{NAME}{object}"))
                ))),
            };
        }
        if let Some(name) = object.strip_prefix(NAME) {
            return Ok(Self::Name(name.to_owned()));
        }
        Ok(match ObjectId::from_hex(object) {
            Ok(id) => Self::IdOrName(id, object.to_owned()),
            Err(_) => Self::NameOrDigits(object.to_owned()),
        })
    }

    /// The object in this store. If it does not exist, the result is its name or id, which a command can
    /// wait for; first digits of an id cannot be waited for and are [`Exit::NotFound`].
    pub fn object(&self, client: &Client) -> Result<Object> {
        match self {
            Self::Id(id) => Ok(Object::Id(*id)),
            Self::Name(name) => Ok(Object::Name(name.clone())),
            Self::Digits(digits) => match begins(client, digits)? {
                Some(id) => Ok(Object::Id(id)),
                None => Err(Failure::new(
                    Exit::NotFound,
                    format!("no object has an id that begins with {digits}"),
                )
                .hint("plasma ls lists the objects")),
            },
            Self::IdOrName(id, name) => {
                let named = lookup(client, name)?;
                let there = client.contains(id)? != ObjectState::Absent;
                match named {
                    Some(other) if there && other != *id => Err(Failure::usage(format!(
                        "{name} is the id of one object and the name of another: write {ID}{name} \
                         or {NAME}{name}"
                    ))),
                    Some(_) if !there => Ok(Object::Name(name.clone())),
                    _ => Ok(Object::Id(*id)),
                }
            }
            Self::NameOrDigits(name) => {
                if lookup(client, name)?.is_none()
                    && are_digits(name)
                    && let Some(id) = begins(client, &name.to_ascii_lowercase())?
                {
                    return Ok(Object::Id(id));
                }
                Ok(Object::Name(name.clone()))
            }
        }
    }
}

/// The id of the object that `object` calls.
pub fn find(client: &Client, object: &OsStr) -> Result<ObjectId> {
    match Call::new(object)?.object(client)? {
        Object::Id(id) => Ok(id),
        Object::Name(name) => lookup(client, &name)?.ok_or_else(|| not_found(object)),
    }
}

fn are_digits(text: &str) -> bool {
    (FEWEST..40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn lookup(client: &Client, name: &str) -> Result<Option<ObjectId>> {
    match client.lookup(name) {
        Ok(id) => Ok(Some(id)),
        Err(error) if error.status() == Status::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The only object whose id begins with `digits`; more than one is an error.
fn begins(client: &Client, digits: &str) -> Result<Option<ObjectId>> {
    let begins = |info: &ObjectInfo| {
        info.state != ObjectState::Deleted && info.id.to_hex().starts_with(digits)
    };
    let found: Vec<ObjectInfo> = client.list()?.into_iter().filter(begins).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.id)),
        many => Err(Failure::usage(format!(
            "{} objects have ids that begin with {digits}; give more digits",
            many.len()
        ))),
    }
}

/// The name of an object as an argument of a command line.
pub fn called(name: &str) -> String {
    let plain = matches!(Call::new(OsStr::new(name)), Ok(Call::NameOrDigits(_)));
    let call = match plain && !name.starts_with('-') {
        true => Cow::Borrowed(name),
        false => Cow::Owned(format!("{NAME}{name}")),
    };
    word(&call).into_owned()
}

pub fn not_found(object: &OsStr) -> Failure {
    let what = match Call::new(object) {
        Ok(Call::Id(id)) => format!("no object has the id {id}"),
        Ok(Call::Name(name)) => format!("no object has the name {name}"),
        _ => format!("no object has the id or name {}", object.display()),
    };
    Failure::new(Exit::NotFound, what).hint("plasma ls lists the objects")
}

/// [`not_found`] if a call failed with that, otherwise the error of the call, about this object.
pub fn about(object: &OsStr, error: plasma::Error) -> Failure {
    match error.status() {
        Status::NotFound => not_found(object),
        _ => Failure::from(error).context(object.display()),
    }
}

/// A timeout: says whether there is no such object, or which client is still writing it.
pub fn late(client: &Client, object: &OsStr, when: &str) -> Failure {
    let info = find(client, object).and_then(|id| Ok(client.object_info(&id)?));
    let object = object.display();
    let why = match info {
        Ok(info) => {
            format!("{object} was not sealed {when}: {} is still writing it", info.creator_address)
        }
        Err(_) => format!("{object} was not created {when}; plasma ls lists the objects"),
    };
    Failure::new(Exit::TimedOut, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> Call {
        Call::new(OsStr::new(text)).unwrap()
    }

    #[test]
    fn a_prefix_says_what_is_meant_and_digits_are_looked_up() {
        let (hex, id) = ("ab".repeat(20), ObjectId::from_hex(&"ab".repeat(20)).unwrap());
        assert_eq!(call(&hex), Call::IdOrName(id, hex.clone()));
        assert_eq!(call(&format!("id:{hex}")), Call::Id(id));
        assert_eq!(call(&format!("name:{hex}")), Call::Name(hex));
        assert_eq!(call("id:ABCD"), Call::Digits("abcd".to_owned()));
        assert_eq!(call("abcd"), Call::NameOrDigits("abcd".to_owned()));
        assert_eq!(call("name:id:abcd"), Call::Name("id:abcd".to_owned()));
        for wrong in ["id:", "id:abc", "id:wxyz"] {
            assert!(Call::new(OsStr::new(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_name_is_called_so_that_it_is_not_misread() {
        assert_eq!(called("plain"), "plain");
        assert_eq!(called("abcd"), "abcd");
        assert_eq!(called("two words"), "'two words'");
        for name in ["id:abcd", "name:x", "-x", &"ab".repeat(20)] {
            assert_eq!(called(name), format!("name:{name}"));
        }
    }
}
