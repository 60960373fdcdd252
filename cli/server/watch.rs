//! A second process that removes the store if the first is killed.
//!
//! It reads a pipe whose other end the first process holds, so it notices any end of that process. It
//! is in a process group of its own, which a signal to the group of the first does not reach.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

const OPTION: &str = "--remove-after-end-of-input";

/// The remains of a server, which the watcher removes.
pub struct Left {
    address: String,
    spill: Option<PathBuf>,
}

/// Starts the watcher; the pipe in the result has to stay open.
pub fn start(address: &str, spill: Option<&Path>) -> Result<Child, String> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("plasma_store_watch").arg(OPTION).arg(address).args(spill).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().map_err(|error| format!("cannot start the process that cleans up: {error}"))
}

/// The arguments of a watcher, if these are some.
pub fn arguments(arguments: &[OsString]) -> Option<Left> {
    match arguments {
        [option, address, spill @ ..] if option == OPTION && spill.len() <= 1 => Some(Left {
            address: address.to_str()?.to_owned(),
            spill: spill.first().map(PathBuf::from),
        }),
        _ => None,
    }
}

/// Waits for the end of the other process and removes what it left.
pub fn run(left: &Left) -> ExitCode {
    let mut byte = [0];
    while let Err(error) = std::io::stdin().read(&mut byte) {
        if error.kind() != std::io::ErrorKind::Interrupted {
            break;
        }
    }
    super::remove(&left.address, left.spill.as_deref());
    ExitCode::SUCCESS
}
