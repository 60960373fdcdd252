//! The effects on other clients of a process that is stopped, or killed, inside a critical section,
//! and of clients that were killed while they held or waited for something.

mod common;

use common::owner::StoppedOwner;
use common::{
    Child, Scratch, assert_sound, connect, fill, get_checked, hear, id, make, put, role, say, spawn,
};
use plasma::{Client, ConnectOptions, CreateOptions, EventKind, ObjectState, Status};
use std::cell::RefCell;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::time::{Duration, Instant};

const CHILD: &str = "a_child_plays_its_role";
const KEPT: u8 = 1;
const OTHER: u8 = 2;
/// A deleted object of this size is not freed by the delete.
const LARGE: usize = 200_000;

#[test]
fn a_child_plays_its_role() {
    let Some(role) = role() else { return };
    if role[0] == "newcomer" {
        let options = ConnectOptions::default().existing(true);
        let come = Client::connect(Some(&role[1]), &options);
        return say(come.map_or_else(|error| error.status().c_name(), |_| "connected"));
    }
    let client = connect(&role[1]);
    match role[0].as_str() {
        "put" | "delete" => {
            plasma::sync::arm_stop(role[2].parse().unwrap());
            if role[0] == "put" {
                put(&client, &id(OTHER, 0), 1000, Some("other"));
            } else {
                client.delete(&id(OTHER, 0)).unwrap();
            }
            say(&plasma::sync::passed().to_string());
            plasma::sync::arm(0);
        }
        "put_large" => {
            plasma::sync::arm_stop(role[2].parse().unwrap());
            put(&client, &id(OTHER, 1), LARGE, None);
            plasma::sync::arm(0);
            say("done");
        }
        "change" => {
            let options = CreateOptions::default().name(Some("other"));
            plasma::sync::arm_stop(role[2].parse().unwrap());
            let mut writer = client.create(&id(OTHER, 0), 100, &options).unwrap();
            writer.resize(5000).unwrap();
            writer.set_metadata("key", b"value").unwrap();
            writer.resize(50).unwrap();
            if role[3] == "abort" {
                writer.abort().unwrap()
            } else {
                writer.seal().unwrap()
            }
            plasma::sync::arm(0);
            say("done");
        }
        "reap" => {
            plasma::sync::arm(role[2].parse().unwrap());
            client.reap().unwrap();
            plasma::sync::arm(0);
            say("done");
        }
        "waits_for_the_lock" => {
            let number = role[2].parse().unwrap();
            say("ready");
            put(&client, &id(OTHER, number), 500, None);
            say("done");
        }
        "undertaker" => {
            say("ready");
            hear();
            plasma::sync::arm_stop(role[2].parse().unwrap());
            client.reap().unwrap();
            plasma::sync::arm(0);
            say("done");
        }
        "writer" => {
            let options = CreateOptions::default().name(Some("writer"));
            let writer = client.create(&id(OTHER, 0), 100_000, &options).unwrap();
            say("ready");
            hear();
            drop(writer);
        }
        "holder" => {
            let held = get_checked(&client, &id(OTHER, 0)).unwrap();
            say("ready");
            hear();
            drop(held);
        }
        "waiter" => {
            say("ready");
            match client.get(&id(OTHER, 0), None) {
                Ok(_) => say("sealed"),
                Err(error) => say(error.status().c_name()),
            }
        }
        other => panic!("no role {other}"),
    }
}

fn store() -> (Scratch, String, Client) {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, 4 << 20, 0, false);
    put(&client, &id(KEPT, 0), 10_000, Some("kept"));
    (scratch, address, client)
}

fn impatient(address: &str) -> Client {
    let lock_timeout = Some(Duration::from_millis(30));
    let options = ConnectOptions::default().existing(true).lock_timeout(lock_timeout);
    Client::connect(Some(address), &options).unwrap()
}

/// Spawns a child that stops at the `n`-th store of `what`, or ends before that.
fn stop_at(what: &str, address: &str, n: u64) -> Option<Child> {
    let child = spawn(CHILD, &[what, address, &n.to_string()]);
    if child.wait_for_state('T') { Some(child) } else { None }
}

