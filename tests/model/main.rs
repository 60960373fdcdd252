//! Random lists of operations against a simple model of the store (`tests/common/model.rs`).

#[path = "../common/mod.rs"]
mod common;
mod ops;

use common::model::{Answer, Model, Object, key_text, name_text};
use common::{Rng, Scratch, connect, id, make};
use ops::{Op, config, operations};
use plasma::{Buffer, Client, CreateOptions, MutableBuffer, ObjectState, Result, Status};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// Small, so that everything runs out.
const CAPACITY: u64 = 64 << 10;
const MAX_OBJECTS: u64 = 8;
const CLIENTS: usize = 3;

fn status<T>(result: &Result<T>) -> Status {
    result.as_ref().map_or_else(plasma::Error::status, |_| Status::Ok)
}

/// The store and its model, side by side.
struct Pair {
    address: String,
    lru: bool,
    model: Model,
    clients: Vec<Client>,
    writers: Vec<(u64, MutableBuffer)>,
    held: Vec<(u64, Buffer)>,
    /// Whether the order of eviction is known: an object that is unpinned is inserted later.
    ordered: bool,
    random: Rng,
    _scratch: Scratch,
}

impl Pair {
    fn new(lru: bool) -> Pair {
        let scratch = Scratch::new();
        let address = scratch.store("store");
        let first = make(&address, CAPACITY, MAX_OBJECTS, lru);
        let clients =
            std::iter::once(first).chain((1..CLIENTS).map(|_| connect(&address))).collect();
        Pair {
            address,
            lru,
            model: Model::new(CAPACITY, MAX_OBJECTS),
            clients,
            writers: Vec::new(),
            held: Vec::new(),
            ordered: true,
            random: Rng(1),
            _scratch: scratch,
        }
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.random.next() as u8).collect()
    }

    /// Removes evicted objects from the model, and checks that objects that must stay exist.
    fn note_evicted(&mut self) {
        if !self.lru {
            return;
        }
        let gone = |number: &u64| {
            let key = id(1, self.model.objects[number].key.into());
            self.clients[0].contains(&key).unwrap() == ObjectState::Absent
        };
        let taken: Vec<u64> = self.model.evictable().into_iter().filter(gone).collect();
        taken.into_iter().for_each(|number| self.model.deleted(number));
    }

    /// Checks the answer of a call, and returns whether it was done.
    fn judge<T>(&mut self, answer: &Answer, result: &Result<T>) -> bool {
        let got = status(result);
        match *answer {
            Answer::Is(expected) => assert_eq!(got, expected, "{:?}", result.as_ref().err()),
            Answer::Room { bytes, record } => {
                self.note_evicted();
                self.clients[0].reap().unwrap();
                let free = self.clients[0].stats().unwrap().largest_free;
                match got {
                    Status::Ok => assert!(!record || self.lru),
                    Status::OutOfMemory => assert!(free < bytes, "{free} are free of {bytes}"),
                    Status::Limit => {
                        assert!(record);
                        assert!(!self.lru || self.model.evictable().is_empty());
                    }
                    other => panic!("{other:?}: {:?}", result.as_ref().err()),
                }
            }
        }
        got == Status::Ok
    }

    fn check_buffer(&self, number: u64, buffer: &Buffer) {
        let it = &self.model.objects[&number];
        assert!(**buffer == *it.bytes, "the bytes of {} are wrong", it.key);
        assert_eq!(buffer.metadata_count().unwrap(), it.keys.len() as u64);
        for (i, key) in it.keys.iter().enumerate() {
            let (text, value) = buffer.metadata_at(i as u64).unwrap();
            assert_eq!(text.to_str().unwrap(), key_text(*key));
            assert_eq!(value, it.metadata[key]);
            assert_eq!(buffer.metadata(&key_text(*key)).unwrap(), value);
        }
        assert_eq!(buffer.metadata("no such key").unwrap_err().status(), Status::NotFound);
    }

    fn got(&mut self, number: Option<u64>, got: Result<Buffer>) {
        assert_eq!(status(&got), self.model.get(number));
        if let (Some(number), Ok(buffer)) = (number, got) {
            self.check_buffer(number, &buffer);
            self.model.objects.get_mut(&number).unwrap().holders += 1;
            self.held.push((number, buffer));
        }
    }

    fn release(&mut self, at: usize) {
        let (number, buffer) = self.held.swap_remove(at);
        self.check_buffer(number, &buffer);
        drop(buffer);
        self.model.released(number);
    }

    fn create(&mut self, client: usize, object: Object, put: bool) {
        let Object { key, bytes, name, metadata, .. } = object;
        let size = bytes.len() as u64;
        let answer = self.model.create(key, size, name, &metadata);
        let name_of = name.map(name_text);
        let pairs: Vec<(String, &Vec<u8>)> =
            metadata.iter().map(|(key, value)| (key_text(*key), value)).collect();
        let pairs: Vec<(&str, &[u8])> = pairs.iter().map(|(k, v)| (&**k, &***v)).collect();
        let options = CreateOptions::default().name(name_of.as_deref()).metadata(&pairs);
        let id = id(1, key.into());
        if put {
            let done = self.clients[client].put(&id, &bytes, &options);
            if self.judge(&answer, &done) {
                let number = self.model.created(key, bytes, name, metadata);
                self.model.sealed(number);
            }
        } else {
            let made = self.clients[client].create(&id, size, &options);
            if self.judge(&answer, &made) {
                let mut writer = made.unwrap();
                writer.as_mut_slice().copy_from_slice(&bytes);
                self.writers.push((self.model.created(key, bytes, name, metadata), writer));
            }
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Create { client, key, size, name, metadata, put } => {
                if size > CAPACITY {
                    let options = CreateOptions::default();
                    let made = self.clients[client].create(&id(1, key.into()), size, &options);
                    return assert_eq!(status(&made), Status::TooLarge);
                }
                let bytes = self.bytes(size as usize);
                let metadata: BTreeMap<_, _> =
                    metadata.into_iter().map(|(key, len)| (key, self.bytes(len))).collect();
                let keys = Vec::new();
                let object = Object {
                    key,
                    bytes,
                    name,
                    metadata,
                    keys,
                    sealed: false,
                    pinned: false,
                    last_use: 0,
                    holders: 0,
                    doomed: false,
                };
                self.create(client, object, put);
            }
            Op::Resize { writer, size } => self.resize(writer, size),
            Op::SetMetadata { writer, key, size } => {
                let value = self.bytes(size);
                let Some((number, _)) = pick(&self.writers, writer) else { return };
                let (number, at) = (*number, writer % self.writers.len());
                let answer = self.model.set_metadata(number, key, &value);
                let done = self.writers[at].1.set_metadata(&key_text(key), &value);
                if self.judge(&answer, &done) {
                    self.model.metadata_set(number, key, value);
                }
            }
            Op::Seal { writer, hold } => {
                if self.writers.is_empty() {
                    return;
                }
                let (number, writer) = self.writers.swap_remove(writer % self.writers.len());
                if hold {
                    let buffer = writer.seal_and_get().unwrap();
                    self.model.sealed(number);
                    self.got(Some(number), Ok(buffer));
                } else {
                    writer.seal().unwrap();
                    self.model.sealed(number);
                }
            }
            Op::Abort { writer, drop } => {
                if self.writers.is_empty() {
                    return;
                }
                let (number, writer) = self.writers.swap_remove(writer % self.writers.len());
                if drop {
                    std::mem::drop(writer)
                } else {
                    writer.abort().unwrap()
                }
                self.model.deleted(number);
            }
            Op::Get { client, key } => {
                let got = self.clients[client].get(&id(1, key.into()), Some(Duration::ZERO));
                self.got(self.model.find(key), got);
            }
            Op::GetByName { client, name } => {
                let got = self.clients[client].get_by_name(&name_text(name), Some(Duration::ZERO));
                self.got(self.model.find_name(name), got);
            }
            Op::Lookup { client, name } => {
                let found = self.clients[client].lookup(&name_text(name));
                match self.model.find_name(name) {
                    None => assert_eq!(status(&found), Status::NotFound),
                    Some(number) => {
                        let key = self.model.objects[&number].key;
                        assert_eq!(found.unwrap(), id(1, key.into()));
                    }
                }
            }
            Op::Retain { held } => {
                let Some((number, buffer)) = pick(&self.held, held) else { return };
                let (number, copy) = (*number, buffer.retain().unwrap());
                self.model.objects.get_mut(&number).unwrap().holders += 1;
                self.held.push((number, copy));
            }
            Op::Release { held } => {
                if !self.held.is_empty() {
                    self.release(held % self.held.len());
                }
            }
            Op::Delete { client, key } => {
                let done = self.clients[client].delete(&id(1, key.into()));
                let number = self.model.find(key);
                assert_eq!(status(&done), self.model.get(number));
                if done.is_ok() {
                    self.model.deleted(number.unwrap());
                }
            }
            Op::Pin { client, key, on } => {
                let (client, id) = (&self.clients[client], id(1, key.into()));
                let done = if on { client.pin(&id) } else { client.unpin(&id) };
                let number = self.model.find(key);
                assert_eq!(done.is_ok(), number.is_some());
                if let Some(it) = number.and_then(|number| self.model.objects.get_mut(&number)) {
                    self.ordered &= on || !it.pinned;
                    it.pinned = on;
                }
            }
            Op::Evict { client, bytes } => self.evict(client, bytes),
            Op::Reap { client } => assert_eq!(self.clients[client].reap().unwrap(), 0),
            Op::Trim { client, keep } => {
                self.clients[client].trim(keep).unwrap();
            }
            Op::List { client } => self.check(client),
            Op::Reconnect { client } => self.clients[client] = connect(&self.address),
        }
    }

    fn resize(&mut self, writer: usize, size: u64) {
        let Some((number, _)) = pick(&self.writers, writer) else { return };
        let (number, at) = (*number, writer % self.writers.len());
        let answer = self.model.resize(number, size);
        let done = self.writers[at].1.resize(size);
        let done = self.judge(&answer, &done);
        let (_, writer) = &mut self.writers[at];
        let kept = self.model.objects.get_mut(&number).unwrap();
        if done {
            let same = kept.bytes.len().min(size as usize);
            assert_eq!(writer.len() as u64, size);
            assert!(writer.as_mut_slice()[..same] == kept.bytes[..same], "resize lost bytes");
            writer.as_mut_slice()[same..].fill(7);
            kept.bytes.resize(size as usize, 7);
        }
        assert!(*writer.as_mut_slice() == *kept.bytes);
    }

    fn evict(&mut self, client: usize, bytes: u64) {
        let evicted = self.clients[client].evict(bytes);
        if !self.lru {
            return assert_eq!(status(&evicted), Status::Unsupported);
        }
        let mut sum = 0;
        let mut expected = self.model.evictable();
        expected.retain(|number| {
            let goes = sum < bytes;
            let object = &self.model.objects[number];
            let payload = object.metadata.iter().map(|(k, v)| key_text(*k).len() + v.len());
            let size = (object.bytes.len() + payload.sum::<usize>()) as u64;
            sum += if goes { size } else { 0 };
            goes
        });
        let before = self.model.evictable();
        self.note_evicted();
        let after = self.model.evictable();
        if self.ordered {
            assert_eq!(evicted.unwrap(), sum);
            let gone: Vec<u64> = before.into_iter().filter(|it| !after.contains(it)).collect();
            assert_eq!(gone, expected, "evicted out of order");
        } else {
            assert!(evicted.unwrap() >= bytes || after.is_empty());
        }
    }

    /// Checks all statistics and lists of the store.
    fn check(&self, client: usize) {
        let client = &self.clients[client];
        client.reap().unwrap();
        let visible = self.model.visible();
        let list = client.list().unwrap();
        let (deleted, listed): (Vec<_>, Vec<_>) =
            list.iter().partition(|info| info.state == ObjectState::Deleted);
        assert_eq!(listed.len(), visible.len());
        for info in listed {
            let it = visible[&info.id.as_bytes()[19]];
            let named = it.name.map(name_text).unwrap_or_default();
            assert_eq!((&info.name, info.data_size), (&named, it.bytes.len() as u64));
            assert_eq!(info.state == ObjectState::Sealed, it.sealed);
            assert_eq!((info.pinned, info.named), (it.pinned, it.name.is_some()));
            assert_eq!(info.lease_count > 0, it.holders > 0);
            assert_eq!(info.construct_duration_us >= 0, it.sealed);
            let payload = it.metadata.iter().map(|(k, v)| key_text(*k).len() + v.len());
            assert_eq!(info.metadata_size, payload.sum::<usize>() as u64);
            assert_eq!(client.object_info(&info.id).unwrap().data_size, info.data_size);
        }
        let stats = client.stats().unwrap();
        let sealed = visible.values().filter(|it| it.sealed).count() as u64;
        assert_eq!(stats.objects_sealed, sealed);
        assert_eq!(stats.objects_writing, visible.len() as u64 - sealed);
        assert_eq!(stats.objects_deleted as usize, deleted.len());
        assert_eq!(deleted.len(), self.model.objects.len() - visible.len());
        let pinned = visible.values().filter(|it| it.pinned).count() as u64;
        assert_eq!(stats.pinned, pinned);
        assert_eq!(stats.used, self.model.used());
        assert_eq!(stats.leases > 0, !self.held.is_empty());
        assert_eq!((stats.recoveries, stats.lock_steals, stats.reaped_clients), (0, 0, 0));
    }

    fn finish(mut self) {
        self.check(0);
        while !self.held.is_empty() {
            self.release(0);
        }
        for (number, writer) in std::mem::take(&mut self.writers) {
            writer.seal().unwrap();
            self.model.sealed(number);
        }
        for it in self.model.visible().values() {
            let key = id(1, it.key.into());
            let got = self.clients[1].get(&key, Some(Duration::ZERO)).unwrap();
            assert!(*got == *it.bytes);
            self.clients[2].delete(&key).unwrap();
        }
        // Nothing has leaked: an empty store takes one object of exactly its capacity.
        let all = vec![9; CAPACITY as usize];
        self.clients[0].put(&id(2, 0), &all, &CreateOptions::default()).unwrap();
        let stats = self.clients[0].stats().unwrap();
        assert_eq!((stats.used, stats.largest_free, stats.leases), (CAPACITY, 0, 0));
        assert_eq!(stats.clients, CLIENTS as u64);
    }
}

fn pick<T>(all: &[T], at: usize) -> Option<&T> {
    if all.is_empty() { None } else { all.get(at % all.len()) }
}

fn run(lru: bool, operations: &[Op]) {
    let mut pair = Pair::new(lru);
    for op in operations {
        pair.apply(op);
    }
    pair.finish();
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_store_answers_as_its_model(ops in proptest::collection::vec(operations(), 1..80)) {
        run(false, &ops);
    }

    #[test]
    fn a_store_with_eviction_answers_as_its_model(
        ops in proptest::collection::vec(operations(), 1..80)
    ) {
        run(true, &ops);
    }
}
