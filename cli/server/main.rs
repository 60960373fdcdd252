//! `plasma-store-server`, also named `plasma_store` and `plasma_store_server`: a store for programs
//! that were written for Apache Arrow's Plasma and start its server.
//!
//! A store needs no server. This process makes one, writes a small file that names it where the
//! programs expect a socket, and removes both when it ends.
#![forbid(unsafe_code)]

mod args;
mod link;
mod room;
mod watch;

use args::Args;
use plasma::{Client, ConnectOptions, Eviction, Status};
use rustix::process::{geteuid, getpid};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Objects are not limited by their number there: one for this many bytes of capacity.
const BYTES_PER_OBJECT: u64 = 128;
const MOST_OBJECTS: u64 = 16 << 20;
const FEWEST_OBJECTS: u64 = 1024;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(left) = watch::arguments(&arguments) {
        return watch::run(&left);
    }
    let args = match Args::parse(&arguments) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{}", args::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("plasma_store: {message}\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    match serve(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("plasma_store: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the store and keeps it until SIGTERM or SIGINT.
fn serve(args: &Args) -> Result<(), String> {
    // Before the store is made, so that a signal does not leave it behind.
    let mut signals = Signals::new([SIGTERM, SIGINT])
        .map_err(|error| format!("cannot catch signals: {error}"))?;
    link::remove_stale(&args.socket)?;
    let client = make(args)?;
    let address = client.address().to_string_lossy().into_owned();
    let spill = args.spill.then(|| spill_directory(&address));
    let done = run(args, &address, spill.as_deref(), &mut signals);
    drop(client);
    remove(&address, spill.as_deref());
    let signal = done?;
    if signal != SIGTERM {
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
    Ok(())
}

/// Publishes the store and returns the signal that ends the process.
fn run(
    args: &Args,
    address: &str,
    spill: Option<&Path>,
    signals: &mut Signals,
) -> Result<i32, String> {
    if let Some(spill) = spill {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new().mode(0o700).create(spill);
        made.map_err(|error| format!("cannot make {}: {error}", spill.display()))?;
    }
    // Lives as long as this process, whatever ends it.
    let _watch = watch::start(address, spill)?;
    let link = link::publish(&args.socket, address, args.memory, spill)?;
    eprintln!(
        "plasma_store: a store of {} bytes at {address}, named by {}",
        args.memory,
        args.socket.display()
    );
    let signal = signals.forever().next().unwrap_or(SIGTERM);
    link.remove();
    Ok(signal)
}

/// The place of evicted objects, beside no store, because stores are in memory.
fn spill_directory(address: &str) -> PathBuf {
    let name = address.rsplit('/').next().unwrap_or_default();
    std::env::temp_dir().join(format!("plasma-spill-{}-{name}", geteuid().as_raw()))
}

fn make(args: &Args) -> Result<Client, String> {
    let mut capacity = args.memory;
    let room = room::free(&args.directory);
    if let Some(room) = room.filter(|room| *room < capacity) {
        eprintln!(
            "plasma_store: {capacity} bytes were requested, and {} has room for {room}, which are \
             used; in a container, docker run --shm-size gives more",
            args.directory.display()
        );
        capacity = room;
    }
    let address = address(&args.directory)?;
    loop {
        let objects = (capacity / BYTES_PER_OBJECT).clamp(FEWEST_OBJECTS, MOST_OBJECTS);
        let options = ConnectOptions::default()
            .exclusive(true)
            .ephemeral(true)
            .capacity(capacity)
            .max_objects(objects)
            .eviction((!args.spill).then_some(Eviction::Lru))
            .huge_pages(args.huge_pages.into());
        match Client::connect(Some(&address), &options) {
            // The files beside the heap need room, too.
            Err(error) if is_no_room(error.status()) && capacity < args.memory => {
                if capacity < 1 << 20 {
                    return Err(error.to_string());
                }
                capacity -= capacity / 8;
            }
            made => return made.map_err(|error| error.to_string()),
        }
    }
}

fn is_no_room(status: Status) -> bool {
    matches!(status, Status::OutOfMemory | Status::TooLarge | Status::Limit)
}

/// A new address in a directory. In /dev/shm it is a word, so that `plasma stores` shows the store.
fn address(directory: &Path) -> Result<String, String> {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    let name = format!("plasma_store.{}.{since:x}", getpid().as_raw_nonzero());
    if directory == Path::new(args::DIRECTORY) {
        return Ok(name);
    }
    let directory = std::path::absolute(directory).map_err(|error| error.to_string())?;
    let path = directory.join(name);
    path.into_os_string().into_string().map_err(|path| format!("{path:?} is not UTF-8"))
}

/// Removes what this process made; called by the process and, if it was killed, by its watcher.
fn remove(address: &str, spill: Option<&Path>) {
    let _ = Client::remove_store(Some(address));
    if let Some(spill) = spill {
        let _ = std::fs::remove_dir_all(spill);
    }
}
