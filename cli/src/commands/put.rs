//! `plasma put`.

use crate::copy::{self, Broken};
use crate::failure::{Exit, Failure, Result, no_room};
use crate::interrupt;
use crate::limbo::Limbo;
use crate::object::called;
use crate::output::{json, line};
use crate::progress::Progress;
use crate::store::{Store, text};
use crate::units::parse_duration;
use plasma::{Client, CreateOptions, MutableBuffer, ObjectId, Status};
use serde_json::json;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Store files as objects and print their ids
#[derive(clap::Args)]
pub struct Args {
    /// The files to store; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Name of the object; for one FILE
    #[arg(short, long, value_name = "NAME")]
    name: Option<OsString>,

    /// Name each object like its file, without the directory
    #[arg(short = 'N', long, conflicts_with = "name")]
    names: bool,

    /// Id of the object: 40 hexadecimal digits; for one FILE; default: random
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// Metadata: a key and its value; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE")]
    meta: Vec<OsString>,

    /// Pin the objects, so that they are not evicted
    #[arg(long)]
    pin: bool,

    /// How long to wait for room: 500ms, 10s, 5m; default: do not wait
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,

    #[command(flatten)]
    json: crate::output::Json,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    if args.files.len() > 1 && (args.name.is_some() || args.id.is_some()) {
        return Err(Failure::usage("--name and --id are for one file; --names names each file"));
    }
    let metadata = args.meta.iter().map(|pair| split(pair)).collect::<Result<Vec<_>>>()?;
    let id = match &args.id {
        Some(hex) => Some(ObjectId::from_hex(hex).map_err(|error| {
            Failure::usage(format!("--id {hex}: {}", error.detail().unwrap_or_default()))
        })?),
        None => None,
    };
    let client = interrupt::catch(|| store.write())?;
    for path in &args.files {
        let name = match (&args.name, args.names) {
            (Some(name), _) => Some(text("name", name)?),
            (None, true) => Some(text("name", path.file_name().unwrap_or(path.as_os_str()))?),
            (None, false) => None,
        };
        let options = CreateOptions::default()
            .name(name)
            .metadata(&metadata)
            .pinned(args.pin)
            .timeout(Some(args.timeout.unwrap_or(Duration::ZERO)));
        let id = id.map_or_else(ObjectId::random, Ok)?;
        let size = put(&client, path, &id, &options).map_err(|failure| full(&client, failure))?;
        match args.json.json {
            true => json(&json!({ "id": id.to_hex(), "name": name, "data_size": size }))?,
            false => line(id)?,
        }
    }
    Ok(())
}

/// A century; a longer wait could overflow the clock.
const LONG: Duration = Duration::from_secs(100 * 365 * 86400);

fn split(pair: &std::ffi::OsStr) -> Result<(&str, &[u8])> {
    let pair = text("metadata", pair)?;
    match pair.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key, value.as_bytes())),
        _ => Err(Failure::usage(format!("--meta {pair}: write KEY=VALUE"))),
    }
}

/// Store one file; returns its size.
fn put(client: &Client, path: &Path, id: &ObjectId, options: &CreateOptions<'_>) -> Result<u64> {
    // Duplicate the descriptor of standard input, because a socket cannot be opened by its path.
    let is_input = path.as_os_str() == "-" || path == Path::new("/dev/stdin");
    let path = if is_input { Path::new("standard input") } else { path };
    let broken = |error: &io::Error| Failure::file("read", path, error);
    let file = match is_input {
        true => File::from(io::stdin().as_fd().try_clone_to_owned().map_err(|e| broken(&e))?),
        false => File::open(path).map_err(|error| broken(&error))?,
    };
    let about = file.metadata().map_err(|error| broken(&error))?;
    // A shell may have read a part of its input before.
    let offset = if about.is_file() { position(&file) } else { 0 };
    // An estimate: the file may grow or shrink during the copy, and files of /proc and /sys report
    // wrong sizes.
    let size = if about.is_file() { about.len().saturating_sub(offset) } else { 0 };
    let end = Instant::now() + options.timeout.unwrap_or_default().min(LONG);
    let known = (about.is_file() && size > 0).then_some(size);
    let progress = Progress::new(&path.to_string_lossy(), known);
    let created = match known {
        // A signal interrupts the client, so it need not be noticed here, too.
        Some(_) => client.create_from_file(id, &file, offset..offset + size, options, &|done| {
            let _ = progress.show_done(done);
        }),
        None => client.create(id, 0, options),
    };
    let mut object = created.map_err(|error| cannot(path, options, error))?;
    let filled = fill(&file, &about, offset, &mut object, end, &progress);
    filled.map_err(|error| match error {
        Broken::File(error) => broken(&error),
        Broken::Failed(failure) => failure.context(path.display()),
    })?;
    seal(object)
}

/// Copy the rest of the file, which may have grown.
fn fill(
    mut file: &File,
    about: &Metadata,
    offset: u64,
    object: &mut MutableBuffer,
    end: Instant,
    progress: &Progress,
) -> Result<(), Broken> {
    if about.is_file() {
        file.seek(SeekFrom::Start(offset + object.len() as u64))?;
    }
    copy::to_end(&mut file, object, end, progress)?;
    let now = file.metadata()?.len();
    // Files of the kernel say the same wrong length always.
    if about.is_file() && now != about.len() && now < offset + object.len() as u64 {
        let why = "somebody truncated it while it was copied; put it again";
        return Err(Failure::new(Exit::Failed, why).into());
    }
    Ok(())
}

/// Adds the holders of deleted objects, because deleting more objects does not free their memory.
fn full(client: &Client, failure: Failure) -> Failure {
    let is_full = matches!(failure, Failure::Because(Exit::Full, _));
    match is_full.then(|| Limbo::of(client)) {
        Some(Ok(limbo)) => match limbo.words() {
            Some(held) => failure.hint(held),
            None => failure,
        },
        _ => failure,
    }
}

fn position(file: &File) -> u64 {
    (&mut &*file).stream_position().unwrap_or(0)
}

fn seal(object: MutableBuffer) -> Result<u64> {
    interrupt::check()?;
    let size = object.len() as u64;
    object.seal().map_err(plasma::Error::from)?;
    Ok(size)
}

fn cannot(path: &Path, options: &CreateOptions<'_>, error: plasma::Error) -> Failure {
    let failure = match (error.status(), options.name) {
        (Status::NameExists, Some(name)) => {
            Failure::new(Exit::Exists, format!("the name {name} is taken"))
                .hint(format!("plasma rm {} frees it", called(name)))
        }
        (Status::Exists, _) => Failure::new(Exit::Exists, "the id is taken"),
        _ => no_room(error),
    };
    failure.context(path.display())
}
