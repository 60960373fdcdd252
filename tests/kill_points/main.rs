//! Every operation, killed at each of its stores to shared memory.
//!
//! A child does the operation and is killed at its n-th store, for n = 1, 2, .. to the end: every
//! store when `PLASMA_KILL_ALL` is set, some of them otherwise. After each kill another process
//! finds everything that was sealed, and what was half made is gone; a third has read all along and
//! has seen neither a wrong byte nor a miss.

#[path = "../common/mod.rs"]
mod common;
mod ops;

use common::{Child, Scratch, connect, fill, get_checked, id, make, put, role, spawn};
use ops::{OPS, play};
use plasma::{Client, ConnectOptions, CreateOptions, ObjectState, Status};
use std::time::Duration;

/// Objects of the first kind are there throughout, of the second are made and unmade by operations
/// that are killed, of the third by those who look afterwards.
const KEPT: u8 = 1;
const VICTIM: u8 = 2;
const PROBE: u8 = 3;

const KEPT_SIZES: [usize; 8] = [0, 1, 100, 64, 4096, 70_000, 333, 1 << 20];
const CAPACITY: u64 = 24 << 20;
/// Of stores with eviction: what is there is a good part of it.
const LRU_CAPACITY: u64 = 4 << 20;
/// Five of these and what is kept fill most of it.
const OLD: usize = 500_000;
/// Larger than what is left of a chunk, so memory must be reserved for it.
const LARGE: u64 = 9 << 20;

/// Points of one operation that a quick run tries.
const QUICK: u64 = 16;

struct World {
    scratch: Scratch,
    address: String,
    /// Connected throughout: otherwise nobody would hold the evidence.
    client: Client,
    reader: Option<Child>,
    used: u64,
}

fn world(lru: bool) -> World {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, if lru { LRU_CAPACITY } else { CAPACITY }, 1024, lru);
    for (i, size) in KEPT_SIZES.iter().enumerate() {
        let name = format!("kept-{i}");
        put(&client, &id(KEPT, i as u64), *size, Some(&name));
        client.pin(&id(KEPT, i as u64)).unwrap();
    }
    let used = client.stats().unwrap().used;
    let reader = spawn(CHILD, &["reader", &address]);
    reader.expect("reading");
    World { scratch, address, client, reader: Some(reader), used }
}

/// Children run this test: it only plays roles.
const CHILD: &str = "a_child_plays_its_role";

#[test]
fn a_child_plays_its_role() {
    if let Some(role) = role() {
        play(&role);
    }
}

/// The points to try of so many.
fn points(total: u64) -> Vec<u64> {
    let all = std::env::var_os("PLASMA_KILL_ALL").is_some();
    let step = if all { 1 } else { total.div_ceil(QUICK).max(1) };
    (1..=total).step_by(step as usize).collect()
}

impl World {
    /// Run the role unharmed; returns how many points it passes.
    fn count(&self, role: &str) -> u64 {
        let child = spawn(CHILD, &[role, &self.address, "0"]);
        let passed = child.next().unwrap_or_else(|| panic!("{role} failed")).parse().unwrap();
        child.end();
        passed
    }

    /// Everything is as it must be after somebody died in `what`.
    fn check(&self, what: &str) {
        let client = connect(&self.address);
        self.check_kept(&client, what);
        let list = client.list().unwrap();
        for info in &list {
            if info.state == ObjectState::Deleted {
                continue;
            }
            assert_eq!(info.state, ObjectState::Sealed, "{what}: {info:?}");
            assert!(get_checked(&client, &info.id).is_some(), "{what}: {info:?}");
            if !info.name.is_empty() {
                assert_eq!(client.lookup(&info.name).unwrap(), info.id, "{what}");
            }
        }
        let stats = client.stats().unwrap();
        assert_eq!(stats.objects_writing, 0, "{what}: {stats:?}");
        let listed = stats.objects_sealed + stats.objects_deleted;
        assert_eq!(listed as usize, list.len(), "{what}: {stats:?}");
        for number in 0..20 {
            // What was not sealed is gone, as if it had never been: its id and name are free.
            let victim = id(VICTIM, number);
            let name = format!("victim-{number}");
            if get_checked(&client, &victim).is_none() {
                assert_eq!(client.contains(&victim).unwrap(), ObjectState::Absent, "{what}");
                put(&client, &victim, 128, Some(&name));
            }
            client.delete(&victim).unwrap();
            let gone = client.get(&victim, Some(Duration::ZERO)).unwrap_err();
            assert_eq!(gone.status(), Status::NotFound, "{what}");
        }
        let mut draft = client.create(&id(PROBE, 0), 100, &CreateOptions::default()).unwrap();
        draft.resize(200_000).unwrap();
        draft.set_metadata("k", b"v").unwrap();
        fill(&id(PROBE, 0), draft.as_mut_slice());
        drop(draft.seal_and_get().unwrap());
        assert!(get_checked(&client, &id(PROBE, 0)).is_some());
        client.delete(&id(PROBE, 0)).unwrap();
        client.reap().unwrap();
        let stats = client.stats().unwrap();
        // Those who live: who asks, the keeper, the reader. The reader holds at most two.
        assert_eq!(stats.clients, 3, "{what}: {stats:?}");
        assert!(stats.leases <= 2, "{what}: {stats:?}");
        assert_eq!((stats.used, stats.objects_deleted), (self.used, 0), "{what}: {stats:?}");
        assert_eq!(stats.objects_sealed as usize, KEPT_SIZES.len(), "{what}: {stats:?}");
        assert_eq!(self.scratch.names(), ["store"], "{what}");
    }

