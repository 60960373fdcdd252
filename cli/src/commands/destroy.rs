//! `plasma destroy`.

use crate::advice::Purpose;
use crate::failure::{Exit, Failure, Result};
use crate::objects::others;
use crate::output::{count, safe};
use crate::store::Store;
use crate::units::size;
use plasma::Client;
use std::io::{self, IsTerminal, Write};

/// Remove a store and all its objects
///
/// On a terminal it asks first. Connected processes keep the objects that they hold; their other calls
/// fail.
#[derive(clap::Args)]
pub struct Args {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    if !args.yes && io::stdin().is_terminal() && !agrees(store)? {
        return Err(Failure::new(Exit::Failed, "nothing was removed"));
    }
    Client::remove_store(store.address()).map_err(|error| store.cannot(Purpose::Remove, &error))
}

fn agrees(store: &Store) -> Result<bool> {
    // If it cannot be read, removing it reports why.
    let Ok(client) = store.read() else { return Ok(true) };
    let (stats, users) = (client.stats()?, others(&client)?.len());
    let objects = stats.objects_sealed + stats.objects_writing;
    let what = format!(
        "{} with {} ({}), used by {}",
        safe(&client.address().to_string_lossy()),
        count(objects, "object"),
        size(stats.used),
        count(users as u64, "other client"),
    );
    let mut stderr = io::stderr();
    write!(stderr, "Remove {what}? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
