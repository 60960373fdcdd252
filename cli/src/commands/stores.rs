//! `plasma stores`.

use crate::failure::Result;
use crate::objects::others;
use crate::output::{count, json, safe, stdout};
use crate::stores::{addresses, is_abandoned, to_read};
use crate::table::{Align, Table};
use crate::units::size;
use plasma::{Client, Stats, Status};
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// List the stores of this user that have words as addresses: room, objects, clients
///
/// A store is abandoned if it was to be removed by its last client and that client was killed. It
/// stays until a client connects, `plasma reap --all` removes it, or the next `plasma run` does.
/// Stores at paths are not listed.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    json: crate::output::Json,
}

/// One store.
struct Row {
    address: String,
    found: Found,
}

enum Found {
    Store(Seen),
    /// An ephemeral store whose last client was killed.
    Abandoned,
    /// The reason.
    Unreadable(String),
}

struct Seen {
    stats: Stats,
    ephemeral: bool,
    living: u64,
    dead: u64,
}

pub fn run(args: &Args) -> Result<()> {
    let rows: Vec<Row> = addresses().into_iter().filter_map(inspect).collect();
    if args.json.json {
        return json(&rows.iter().map(Row::json).collect());
    }
    let mut out = stdout();
    if !rows.is_empty() {
        table(&rows).write(&mut out)?;
    }
    let of = |state: &str| rows.iter().filter(|row| row.state() == state).count() as u64;
    if of(ABANDONED) > 0 {
        let stores = count(of(ABANDONED), "abandoned store");
        writeln!(out, "\n{stores}: plasma reap --all removes what killed clients left")?;
    }
    if of(UNREADABLE) > 0 {
        writeln!(out, "\n{}: plasma doctor shows why", count(of(UNREADABLE), "unreadable store"))?;
    }
    Ok(out.flush()?)
}

const ABANDONED: &str = "abandoned";
const UNREADABLE: &str = "unreadable";

/// `None` if it was removed since it was listed.
fn inspect(address: String) -> Option<Row> {
    let found = match Client::connect(Some(&address), &to_read()) {
        Err(error) if is_abandoned(&address, &error) => Found::Abandoned,
        Err(error) if error.status() == Status::StoreNotFound => return None,
        Err(error) => Found::Unreadable(error.to_string()),
        Ok(client) => match see(&client) {
            Ok(seen) => Found::Store(seen),
            Err(failure) => Found::Unreadable(failure.to_string()),
        },
    };
    Some(Row { address, found })
}

fn see(client: &Client) -> Result<Seen> {
    let (stats, facts, clients) = (client.stats()?, client.facts()?, others(client)?);
    let dead = clients.iter().filter(|client| !client.alive).count() as u64;
    let living = clients.len() as u64 - dead;
    Ok(Seen { stats, ephemeral: facts.ephemeral, living, dead })
}

impl Row {
    fn state(&self) -> &'static str {
        match &self.found {
            Found::Store(Seen { living: 0, .. }) => "unused",
            Found::Store(_) => "used",
            Found::Abandoned => ABANDONED,
            Found::Unreadable(_) => UNREADABLE,
        }
    }

    fn json(&self) -> serde_json::Value {
        let mut value = json!({ "store": self.address, "state": self.state() });
        match &self.found {
            Found::Store(Seen { stats, ephemeral, living, dead }) => {
                value["capacity"] = json!(stats.capacity);
                value["used"] = json!(stats.used);
                value["objects"] = json!(stats.objects_sealed + stats.objects_writing);
                value["ephemeral"] = json!(ephemeral);
                value["clients"] = json!(living);
                value["dead_clients"] = json!(dead);
            }
            Found::Unreadable(error) => value["error"] = json!(error),
            Found::Abandoned => {}
        }
        value
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        ("STORE", Align::Left),
        ("STATE", Align::Left),
        ("USED", Align::Right),
        ("CAPACITY", Align::Right),
        ("OBJECTS", Align::Right),
        ("CLIENTS", Align::Right),
        ("DEAD", Align::Right),
    ]);
    for row in rows {
        let name = Path::new(&row.address).file_name().unwrap_or_default().to_string_lossy();
        let mut cells = vec![safe(&name).into_owned(), row.state().to_owned()];
        match &row.found {
            Found::Store(Seen { stats, living, dead, .. }) => cells.extend([
                size(stats.used),
                size(stats.capacity),
                (stats.objects_sealed + stats.objects_writing).to_string(),
                living.to_string(),
                dead.to_string(),
            ]),
            _ => cells.extend([const { String::new() }; 5]),
        }
        table.row(cells);
    }
    table
}