    fn check_kept(&self, client: &Client, what: &str) {
        for (i, size) in KEPT_SIZES.iter().enumerate() {
            let kept = get_checked(client, &id(KEPT, i as u64));
            let kept = kept.unwrap_or_else(|| panic!("{what}: kept object {i} is gone"));
            assert_eq!(kept.len(), *size, "{what}");
            assert_eq!(kept.metadata("format").unwrap(), b"test", "{what}");
            let named = client.get_by_name(&format!("kept-{i}"), Some(Duration::ZERO)).unwrap();
            assert!(named.as_ptr() == kept.as_ptr() && named.len() == kept.len(), "{what}");
        }
    }

    /// The reader was right all along, and an emptied store is empty.
    fn finish(mut self, what: &str) {
        let mut reader = self.reader.take().unwrap();
        reader.tell("end");
        assert_eq!(reader.next().as_deref(), Some("no wrong byte"), "{what}");
        assert!(reader.end().success(), "{what}");
        for i in 0..KEPT_SIZES.len() {
            self.client.delete(&id(KEPT, i as u64)).unwrap();
        }
        self.client.reap().unwrap();
        let stats = self.client.stats().unwrap();
        assert_eq!(
            (stats.used, stats.leases, stats.objects_deleted),
            (0, 0, 0),
            "{what}: {stats:?}"
        );
        assert_eq!(stats.largest_free, stats.capacity, "{what}: {stats:?}");
        put(&self.client, &id(PROBE, 1), stats.capacity as usize - 4096, None);
    }
}

/// Run `role` and kill it at its `n`-th point; whether it came that far.
fn kill_at(role: &str, address: &str, n: u64) -> bool {
    let child = spawn(CHILD, &[role, address, &n.to_string()]);
    let passed = child.next();
    child.end();
    passed.is_none()
}

fn campaign(role: &str, lru: bool) {
    let world = world(lru);
    let total = world.count(role);
    world.check(role);
    let points = points(total);
    for &n in &points {
        kill_at(role, &world.address, n);
        world.check(&format!("{role}, killed at {n} of {total}"));
    }
    println!("{role}: {} of {total} points", points.len());
    world.finish(role);
}

macro_rules! campaigns {
    ($($name:ident)*) => {
        mod killed {
            use super::{OPS, campaign};

            $(#[test]
            fn $name() {
                let op = OPS.iter().find(|op| op.name == stringify!($name)).unwrap();
                campaign(op.name, op.lru);
            })*

            #[test]
            fn every_operation_has_a_test() {
                let names: Vec<_> = OPS.iter().map(|op| op.name).collect();
                assert_eq!(names, [$(stringify!($name)),*]);
            }
        }
    };
}

campaigns! {
    create create_large create_named put resize_grow resize_move resize_shrink resize_to_nothing
    set_metadata seal seal_lru seal_and_get abort get get_lru delete delete_held evict
    create_that_evicts pin trim subscribe_and_stats
}

#[test]
fn connect_to_a_store() {
    campaign("connect", false);
}

#[test]
fn leave() {
    campaign("leave", false);
}

