//! Eviction for large objects: they find room wherever there is some, whatever else is in the store.

mod common;

use common::{Rng, Scratch, assert_sound, content, id, is_content, make};
use plasma::{Buffer, Client, CreateOptions, ObjectState, Status};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const NOW: Option<Duration> = Some(Duration::ZERO);

/// Fills a store with objects of random sizes; some of them are pinned, or have metadata.
fn fill(client: &Client, rng: &mut Rng, next: &mut u64, most: u64) {
    for _ in 0..400 {
        *next += 1;
        let metadata: &[(&str, &[u8])] = &[("key", &[7; 100])];
        let options = CreateOptions::default()
            .pinned(rng.below(60) == 0)
            .metadata(if rng.below(4) == 0 { metadata } else { &[] });
        let it = id(1, *next);
        match client.put(&it, &content(&it, rng.below(most) as usize), &options) {
            Ok(()) => {}
            Err(error) => assert_eq!(error.status(), Status::OutOfMemory, "{error}"),
        }
    }
}

/// The length of the longest stretch without an object that may not be evicted.
fn longest_gap(client: &Client) -> u64 {
    let map = client.heap_map().unwrap();
    let stays = |block: &&plasma::HeapBlock| {
        block.state != ObjectState::Sealed || block.pinned || block.lease_count > 0
    };
    let (mut from, mut longest) = (0, 0);
    for block in map.blocks.iter().filter(stays) {
        longest = longest.max(block.offset - from);
        from = block.offset + block.size;
    }
    longest.max(map.capacity - from)
}

/// A create of a large object once evicted some objects and failed, or failed although there was
/// room.
#[test]
fn a_large_create_succeeds_where_a_gap_is_long_enough_and_otherwise_evicts_nothing() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("store"), 1 << 20, 2000, true);
    let (mut rng, mut next, mut outcomes) = (Rng(1), 0, [0, 0]);
    for round in 0..200 {
        fill(&client, &mut rng, &mut next, 1 << (7 + round % 7));
        let list = client.list().unwrap();
        let held: Vec<Buffer> = (0..rng.below(9))
            .filter_map(|_| client.get(&list[rng.below(list.len() as u64) as usize].id, NOW).ok())
            .collect();
        let (gap, before) = (longest_gap(&client), client.stats().unwrap());
        let size = match rng.below(4) {
            // As much as there is to the unit, and one unit more. An object of half a page or more
            // may have memory before it that is in no gap.
            0 => gap,
            1 => gap + 1,
            _ => 1 + rng.below(1 << 20),
        };
        let made = client.create(&id(2, round), size, &CreateOptions::default());
        match &made {
            Ok(_) => assert!(size <= gap, "{size} in {gap}"),
            Err(error) => {
                assert!(size > gap, "{size} in {gap}: {error}");
                assert_eq!(client.stats().unwrap().evictions, before.evictions);
            }
        }
        outcomes[usize::from(made.is_ok())] += 1;
        assert_sound(&client, "after a large create");
        drop(made);
        for object in list.iter().filter(|object| object.pinned) {
            let _ = client.unpin(&object.id);
        }
        drop(held);
    }
    assert!(outcomes.iter().all(|count| *count > 20), "{outcomes:?}");
}

/// The blocks of the heap name their owners, and a search relies on that until it chooses.
#[test]
fn owners_that_are_wrong_mislead_nobody() {
    const RECORDS: u64 = 1000;
    const BLOCKS: u64 = 16384 + 2 * 8192 + 8192 * 64 + (RECORDS * 192).next_multiple_of(4096);
    const OBJECTS: u64 = 500;
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, OBJECTS * 1024, RECORDS, true);
    for number in 0..OBJECTS {
        let it = id(1, number);
        client.put(&it, &content(&it, 1024), &CreateOptions::default()).unwrap();
    }
    // Every second one was used since, so the oldest are nowhere beside each other.
    for number in (1..OBJECTS).step_by(2) {
        drop(client.get(&id(1, number), NOW).unwrap());
    }
    let held = client.get(&id(1, 250), NOW).unwrap();
    let index = File::options().write(true).open(Path::new(&address).join("index")).unwrap();
    for block in 0..OBJECTS {
        // The slot of another object.
        index.write_all_at(&8u32.to_le_bytes(), BLOCKS + 32 * block + 24).unwrap();
    }
    let large = client.create(&id(2, 0), 50 * 1024, &CreateOptions::default()).unwrap();
    assert!(client.stats().unwrap().recoveries > 0, "the owners were not where they are expected");
    drop(large);
    assert_sound(&client, "after a search without owners");
    assert!(is_content(&id(1, 250), &held));
}

/// A large create among very many objects once took minutes, and nothing ended it.
#[test]
fn an_interruption_ends_a_large_create() {
    const OBJECTS: u64 = 100_000;
    let scratch = Scratch::new();
    let client = make(&scratch.store("store"), OBJECTS * 64, OBJECTS + 10, true);
    let large = |size: u64| client.create(&id(2, 0), size, &CreateOptions::default()).map(drop);
    for number in 0..OBJECTS {
        client.put(&id(1, number), &[1; 64], &CreateOptions::default()).unwrap();
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                client.interrupt().unwrap();
                std::thread::yield_now();
            }
        });
        let ended = (0..20).find_map(|_| large(OBJECTS * 64 / 2).err());
        over.store(true, Ordering::Relaxed);
        assert_eq!(ended.map(|error| error.status()), Some(Status::Interrupted));
    });
    assert_sound(&client, "after an interruption");
    large(OBJECTS * 64 / 2).unwrap();
    assert_sound(&client, "after a large create");
}
