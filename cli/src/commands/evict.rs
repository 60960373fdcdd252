//! `plasma evict`.

use crate::failure::Result;
use crate::output::{json, line};
use crate::store::Store;
use crate::units::{parse_size, size};
use serde_json::json;

/// Evict the least recently used objects, in a store made with --lru
#[derive(clap::Args)]
pub struct Args {
    /// How many bytes of data are to go, such as 64M
    #[arg(value_name = "SIZE", value_parser = parse_size)]
    bytes: u64,

    #[command(flatten)]
    json: crate::args::Json,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let evicted = store.write()?.evict(args.bytes)?;
    match args.json.json {
        true => json(&json!({ "evicted_bytes": evicted })),
        false => line(format!("evicted {}", size(evicted))),
    }
}