#[test]
fn a_builder_of_a_store_leaves_nothing_that_the_next_one_trips_over() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let child = spawn(CHILD, &["connect", &address, "0"]);
    let total = child.next().unwrap().parse().unwrap();
    child.end();
    Client::remove_store(Some(&address)).unwrap();
    for n in points(total) {
        kill_at("connect", &address, n);
        let options = ConnectOptions { capacity: CAPACITY, ..Default::default() };
        let client = Client::connect(Some(&address), &options).unwrap();
        put(&client, &id(PROBE, 0), 100, Some("probe"));
        assert!(get_checked(&client, &id(PROBE, 0)).is_some());
        assert_eq!(scratch.names(), ["store"], "killed at {n} of {total}");
        drop(client);
        Client::remove_store(Some(&address)).unwrap();
        assert!(scratch.names().is_empty(), "killed at {n}: {:?}", scratch.names());
    }
}

#[test]
fn remove_is_finished_by_the_next_to_connect() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    make(&address, CAPACITY, 0, false);
    let child = spawn(CHILD, &["remove", &address, "0"]);
    let total = child.next().unwrap().parse().unwrap();
    child.end();
    for n in points(total) {
        drop(make(&address, CAPACITY, 0, false));
        kill_at("remove", &address, n);
        let client = Client::connect(Some(&address), &ConnectOptions::default()).unwrap();
        put(&client, &id(PROBE, 0), 100, Some("probe"));
        drop(client);
        Client::remove_store(Some(&address)).unwrap();
        assert!(scratch.names().is_empty(), "killed at {n} of {total}: {:?}", scratch.names());
    }
}

#[test]
fn the_last_to_leave_an_ephemeral_store_is_killed() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let options = ConnectOptions { capacity: CAPACITY, ephemeral: true, ..Default::default() };
    let fresh = || Client::connect(Some(&address), &options).unwrap();
    let leave = |n: u64| {
        // The child connects while somebody is there, and is the last to leave.
        let client = fresh();
        put(&client, &id(PROBE, 0), 100, None);
        let child = spawn(CHILD, &["leave_last", &address, &n.to_string()]);
        (client, child)
    };
    let (client, mut child) = leave(0);
    child.expect("connected");
    drop(client);
    child.tell("leave");
    let total = child.next().unwrap().parse().unwrap();
    child.end();
    assert!(scratch.names().is_empty());
    for n in points(total) {
        let (client, mut child) = leave(n);
        child.expect("connected");
        drop(client);
        child.tell("leave");
        child.end();
        let next = fresh();
        assert_eq!(next.contains(&id(PROBE, 0)).unwrap(), ObjectState::Absent, "killed at {n}");
        assert_eq!(scratch.names(), ["store"], "killed at {n} of {total}");
        drop(next);
        assert!(scratch.names().is_empty(), "killed at {n} of {total}: {:?}", scratch.names());
    }
}

/// A victim that connects first, and does its work when somebody else has died.
fn kill_after(world: &World, role: &str, n: u64, die: impl FnOnce()) -> Option<u64> {
    let mut victim = spawn(CHILD, &[role, &world.address, &n.to_string()]);
    victim.expect("ready");
    die();
    victim.tell("go");
    let passed = victim.next().map(|passed| passed.parse().unwrap());
    victim.end();
    passed
}

#[test]
fn reap() {
    let world = world(false);
    let die = || {
        let corpse = spawn(CHILD, &["corpse", &world.address]);
        corpse.expect("ready");
        corpse.kill();
    };
    let total = kill_after(&world, "reap", 0, die).unwrap();
    world.check("reap");
    for n in points(total) {
        kill_after(&world, "reap", n, die);
        world.check(&format!("reap, killed at {n} of {total}"));
    }
    world.finish("reap");
}

#[test]
fn recovery_after_a_death_in_a_critical_section() {
    let world = world(false);
    let first = world.count("delete");
    // The middle of a delete is inside its critical section: steals tell.
    let die = || assert!(kill_at("delete", &world.address, first / 2));
    let before = world.client.stats().unwrap();
    let total = kill_after(&world, "recover", 0, die).unwrap();
    let after = world.client.stats().unwrap();
    assert!(after.lock_steals > before.lock_steals && after.recoveries > before.recoveries);
    world.check("recovery");
    for n in points(total) {
        kill_after(&world, "recover", n, die);
        world.check(&format!("recovery, killed at {n} of {total}"));
    }
    // And every place of the first death, with an unharmed recovery, and one killed half-way.
    for at in points(first) {
        for n in [0, total / 3] {
            let die = || _ = kill_at("delete", &world.address, at);
            kill_after(&world, "recover", n, die);
            world.check(&format!("delete killed at {at} of {first}, then recovery at {n}"));
        }
    }
    world.finish("recovery");
}
