//! `plasma info`.

use crate::failure::Result;
use crate::json;
use crate::object::{about, find};
use crate::objects::{condition, holder, state};
use crate::output::{json as write_json, safe, stdout};
use crate::store::Store;
use crate::units::{exact_size, now_us, short_time, span, timestamp};
use plasma::{Client, ObjectId, ObjectInfo, ObjectState, Status};
use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

/// Show one object: times, creator, holders, metadata
#[derive(clap::Args)]
#[command(after_long_help = crate::object::HELP)]
pub struct Args {
    /// The id, its first digits, or the name
    #[arg(value_name = "ID|NAME")]
    object: OsString,

    #[command(flatten)]
    json: crate::output::Json,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = store.read()?;
    let id = find(&client, &args.object)?;
    let info = client.object_info(&id).map_err(|error| about(&args.object, error))?;
    let holders = client.list_holders(&id).map_err(|error| about(&args.object, error))?;
    let metadata = metadata(&client, &id, &info)?;
    if args.json.json {
        let mut value = json::info(&info);
        value["holders"] = holders.iter().map(json::client).collect();
        value["metadata"] =
            metadata.iter().map(|(key, bytes)| (key.clone(), json::bytes(bytes))).collect();
        return write_json(&value);
    }
    let mut out = stdout();
    let ago = |us: i64| format!("{}, {} ago", timestamp(us), span(now_us() - us));
    let pinned = if info.pinned { ", pinned" } else { "" };
    writeln!(out, "id        {}", info.id)?;
    if !info.name.is_empty() {
        writeln!(out, "name      {}", safe(&info.name))?;
    }
    writeln!(out, "state     {}{pinned}", state(info.state))?;
    writeln!(out, "size      {}", exact_size(info.data_size))?;
    writeln!(out, "created   {}", ago(info.create_time_us))?;
    if info.construct_duration_us >= 0 {
        writeln!(out, "sealed    {} later", short_time(info.construct_duration_us as f64 * 1e3))?;
    }
    writeln!(out, "used      {}", ago(info.last_use_us))?;
    writeln!(out, "creator   {}", safe(&info.creator_address))?;
    for (i, client) in holders.iter().enumerate() {
        let head = if i == 0 { "held by" } else { "" };
        writeln!(out, "{head:<9} {} ({})", holder(client), condition(client))?;
    }
    for (i, (key, value)) in metadata.iter().enumerate() {
        let head = if i == 0 { "metadata" } else { "" };
        writeln!(out, "{head:<9} {}={}", safe(key), shown(value))?;
    }
    Ok(out.flush()?)
}

/// The metadata of a sealed object, or none if the object was deleted in the meantime.
fn metadata(client: &Client, id: &ObjectId, info: &ObjectInfo) -> Result<Vec<(String, Vec<u8>)>> {
    let mut pairs = Vec::new();
    if info.state != ObjectState::Sealed {
        return Ok(pairs);
    }
    let buffer = match client.get(id, Some(Duration::ZERO)) {
        Ok(buffer) => buffer,
        Err(error) if error.status() == Status::NotFound => return Ok(pairs),
        Err(error) => return Err(error.into()),
    };
    for i in 0..buffer.metadata_count()? {
        let (key, value) = buffer.metadata_at(i)?;
        pairs.push((key.to_string_lossy().into_owned(), value.to_vec()));
    }
    Ok(pairs)
}

/// A value for people: its text, or its size in bytes.
fn shown(value: &[u8]) -> String {
    const MOST: usize = 200;
    match std::str::from_utf8(value) {
        Ok(text) if text.len() <= MOST => safe(text).into_owned(),
        Ok(text) => {
            format!("{}... ({} bytes)", safe(&text[..text.floor_char_boundary(MOST)]), text.len())
        }
        Err(_) => format!("({} bytes)", value.len()),
    }
}
