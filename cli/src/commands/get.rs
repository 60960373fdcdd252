//! `plasma get`.

use crate::copy::{self, Broken};
use crate::failure::{Exit, Failure, Result};
use crate::interrupt;
use crate::object::{Call, Object, about, late};
use crate::progress::Progress;
use crate::store::Store;
use crate::units::parse_duration;
use plasma::{Buffer, Client, ObjectId, Status};
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Write an object's data to a file or to standard output
///
/// The file is written under another name beside it and renamed when it is complete, so that its
/// readers see either all of it or the previous file.
#[derive(clap::Args)]
#[command(after_long_help = crate::object::HELP)]
pub struct Args {
    /// The id, its first digits, or the name
    #[arg(value_name = "ID|NAME")]
    object: OsString,

    /// The file to write; default, and -: standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// How long to wait until it is sealed: 500ms, 10s, 5m; default: do not wait
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = interrupt::catch(|| store.read())?;
    let buffer = get(&client, &args.object, args.timeout.unwrap_or(Duration::ZERO))?;
    match args.output.as_deref().filter(|path| path.as_os_str() != "-") {
        Some(path) => save(&buffer, path),
        None => {
            if io::stdout().is_terminal() && buffer.iter().take(4096).any(|byte| *byte == 0) {
                return Err(Failure::usage(format!(
                    "{} is not text; write it to a file with -o FILE, or to a pipe",
                    args.object.display()
                )));
            }
            print(&buffer)
        }
    }
}

/// Get the object that the user gives, and wait for it.
pub fn get(client: &Client, object: &OsStr, timeout: Duration) -> Result<Buffer> {
    let got = match Call::new(object)?.object(client)? {
        Object::Id(id) => client.get(&id, Some(timeout)),
        Object::Name(name) => client.get_by_name(&name, Some(timeout)),
    };
    got.map_err(|error| match error.status() {
        Status::NotSealed => Failure::new(
            Exit::NotFound,
            format!("{} is still being written; --timeout waits for it", object.display()),
        ),
        Status::Timeout => late(client, object, &format!("within {timeout:?}")),
        _ => about(object, error),
    })
}

/// Write to standard output.
pub fn print(buffer: &Buffer) -> Result<()> {
    let progress = Progress::new("", Some(buffer.len() as u64));
    match copy::to_pipe(&mut io::stdout(), buffer, &progress) {
        Ok(()) => Ok(io::Write::flush(&mut io::stdout())?),
        Err(Broken::Failed(failure)) => Err(failure),
        Err(Broken::File(error)) => Err(error.into()),
    }
}

fn save(buffer: &Buffer, path: &Path) -> Result<()> {
    let broken = |error: &io::Error| Failure::file("write", path, error);
    let special = std::fs::metadata(path).is_ok_and(|about| !about.is_file());
    let progress = Progress::new(&path.to_string_lossy(), Some(buffer.len() as u64));
    let copied = |copied: Result<(), Broken>| {
        copied.map_err(|error| match error {
            Broken::Failed(failure) => failure,
            Broken::File(error) => broken(&error),
        })
    };
    if special {
        // A device or a pipe: nothing to rename.
        let mut file = OpenOptions::new().write(true).open(path).map_err(|error| broken(&error))?;
        return copied(copy::to_pipe(&mut file, buffer, &progress));
    }
    let (mut partial, file) = Partial::beside(path).map_err(|error| broken(&error))?;
    ensure_room(&file, buffer.len() as u64).map_err(|error| broken(&error))?;
    copied(copy::to_file(&file, buffer, &progress))?;
    interrupt::check()?;
    partial.publish(path).map_err(|error| broken(&error))
}

/// Fail before the copy if the file system has less room. A quota, or others that write at the same
/// time, end the copy later.
fn ensure_room(file: &File, len: u64) -> io::Result<()> {
    match rustix::fs::fstatvfs(file) {
        // A file system without a size reports no blocks.
        Ok(about) if about.f_blocks > 0 && about.f_bavail.saturating_mul(about.f_frsize) < len => {
            Err(rustix::io::Errno::NOSPC.into())
        }
        _ => Ok(()),
    }
}

/// A file that is not complete yet; dropping it removes the file.
struct Partial(Option<PathBuf>);

impl Partial {
    /// Follows a symbolic link, and creates the file beside its target.
    fn beside(path: &Path) -> io::Result<(Self, File)> {
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        target.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let unique = ObjectId::random().map_err(io::Error::other)?.to_hex();
        let partial = target.with_file_name(format!(".plasma-{}.tmp", &unique[..16]));
        let file = OpenOptions::new().write(true).create_new(true).open(&partial)?;
        let partial = Self(Some(partial));
        // Keep the permissions of the previous file.
        if let Ok(before) = std::fs::metadata(&target) {
            file.set_permissions(before.permissions())?;
        }
        Ok((partial, file))
    }

    fn publish(&mut self, path: &Path) -> io::Result<()> {
        if let Some(partial) = &self.0 {
            let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            std::fs::rename(partial, target)?;
            self.0 = None;
        }
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(partial) = &self.0 {
            let _ = std::fs::remove_file(partial);
        }
    }
}
