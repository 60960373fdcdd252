//! `plasma stat`.

use crate::failure::Result;
use crate::json;
use crate::limbo::Limbo;
use crate::objects::{self, Object, condition, others};
use crate::output::{Out, count, json as write_json, safe, stdout};
use crate::store::Store;
use crate::table::{Align, Table};
use crate::units::{now_us, size, span};
use plasma::{Activity, ClientInfo, Eviction, ObjectInfo, Stats, StoreFacts};
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;

/// Show a store: room, objects, clients and what they hold
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    json: crate::output::Json,
}

struct Picture {
    path: String,
    facts: StoreFacts,
    stats: Stats,
    activity: Activity,
    clients: Vec<ClientInfo>,
    /// The objects that each client holds or writes, by its slot.
    held: HashMap<u32, Vec<ObjectInfo>>,
    limbo: Limbo,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = store.read()?;
    let objects = objects::all(&client)?;
    let picture = Picture {
        path: client.address().to_string_lossy().into_owned(),
        facts: client.facts()?,
        stats: client.stats()?,
        activity: client.activity()?,
        clients: others(&client)?,
        limbo: Limbo::among(&objects),
        held: held(objects),
    };
    if args.json.json {
        return write_json(&picture.json());
    }
    let mut out = stdout();
    picture.text(&mut out)?;
    if !picture.clients.is_empty() {
        writeln!(out)?;
        picture.table().write(&mut out)?;
    }
    picture.advice(&mut out, store)?;
    Ok(out.flush()?)
}

fn held(objects: Vec<Object>) -> HashMap<u32, Vec<ObjectInfo>> {
    let mut held: HashMap<u32, Vec<ObjectInfo>> = HashMap::new();
    for Object { info, holders } in objects {
        for holder in holders {
            held.entry(holder.slot).or_default().push(info.clone());
        }
    }
    held
}

/// The share of free memory outside the largest piece, in percent.
pub fn fragmentation(stats: &Stats) -> u64 {
    let free = stats.capacity.saturating_sub(stats.used);
    let scattered = free.saturating_sub(stats.largest_free);
    percent(scattered, free)
}

/// `part` of `whole` in percent, rounded.
pub fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 { 0 } else { ((part as f64 / whole as f64) * 100.0).round() as u64 }
}

/// The options of a store, in words.
pub fn made(facts: &StoreFacts) -> String {
    let eviction = match facts.eviction {
        Eviction::None => "no eviction",
        Eviction::Lru => "LRU eviction",
    };
    let ephemeral = if facts.ephemeral { ", removed by its last client" } else { "" };
    let huge = if facts.huge_pages { ", huge pages" } else { "" };
    format!("mode {:04o}, {eviction}{ephemeral}{huge}", facts.mode)
}

impl Picture {
    fn json(&self) -> serde_json::Value {
        let Self { path, facts, stats, activity, clients, limbo, .. } = self;
        json!({
            "store": path,
            "file_system": stats.file_system,
            "mode": format!("{:04o}", facts.mode),
            "eviction": if facts.eviction == Eviction::Lru { "lru" } else { "none" },
            "ephemeral": facts.ephemeral,
            "huge_pages": facts.huge_pages,
            "create_time_us": facts.create_time_us,
            "capacity": stats.capacity,
            "used": stats.used,
            "reserved": stats.reserved,
            "largest_free": stats.largest_free,
            "fragmentation_percent": fragmentation(stats),
            "max_objects": stats.max_objects,
            "objects_writing": stats.objects_writing,
            "objects_sealed": stats.objects_sealed,
            "objects_failed": stats.objects_failed,
            "objects_deleted": stats.objects_deleted,
            "deleted_bytes": stats.deleted_bytes,
            "deleted_holders": limbo.json(),
            "pinned": stats.pinned,
            "leases": stats.leases,
            "evictions": stats.evictions,
            "evicted_bytes": stats.evicted_bytes,
            "recoveries": stats.recoveries,
            "reaped_clients": stats.reaped_clients,
            "lock_steals": stats.lock_steals,
            "lock_owner": activity.lock_owner,
            "waits": activity.waits,
            "clients": clients.iter().map(|client| self.client_json(client)).collect::<Vec<_>>(),
        })
    }

