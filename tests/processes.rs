//! Many processes on one store: joining and leaving clients, and a storm in which no process is
//! killed.

mod common;

use common::{Rng, Scratch, connect, content, get_checked, id, make, put, role, say, spawn};
use plasma::{Client, CreateOptions, ObjectState, Status};
use std::time::Duration;

const CHILD: &str = "a_child_plays_its_role";
const SHARED: u8 = 5;

#[test]
fn a_child_plays_its_role() {
    let Some(role) = role() else { return };
    match role[0].as_str() {
        "comer" => {
            for _ in 0..300 {
                let client = connect(&role[1]);
                drop(get_checked(&client, &id(1, 0)).unwrap());
            }
            say("done");
        }
        "storm" => storm(&role[1], role[2].parse().unwrap(), role[3].parse().unwrap()),
        other => panic!("no role {other}"),
    }
}

#[test]
fn joining_and_leaving_clients_do_not_end_the_store() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, 1 << 20, 0, false);
    put(&client, &id(1, 0), 1000, None);
    let comers: Vec<_> = (0..3).map(|_| spawn(CHILD, &["comer", &address])).collect();
    let mut rounds = 0u64;
    for comer in &comers {
        loop {
            client.stats().unwrap();
            client.list().unwrap();
            put(&client, &id(2, rounds), 10, None);
            client.delete(&id(2, rounds)).unwrap();
            client.reap().unwrap();
            rounds += 1;
            if comer.state() == 'Z' {
                comer.expect("done");
                break;
            }
        }
    }
}

#[test]
fn an_object_may_be_pinned_while_it_is_written() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let (client, other) = (make(&address, 1 << 20, 0, true), connect(&address));
    let it = id(1, 0);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pinner = scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = (other.pin(&it), other.unpin(&it));
            }
        });
        for i in 0..3000u64 {
            let options = CreateOptions::default().name(Some("pinned"));
            let mut writer = client.create(&it, 100, &options).unwrap();
            writer.resize(5000).unwrap();
            writer.set_metadata("key", b"value").unwrap();
            writer.resize(50).unwrap();
            if i.is_multiple_of(2) {
                writer.abort().unwrap();
            } else {
                writer.seal().unwrap();
                client.delete(&it).unwrap();
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        pinner.join().unwrap();
    });
    let stats = client.stats().unwrap();
    assert_eq!((stats.recoveries, stats.objects_writing), (0, 0), "{stats:?}");
}

/// Names and sizes that all processes of a storm compete for.
const IDS: u64 = 64;

fn size_of(number: u64) -> usize {
    [0, 1, 100, 1000, 5000, 40_000][number as usize % 6]
}

/// Runs random operations of one process, and checks every byte that it reads.
fn storm(address: &str, seed: u64, operations: u64) {
    let mut rng = Rng(seed);
    let mut client = connect(address);
    let mut held = Vec::new();
    let fine = |what: &str, result: plasma::Result<()>, allowed: &[Status]| match result {
        Err(error) if !allowed.contains(&error.status()) => panic!("seed {seed}: {what}: {error}"),
        _ => {}
    };
    for _ in 0..operations {
        let number = rng.below(IDS);
        let it = id(SHARED, number);
        let name = format!("shared-{number}");
        match rng.below(20) {
            0..=4 => {
                if let Some(buffer) = get_checked_or_writing(&client, &it) {
                    held.push((it, buffer));
                }
            }
            5..=7 => {
                let name = number.is_multiple_of(2).then_some(name.as_str());
                let options = CreateOptions::default().name(name);
                let made = client.put(&it, &content(&it, size_of(number)), &options);
                fine("put", made, &[Status::Exists, Status::NameExists, Status::OutOfMemory]);
            }
            8..=10 => {
                let options = CreateOptions::default();
                match client.create(&it, size_of(number) as u64 / 2, &options) {
                    Ok(writer) => build(&client, writer, number, rng.below(8)),
                    Err(error) => {
                        fine("create", Err(error), &[Status::Exists, Status::OutOfMemory])
                    }
                }
            }
            11..=12 => {
                fine("delete", client.delete(&it), &[Status::NotFound, Status::NotSealed]);
            }
            13 => match client.get_by_name(&name, Some(Duration::ZERO)) {
                Ok(buffer) => assert!(common::is_content(&it, &buffer), "seed {seed}: {name}"),
                Err(error) => {
                    fine("name", Err(error), &[Status::NotFound, Status::NotSealed]);
                }
            },
            14 => match client.get(&it, Some(Duration::from_millis(1))) {
                Ok(buffer) => assert!(common::is_content(&it, &buffer), "seed {seed}: {it}"),
                Err(error) => fine("get", Err(error), &[Status::Timeout, Status::Aborted]),
            },
            15 => check_list(&client),
            16 => drop(client.stats().unwrap()),
            17 => drop(client.reap().unwrap()),
            18 if rng.below(8) == 0 => {
                // Held buffers outlive the client.
                client = connect(address);
            }
            _ => {}
        }
        while held.len() > 8 || (!held.is_empty() && rng.below(3) == 0) {
            let (it, buffer) = held.swap_remove(rng.below(held.len() as u64) as usize);
            assert!(common::is_content(&it, &buffer), "seed {seed}: held {it} changed");
        }
    }
    say("done");
}