/// Checks the calls that do not wait while a client is stopped at any point.
fn look_at_stopped(client: &Client, impatient: &Client, what: &str) -> bool {
    assert!(get_checked(client, &id(KEPT, 0)).is_some(), "{what}");
    assert!(client.get_by_name("kept", Some(Duration::ZERO)).is_ok(), "{what}");
    let miss = client.get(&id(9, 9), Some(Duration::ZERO)).unwrap_err();
    assert_eq!(miss.status(), Status::NotFound, "{what}");
    let began = Instant::now();
    let options = CreateOptions::default().name(Some("late"));
    match impatient.create(&id(OTHER, 7), 100, &options) {
        Ok(mut writer) => {
            fill(&id(OTHER, 7), writer.as_mut_slice());
            // Seal takes no lock.
            writer.seal().unwrap();
            impatient.delete(&id(OTHER, 7)).unwrap();
            false
        }
        Err(error) => {
            assert_eq!(error.status(), Status::Timeout, "{what}: {error}");
            assert!(began.elapsed() >= Duration::from_millis(30), "{what}");
            assert_eq!(client.contains(&id(OTHER, 7)).unwrap(), ObjectState::Absent, "{what}");
            assert_eq!(client.lookup("late").unwrap_err().status(), Status::NotFound, "{what}");
            let kept = impatient.delete(&id(KEPT, 0)).unwrap_err();
            assert_eq!(kept.status(), Status::Timeout, "{what}");
            assert!(get_checked(client, &id(KEPT, 0)).is_some(), "{what}");
            true
        }
    }
}

#[test]
fn a_stopped_owner_makes_writers_time_out_and_readers_go_on() {
    let (_scratch, address, client) = store();
    let impatient = impatient(&address);
    let mut blocked = 0;
    for what in ["put", "delete"] {
        for n in 1.. {
            if what == "delete" {
                put(&client, &id(OTHER, 0), 1000, None);
            }
            let Some(child) = stop_at(what, &address, n) else { break };
            let place = format!("{what} stopped at {n}");
            blocked += u64::from(look_at_stopped(&client, &impatient, &place));
            // The stopped process did nothing wrong: it continues and succeeds.
            child.signal(libc::SIGCONT);
            assert!(child.next().is_some(), "{place}");
            assert!(child.end().success(), "{place}");
            if what == "put" {
                assert!(get_checked(&client, &id(OTHER, 0)).is_some(), "{place}");
                client.delete(&id(OTHER, 0)).unwrap();
            }
            assert_eq!(client.contains(&id(OTHER, 0)).unwrap(), ObjectState::Absent, "{place}");
        }
        let _ = client.delete(&id(OTHER, 0));
    }
    assert!(blocked > 10, "{blocked}");
    let stats = client.stats().unwrap();
    assert_eq!((stats.recoveries, stats.lock_steals), (0, 0), "{stats:?}");
}

#[test]
fn waiters_for_the_lock_of_a_killed_owner_go_on() {
    let (_scratch, address, client) = store();
    let impatient = impatient(&address);
    let mut steals = 0;
    for n in (1..).step_by(3) {
        let Some(owner) = stop_at("put", &address, n) else { break };
        let owns = look_at_stopped(&client, &impatient, "stopped");
        let waiters: Vec<_> = (1..=3)
            .map(|i| spawn(CHILD, &["waits_for_the_lock", &address, &i.to_string()]))
            .collect();
        if owns {
            // Clients reap when they connect, without waiting; then they wait for the lock.
            waiters.iter().for_each(|waiter| waiter.expect("ready"));
            waiters.iter().for_each(|waiter| assert!(waiter.wait_for_state('S')));
        }
        owner.kill();
        for waiter in waiters {
            while waiter.next().unwrap() != "done" {}
            assert!(waiter.end().success());
        }
        for i in 0..=3 {
            if get_checked(&client, &id(OTHER, i)).is_some() {
                client.delete(&id(OTHER, i)).unwrap();
            } else {
                assert_eq!(i, 0);
            }
        }
        client.reap().unwrap();
        let stats = client.stats().unwrap();
        assert_eq!(stats.lock_steals, steals + u64::from(owns), "killed at {n}: {stats:?}");
        assert_eq!(stats.recoveries, stats.lock_steals, "{stats:?}");
        assert_eq!((stats.objects_writing, stats.objects_sealed), (0, 1), "{stats:?}");
        steals = stats.lock_steals;
    }
    assert!(steals > 3, "{steals}");
}

