//! `plasma reap`.

use crate::failure::{Failure, Result};
use crate::output::{count, json, line};
use crate::store::Store;
use crate::stores;
use plasma::{Client, ConnectOptions, Status};
use serde_json::{Value, json};

/// Clean up after dead clients: their unsealed objects and their leases
///
/// With --all it does so in all stores that `plasma stores` lists, and removes the abandoned ones.
#[derive(clap::Args)]
pub struct Args {
    /// Clean up in all stores that `plasma stores` lists
    #[arg(short, long)]
    all: bool,

    #[command(flatten)]
    json: crate::output::Json,
}

/// The result for one store.
struct Reaped {
    clients: u64,
    bytes: u64,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    if args.all {
        return all(args, store);
    }
    // Connecting to write already reaps, so the count begins before that.
    let reader = store.read()?;
    let reaped = reap(&reader, || store.write())?;
    match args.json.json {
        true => json(&reaped.json()),
        false => line(reaped.words()),
    }
}

fn reap<T: AsRef<Client>>(reader: &Client, write: impl FnOnce() -> Result<T>) -> Result<Reaped> {
    let before = reader.stats()?;
    let writer = write()?;
    let client = writer.as_ref();
    client.reap()?;
    let after = client.stats()?;
    Ok(Reaped {
        clients: after.reaped_clients.saturating_sub(before.reaped_clients),
        bytes: before.used.saturating_sub(after.used),
    })
}

impl Reaped {
    fn json(&self) -> Value {
        json!({ "reaped_clients": self.clients, "freed_bytes": self.bytes })
    }

    fn words(&self) -> String {
        let clients = count(self.clients, "dead client");
        format!("reaped {clients}, freed {}", crate::units::size(self.bytes))
    }
}

/// Continues after a failure, and fails with the first one.
fn all(args: &Args, store: &Store) -> Result<()> {
    if store.address().is_some() {
        return Err(Failure::usage("--all means all stores of this user, --store means one"));
    }
    let (mut values, mut failed) = (Vec::new(), Vec::new());
    for address in stores::addresses() {
        let done = one(&address);
        let words = match &done {
            Ok(Some(reaped)) => reaped.words(),
            Ok(None) => "removed, since its last client was killed".to_owned(),
            Err(failure) => format!("unchanged: {failure}"),
        };
        if !args.json.json {
            line(format!("{}: {}", crate::output::safe(&address), words))?;
        }
        let mut value = match &done {
            Ok(Some(reaped)) => reaped.json(),
            _ => json!({}),
        };
        value["store"] = json!(address);
        value["removed"] = json!(matches!(done, Ok(None)));
        if let Err(failure) = done {
            value["error"] = json!(failure.to_string());
            failed.push(failure.context(address));
        }
        values.push(value);
    }
    if args.json.json {
        json(&Value::from(values))?;
    }
    match failed.len() {
        0 => Ok(()),
        1 => Err(failed.swap_remove(0)),
        n => Err(failed.swap_remove(0).hint(format!("{} more failed", n - 1))),
    }
}

/// Reap one of many stores; `None` if it was abandoned and is removed, or was removed since it was
/// listed.
fn one(address: &str) -> Result<Option<Reaped>> {
    if stores::remove_abandoned(address)? {
        return Ok(None);
    }
    let connect = |options: &ConnectOptions| Client::connect(Some(address), options);
    let reader = match connect(&stores::to_read()) {
        Err(error) if error.status() == Status::StoreNotFound => return Ok(None),
        reader => reader?,
    };
    let write = || Ok(Box::new(connect(&stores::to_write())?));
    reap(&reader, write).map(Some)
}
