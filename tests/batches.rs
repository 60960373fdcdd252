//! Batches: each object has the result that it would have alone, and the costs that a batch shares
//! are counted.

mod common;

use common::{Scratch, connect, content, get_checked, id, make};
use plasma::{Client, CreateOptions, EventKind, ObjectId, ObjectState, Status};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

const MIB: u64 = 1 << 20;
/// The most objects that go through a batch together.
const PIECE: u64 = 16;
const NOW: Option<Duration> = Some(Duration::ZERO);

fn plain() -> CreateOptions<'static> {
    CreateOptions::default()
}

fn ids(count: u64) -> Vec<ObjectId> {
    (0..count).map(|number| id(1, number)).collect()
}

/// Puts objects of these lengths, and returns the result of each.
fn put_all(client: &Client, ids: &[ObjectId], len: impl Fn(usize) -> usize) -> Vec<Status> {
    let datas: Vec<_> = ids.iter().enumerate().map(|(at, id)| content(id, len(at))).collect();
    let mut results = Vec::new();
    let each = &mut |at, put: plasma::Result<()>| {
        assert_eq!(at, results.len(), "in order");
        results.push(put.map_or_else(|error| error.status(), |()| Status::Ok));
    };
    let options = plain().metadata(&[("key", b"value")]).pinned(true);
    client.put_many(ids, &|at| Ok(&datas[at]), &options, each).unwrap();
    results
}

fn delete_all(client: &Client, ids: &[ObjectId]) -> Vec<Status> {
    let mut results = Vec::new();
    let each = &mut |at, deleted: plasma::Result<()>| {
        assert_eq!(at, results.len(), "in order");
        results.push(deleted.map_or_else(|error| error.status(), |()| Status::Ok));
    };
    client.delete_many(ids, each).unwrap();
    results
}

fn assert_whole(client: &Client) {
    let report = client.check().unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

/// How often the writer lock was taken.
fn locks(address: &str) -> u32 {
    let mut word = [0; 8];
    let index = File::open(Path::new(address).join("index")).unwrap();
    index.read_exact_at(&mut word, 256).unwrap();
    (u64::from_le_bytes(word) >> 32) as u32
}

#[test]
fn a_piece_of_a_batch_takes_the_lock_once() {
    let scratch = Scratch::new();
    let address = scratch.store("s");
    let client = make(&address, 16 * MIB, 4096, false);
    // The host's name and the memory are there.
    assert_eq!(put_all(&client, &ids(1), |_| 100), [Status::Ok]);
    client.delete(&id(1, 0)).unwrap();
    for pieces in [1, 2, 8] {
        let ids = ids(pieces * PIECE);
        let before = locks(&address);
        assert!(put_all(&client, &ids, |_| 100).iter().all(|status| *status == Status::Ok));
        assert_eq!(locks(&address) - before, pieces as u32);
        // Fewer than a delete collects before it scans for holders.
        assert!(delete_all(&client, &ids).iter().all(|status| *status == Status::Ok));
        assert_eq!(locks(&address) - before, 2 * pieces as u32);
        client.reap().unwrap();
    }
    assert_whole(&client);
}

#[test]
fn each_object_of_a_batch_is_put_as_it_would_be_alone() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 16 * MIB, 4096, false);
    let events = client.subscribe().unwrap();
    let mut ids = ids(100);
    // Some exist already; some are large, and two are too large; one is there twice.
    let exists = |at: usize| at % 7 == 3;
    let len = |at: usize| match at {
        5 | 82 => 17 << 20,
        at if at % 10 == 1 => 100_000,
        at => 13 * at,
    };
    for at in (0..100).filter(|at| exists(*at)) {
        client.put(&ids[at], &content(&ids[at], 50), &plain()).unwrap();
        assert_eq!(events.next(NOW).unwrap().id, ids[at]);
    }
    ids[40] = ids[39];
    let expected: Vec<_> = (0..100)
        .map(|at| match at {
            5 | 82 => Status::TooLarge,
            40 => Status::Exists,
            at if exists(at) => Status::Exists,
            _ => Status::Ok,
        })
        .collect();
    assert_eq!(put_all(&client, &ids, len), expected);
    for (at, id) in ids.iter().enumerate() {
        if expected[at] != Status::Ok {
            assert_eq!(get_checked(&client, id).is_some(), at != 5 && at != 82);
            continue;
        }
        let buffer = client.get(id, NOW).unwrap();
        assert_eq!(&buffer[..], content(id, len(at)));
        assert_eq!(buffer.metadata("key").unwrap(), b"value");
        let info = buffer.info().unwrap();
        assert!(info.pinned && info.state == ObjectState::Sealed);
        let event = events.next(NOW).unwrap();
        assert_eq!((event.kind, event.id), (EventKind::Sealed, *id));
        assert_eq!((event.data_size, event.metadata_size), (len(at) as u64, 8));
    }
    assert_eq!(events.next(NOW).unwrap_err().status(), Status::Timeout);
    assert_whole(&client);
}

