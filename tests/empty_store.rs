//! The memory that a store takes as it is made and as it grows.

mod common;

use common::{Scratch, id, make};
use plasma::{Client, CreateOptions};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes of memory of the files in a directory, and of those below it.
fn memory(path: &Path) -> u64 {
    let of = |entry: fs::DirEntry| {
        let found = entry.metadata().unwrap();
        let below = if found.is_dir() { memory(&entry.path()) } else { 0 };
        found.blocks() * 512 + below
    };
    fs::read_dir(path).unwrap().map(|entry| of(entry.unwrap())).sum()
}

/// All hash buckets were once reserved at creation: 270 MB for a capacity of 16 GiB.
#[test]
fn an_empty_store_takes_less_than_a_megabyte_whatever_its_size() {
    // The default of max_objects is a 1024th of the capacity, up to 2^24.
    for (capacity, max_objects) in [(64, 1 << 16), (1 << 10, 1 << 20), (2, 1 << 24), (2, 1 << 30)] {
        let scratch = Scratch::new();
        let address = scratch.store("store");
        let _client = make(&address, capacity << 20, max_objects, false);
        let bytes = memory(Path::new(&address));
        println!("{capacity} MiB, {max_objects} objects: {bytes} bytes");
        assert!(bytes <= 1_000_000, "{capacity} MiB, {max_objects} objects: {bytes}");
    }
}

/// What objects add to the index, however many there may be: records, blocks and buckets.
#[test]
fn the_index_grows_with_the_objects() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, 256 << 20, 1 << 24, false);
    let index = || fs::metadata(Path::new(&address).join("index")).unwrap().blocks() * 512;
    let empty = index();
    let mut count = 0;
    for objects in [1_000, 10_000, if cfg!(debug_assertions) { 60_000 } else { 1_000_000 }] {
        let mut most = 0;
        while count < objects {
            let before = index();
            put(&client, count);
            most = most.max(index() - before);
            count += 1;
        }
        let each = (index() - empty) / objects;
        println!("{objects} objects: {each} bytes each, at most {most} at once");
        // A record, a block, and one or two buckets, and what is taken ahead: up to 1 MiB of records, and
        // of blocks.
        assert!(each <= 240 + (9 << 18) / objects, "{objects}: {each}");
        assert!(most <= 9 << 18, "{objects}: {most} at once");
    }
}

fn put(client: &Client, n: u64) {
    client.put(&id(1, n), &[1; 10], &CreateOptions::default()).unwrap();
}
