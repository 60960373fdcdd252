//! The file that names the store, at the path where the original has its socket.
//!
//! The server holds a lock on it for its whole life. So the next server at the path can tell whether
//! the store in the file is in use or was left by a server that was killed.

use plasma::Client;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The first line, by which plasma_connect() knows the file.
const MAGIC: &str = "plasma-store-link 1\n";

pub struct Link {
    path: PathBuf,
    file: File,
}

/// Removes the store of a server that was killed, if the file at `path` names one. A socket, an
/// empty file or the file of another server is replaced later; anything else is an error.
pub fn remove_stale(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let stat = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot inspect {shown}: {error}")),
        Ok(stat) => stat,
    };
    // A program may have made an empty file to have a path of its own.
    if stat.file_type().is_socket() || (stat.is_file() && stat.len() == 0) {
        return Ok(());
    }
    let refused = || format!("{shown} exists and is not the file of a store: remove it first");
    if !stat.is_file() {
        return Err(refused());
    }
    let mut file = File::open(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let mut text = String::new();
    let read = (&mut file).take(4096).read_to_string(&mut text);
    let named = text.strip_prefix(MAGIC).and_then(|rest| rest.lines().next());
    let (Ok(_), Some(named)) = (read, named) else { return Err(refused()) };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        let _ = Client::remove_store(Some(named));
    }
    Ok(())
}

/// Writes the file beside `path` and renames it there, so that a client reads all of it or nothing.
pub fn publish(
    path: &Path,
    address: &str,
    capacity: u64,
    spill: Option<&Path>,
) -> Result<Link, String> {
    let mut text = format!("{MAGIC}{address}\ncapacity {capacity}\n");
    if let Some(spill) = spill {
        text += &format!("spill {}\n", spill.display());
    }
    let name = path.file_name().ok_or_else(|| format!("{} is no file", path.display()))?;
    let beside = path.with_file_name(format!(".{}.{}", name.display(), std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        file.write_all(text.as_bytes())?;
        // Whatever the umask: a file that others could write is not followed.
        file.set_permissions(Permissions::from_mode(0o644))?;
        std::fs::rename(&beside, path)?;
        Ok(file)
    };
    let written: std::io::Result<File> = write();
    let file = written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        format!("cannot write {}: {error}", path.display())
    })?;
    Ok(Link { path: path.to_owned(), file })
}

impl Link {
    /// Removes the file, unless another server has replaced it.
    pub fn remove(self) {
        let own = self.file.metadata().map(|stat| (stat.dev(), stat.ino()));
        let here = self.path.symlink_metadata().map(|stat| (stat.dev(), stat.ino()));
        if let (Ok(own), Ok(here)) = (own, here)
            && own == here
        {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
