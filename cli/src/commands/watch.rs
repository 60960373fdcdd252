//! `plasma watch`.

use crate::failure::{Exit, Failure, Result};
use crate::interrupt;
use crate::output::{safe, stdout};
use crate::store::Store;
use crate::units::{parse_duration, size, timestamp};
use clap::ValueEnum;
use plasma::{Client, Event, EventKind, Status};
use serde_json::json;
use std::io::Write;
use std::time::{Duration, Instant};

/// Print the events of objects as they happen
#[derive(clap::Args)]
pub struct Args {
    /// Only events of this kind; may be repeated
    #[arg(short, long, value_name = "KIND")]
    kind: Vec<ChangeKind>,

    /// End after this number of events
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<u64>,

    /// End after this time: 10s, 5m; with --count that is a failure
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,

    /// Write one JSON object per line, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ChangeKind {
    /// Objects that became readable
    Sealed,
    /// Objects that were deleted
    Deleted,
    /// Objects that were evicted to make room
    Evicted,
    /// Objects that were aborted before they were sealed
    Aborted,
    /// Objects that their creators ended with a message
    Failed,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = interrupt::catch(|| store.read())?;
    let events = client.subscribe()?;
    let end = args.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut left = args.count;
    let mut out = stdout();
    // From this line on no event is missed.
    if !args.json {
        writeln!(out, "watching {}", safe(&client.address().to_string_lossy()))?;
        out.flush()?;
    }
    while left != Some(0) {
        let event = match events.next(end.map(|end| end.saturating_duration_since(Instant::now())))
        {
            Ok(event) => event,
            Err(error) if error.status() == Status::Timeout => {
                let short = |left| format!("timed out, {left} events short");
                return left.map_or(Ok(()), |n| Err(Failure::new(Exit::TimedOut, short(n))));
            }
            Err(error) => return Err(error.into()),
        };
        if !is_wanted(args, event.kind) {
            continue;
        }
        match args.json {
            true => writeln!(out, "{}", as_json(&client, &event))?,
            false => writeln!(out, "{}", as_text(&client, &event))?,
        }
        out.flush()?;
        left = left.map(|left| left - 1);
    }
    Ok(())
}

fn word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Sealed => "sealed",
        EventKind::Deleted => "deleted",
        EventKind::Evicted => "evicted",
        EventKind::Aborted => "aborted",
        EventKind::Lost => "lost",
        EventKind::Failed => "failed",
    }
}

fn is_wanted(args: &Args, kind: EventKind) -> bool {
    args.kind.is_empty()
        || args.kind.iter().any(|wanted| match wanted {
            ChangeKind::Sealed => kind == EventKind::Sealed,
            ChangeKind::Deleted => kind == EventKind::Deleted,
            ChangeKind::Evicted => kind == EventKind::Evicted,
            ChangeKind::Aborted => kind == EventKind::Aborted,
            ChangeKind::Failed => kind == EventKind::Failed,
        })
}

/// The name of an object that was sealed, or failed, if it still exists.
fn name(client: &Client, event: &Event) -> Option<String> {
    let exists = matches!(event.kind, EventKind::Sealed | EventKind::Failed);
    let info = exists.then(|| client.object_info(&event.id).ok()).flatten()?;
    Some(info.name).filter(|name| !name.is_empty())
}

fn as_json(client: &Client, event: &Event) -> serde_json::Value {
    if event.kind == EventKind::Lost {
        return json!({
            "kind": "lost", "sequence": event.sequence, "time_us": event.time_us,
            "lost_count": event.lost_count,
        });
    }
    json!({
        "kind": word(event.kind),
        "sequence": event.sequence,
        "time_us": event.time_us,
        "id": event.id.to_hex(),
        "name": name(client, event),
        "data_size": event.data_size,
        "metadata_size": event.metadata_size,
    })
}

fn as_text(client: &Client, event: &Event) -> String {
    let time = timestamp(event.time_us);
    if event.kind == EventKind::Lost {
        let n = event.lost_count;
        return format!("{time}  lost     {n} events or more; plasma ls lists the objects");
    }
    let name = name(client, event).unwrap_or_default();
    let line = format!(
        "{time}  {:<7}  {}  {:>10}  {}",
        word(event.kind),
        event.id,
        size(event.data_size),
        safe(&name)
    );
    line.trim_end().to_owned()
}