    fn text(&self, out: &mut Out) -> Result<()> {
        let Self { path, facts, stats, clients, .. } = self;
        let free = stats.capacity.saturating_sub(stats.used);
        let age = span(now_us() - facts.create_time_us);
        let all = stats.objects_sealed + stats.objects_writing + stats.objects_failed;
        writeln!(out, "store     {} on {}, {age} old", safe(path), stats.file_system)?;
        writeln!(out, "options   {}", made(facts))?;
        writeln!(out, "capacity  {}", size(stats.capacity))?;
        let part = percent(stats.used, stats.capacity);
        writeln!(out, "used      {} ({part}%)", size(stats.used))?;
        let scattered = fragmentation(stats);
        let largest = size(stats.largest_free);
        let free = size(free);
        writeln!(out, "free      {free}, the largest piece {largest} ({scattered}% fragmented)")?;
        writeln!(out, "reserved  {} of memory", size(stats.reserved))?;
        write!(out, "objects   {all} of {}: {} sealed", stats.max_objects, stats.objects_sealed)?;
        write!(out, ", {} being written", stats.objects_writing)?;
        if stats.objects_failed > 0 {
            write!(out, ", {} failed", stats.objects_failed)?;
        }
        write!(out, ", {} pinned", stats.pinned)?;
        writeln!(out, "; {} deleted but still held", stats.objects_deleted)?;
        if let Some(held) = self.limbo.words() {
            writeln!(out, "held      {held}")?;
        }
        let waiting = clients.iter().filter(|client| condition(client) == "waits").count();
        let (leases, waiting) = (count(stats.leases, "lease"), count(waiting as u64, "client"));
        writeln!(out, "activity  {leases}, {waiting} waiting")?;
        writeln!(
            out,
            "so far    {} evicted ({}), {} reaped, {} taken from dead owners",
            stats.evictions,
            size(stats.evicted_bytes),
            count(stats.reaped_clients, "client"),
            count(stats.lock_steals, "lock")
        )?;
        Ok(())
    }

    /// Problems, and the commands that solve them.
    fn advice(&self, out: &mut Out, store: &Store) -> Result<()> {
        let dead = self.clients.iter().filter(|client| !client.alive).count();
        if dead > 0 {
            let clients = count(dead as u64, "dead client");
            writeln!(out, "\n{clients}: plasma reap{} frees what they left", store.flag())?;
        }
        for client in self.clients.iter().filter(|client| client.stopped) {
            let owns = self.activity.lock_owner == Some(client.slot);
            let lock = if owns { " and owns the writer lock, so all writers wait" } else { "" };
            let pid = client.pid;
            writeln!(out, "\n{pid} is stopped{lock}: kill -CONT {pid} lets it continue")?;
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&[
            ("PID", Align::Right),
            ("UID", Align::Right),
            ("STATE", Align::Left),
            ("AGE", Align::Right),
            ("LEASES", Align::Right),
            ("LEASED", Align::Right),
            ("WRITING", Align::Right),
            ("COMMAND", Align::Left),
            ("HOLDS", Align::Left),
        ]);
        for client in &self.clients {
            table.row(vec![
                client.pid.to_string(),
                client.uid.to_string(),
                condition(client).to_owned(),
                span(now_us() - client.connect_time_us),
                client.lease_count.to_string(),
                size(client.leased_bytes),
                size(client.writing_bytes),
                safe(&client.comm).into_owned(),
                self.holds(client),
            ]);
        }
        table
    }

    /// The first object that a client holds, and the number of the others.
    fn holds(&self, client: &ClientInfo) -> String {
        let held = self.held.get(&client.slot).map_or(&[][..], Vec::as_slice);
        match held {
            [] => String::new(),
            [one] => objects::name(one),
            [one, more @ ..] => format!("{} +{}", objects::name(one), more.len()),
        }
    }

    /// A client, with the objects that it holds.
    fn client_json(&self, client: &ClientInfo) -> serde_json::Value {
        let held = self.held.get(&client.slot).map_or(&[][..], Vec::as_slice);
        let mut value = json::client(client);
        value["holds"] = held.iter().map(json::info).collect();
        value
    }
}
