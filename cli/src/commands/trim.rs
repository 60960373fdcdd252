//! `plasma trim`.

use crate::failure::Result;
use crate::output::{json, line};
use crate::store::Store;
use crate::units::{parse_size, size};
use serde_json::json;

/// Return free memory of a store to the system
#[derive(clap::Args)]
pub struct Args {
    /// Free memory to keep for new objects
    #[arg(short, long, value_name = "SIZE", value_parser = parse_size, default_value = "0")]
    keep: u64,

    #[command(flatten)]
    json: crate::output::Json,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let trimmed = store.write()?.trim(args.keep)?;
    match args.json.json {
        true => json(&json!({ "trimmed_bytes": trimmed })),
        false => line(format!("returned {} to the system", size(trimmed))),
    }
}