#[test]
fn each_object_of_a_batch_is_deleted_as_it_would_be_alone() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 16 * MIB, 4096, false);
    let mut ids = ids(1000);
    put_all(&client, &ids, |at| at);
    let held = client.get(&ids[2], NOW).unwrap();
    let absent = |at: usize| at % 5 == 4;
    for at in (0..1000).filter(|at| absent(*at)) {
        client.delete(&ids[at]).unwrap();
    }
    client.delete(&ids[8]).unwrap();
    let writer = client.create(&ids[8], 10, &plain()).unwrap();
    ids[31] = ids[30];
    let events = client.subscribe().unwrap();
    let expected: Vec<_> = (0..1000)
        .map(|at| match at {
            8 => Status::NotSealed,
            31 => Status::NotFound,
            at if absent(at) => Status::NotFound,
            _ => Status::Ok,
        })
        .collect();
    assert_eq!(delete_all(&client, &ids), expected);
    assert_eq!(&held[..], content(&ids[2], 2));
    for at in (0..1000).filter(|at| expected[*at] == Status::Ok) {
        let event = events.next(NOW).unwrap();
        assert_eq!((event.kind, event.id), (EventKind::Deleted, ids[at]));
        assert_eq!(event.data_size, at as u64);
        assert_eq!(client.contains(&ids[at]).unwrap(), ObjectState::Absent);
    }
    drop((held, writer));
    client.reap().unwrap();
    assert_eq!(client.list().unwrap().len(), 1, "object 31 was not deleted");
    assert_whole(&client);
}

#[test]
fn a_batch_fills_a_store_and_evicts_as_single_puts_do() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("full"), 4 * MIB, 4096, false);
    let all = put_all(&client, &ids(200), |_| 30_000);
    let full = all.iter().position(|status| *status != Status::Ok).unwrap();
    assert!(full > 130, "{full}");
    assert!(all[full..].iter().all(|status| *status == Status::OutOfMemory));
    assert_whole(&client);

    let client = make(&scratch.store("lru"), 4 * MIB, 4096, true);
    let ids = ids(1000);
    let datas: Vec<_> = ids.iter().map(|id| content(id, 30_000)).collect();
    let each = &mut |_, put: plasma::Result<()>| put.unwrap();
    client.put_many(&ids, &|at| Ok(&datas[at]), &plain(), each).unwrap();
    assert_eq!(client.contains(&ids[0]).unwrap(), ObjectState::Absent);
    assert!(get_checked(&client, &ids[999]).is_some());
    assert_whole(&client);
}

#[test]
fn a_batch_of_gets_leases_each_object_once_for_each_time_it_is_named() {
    let scratch = Scratch::new();
    let address = scratch.store("s");
    let (client, other) = (make(&address, 16 * MIB, 4096, false), connect(&address));
    let mut ids = ids(1200);
    put_all(&client, &ids[..1100], |at| at);
    ids[77] = ids[70];
    for round in 0..3 {
        let (mut held, mut missed) = (Vec::new(), 0);
        let each = &mut |at: usize, got: plasma::Result<plasma::Buffer>| match got {
            Ok(buffer) => held.push((at, buffer)),
            Err(error) => {
                assert!(at >= 1100 && error.status() == Status::NotFound, "{at}: {error}");
                missed += 1;
            }
        };
        other.get_many(&ids, NOW, each).unwrap();
        assert_eq!((held.len(), missed), (1100, 100));
        for (at, buffer) in &held {
            assert_eq!(buffer[..], content(&ids[*at], buffer.len()));
        }
        assert_eq!(client.list_holders(&ids[70]).unwrap().len(), 1);
        assert_eq!(other.stats().unwrap().leases, 1100);
        // In another order than they were taken in.
        while held.len() > round {
            held.swap_remove(held.len() / 2);
        }
        drop(held);
        assert_eq!(other.stats().unwrap().leases, 0);
    }
    assert_whole(&client);
}
