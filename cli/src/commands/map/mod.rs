//! `plasma map`.

mod svg;
mod text;

pub use text::shade;

use crate::failure::{Failure, Result};
use crate::heap::{Use, stretches, totals};
use crate::limbo::Limbo;
use crate::objects::state;
use crate::output::{json as write_json, stdout};
use crate::store::Store;
use plasma::{Client, HeapMap, ObjectId};
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

/// Draw the heap of a store: used, held and free memory, and its fragmentation
///
/// It draws on the terminal by default and writes an SVG picture with -o. In a browser, a tooltip of
/// each part shows its object.
#[derive(clap::Args)]
pub struct Args {
    /// Write a picture (SVG) to this file; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    json: crate::output::Json,
}

/// Names of objects by id and time of creation.
type Names = HashMap<(ObjectId, i64), String>;

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = store.read()?;
    let map = client.heap_map()?;
    if args.json.json {
        return write_json(&as_json(&map));
    }
    let path = client.address().to_string_lossy();
    let Some(output) = &args.output else {
        let mut out = stdout();
        text::write(&mut out, &path, &map, &Limbo::of(&client)?)?;
        return Ok(out.flush()?);
    };
    let svg = svg::draw(&path, &map, &names(&client)?);
    if output.as_os_str() == "-" {
        let mut out = stdout();
        out.write_all(svg.as_bytes())?;
        return Ok(out.flush()?);
    }
    std::fs::write(output, svg).map_err(|error| Failure::file("write", output, &error))
}

fn names(client: &Client) -> Result<Names> {
    let named = client.list()?.into_iter().filter(|info| !info.name.is_empty());
    Ok(named.map(|info| ((info.id, info.create_time_us), info.name)).collect())
}

fn as_json(map: &HeapMap) -> serde_json::Value {
    let stretches = stretches(map);
    let blocks = map.blocks.iter().map(|block| {
        json!({
            "offset": block.offset,
            "size": block.size,
            "id": (block.state != plasma::ObjectState::Absent).then(|| block.id.to_hex()),
            "state": state(block.state),
            "metadata": block.metadata,
            "pinned": block.pinned,
            "create_time_us": block.create_time_us,
            "lease_count": block.lease_count,
        })
    });
    let reserved =
        map.reserved.iter().map(|(offset, size)| json!({ "offset": offset, "size": size }));
    let free = totals(&stretches).into_iter();
    let free = free.filter(|(used, _)| matches!(used, Use::Free | Use::Unbacked));
    let free: u64 = free.map(|(_, bytes)| bytes).sum();
    json!({
        "capacity": map.capacity,
        "free": free,
        "reserved": reserved.collect::<Vec<_>>(),
        "blocks": blocks.collect::<Vec<_>>(),
    })
}
