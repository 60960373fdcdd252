//! `plasma ls`.

use crate::failure::Result;
use crate::json;
use crate::objects::{self, Object, state};
use crate::output::{for_people, json as write_json, safe, stdout};
use crate::store::Store;
use crate::table::{Align, Table};
use crate::units::{now_us, parse_duration, parse_size, size, span};
use clap::ValueEnum;
use plasma::ObjectState;
use std::io::Write;
use std::time::Duration;

/// List objects: their state, size, age and holders
#[derive(clap::Args)]
pub struct Args {
    /// Only names that match: * is any text, ? any character, [a-z] one of a set
    #[arg(short, long, value_name = "GLOB")]
    name: Option<String>,

    /// Only objects in this state; may be repeated
    #[arg(long, value_name = "STATE")]
    state: Vec<State>,

    /// Only objects created at least this long ago: 30s, 5m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    older: Option<Duration>,

    /// Only objects created less than this long ago
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    newer: Option<Duration>,

    /// Only objects of at least this size: 64k, 10M
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    larger: Option<u64>,

    /// Only objects smaller than this
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    smaller: Option<u64>,

    /// Only objects that are held
    #[arg(long)]
    held: bool,

    /// The order
    #[arg(long, value_enum, default_value_t = Sort::Age)]
    sort: Sort,

    /// Reverse the order
    #[arg(short, long)]
    reverse: bool,

    /// Print only full ids
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    /// Print full ids, also on a terminal
    #[arg(long)]
    full: bool,

    #[command(flatten)]
    json: crate::output::Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Not sealed yet
    Writing,
    /// Readable
    Sealed,
    /// Deleted but still held
    Deleted,
    /// Sealed and pinned against eviction
    Pinned,
    /// Ended by its creator with a message
    Failed,
}

/// Orders of objects.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Oldest first
    Age,
    /// A to Z, objects without a name last
    Name,
    /// Largest first
    Size,
    /// Longest unused first
    Use,
    /// Most leases first
    Leases,
    /// By state
    State,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = store.read()?;
    let mut objects = objects::all(&client)?;
    let now = now_us();
    objects.retain(|object| is_wanted(args, object, now));
    sort(&mut objects, args.sort);
    if args.reverse {
        objects.reverse();
    }
    if args.json.json {
        return write_json(&objects.iter().map(json::object).collect());
    }
    let mut out = stdout();
    if args.quiet {
        objects.iter().try_for_each(|object| writeln!(out, "{}", object.info.id))?;
    } else if !objects.is_empty() {
        table(&objects, now, args.full || !for_people()).write(&mut out)?;
    }
    Ok(out.flush()?)
}

fn is_wanted(args: &Args, object: &Object, now: i64) -> bool {
    let info = &object.info;
    let age = Duration::from_micros(now.saturating_sub(info.create_time_us).max(0) as u64);
    let in_state = |state: &State| match state {
        State::Writing => info.state == ObjectState::Writing,
        State::Sealed => info.state == ObjectState::Sealed,
        State::Deleted => info.state == ObjectState::Deleted,
        State::Pinned => info.state == ObjectState::Sealed && info.pinned,
        State::Failed => info.state == ObjectState::Failed,
    };
    args.name.as_ref().is_none_or(|glob| crate::glob::matches(glob, &info.name))
        && (args.state.is_empty() || args.state.iter().any(in_state))
        && args.older.is_none_or(|older| age >= older)
        && args.newer.is_none_or(|newer| age < newer)
        && args.larger.is_none_or(|bytes| info.data_size >= bytes)
        && args.smaller.is_none_or(|bytes| info.data_size < bytes)
        && (!args.held || !object.holders.is_empty())
}

/// Sort objects; the id decides between equals.
pub fn sort(objects: &mut [Object], by: Sort) {
    objects.sort_by_key(|object| object.info.id);
    match by {
        Sort::Age => objects.sort_by_key(|object| object.info.create_time_us),
        Sort::Name => {
            objects.sort_by(|a, b| {
                let key = |o: &Object| (o.info.name.is_empty(), o.info.name.clone());
                key(a).cmp(&key(b))
            });
        }
        Sort::Size => objects.sort_by_key(|object| std::cmp::Reverse(object.info.data_size)),
        Sort::Use => objects.sort_by_key(|object| object.info.last_use_us),
        Sort::Leases => objects.sort_by_key(|object| std::cmp::Reverse(object.info.lease_count)),
        Sort::State => objects.sort_by_key(|object| object.info.state as i32),
    }
}

fn table(objects: &[Object], now: i64, full: bool) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("STATE", Align::Left),
        ("SIZE", Align::Right),
        ("AGE", Align::Right),
        ("HELD BY", Align::Left),
        ("NAME", Align::Left),
    ]);
    for object in objects {
        let info = &object.info;
        let id = info.id.to_hex();
        let pinned = if info.pinned { " pinned" } else { "" };
        table.row(vec![
            id[..if full { id.len() } else { 12 }].to_owned(),
            format!("{}{pinned}", state(info.state)),
            size(info.data_size),
            span(now - info.create_time_us),
            objects::holders(&object.holders),
            safe(&info.name).into_owned(),
        ]);
    }
    table
}