#[test]
fn a_creator_killed_before_seal_leaves_nothing_and_its_waiters_see_it() {
    let (_scratch, address, client) = store();
    let used = client.stats().unwrap().used;
    let writer = spawn(CHILD, &["writer", &address]);
    writer.expect("ready");
    let state = client.get(&id(OTHER, 0), Some(Duration::ZERO)).unwrap_err();
    assert_eq!(state.status(), Status::NotSealed);
    let waiter = spawn(CHILD, &["waiter", &address]);
    waiter.expect("ready");
    assert!(waiter.wait_for_state('S'));
    writer.kill();
    let said = waiter.next().unwrap();
    assert!(said == "PLASMA_ERR_ABORTED", "{said}");
    waiter.end();
    // The id and the name are available at once.
    put(&client, &id(OTHER, 0), 10, Some("writer"));
    client.delete(&id(OTHER, 0)).unwrap();
    client.reap().unwrap();
    assert_eq!(client.stats().unwrap().used, used);
}

#[test]
fn objects_half_freed_by_a_killed_client_are_sound_and_freed_by_the_next() {
    let (_scratch, address, client) = store();
    let used = client.stats().unwrap().used;
    for n in 1.. {
        put(&client, &id(OTHER, 0), 5000, Some("other"));
        client.delete(&id(OTHER, 0)).unwrap();
        let child = spawn(CHILD, &["reap", &address, &n.to_string()]);
        let done = child.next().is_some();
        child.end();
        // It takes the lock and recovers, but frees nothing.
        let absent = client.unpin(&id(9, 9)).unwrap_err();
        assert_eq!(absent.status(), Status::NotFound, "killed at {n}");
        assert_sound(&client, &format!("killed at {n}"));
        client.reap().unwrap();
        assert_eq!(client.stats().unwrap().used, used, "killed at {n}");
        if done {
            break;
        }
    }
    assert!(client.stats().unwrap().lock_steals > 5);
}

#[test]
fn leases_of_the_killed_do_not_count() {
    let (_scratch, address, client) = store();
    let used = client.stats().unwrap().used;
    put(&client, &id(OTHER, 0), 3 << 20, None);
    let holder = spawn(CHILD, &["holder", &address]);
    holder.expect("ready");
    client.delete(&id(OTHER, 0)).unwrap();
    client.reap().unwrap();
    let stats = client.stats().unwrap();
    assert_eq!((stats.objects_deleted, stats.leases), (1, 1));
    let full = client.create(&id(OTHER, 1), 3 << 20, &CreateOptions::default()).unwrap_err();
    assert_eq!(full.status(), Status::OutOfMemory);
    holder.kill();
    // A client that is short of memory needs no explicit reap.
    put(&client, &id(OTHER, 1), 3 << 20, None);
    client.delete(&id(OTHER, 1)).unwrap();
    client.reap().unwrap();
    let stats = client.stats().unwrap();
    assert_eq!((stats.used, stats.leases, stats.objects_deleted), (used, 0, 0), "{stats:?}");
}

/// Two clients are short of room at once. One of them finds all memory taken; before it looks for
/// objects that can be freed, the other has freed them all. Then it has nothing to free, and enough
/// room.
#[test]
fn room_that_another_client_made_is_found() {
    let (_scratch, address, client) = store();
    let impatient = impatient(&address);
    let mut freed = 0;
    put(&client, &id(OTHER, 0), LARGE, None);
    let fill = |i| client.put(&id(OTHER, i), &[0; LARGE], &CreateOptions::default());
    let full = (2..).find_map(|i| fill(i).err()).unwrap();
    assert_eq!(full.status(), Status::OutOfMemory);
    for n in 1.. {
        let objects = client.check().unwrap().objects;
        client.delete(&id(OTHER, 0)).unwrap();
        assert_eq!(client.check().unwrap().objects, objects, "it waits for the next scan");
        let child = stop_at("put_large", &address, n);
        // This is impossible while the child has the lock.
        let other = impatient.reap();
        freed += u64::from(child.is_some() && other.is_ok());
        if let Some(child) = &child {
            child.signal(libc::SIGCONT);
            assert_eq!(child.next().as_deref(), Some("done"), "stopped at {n}");
        }
        assert!(get_checked(&client, &id(OTHER, 1)).is_some(), "stopped at {n}");
        client.delete(&id(OTHER, 1)).unwrap();
        put(&client, &id(OTHER, 0), LARGE, None);
        match child {
            Some(child) => assert!(child.end().success(), "stopped at {n}"),
            None => break,
        }
    }
    assert!(freed > 5, "{freed}");
}

