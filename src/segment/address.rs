//! Addresses: how an address names the directory of a store.

use crate::error::{Error, Result, Status};
use crate::sys::{Errno, file, process};
use std::ffi::CString;
use std::os::fd::AsFd;

/// The directory of stores that are addressed by a word.
const SHM: &str = "/dev/shm";

/// Returns the directory of this user's stores that are addressed by a word.
pub fn directory_of_words() -> Result<String> {
    // The uid as the parent of a user namespace knows it: under `unshare -r` every user is uid 0.
    let uid = process::outer_uid()
        .map_err(|errno| errno.because("cannot find out the uid of this user"))?;
    Ok(format!("{SHM}/plasma-{uid}"))
}

/// The longest last component of a path: it leaves room for the names used while building and
/// removing.
const NAME_MAX: usize = 200;

/// The first line of a file that names the store to use, whose path is the second line.
const LINK: &str = "plasma-store-link 1\n";

/// The longest such file.
const LINK_MAX: usize = 4096;

/// Permission bits of users other than the owner who could write into such a file.
const OTHERS_WRITE: u32 = 0o022;

/// The directory of a store: its parent, and its name in the parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The directory that holds the store.
    pub parent: CString,
    /// The name of the store in it.
    pub name: CString,
    /// The whole path, for messages and for `plasma_client_address`.
    pub path: CString,
    /// Whether the parent is this user's own directory of stores, which the library makes and
    /// removes.
    pub own_parent: bool,
}

impl Address {
    /// Resolves `address`: `None` is `$PLASMA_STORE`, or `default` if that is not set; a word is a
    /// store of this user; a text with a slash is the directory itself, or a file that names it.
    pub fn parse(address: Option<&str>) -> Result<Self> {
        Self::unfollowed(address)?.followed()
    }

    fn unfollowed(address: Option<&str>) -> Result<Self> {
        match address {
            Some(text) => Self::from_text(text),
            None => match std::env::var_os("PLASMA_STORE") {
                None => Self::from_text("default"),
                Some(text) => match text.to_str() {
                    Some(text) => Self::from_text(text)
                        .map_err(|error| error.context("the environment variable PLASMA_STORE")),
                    None => Err(wrong("PLASMA_STORE is not UTF-8")),
                },
            },
        }
    }

    fn from_text(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(wrong(
                "the address is empty; pass NULL for the default store, a word, or a path",
            ));
        }
        if text.len() > libc::PATH_MAX as usize - 64 {
            return Err(wrong(&format!("the address has {} bytes, which is too long", text.len())));
        }
        if text.contains('/') { Self::from_path(text) } else { Self::from_word(text) }
    }

    fn from_word(word: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let is_word = word.len() <= 64
            && word.starts_with(plain)
            && word.chars().all(|c| plain(c) || c == '.');
        if !is_word {
            return Err(wrong(&format!(
                "{word:?} is neither a word of 1 to 64 letters, digits, '.', '_' and '-' that does \
                 not begin with '.', nor a path with a '/'"
            )));
        }
        Self::build(directory_of_words()?.as_bytes(), word, true)
    }

    fn from_path(path: &str) -> Result<Self> {
        let trimmed = path.trim_end_matches('/');
        let (parent, name) = trimmed.rsplit_once('/').unwrap_or((".", trimmed));
        if matches!(name, "" | "." | "..") {
            return Err(wrong(&format!(
                "{path:?} does not end with the name of a store; add one, such as {path:?}/store"
            )));
        }
        if name.len() > NAME_MAX {
            return Err(wrong(&format!(
                "the last part of {path:?} has {} bytes; the maximum is {NAME_MAX}",
                name.len()
            )));
        }
        if path.starts_with('/') {
            let parent = if parent.is_empty() { "/" } else { parent };
            return Self::build(parent.as_bytes(), name, false);
        }
        // The path is absolute from here on, because the working directory may change later.
        let here = process::working_dir().map_err(|errno| no_working_dir(path, errno))?;
        let below = parent.split('/').skip_while(|part| matches!(*part, "" | "."));
        let parent = below.fold(here, |mut parent, part| {
            if parent != b"/" {
                parent.push(b'/');
            }
            parent.extend_from_slice(part.as_bytes());
            parent
        });
        Self::build(&parent, name, false)
    }

    fn build(parent: &[u8], name: &str, own_parent: bool) -> Result<Self> {
        let text = |s: &[u8]| CString::new(s).map_err(|_| wrong("the address contains a NUL"));
        let slash: &[u8] = if parent.ends_with(b"/") { b"" } else { b"/" };
        let path = text(&[parent, slash, name.as_bytes()].concat())?;
        Ok(Self { parent: text(parent)?, name: text(name.as_bytes())?, path, own_parent })
    }

    /// Returns the address of the store that the file at this address names, or this address if
    /// there is no such file. A file that is named by another one is not followed.
    fn followed(self) -> Result<Self> {
        if self.own_parent || !file::stat_at(None, &self.path).is_ok_and(|stat| stat.is_file()) {
            return Ok(self);
        }
        let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let inspect = |errno: Errno| errno.because(format!("cannot read {}", self.display()));
        let fd = file::open_at(None, &self.path, flags, 0).map_err(inspect)?;
        let stat = file::stat_fd(fd.as_fd()).map_err(inspect)?;
        let mut text = [0; LINK_MAX];
        let len = match stat.is_file() {
            true => file::read_at(fd.as_fd(), &mut text, 0).map_err(inspect)?,
            false => 0,
        };
        let Some(named) = text[..len].strip_prefix(LINK.as_bytes()) else { return Ok(self) };
        let me = process::uid();
        if (stat.uid != me && stat.uid != 0) || stat.perm() & OTHERS_WRITE != 0 {
            return Err(Error::new(
                Status::Permission,
                format!(
                    "{} names a store, but belongs to uid {} with mode {:04o}, so uid {me} does not \
                     follow it; pass the path of the store",
                    self.display(),
                    stat.uid,
                    stat.perm()
                ),
            ));
        }
        let line = named.split(|byte| *byte == b'\n').next().and_then(|it| str::from_utf8(it).ok());
        match line {
            Some(path) if path.starts_with('/') => Self::from_text(path),
            _ => Err(wrong("the second line is not a path that begins with '/'")),
        }
        .map_err(|error| error.context(format!("the file {}", self.display())))
    }

    /// Returns the path as text for messages.
    pub fn display(&self) -> std::borrow::Cow<'_, str> {
        self.path.to_string_lossy()
    }
}

