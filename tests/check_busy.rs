//! `Client::check` reports no problem in a store that is in use, whichever client dies at whatever
//! point.

mod common;

use common::{Rng, Scratch, assert_sound, connect, content, id, make, role, say, spawn};
use plasma::{Client, ConnectOptions, CreateOptions, ObjectId, Status};
use std::collections::VecDeque;
use std::os::unix::process::parent_id;
use std::time::Duration;

const CHILD: &str = "a_child_plays_its_role";
const IDS: u64 = 60;
const WORKERS: usize = 3;
const NOW: Option<Duration> = Some(Duration::ZERO);

#[test]
fn a_child_plays_its_role() {
    let Some(role) = role() else { return };
    match role[0].as_str() {
        "work" => work(&role[1], &mut Rng(role[2].parse().unwrap())),
        // It leaves an object unsealed while the writer lock is not available.
        _ => {
            let options = ConnectOptions::default().existing(true).lock_timeout(NOW);
            let client = Client::connect(Some(&role[1]), &options).unwrap();
            let writer = client.create(&it(1), 5000, &CreateOptions::default()).unwrap();
            say("created");
            common::hear();
            drop((writer, client));
            say("left");
        }
    }
}

fn it(number: u64) -> ObjectId {
    id(1, number)
}

/// Makes every call that a program can make, at random, until killed.
fn work(address: &str, rng: &mut Rng) {
    let parent = parent_id();
    let mut client = connect(address);
    let (mut held, mut writers) = (VecDeque::new(), VecDeque::new());
    say("works");
    // A child that is not killed in the end, because the test was, ends by itself.
    while parent_id() == parent {
        let which = it(rng.below(IDS));
        let size = [0, 10, 700, 5000, 70_000][rng.below(5) as usize];
        let name = format!("name-{}", rng.below(IDS));
        let name = (rng.below(2) == 0).then_some(name.as_str());
        let options = CreateOptions::default().name(name).pinned(rng.below(8) == 0).timeout(NOW);
        let done = match rng.below(16) {
            0..4 => client.put(&which, &content(&which, size as usize), &options),
            4 => client.create(&which, size, &options).map(|writer| writers.push_back(writer)),
            5..8 => client.get(&which, NOW).map(|buffer| held.push_back(buffer)),
            8..10 => client.delete(&which),
            10 => match writers.front_mut() {
                Some(writer) => {
                    writer.resize(size).and_then(|()| writer.set_metadata("key", b"value"))
                }
                None => Ok(()),
            },
            11 => match writers.pop_front() {
                Some(writer) if rng.below(2) == 0 => {
                    let sealed = writer.seal_and_get().map_err(plasma::Error::from);
                    sealed.map(|got| held.push_back(got))
                }
                Some(writer) => writer.abort().map_err(plasma::Error::from),
                None => Ok(()),
            },
            12 => client.pin(&which).and_then(|()| client.unpin(&it(rng.below(IDS)))),
            13 => client.evict(10_000).map(drop),
            14 => client.reap().and_then(|_| client.trim(0)).map(drop),
            _ => {
                if rng.below(8) == 0 {
                    client = connect(address);
                }
                Ok(())
            }
        };
        if let Err(error) = done {
            let status = error.status();
            assert!(!matches!(status, Status::Corrupt | Status::Internal), "{error}");
        }
        while held.len() + writers.len() > 8 {
            held.pop_front();
            drop(writers.pop_front());
        }
    }
}

#[test]
fn a_busy_store_is_sound_at_every_instant() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    drop(make(&address, 2 << 20, 40, true));
    let lock_timeout = Some(common::HANG);
    let options = ConnectOptions::default().existing(true).lock_timeout(lock_timeout);
    let client = Client::connect(Some(&address), &options).unwrap();
    let rounds = std::env::var("PLASMA_CHECKS").map_or(400, |n| n.parse().unwrap());
    let mut rng = Rng(7);
    let mut seed = 0;
    let mut start = || {
        seed += 1;
        let child = spawn(CHILD, &["work", &address, &seed.to_string()]);
        child.expect("works");
        child
    };
    let mut workers: Vec<_> = (0..WORKERS).map(|_| start()).collect();
    let (mut kills, mut objects) = (0, 0);
    for round in 0..rounds {
        assert_sound(&client, &format!("round {round}, after {kills} kills"));
        objects += client.check().unwrap().objects;
        if round % 8 == 7 {
            workers.swap_remove(rng.below(WORKERS as u64) as usize).kill();
            assert_sound(&client, &format!("round {round}, after a kill"));
            workers.push(start());
            kills += 1;
        }
    }
    workers.into_iter().for_each(common::Child::kill);
    assert!(objects > rounds, "nobody did anything");
    let stats = client.stats().unwrap();
    println!(
        "{} checks, {kills} kills, {} recoveries, {} clients reaped",
        2 * rounds + kills,
        stats.recoveries,
        stats.reaped_clients
    );
    client.reap().unwrap();
    assert_sound(&client, "after the last");
    assert_eq!(client.stats().unwrap().objects_writing, 0);
}

#[test]
fn an_object_that_a_leaving_client_could_not_abort_is_freed_by_the_next_owner_of_the_lock() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, 1 << 20, 64, false);
    let mut child = spawn(CHILD, &["leave", &address]);
    child.expect("created");
    // The parent holds the writer lock: its word is set as an acquire sets it.
    let index = scratch.0.join("store").join("index");
    let index = std::fs::File::options().read(true).write(true).open(index).unwrap();
    let own = client.list_clients().unwrap().iter().find(|it| it.pid != child.pid()).unwrap().slot;
    let set = |word: u64| {
        std::os::unix::fs::FileExt::write_all_at(&index, &word.to_le_bytes(), 256).unwrap();
    };
    set(1 << 32 | u64::from(own + 1));
    child.tell("leave");
    child.expect("left");
    set(1 << 32);
    assert!(child.end().success());
    // The object is absent from the moment it was given up, and its client left nothing to reap.
    assert_eq!(client.stats().unwrap().objects_writing, 0);
    assert_sound(&client, "it gave up what it wrote");
    assert_eq!(client.stats().unwrap().used, 0);
    assert_eq!(client.reap().unwrap(), 0);
}