/// A client that finds every slot taken joins as an undertaker and reaps dead clients, wherever
/// another client that is about to do the same has stopped.
#[test]
fn a_newcomer_joins_as_an_undertaker_when_dead_clients_have_every_slot() {
    for n in (1..40).step_by(3) {
        let (_scratch, address, client) = store();
        let mut undertaker = spawn(CHILD, &["undertaker", &address, &n.to_string()]);
        undertaker.expect("ready");
        let dead = spawn(CHILD, &["writer", &address]);
        dead.expect("ready");
        let members = std::path::Path::new(&address).join("members");
        let members = std::fs::File::options().read(true).write(true).open(members).unwrap();
        let tenant_at = |slot: u64| 128 + 16 * slot;
        let tenant = |slot| {
            let mut word = [0; 8];
            members.read_exact_at(&mut word, tenant_at(slot)).unwrap();
            u64::from_ne_bytes(word)
        };
        for slot in (0..1024).filter(|slot| tenant(*slot) == 0) {
            // Nobody has the lock on this serial.
            let serial = (1 << 40) + slot;
            members.write_all_at(&serial.to_ne_bytes(), tenant_at(slot)).unwrap();
        }
        dead.kill();
        undertaker.tell("go");
        assert!(undertaker.wait_for_state('T'));
        let newcomer = spawn(CHILD, &["newcomer", &address]);
        // As an undertaker it waits where the reaper has the writer lock.
        let mut said = None;
        while said.is_none() && tenant(1024) == 0 {
            said = newcomer.now();
            std::thread::yield_now();
        }
        undertaker.signal(libc::SIGCONT);
        while undertaker.next().as_deref() != Some("done") {}
        let said = said.or_else(|| newcomer.next()).unwrap();
        assert_eq!(said, "connected", "stopped at {n}");
        assert!(newcomer.end().success() && undertaker.end().success());
        client.reap().unwrap();
        put(&client, &id(OTHER, 1), 100, None);
        assert!(get_checked(&client, &id(KEPT, 0)).is_some(), "stopped at {n}");
        let members = (0..1032).filter(|slot| tenant(*slot) != 0).count();
        assert_eq!(members, 1, "stopped at {n}");
        assert_eq!(client.stats().unwrap().objects_writing, 0, "stopped at {n}");
    }
}

#[test]
fn a_killed_waiter_disturbs_no_other() {
    let (_scratch, address, client) = store();
    let waiters: Vec<_> = (0..3).map(|_| spawn(CHILD, &["waiter", &address])).collect();
    for waiter in &waiters {
        waiter.expect("ready");
        assert!(waiter.wait_for_state('S'));
    }
    let mut waiters = waiters.into_iter();
    waiters.next().unwrap().kill();
    put(&client, &id(OTHER, 0), 10, None);
    for waiter in waiters {
        waiter.expect("sealed");
        assert!(waiter.end().success());
    }
    client.reap().unwrap();
    let stats = client.stats().unwrap();
    assert_eq!((stats.leases, stats.clients, stats.recoveries), (0, 1, 0), "{stats:?}");
}

