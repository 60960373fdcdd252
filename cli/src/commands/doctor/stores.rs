//! The stores of this user, and the remains of dead processes in them and beside them.

use super::finding::{Finding, Machine};
use super::limits;
use crate::advice::Purpose;
use crate::failure::{Exit, Failure, Result};
use crate::limbo::Limbo;
use crate::objects::others;
use crate::output::{count, word};
use crate::store::Store;
use crate::stores;
use crate::units::size;
use plasma::Client;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long an unfinished store is unchanged before it counts as abandoned.
const STILL: Duration = Duration::from_secs(60);

/// The errno of the limit on file sizes.
const EFBIG: i32 = rustix::io::Errno::FBIG.raw_os_error();

pub fn examine(machine: &Machine<'_>, store: &Store) -> Vec<Finding> {
    let mut findings = Vec::new();
    let directory = plasma::directory_of_words().map(|path| machine.path(&path)).ok();
    let entries = directory.and_then(|path| std::fs::read_dir(path).ok());
    let entries = entries.into_iter().flatten().flatten();
    let mut addresses = BTreeSet::new();
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        match path.to_str() {
            Some(text) if !hidden => drop(addresses.insert(text.to_owned())),
            Some(text) => findings.extend(abandoned(&entry, text)),
            None => {}
        }
    }
    match Client::connect(store.address(), &stores::to_read()) {
        Ok(client) => drop(addresses.insert(client.address().to_string_lossy().into_owned())),
        Err(error) => findings.push(unusable(store, error)),
    }
    addresses.iter().for_each(|address| findings.extend(one(address)));
    findings
}

/// The remains, under a hidden name, of a process that died while it created or removed a store.
fn abandoned(entry: &std::fs::DirEntry, path: &str) -> Option<Finding> {
    let age = entry.metadata().ok()?.modified().ok()?.elapsed().ok()?;
    (age > STILL).then(|| {
        let what =
            format!("{path} was left by a process that died while it created or removed a store");
        Finding::problem("leftovers", what, format!("rm -r {}", word(path)))
    })
}

/// The finding that the store of the command line cannot be used.
fn unusable(store: &Store, error: plasma::Error) -> Finding {
    if error.errno() == EFBIG {
        return Finding::problem("limits", error.to_string(), limits::FILE_SIZE);
    }
    match store.cannot(Purpose::Read, &error) {
        Failure::Because(Exit::NoStore, words) => {
            let (what, mend) =
                words.split_once("; make one: ").unwrap_or((&words, "plasma create"));
            Finding::note("store", what, mend)
        }
        failure => {
            let mend = "name another with -s, or in PLASMA_STORE; see plasma --help";
            Finding::problem("store", failure.to_string(), mend)
        }
    }
}

/// One store.
fn one(address: &str) -> Vec<Finding> {
    let client = match Client::connect(Some(address), &stores::to_read()) {
        Ok(client) => client,
        Err(error) if stores::is_abandoned(address, &error) => {
            let what = format!("{address} was to be removed by its last client, which was killed");
            let mend = format!("plasma destroy -y -s {}", word(address));
            return vec![Finding::problem("leftovers", what, mend)];
        }
        Err(error) if error.errno() == EFBIG => {
            let what = format!("{address}: {error}");
            return vec![Finding::problem("limits", what, limits::FILE_SIZE)];
        }
        Err(error) => {
            let mend = format!("once no process uses it: rm -r {}", word(address));
            return vec![Finding::problem("store", format!("{address}: {error}"), mend)];
        }
    };
    let examined = || -> Result<Vec<Finding>> {
        let (clients, stats, activity) = (others(&client)?, client.stats()?, client.activity()?);
        let mut findings = Vec::new();
        let dead = clients.iter().filter(|client| !client.alive).count() as u64;
        if dead > 0 {
            let what = format!("{address} has {} to reap", count(dead, "dead client"));
            let mend = format!("plasma reap -s {}", word(address));
            findings.push(Finding::problem("leftovers", what, mend));
        }
        for client in clients.iter().filter(|client| client.stopped) {
            let (pid, comm) = (client.pid, &client.comm);
            let mend = format!("kill -CONT {pid}, or kill -KILL {pid}");
            findings.push(match activity.lock_owner == Some(client.slot) {
                true => {
                    let what =
                        format!("{address}: all writers wait for {pid} {comm}, which is stopped");
                    Finding::problem("store", what, mend)
                }
                false => {
                    Finding::note("store", format!("{address}: {pid} {comm} is stopped"), mend)
                }
            });
        }
        if let Some(held) = Limbo::of(&client)?.words() {
            let mend =
                format!("let these clients release them or end: plasma stat -s {}", word(address));
            findings.push(Finding::note("store", format!("{address}: {held}"), mend));
        }
        let held =
            format!("{address} holds {}, {} reserved", size(stats.used), size(stats.reserved));
        let users = clients.len() as u64 - dead;
        findings.push(match users {
            0 => Finding::note(
                "store",
                format!("{held}; no client uses it"),
                format!("to remove it: plasma destroy -s {}", word(address)),
            ),
            users => Finding::ok("store", format!("{held}, used by {}", count(users, "client"))),
        });
        Ok(findings)
    };
    examined().unwrap_or_else(|failure| {
        let what = format!("{address} cannot be examined: {failure}");
        vec![Finding::problem("store", what, format!("plasma check -s {}", word(address)))]
    })
}
