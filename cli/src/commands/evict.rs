//! `plasma evict`.

use crate::failure::{Exit, Failure, Result, fact};
use crate::output::{json, line};
use crate::store::Store;
use crate::units::{parse_size, size};
use plasma::Status;
use serde_json::json;

/// Evict the least recently used objects of a store created with --lru
#[derive(clap::Args)]
pub struct Args {
    /// Bytes of data to evict, such as 64M
    #[arg(value_name = "SIZE", value_parser = parse_size)]
    bytes: u64,

    #[command(flatten)]
    json: crate::output::Json,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let evicted = store.write()?.evict(args.bytes).map_err(|error| match error.status() {
        Status::Unsupported => Failure::new(Exit::Failed, fact(&error))
            .hint("plasma create --lru makes a store that evicts, plasma rm deletes objects"),
        _ => Failure::from(error),
    })?;
    match args.json.json {
        true => json(&json!({ "evicted_bytes": evicted })),
        false => line(format!("evicted {}", size(evicted))),
    }
}
