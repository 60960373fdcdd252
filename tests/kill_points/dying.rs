//! The roles of children.

use super::common::bystander;
use super::common::world::{CAPACITY, KEPT, PROBE, VICTIM};
use super::common::{connect, fill, get_checked, hear, id, say};
use super::ops::{MANY, OPS};
use super::sweep::{arm, passed};
use plasma::{Client, ConnectOptions, CreateOptions, Result, Status};

/// Number of clients that a store can have, and number of processes that take all slots.
pub const CROWD: u64 = 1024;
pub const CROWDS: u64 = 16;
/// Objects that "delete_old" deletes.
pub const OLD: u64 = 30;

pub fn play(role: &[String]) {
    if bystander::play(role) {
        return;
    }
    let (name, address) = (role[0].as_str(), role[1].as_str());
    match name {
        "make" => {
            arm(&role[2]);
            let reserve = role[3] == "reserved";
            let mode = if role[3] == "readers" { 0o644 } else { 0 };
            let options = ConnectOptions::default().capacity(CAPACITY).reserve(reserve).mode(mode);
            let client = Client::connect(Some(address), &options).unwrap();
            passed();
            std::mem::forget(client);
        }
        "join" | "join_lru" => {
            arm(&role[2]);
            let client = connect(address);
            passed();
            std::mem::forget(client);
        }
        "leave" => {
            let client = connect(address);
            // The releases are stamped: with eviction, the leaver folds them in.
            tolerate(put_and_get(&client), &role[3]);
            let _subscription = client.subscribe().unwrap();
            arm(&role[2]);
            drop(client);
            passed();
        }
        "stay" => {
            let client = connect(address);
            let held: Vec<_> =
                (0..9).map(|_| get_checked(&client, &id(PROBE, 0)).unwrap()).collect();
            say("ready");
            hear();
            drop(held);
        }
        "stay_as_another" | "read_as_another" => {
            become_another_user();
            let options = ConnectOptions::default().read_only(true);
            if name == "stay_as_another" {
                let _client = Client::connect(Some(address), &options).unwrap();
                say("ready");
                hear();
                return;
            }
            arm(&role[2]);
            let client = Client::connect(Some(address), &options).unwrap();
            // More leases than its file has memory for at first.
            let held: Vec<_> =
                (0..MANY).map(|_| get_checked(&client, &id(PROBE, 0)).unwrap()).collect();
            drop((held, client));
            passed();
        }
        "leave_last" => {
            let client = connect(address);
            say("ready");
            hear();
            arm(&role[2]);
            drop(client);
            passed();
        }
        "remove" => {
            arm(&role[2]);
            Client::remove_store(Some(address)).unwrap();
            passed();
        }
        "crowd" => {
            // A read-only client opens no other client's file.
            let first = (role[2] == "0").then(|| connect(address));
            let writer = first
                .as_ref()
                .map(|first| first.create(&id(VICTIM, 0), 100, &CreateOptions::default()).unwrap());
            let read = ConnectOptions::default().read_only(true);
            let more = CROWD / CROWDS - u64::from(first.is_some());
            let crowd: Vec<_> =
                (0..more).map(|_| Client::connect(Some(address), &read).unwrap()).collect();
            say("ready");
            hear();
            drop((writer, crowd));
        }
        "seal_at" => {
            let client = connect(address);
            let object = id(VICTIM, role[3].parse().unwrap());
            let mut writer = client.create(&object, 100, &CreateOptions::default()).unwrap();
            fill(&object, writer.as_mut_slice());
            say("ready");
            hear();
            plasma::sync::arm(role[2].parse().unwrap());
            writer.seal().unwrap();
            plasma::sync::arm(0);
            say("sealed");
        }
        "resize" => {
            let client = connect(address);
            let mut writer =
                client.create(&id(VICTIM, 7), 5000, &CreateOptions::default()).unwrap();
            plasma::sync::arm_stop(role[2].parse().unwrap());
            writer.resize(role[3].parse().unwrap()).unwrap();
            plasma::sync::arm(0);
            fill(&id(VICTIM, 7), writer.as_mut_slice());
            writer.seal().unwrap();
            say("sealed");
        }
        "corpse" => {
            let client = connect(address);
            if let Some(held) = get_checked(&client, &id(KEPT, 2)) {
                std::mem::forget(held);
            }
            let writers =
                (10..13).map(|i| client.create(&id(VICTIM, i), 100 * i, &CreateOptions::default()));
            let writers: Vec<_> = writers.collect();
            say("ready");
            hear();
            drop(writers);
        }
        "corpse_of_many" => {
            let client = connect(address);
            let writers = (100..120).map(|i| {
                let name = format!("writer-{i}");
                let options = CreateOptions::default().name(Some(&name));
                client.create(&id(VICTIM, i), 10, &options).unwrap()
            });
            let writers: Vec<_> = writers.collect();
            say("ready");
            hear();
            drop(writers);
        }
        "delete_old" => {
            let client = connect(address);
            arm(&role[2]);
            (0..OLD).try_for_each(|i| client.delete(&id(VICTIM, i))).unwrap();
            passed();
        }
        "reap" | "recover" => {
            let client = connect(address);
            say("ready");
            hear();
            arm(&role[2]);
            if name == "reap" {
                client.reap().unwrap();
            } else {
                tolerate(client.put(&id(VICTIM, 15), &[], &CreateOptions::default()), &role[3]);
            }
            passed();
        }
        _ => {
            let op = OPS.iter().find(|op| op.name == name).unwrap();
            let client = connect(address);
            let prepared = (op.prepare)(&client).unwrap();
            arm(&role[2]);
            let done = (op.run)(&client, prepared);
            if op.lru && role[3] == "Busy" {
                // A bystander may hold the object that would have to be evicted.
                tolerate(done, "Full");
            } else {
                tolerate(done, &role[3]);
            }
            passed();
        }
    }
}

fn become_another_user() {
    // SAFETY: no pointer but NULL, for no groups.
    assert_eq!(unsafe { libc::setgroups(0, std::ptr::null()) }, 0);
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::setgid(65534) }, 0);
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::setuid(65533) }, 0);
}

fn put_and_get(client: &Client) -> Result<()> {
    client.put(&id(VICTIM, 3), &[], &CreateOptions::default())?;
    get_checked(client, &id(VICTIM, 3));
    Ok(())
}

/// Full stores may refuse.
fn tolerate(done: Result<()>, kind: &str) {
    if let Err(error) = done {
        let refused = matches!(error.status(), Status::OutOfMemory | Status::Limit);
        assert!(refused && kind.starts_with("Full"), "{kind}: {error}");
    }
}
