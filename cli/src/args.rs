//! The command line: its subcommands, and errors in its arguments.

use crate::commands::*;
use crate::failure::{Failure, Result};
use crate::output::word;
use crate::store::Store;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// The exit codes, at the end of `--help` and in the manual.
pub const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  failed for another reason
    2  wrong arguments
    3  no such object
    4  no such store
    5  permission denied
    6  no room in the store, on the disk, or under a limit
    7  timed out
    8  the store, id or name exists already
    9  check or doctor found a problem
  141  the reader of the output closed it (128 + SIGPIPE)

Signal n ends the command, which a shell shows as 128 + n. `run` has codes of its own.";

/// Inspect, use and repair stores of shared objects
#[derive(Parser)]
#[command(
    name = "plasma",
    version,
    after_long_help = EXIT_CODES,
    after_help = "`plasma --help` lists the exit codes; `plasma COMMAND --help` explains a command."
)]
pub struct Cli {
    /// The store: a word, or a path with a slash; default: $PLASMA_STORE, or else `default`
    #[arg(short, long, global = true, value_name = "STORE", display_order = 900)]
    pub store: Option<OsString>,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Create(create::Args),
    Destroy(destroy::Args),
    Stat(stat::Args),
    Stores(stores::Args),
    Ls(ls::Args),
    Info(info::Args),
    Put(put::Args),
    Get(get::Args),
    Cat(cat::Args),
    Rm(rm::Args),
    Wait(wait::Args),
    Watch(watch::Args),
    Top(top::Args),
    Map(map::Args),
    Check(check::Args),
    Reap(reap::Args),
    Evict(evict::Args),
    Trim(trim::Args),
    Doctor(doctor::Args),
    Bench(bench::Args),
    Run(run::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    BenchPartner(bench::PartnerArgs),
    #[command(hide = true)]
    Share(share::Args),
}

impl Cli {
    /// Runs the command.
    pub fn run(&self) -> Result<ExitCode> {
        let store = Store::new(self.store.as_ref())?;
        match &self.command {
            Command::Create(args) => create::run(args, &store),
            Command::Destroy(args) => destroy::run(args, &store),
            Command::Stat(args) => stat::run(args, &store),
            Command::Stores(args) => stores::run(args),
            Command::Ls(args) => ls::run(args, &store),
            Command::Info(args) => info::run(args, &store),
            Command::Put(args) => put::run(args, &store),
            Command::Get(args) => get::run(args, &store),
            Command::Cat(args) => cat::run(args, &store),
            Command::Rm(args) => rm::run(args, &store),
            Command::Wait(args) => wait::run(args, &store),
            Command::Watch(args) => watch::run(args, &store),
            Command::Top(args) => top::run(args, &store),
            Command::Map(args) => map::run(args, &store),
            Command::Check(args) => check::run(args, &store),
            Command::Reap(args) => reap::run(args, &store),
            Command::Evict(args) => evict::run(args, &store),
            Command::Trim(args) => trim::run(args, &store),
            Command::Bench(args) => bench::run(args),
            Command::BenchPartner(args) => bench::run_partner(args, &store),
            Command::Doctor(args) => doctor::run(args, &store),
            Command::Run(args) => return run::run(args, &store),
            Command::Completions(args) => completions::run(args, shown()),
            Command::Share(args) => share::run(args, Self::command(), shown()),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The command line for completions, without the hidden commands.
fn shown() -> clap::Command {
    let all = Cli::command();
    let subcommands = all.get_subcommands().filter(|command| !command.is_hide_set());
    clap::Command::new("plasma")
        .version(env!("CARGO_PKG_VERSION"))
        .args(all.get_arguments().cloned())
        .subcommands(subcommands.cloned())
}

/// Print an error in the arguments in one line; help and version are not errors.
pub fn explain(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => Failure::from(error).report(),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => {
            let (words, command) = (one_line(&error.render().to_string()), command());
            let hint = store_hint(error).unwrap_or_else(|| format!("see {command} --help"));
            let _ = writeln!(std::io::stderr(), "plasma: {words}; {hint}");
            ExitCode::from(2)
        }
    }
}

/// Advice if an argument that the command does not take looks like a store.
fn store_hint(error: &clap::Error) -> Option<String> {
    let argument = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(argument))) => argument,
        _ => return None,
    };
    let is_store = argument.contains('/') || std::env::args().len() == 3;
    (is_store && !argument.starts_with('-'))
        .then(|| format!("name a store with -s: {} -s {}", command(), word(argument)))
}

/// The text of clap before its usage.
fn one_line(text: &str) -> String {
    let words = text.split("Usage: ").next().unwrap_or_default();
    let words = words.split("For more information").next().unwrap_or_default();
    let words: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let words = words.join(" ").replace(" tip: ", "; ");
    crate::output::one_line(words.trim_start_matches("error: "))
}

/// The command whose help explains the error.
fn command() -> String {
    let all = Cli::command();
    let is_command = |arg: &OsString| all.find_subcommand(arg).is_some();
    match std::env::args_os().skip(1).find(is_command) {
        Some(name) => format!("plasma {}", name.display()),
        None => "plasma".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        shown().debug_assert();
    }
}
