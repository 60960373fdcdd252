//! `plasma run`.

use crate::commands::create::StoreOptions;
use crate::failure::{Exit, Failure, Result, words};
use crate::interrupt;
use crate::store::Store;
use crate::stores;
use plasma::{Client, ObjectId, Status};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::raw::WithRawSiginfo;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

/// Run a command with a store of its own, and remove the store afterwards
///
/// The command finds the store in PLASMA_STORE. Signals are forwarded to it, and its exit code becomes
/// that of `plasma run`: 128 + n if signal n ended it, 127 if there is no such command, 126 if it
/// cannot be run, 125 if the store cannot be created. If `plasma run` itself is killed, the store stays
/// until its last client leaves or, if that one is killed too, until the next `plasma run` or
/// `plasma reap --all`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: StoreOptions,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    #[arg(value_name = "COMMAND")]
    command: Vec<OsString>,
}

const FORWARDED: [i32; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH];

pub fn run(args: &Args, store: &Store) -> Result<ExitCode> {
    let client = make(args, store).map_err(|failure| match failure {
        Failure::Because(_, message) => Failure::new(Exit::Run, message),
        signal => signal,
    })?;
    let path = client.address().to_string_lossy().into_owned();
    let status = run_in(args, &path);
    // Also if processes that the command started are still connected.
    match Client::remove_store(Some(&path)) {
        Ok(()) => {}
        Err(error) if matches!(error.status(), Status::StoreNotFound | Status::StoreGone) => {}
        Err(error) => return Err(Failure::new(Exit::Run, error.to_string())),
    }
    drop(client);
    let status = status?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(code as u8))
}

/// Create the store at the address that was asked for, or else at a new one.
fn make(args: &Args, store: &Store) -> Result<std::sync::Arc<Client>> {
    // Remove what killed runs left, so that it does not accumulate.
    stores::remove_all_abandoned();
    let options = args.options.options().ephemeral(true);
    match store.address() {
        Some(address) if address.contains('/') => {
            let wrong = |e: &io::Error| Failure::file("find", address.as_ref(), e);
            let path = std::path::absolute(address).map_err(|error| wrong(&error))?;
            Store::new(Some(&path.into_os_string()))?.connect(&options)
        }
        Some(_) => store.connect(&options),
        None => {
            let word = format!("run-{}", &ObjectId::random()?.to_hex()[..12]);
            Store::new(Some(&word.into()))?.connect(&options)
        }
    }
}

fn run_in(args: &Args, path: &str) -> Result<ExitStatus> {
    let failed = |error: io::Error| Failure::new(Exit::Run, words(&error));
    // Before the command starts, so that no signal is missed.
    let signals = FORWARDED.iter().filter(|signal| !interrupt::is_ignored(**signal));
    let mut signals = SignalsInfo::<WithRawSiginfo>::new(signals).map_err(failed)?;
    let (program, arguments) =
        args.command.split_first().ok_or_else(|| Failure::usage("no command"))?;
    let spawned = Command::new(program).args(arguments).env("PLASMA_STORE", path).spawn();
    let mut child = spawned.map_err(|error| {
        let exit = match error.kind() {
            ErrorKind::NotFound => Exit::NoCommand,
            _ => Exit::CannotRun,
        };
        Failure::new(exit, format!("cannot run {}: {}", program.display(), words(&error)))
    })?;
    let pid = Pid::from_child(&child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty());
    let handle = signals.handle();
    let forward = std::thread::spawn(move || {
        for info in signals.forever() {
            // The terminal sends its signals to the command directly.
            let Some(signal) = Signal::from_named_raw(info.si_signo).filter(|_| info.si_code <= 0)
            else {
                continue;
            };
            // `wait` reports its end.
            let _ = match &pidfd {
                Ok(pidfd) => pidfd_send_signal(pidfd, signal),
                Err(_) => kill_process(pid, signal),
            };
        }
    });
    let status = child.wait().map_err(failed);
    handle.close();
    let _ = forward.join();
    status
}
