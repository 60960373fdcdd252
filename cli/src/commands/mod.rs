//! The subcommands, each in a file of its own.

pub mod bench;
pub mod cat;
pub mod check;
pub mod completions;
pub mod create;
pub mod destroy;
pub mod doctor;
pub mod evict;
pub mod get;
pub mod info;
pub mod ls;
pub mod map;
pub mod put;
pub mod reap;
pub mod rm;
pub mod run;
pub mod share;
pub mod stat;
pub mod stores;
pub mod top;
pub mod trim;
pub mod wait;
pub mod watch;

use crate::args::{Cli, Command};
use crate::failure::Result;
use crate::store::Store;
use std::process::ExitCode;

/// Do what the command line says.
pub fn run(cli: &Cli) -> Result<ExitCode> {
    let store = Store::new(cli.store.as_ref())?;
    match &cli.command {
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
        Command::BenchPeer(args) => bench::run_peer(args, &store),
        Command::Doctor(args) => doctor::run(args, &store),
        Command::Run(args) => return run::run(args, &store),
        Command::Completions(args) => completions::run(args),
        Command::Share(args) => share::run(args),
    }?;
    Ok(ExitCode::SUCCESS)
}