#[test]
fn an_object_may_be_pinned_at_any_moment_of_its_making() {
    let (_scratch, address, client) = store();
    let impatient = impatient(&address);
    for end in ["abort", "seal"] {
        for n in 1.. {
            let child = spawn(CHILD, &["change", &address, &n.to_string(), end]);
            if !child.wait_for_state('T') {
                child.expect("done");
                break;
            }
            // The child may own the lock, or may not have reached it.
            let pinned = impatient.pin(&id(OTHER, 0)).map_err(|error| error.status());
            assert!(matches!(pinned, Ok(()) | Err(Status::Timeout | Status::NotFound)));
            child.signal(libc::SIGCONT);
            assert_eq!(child.next().as_deref(), Some("done"), "{end}, pinned at {n}");
            assert!(child.end().success());
            assert_eq!(client.delete(&id(OTHER, 0)).is_ok(), end == "seal", "pinned at {n}");
        }
        let _ = client.delete(&id(OTHER, 0));
    }
    client.reap().unwrap();
    let stats = client.stats().unwrap();
    assert_eq!((stats.recoveries, stats.objects_writing, stats.objects_sealed), (0, 0, 1));
}

/// A create has placed its object and is about to back it with memory, when the lock that it needs
/// next is taken by a client that stops.
#[test]
fn a_create_that_times_out_half_way_leaves_neither_id_nor_memory() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = Rc::new(make(&address, 64 << 20, 0, false));
    put(&client, &id(KEPT, 0), 10_000, Some("kept"));
    let news = client.subscribe().unwrap();
    let (creator, beside) = (impatient(&address), Rc::clone(&client));
    let owner = Rc::new(RefCell::new(None));
    let held = Rc::clone(&owner);
    plasma::sync::at_points(move |point| {
        let reserves = point.what() == "fallocate";
        if reserves {
            held.replace(Some(StoppedOwner::new(&beside).unwrap()));
        }
        reserves
    });
    let options = CreateOptions::default().name(Some("large"));
    let created = creator.create(&id(OTHER, 0), 9 << 20, &options).map(drop);
    assert_eq!(created.unwrap_err().status(), Status::Timeout);

    // The lock is still held, and the object is absent for every client.
    assert_eq!(client.contains(&id(OTHER, 0)).unwrap(), ObjectState::Absent);
    assert_eq!(client.lookup("large").unwrap_err().status(), Status::NotFound);
    assert!(client.list().unwrap().iter().all(|info| info.id != id(OTHER, 0)));
    let event = news.next(Some(Duration::ZERO)).unwrap();
    assert_eq!((event.kind, event.id), (EventKind::Aborted, id(OTHER, 0)));

    owner.take().unwrap().give_back();
    put(&client, &id(OTHER, 0), 9 << 20, Some("large"));
    let stats = client.stats().unwrap();
    assert!(stats.used < (9 << 20) + (64 << 10), "{} bytes are used", stats.used);
    assert_eq!(get_checked(&client, &id(OTHER, 0)).unwrap().len(), 9 << 20);
    assert_eq!(client.stats().unwrap().objects_writing, 0);
    assert_sound(&client, "after a create that timed out half way");
}

/// Between the seal and its event another client gets the object, deletes it, and makes one in its
/// slot: each of the two has its own event.
#[test]
fn an_object_is_announced_as_itself_though_its_slot_is_anothers_by_then() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, 1 << 20, 1, false);
    let beside = connect(&address);
    let news = client.subscribe().unwrap();
    let writer = client.create(&id(OTHER, 0), 100, &CreateOptions::default()).unwrap();
    plasma::sync::at_points(move |point| {
        let announces = point.file().ends_with("src/protocols/events/mod.rs");
        if announces {
            assert_eq!(beside.get(&id(OTHER, 0), None).unwrap().len(), 100);
            beside.delete(&id(OTHER, 0)).unwrap();
            beside.reap().unwrap();
            put(&beside, &id(OTHER, 1), 100, None);
        }
        announces
    });
    writer.seal().unwrap();
    let mut heard = Vec::new();
    while let Ok(event) = news.next(Some(Duration::ZERO)) {
        heard.push((event.kind, event.id));
    }
    heard.sort_unstable_by_key(|(kind, id)| (*kind as i32, *id.as_bytes()));
    let both = [(EventKind::Sealed, id(OTHER, 0)), (EventKind::Sealed, id(OTHER, 1))];
    assert_eq!(heard, [both[0], both[1], (EventKind::Deleted, id(OTHER, 0))]);
}
