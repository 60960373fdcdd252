//! Why a store cannot be used, and the command that helps; the advice of the library is for programs.

use crate::failure::{Exit, Failure, fact};
use crate::output::word;
use crate::store::Store;
use crate::stores;
use plasma::{Client, Error, Status};
use rustix::fs::StatVfsMountFlags;
use std::path::{Path, PathBuf};

/// The reason for which a store was to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Read,
    Change,
    Make,
    Remove,
}

impl Store {
    /// The failure to open the store for this purpose.
    pub fn cannot(&self, purpose: Purpose, error: &Error) -> Failure {
        let fact = fact(error);
        let flag = self.flag();
        let say = |exit, way_out: String| Failure::new(exit, format!("{fact}; {way_out}"));
        match error.status() {
            Status::StoreNotFound => match (self.missing_parent(), purpose) {
                (Some(parent), _) => say(Exit::NoStore, format!("mkdir -p {parent} makes it")),
                (None, Purpose::Remove) => Failure::new(Exit::NoStore, fact),
                (None, _) => say(Exit::NoStore, format!("make one: plasma create{flag}")),
            },
            Status::StoreExists => say(Exit::Exists, format!("see it: plasma stat{flag}")),
            Status::StoreGone => say(Exit::NoStore, format!("make one: plasma create{flag}")),
            Status::NotAStore => say(Exit::Failed, not_a_store(purpose).to_owned()),
            Status::InvalidArgument => say(
                Exit::Usage,
                "a store is a word, or a path with a slash; without -s it is $PLASMA_STORE, else \
                 default"
                    .to_owned(),
            ),
            Status::Permission => self.refused(purpose, &fact),
            Status::Corrupt | Status::Version if purpose == Purpose::Remove => {
                Failure::from(error.clone()).hint("once no process uses it, rm -r its directory")
            }
            _ => Failure::from(error.clone()),
        }
    }

    fn refused(&self, purpose: Purpose, fact: &str) -> Failure {
        if let Some(path) = self.path().filter(|path| is_mounted_read_only(path)) {
            let why = "its file system is mounted read-only, and each client has a file there";
            let way_out = "mount -o remount,rw makes it writable";
            let path = path.display();
            return Failure::new(Exit::Permission, format!("cannot use {path}: {why}; {way_out}"));
        }
        let what = fact.split(": Permission denied").next().unwrap_or_default();
        let may_look = || Client::connect(self.address(), &stores::to_read()).is_ok();
        let way_out = match purpose {
            Purpose::Remove => "only its owner, or root, can remove it",
            Purpose::Make if self.path().is_some_and(|path| !path.exists()) => {
                "creating it needs write permission in its directory"
            }
            Purpose::Change | Purpose::Make if may_look() => {
                "you may read it, and its owner can let you write: plasma create --mode 660 or 664"
            }
            _ => "its owner can admit others: plasma create --mode 640 or 644",
        };
        Failure::new(Exit::Permission, format!("{what}: permission denied; {way_out}"))
    }

    /// The missing directory of a store at this path, quoted.
    fn missing_parent(&self) -> Option<String> {
        let path = self.path()?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty())?;
        // The directory of words is created with the first store.
        let of_words = plasma::directory_of_words().ok().map(PathBuf::from);
        let is_missing = of_words.is_none_or(|path| path != parent) && !parent.exists();
        is_missing.then(|| word(&parent.to_string_lossy()).into_owned())
    }

    /// The directory at the address.
    fn path(&self) -> Option<PathBuf> {
        let from_environment = || std::env::var("PLASMA_STORE").ok();
        let address = self.address().map(str::to_owned).or_else(from_environment);
        let address = address.unwrap_or_else(|| "default".to_owned());
        match address.contains('/') {
            true => Some(PathBuf::from(address)),
            false => Some(PathBuf::from(plasma::directory_of_words().ok()?).join(address)),
        }
    }
}

fn not_a_store(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Make => "give a path with -s where there is nothing yet",
        Purpose::Remove => "nothing was removed",
        Purpose::Read | Purpose::Change => "name a store with -s; plasma stores lists yours",
    }
}

/// Whether the file system of the store, or of its first existing parent, is mounted read-only.
fn is_mounted_read_only(path: &Path) -> bool {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    rustix::fs::statvfs(there).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY))
}