/// Returns the error of a relative address where the working directory has no path.
fn no_working_dir(path: &str, errno: Errno) -> Error {
    Error::os(
        Status::StoreNotFound,
        errno.0,
        format!(
            "{path:?} is relative to the working directory of this process, which has no path \
             ({errno}): it was deleted, or lies outside the root of this process; pass a path that begins with '/'"
        ),
    )
}

fn wrong(detail: &str) -> Error {
    Error::new(Status::InvalidArgument, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<String> {
        Address::from_text(text).ok().map(|a| a.display().into_owned())
    }

    #[test]
    fn words_are_stores_of_this_user() {
        let own = format!("/dev/shm/plasma-{}/a.b-c_1", process::outer_uid().unwrap());
        assert_eq!(path("a.b-c_1"), Some(own));
        for bad in ["", ".", "..", ".a", "a b", "a\u{e9}", &"x".repeat(65)] {
            assert_eq!(path(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_relative_path_begins_at_the_working_directory_of_that_moment() {
        let here = std::env::current_dir().unwrap().to_str().unwrap().to_owned();
        for (text, rest) in [("./s", "s"), (".//s/", "s"), ("a/s", "a/s"), ("../s", "../s")] {
            assert_eq!(path(text), Some(format!("{here}/{rest}")), "{text}");
        }
        assert_eq!(path("./.a/./s"), Some(format!("{here}/.a/./s")));
        assert_eq!(path(".a/s"), Some(format!("{here}/.a/s")));
    }

    #[test]
    fn a_small_file_names_the_store_to_use() {
        let directory = std::env::temp_dir().join(format!("plasma-link-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let write = |name: &str, text: &str, mode: u32| {
            use std::os::unix::fs::PermissionsExt;
            let path = directory.join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let parsed = |path: &str| Address::parse(Some(path)).map(|it| it.display().into_owned());

        let link = write("link", "plasma-store-link 1\n/tmp/s/t\ncapacity 7\n", 0o644);
        assert_eq!(parsed(&link).unwrap(), "/tmp/s/t");
        assert_eq!(parsed(&format!("{link}/")).unwrap(), "/tmp/s/t");
        let twice = write("twice", &format!("plasma-store-link 1\n{link}"), 0o600);
        assert_eq!(parsed(&twice).unwrap(), link, "only the first file is followed");
        for other in ["", "plasma-store-link 2\n/tmp/s", "something else"] {
            let other = write("other", other, 0o644);
            assert_eq!(parsed(&other).unwrap(), other, "an ordinary file");
        }
        for bad in ["", "s", "./s", "/", "/tmp/..", "/\0/s"] {
            let bad = write("bad", &format!("plasma-store-link 1\n{bad}\n"), 0o644);
            assert_eq!(parsed(&bad).unwrap_err().status(), Status::InvalidArgument);
        }
        let open = write("open", "plasma-store-link 1\n/tmp/s", 0o666);
        assert_eq!(parsed(&open).unwrap_err().status(), Status::Permission);
        let symlink = directory.join("symlink");
        std::os::unix::fs::symlink(&link, &symlink).unwrap();
        let symlink = symlink.to_str().unwrap();
        assert_eq!(parsed(symlink).unwrap(), symlink, "a symbolic link");
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn paths_name_the_directory_itself() {
        assert_eq!(path("/tmp/s/"), Some("/tmp/s".into()));
        assert_eq!(path("/s"), Some("/s".into()));
        for bad in ["/", "//", "/tmp/.", "/tmp/..", "a/..", &format!("/{}", "x".repeat(201))] {
            assert_eq!(path(bad), None, "{bad:?}");
        }
    }
}
