//! The `plasma` command: inspect, use and repair stores from a terminal.
#![forbid(unsafe_code)]

mod advice;
mod args;
mod commands;
mod copy;
mod failure;
mod glob;
mod heap;
mod interrupt;
mod json;
mod limbo;
mod object;
mod objects;
mod output;
mod progress;
mod store;
mod stores;
mod table;
mod units;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    interrupt::survive_the_file_limit();
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return args::explain(&error),
    };
    let done = cli.run();
    interrupt::settle();
    match done {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