fn get_checked_or_writing(client: &Client, it: &plasma::ObjectId) -> Option<plasma::Buffer> {
    match client.get(it, Some(Duration::ZERO)) {
        Ok(buffer) => {
            assert!(common::is_content(it, &buffer), "{it} is wrong");
            Some(buffer)
        }
        Err(error) => {
            assert!(matches!(error.status(), Status::NotFound | Status::NotSealed), "{error}");
            None
        }
    }
}

fn build(client: &Client, mut writer: plasma::MutableBuffer, number: u64, how: u64) {
    let it = id(SHARED, number);
    if how == 0 {
        return writer.abort().unwrap();
    }
    let full = |error: plasma::Error| assert_eq!(error.status(), Status::OutOfMemory, "{error}");
    writer.resize(size_of(number) as u64).unwrap_or_else(full);
    writer.set_metadata("format", b"storm").unwrap_or_else(full);
    common::fill(&it, writer.as_mut_slice());
    if how == 1 {
        return drop(writer);
    }
    if how == 2 {
        assert!(common::is_content(&it, &writer.seal_and_get().unwrap()));
    } else {
        writer.seal().unwrap();
    }
    client.contains(&it).unwrap();
}

fn check_list(client: &Client) {
    let mut seen = std::collections::HashSet::new();
    for info in client.list().unwrap() {
        let known = info.id.as_bytes()[0] == SHARED;
        assert!(known && info.data_size <= 40_000, "{info:?}");
        if info.state == ObjectState::Sealed {
            seen.insert(info.id);
        }
    }
    assert!(seen.len() as u64 <= IDS);
}

/// Checks after a storm that every remaining object is whole, and that an emptied store is empty.
fn check_after_storm(client: &Client) {
    client.reap().unwrap();
    let stats = client.stats().unwrap();
    assert_eq!((stats.objects_writing, stats.leases, stats.clients), (0, 0, 1), "{stats:?}");
    for info in client.list().unwrap() {
        drop(get_checked(client, &info.id).unwrap());
        client.delete(&info.id).unwrap();
    }
    client.reap().unwrap();
    let stats = client.stats().unwrap();
    assert_eq!((stats.used, stats.largest_free), (0, stats.capacity), "{stats:?}");
    assert_eq!((stats.objects_sealed, stats.objects_deleted), (0, 0), "{stats:?}");
    put(client, &id(1, 1), stats.capacity as usize - 4096, None);
}

fn seed() -> u64 {
    match std::env::var("PLASMA_STORM_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 20_260_727,
    }
}

#[test]
fn a_storm_of_sixteen_processes_loses_nothing() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, 512 << 10, 96, false);
    println!("seed {}", seed());
    let children: Vec<_> = (0..16)
        .map(|i| spawn(CHILD, &["storm", &address, &(seed() + i).to_string(), "800"]))
        .collect();
    for child in children {
        child.expect("done");
        assert!(child.end().success());
    }
    check_after_storm(&client);
}
