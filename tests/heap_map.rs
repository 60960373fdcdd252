//! The heap map, the holders and the waiters that a store reports are the actual ones.

mod common;

use common::{Child, Scratch, connect, hear, id, make, put, role, say, spawn};
use plasma::{Client, ConnectOptions, CreateOptions, Eviction, HeapMap, ObjectState};
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;

/// Returns the blocks of an object's data.
fn blocks(map: &HeapMap, number: u64) -> Vec<(u64, ObjectState, u32)> {
    let of = map.blocks.iter().filter(|block| block.id == id(1, number) && !block.metadata);
    of.map(|block| (block.size, block.state, block.lease_count)).collect()
}

fn assert_whole(map: &HeapMap, client: &Client) {
    let mut end = 0;
    for block in &map.blocks {
        assert!(block.offset >= end, "{block:?} overlaps what ends at {end}");
        end = block.offset + block.size;
    }
    assert!(end <= map.capacity);
    let (stats, used) = (client.stats().unwrap(), map.blocks.iter().map(|block| block.size));
    assert_eq!(used.sum::<u64>(), stats.used);
    assert_eq!(map.reserved.iter().map(|(_, size)| size).sum::<u64>(), stats.reserved);
    assert_eq!(map.capacity, stats.capacity);
}

#[test]
fn the_map_has_each_object_in_its_state() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 16 * MIB, 64, false);
    assert_eq!(client.heap_map().unwrap().blocks, []);
    for (number, size) in [(0, 100), (1, 5000), (2, MIB as usize)] {
        put(&client, &id(1, number), size, (number == 1).then_some("name"));
    }
    let held = client.get(&id(1, 1), Some(Duration::ZERO)).unwrap();
    let again = client.get(&id(1, 2), Some(Duration::ZERO)).unwrap();
    client.delete(&id(1, 2)).unwrap();
    let options = CreateOptions::default().pinned(true);
    let writer = client.create(&id(1, 3), 65, &options).unwrap();
    let map = client.heap_map().unwrap();
    assert_eq!(blocks(&map, 0), [(128, ObjectState::Sealed, 0)]);
    assert_eq!(blocks(&map, 1), [(5056, ObjectState::Sealed, 1)]);
    assert_eq!(blocks(&map, 2), [(MIB, ObjectState::Deleted, 1)]);
    assert_eq!(blocks(&map, 3), [(128, ObjectState::Writing, 0)]);
    assert!(map.blocks.iter().any(|block| block.id == id(1, 1) && block.metadata));
    let pinned = map.blocks.iter().filter(|block| block.pinned).count();
    assert_eq!(pinned, 1);
    assert_whole(&map, &client);
    drop((held, again, writer));
    client.reap().unwrap();
    assert_whole(&client.heap_map().unwrap(), &client);
}

#[test]
fn a_reader_sees_the_same() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 16 * MIB, 64, false);
    put(&client, &id(1, 0), 100_000, None);
    let options = ConnectOptions::default().read_only(true);
    let reader = Client::connect(Some(&scratch.store("s")), &options).unwrap();
    assert_eq!(reader.heap_map().unwrap(), client.heap_map().unwrap());
    assert_eq!(reader.facts().unwrap(), client.facts().unwrap());
    assert_eq!(reader.list_holdings().unwrap(), []);
    assert_eq!(reader.activity().unwrap().lock_owner, None);
}

#[test]
fn constants_are_those_that_the_store_was_made_with() {
    let scratch = Scratch::new();
    let options =
        ConnectOptions::default().mode(0o640).eviction(Some(Eviction::Lru)).ephemeral(true);
    let client = Client::connect(Some(&scratch.store("s")), &options).unwrap();
    let facts = client.facts().unwrap();
    assert_eq!((facts.mode, facts.eviction, facts.ephemeral), (0o640, Eviction::Lru, true));
    assert!(facts.create_time_us > 0 && facts.chunk_size >= MIB / 4 && !facts.huge_pages);
}

fn holder(address: &str) {
    let client = connect(address);
    let held = client.get(&id(1, 0), None).unwrap();
    let writer = client.create(&id(1, 9), 10, &CreateOptions::default()).unwrap();
    say("holding");
    hear();
    drop((held, writer));
    say("let go");
    hear();
}

fn waiter(address: &str) {
    let client = connect(address);
    say("waiting");
    client.get(&id(7, 7), None).unwrap();
    say("got it");
    hear();
}

fn child(role: &str, address: &str) -> Child {
    spawn("holders_and_waiters_of_other_processes_are_seen", &[role, address])
}

#[test]
fn holders_and_waiters_of_other_processes_are_seen() {
    if let Some(role) = role() {
        return match role[0].as_str() {
            "holder" => holder(&role[1]),
            _ => waiter(&role[1]),
        };
    }
    let scratch = Scratch::new();
    let address = scratch.store("s");
    let client = make(&address, 16 * MIB, 64, false);
    put(&client, &id(1, 0), 1000, None);
    let mut other = child("holder", &address);
    other.expect("holding");
    client.delete(&id(1, 0)).unwrap();
    // Another object of the same id, which nobody holds.
    put(&client, &id(1, 0), 1000, None);
    let slot = client.list_clients().unwrap().iter().find(|c| c.pid == other.pid()).unwrap().slot;
    let holdings = client.list_holdings().unwrap();
    let mut found: Vec<_> = holdings.iter().map(|h| (h.client, h.id, h.state)).collect();
    found.sort_by_key(|(_, id, _)| *id);
    let expected = [(slot, id(1, 0), ObjectState::Deleted), (slot, id(1, 9), ObjectState::Writing)];
    assert_eq!(found, expected);
    let now = client.object_info(&id(1, 0)).unwrap().create_time_us;
    assert!(holdings.iter().all(|holding| holding.create_time_us != now));
    other.tell("let go");
    other.expect("let go");
    assert_eq!(client.list_holdings().unwrap(), []);

    assert_eq!(client.activity().unwrap().waits, 0);
    let other = child("waiter", &address);
    other.expect("waiting");
    let end = Instant::now() + common::HANG;
    while client.activity().unwrap().waits == 0 {
        assert!(Instant::now() < end, "nobody waits");
        std::thread::yield_now();
    }
    put(&client, &id(7, 7), 1, None);
    other.expect("got it");
}
