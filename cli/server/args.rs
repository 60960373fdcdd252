//! The options, in the forms that the original takes: one dash or two, the value after a space or
//! after `=`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

pub const USAGE: &str = "\
usage: plasma_store -m BYTES -s PATH [-d DIRECTORY] [-h] [-e hashtable://NAME]
  -m BYTES      capacity of the store
  -s PATH       where the file that names the store is written
  -d DIRECTORY  where the store is made; default: /dev/shm
  -h            huge pages
  -e STORE      keep evicted objects in files: hashtable://NAME";

/// The directory without `-d`.
pub const DIRECTORY: &str = "/dev/shm";

#[derive(Debug, PartialEq, Eq)]
pub struct Args {
    pub memory: u64,
    pub socket: PathBuf,
    pub directory: PathBuf,
    pub huge_pages: bool,
    pub spill: bool,
}

impl Args {
    /// `None` if help was asked for.
    pub fn parse(arguments: &[OsString]) -> Result<Option<Args>, String> {
        let (mut memory, mut socket) = (None, None);
        let (mut directory, mut huge_pages, mut spill) = (None, false, false);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (name, value) = split(argument);
            let unknown = || format!("there is no option {:?}", argument.display().to_string());
            let mut value_of = |name: &str| match value {
                Some(value) => Ok(value.to_owned()),
                None => rest.next().cloned().ok_or_else(|| format!("-{name} needs a value")),
            };
            match name.ok_or_else(unknown)? {
                "m" => memory = Some(bytes(&value_of("m")?)?),
                "s" => socket = Some(PathBuf::from(value_of("s")?)),
                "d" => directory = Some(PathBuf::from(value_of("d")?)),
                "e" => spill = is_spill(&value_of("e")?)?,
                "h" => huge_pages = value.is_none_or(|value| value != "false" && value != "0"),
                "help" => return Ok(None),
                _ => return Err(unknown()),
            }
        }
        let missing = |option: &str, what: &str| format!("please specify {what} with -{option}");
        Ok(Some(Args {
            socket: socket.ok_or_else(|| missing("s", "the path for clients"))?,
            memory: memory.ok_or_else(|| missing("m", "the amount of memory in bytes"))?,
            directory: directory.unwrap_or_else(|| DIRECTORY.into()),
            huge_pages,
            spill,
        }))
    }
}

/// `-s`, `--s` and `-s=x` as name and value.
fn split(argument: &OsStr) -> (Option<&str>, Option<&OsStr>) {
    let bytes = argument.as_bytes();
    let Some(name) = bytes.strip_prefix(b"--").or(bytes.strip_prefix(b"-")) else {
        return (None, None);
    };
    let at = name.iter().position(|byte| *byte == b'=');
    let (name, value) = match at {
        Some(at) => (&name[..at], Some(OsStr::from_bytes(&name[at + 1..]))),
        None => (name, None),
    };
    (str::from_utf8(name).ok(), value)
}

fn bytes(value: &OsStr) -> Result<u64, String> {
    let number = value.to_str().and_then(|text| text.parse::<u64>().ok());
    number.filter(|number| *number > 0).ok_or_else(|| {
        format!("{:?} is not a number of bytes, for -m", value.display().to_string())
    })
}

fn is_spill(value: &OsStr) -> Result<bool, String> {
    let text = value.to_string_lossy();
    match text.split_once("://") {
        Some(("hashtable", _)) => Ok(true),
        _ if text.is_empty() => Ok(false),
        _ => Err(format!("no such external store {text:?}; there is hashtable://NAME")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Option<Args>, String> {
        let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        Args::parse(&words)
    }

    #[test]
    fn one_dash_or_two_a_space_or_an_equals_sign() {
        let wanted = parse("-m 100 -s /tmp/p -d /x -e hashtable://t -h").unwrap().unwrap();
        assert_eq!((wanted.memory, wanted.huge_pages, wanted.spill), (100, true, true));
        for form in [
            "--m 100 --s /tmp/p --d /x --e hashtable://t --h",
            "-m=100 -s=/tmp/p -d=/x -e=hashtable://t -h=true",
            "--h --e=hashtable://t --d=/x --s=/tmp/p --m=100",
        ] {
            assert_eq!(parse(form).unwrap().unwrap(), wanted, "{form}");
        }
        assert!(!parse("-m 1 -s a -h=false").unwrap().unwrap().huge_pages);
        assert_eq!(parse("--help"), Ok(None));
    }

    #[test]
    fn wrong_options_are_named() {
        for (form, word) in [
            ("", "-s"),
            ("-m 1", "-s"),
            ("-s a", "-m"),
            ("-s", "-s needs"),
            ("-m x -s a", "\"x\""),
            ("-m 0 -s a", "\"0\""),
            ("-m -5 -s a", "\"-5\""),
            ("-q", "-q"),
            ("m", "\"m\""),
            ("-m 1 -s a -e redis://x", "redis"),
        ] {
            let message = parse(form).unwrap_err();
            assert!(message.contains(word), "{form}: {message}");
        }
    }
}
