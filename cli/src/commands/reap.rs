//! `plasma reap`.

use crate::failure::Result;
use crate::output::{count, json, line};
use crate::store::Store;
use serde_json::json;

/// Take back what dead clients left: their half-made objects and leases
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    json: crate::args::Json,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    // Whoever connects to write reaps already, so it is counted from before that.
    let reader = store.read()?;
    let before = reader.stats()?;
    let client = store.write()?;
    client.reap()?;
    let after = client.stats()?;
    let reaped = after.reaped_clients.saturating_sub(before.reaped_clients);
    let freed = before.used.saturating_sub(after.used);
    if args.json.json {
        return json(&json!({ "reaped_clients": reaped, "freed_bytes": freed }));
    }
    let clients = count(reaped, "dead client");
    line(format!("reaped {clients}, freed {}", crate::units::size(freed)))
}
