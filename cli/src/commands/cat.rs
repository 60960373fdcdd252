//! `plasma cat`.

use crate::commands::get::{get, print};
use crate::failure::Result;
use crate::interrupt;
use crate::store::Store;
use crate::units::parse_duration;
use std::ffi::OsString;
use std::time::Duration;

/// Write the data of objects to standard output, one after the other
#[derive(clap::Args)]
#[command(after_long_help = crate::object::HELP)]
pub struct Args {
    /// Ids, the first digits of ids, or names
    #[arg(value_name = "ID|NAME", required = true)]
    objects: Vec<OsString>,

    /// How long to wait until each is sealed; default: do not wait
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = interrupt::catch(|| store.read())?;
    for object in &args.objects {
        print(&get(&client, object, args.timeout.unwrap_or(Duration::ZERO))?)?;
    }
    Ok(())
}
