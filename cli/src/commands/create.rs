//! `plasma create`.

use crate::failure::Result;
use crate::output::{json, line};
use crate::store::Store;
use crate::units::parse_size;
use plasma::{ConnectOptions, Eviction};
use serde_json::json;

/// Create a store and print its path
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub options: StoreOptions,

    #[command(flatten)]
    json: crate::output::Json,
}

/// Options of a new store.
#[derive(clap::Args)]
pub struct StoreOptions {
    /// Room for data and metadata, such as 4G; default: 1G, or half of the free space
    #[arg(short, long, value_name = "SIZE", value_parser = parse_size)]
    capacity: Option<u64>,

    /// Maximum number of objects; default: one per KiB of capacity, from 1024 to 16 Mi
    #[arg(long, value_name = "COUNT")]
    max_objects: Option<u64>,

    /// Permissions: 600 (you), 640 or 644 (others read), 660 or 664 (others write)
    #[arg(long, value_name = "MODE", value_parser = parse_mode)]
    mode: Option<u32>,

    /// Bytes that one reader of another user may hold, such as 64M; default: half of the capacity
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    reader_quota: Option<u64>,

    /// Maximum number of readers of other users, each of which may hold its quota; default: 1024
    #[arg(long, value_name = "COUNT")]
    max_readers: Option<u64>,

    /// If full, evict the least recently used objects instead of refusing new ones
    #[arg(long)]
    lru: bool,

    /// Reserve all memory now, so that it cannot run out later
    #[arg(long)]
    reserve: bool,

    /// Ask for huge pages: the first write is slower, the first read is faster
    #[arg(long)]
    huge_pages: bool,
}

impl StoreOptions {
    pub fn options(&self) -> ConnectOptions {
        ConnectOptions::default()
            .exclusive(true)
            .capacity(self.capacity.unwrap_or(0))
            .max_objects(self.max_objects.unwrap_or(0))
            .mode(self.mode.unwrap_or(0))
            .eviction(self.lru.then_some(Eviction::Lru))
            .reserve(self.reserve)
            .huge_pages(self.huge_pages.into())
            .reader_quota(self.reader_quota.unwrap_or(0))
            .max_readers(self.max_readers.unwrap_or(0))
    }
}

fn parse_mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8).map_err(|_| format!("{text:?} is not an octal mode such as 640"))
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = store.connect(&args.options.options())?;
    let path = client.address().to_string_lossy();
    if args.json.json {
        let stats = client.stats()?;
        return json(&json!({
            "store": path,
            "capacity": stats.capacity,
            "max_objects": stats.max_objects,
            "file_system": stats.file_system,
        }));
    }
    line(path)
}
