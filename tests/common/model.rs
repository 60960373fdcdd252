//! The store as a hash map: the required answer to every call, when one thread makes all of them.

use plasma::Status;
use std::collections::{BTreeMap, HashMap};

/// An object as its caller knows it. `key` identifies its id.
#[derive(Clone, Debug)]
pub struct Object {
    pub key: u8,
    pub bytes: Vec<u8>,
    pub name: Option<u8>,
    pub metadata: BTreeMap<u8, Vec<u8>>,
    /// In the order in which they were first set.
    pub keys: Vec<u8>,
    pub sealed: bool,
    pub pinned: bool,
    /// The time of its seal or last release, on the model's own clock.
    pub last_use: u64,
    pub holders: u32,
    /// Deleted, but held.
    pub doomed: bool,
}

/// All objects, by the number of their creation.
pub struct Model {
    pub capacity: u64,
    pub max_objects: u64,
    pub objects: BTreeMap<u64, Object>,
    made: u64,
    clock: u64,
}

/// The required answer to a request for memory.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Exactly this status.
    Is(Status),
    /// OK, or OUT_OF_MEMORY where no free range holds that many bytes; LIMIT where no record is
    /// free.
    Room { bytes: u64, record: bool },
}

pub fn round64(bytes: u64) -> u64 {
    bytes.next_multiple_of(64)
}

/// Strategies for keys and names.
pub fn name_text(name: u8) -> String {
    format!("name-{name}")
}

pub fn key_text(key: u8) -> String {
    format!("key-{key}")
}

impl Object {
    fn text_size(&self) -> u64 {
        text_size(self.name, &self.metadata)
    }

    /// Returns the bytes of heap that it owns.
    pub fn heap(&self) -> u64 {
        round64(self.bytes.len() as u64) + round64(self.text_size())
    }
}

/// Returns the bytes of the extent for name and metadata (docs/internals/layout.md).
fn text_size(name: Option<u8>, metadata: &BTreeMap<u8, Vec<u8>>) -> u64 {
    if name.is_none() && metadata.is_empty() {
        return 0;
    }
    let text = |len: usize| (len as u64 + 1).next_multiple_of(8);
    let name = name.map_or(0, |name| name_text(name).len());
    let pair = |(key, value): (&u8, &Vec<u8>)| {
        8 + text(key_text(*key).len()) + (value.len() as u64).next_multiple_of(8)
    };
    16 + text(name) + metadata.iter().map(pair).sum::<u64>()
}

impl Model {
    pub fn new(capacity: u64, max_objects: u64) -> Self {
        Self { capacity, max_objects, objects: BTreeMap::new(), made: 0, clock: 0 }
    }

    pub fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Returns the number of the visible object with this id.
    pub fn find(&self, key: u8) -> Option<u64> {
        self.objects.iter().find(|(_, it)| it.key == key && !it.doomed).map(|(n, _)| *n)
    }

    pub fn find_name(&self, name: u8) -> Option<u64> {
        let named = |it: &Object| it.name == Some(name) && !it.doomed;
        self.objects.iter().find(|(_, it)| named(it)).map(|(n, _)| *n)
    }

    /// Returns the bytes of heap of all objects, including deleted ones that are held.
    pub fn used(&self) -> u64 {
        self.objects.values().map(Object::heap).sum()
    }

    fn too_large(&self, data: u64, text: u64) -> bool {
        data > self.capacity || round64(data) + round64(text) > self.capacity
    }

    pub fn create(
        &self,
        key: u8,
        size: u64,
        name: Option<u8>,
        metadata: &BTreeMap<u8, Vec<u8>>,
    ) -> Answer {
        let text = text_size(name, metadata);
        if self.too_large(size, text) {
            Answer::Is(Status::TooLarge)
        } else if self.find(key).is_some() {
            Answer::Is(Status::Exists)
        } else if name.is_some_and(|name| self.find_name(name).is_some()) {
            Answer::Is(Status::NameExists)
        } else {
            let record = self.objects.len() as u64 == self.max_objects;
            Answer::Room { bytes: round64(size) + round64(text), record }
        }
    }

    /// Records a creation, and returns the object's number.
    pub fn created(
        &mut self,
        key: u8,
        bytes: Vec<u8>,
        name: Option<u8>,
        metadata: BTreeMap<u8, Vec<u8>>,
    ) -> u64 {
        let keys = metadata.keys().copied().collect();
        self.made += 1;
        self.objects.insert(
            self.made,
            Object {
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
            },
        );
        self.made
    }

    pub fn resize(&self, number: u64, size: u64) -> Answer {
        let it = &self.objects[&number];
        if self.too_large(size, it.text_size()) {
            return Answer::Is(Status::TooLarge);
        }
        if round64(size) <= round64(it.bytes.len() as u64) {
            return Answer::Is(Status::Ok);
        }
        Answer::Room { bytes: round64(size), record: false }
    }

    pub fn set_metadata(&self, number: u64, key: u8, value: &[u8]) -> Answer {
        let it = &self.objects[&number];
        let mut metadata = it.metadata.clone();
        metadata.insert(key, value.to_vec());
        let payload = metadata.iter().map(|(k, v)| key_text(*k).len() + v.len()).sum::<usize>();
        let text = text_size(it.name, &metadata);
        if payload > 64 << 10 {
            Answer::Is(Status::Limit)
        } else if self.too_large(it.bytes.len() as u64, text) {
            Answer::Is(Status::TooLarge)
        } else {
            Answer::Room { bytes: round64(text), record: false }
        }
    }

    pub fn metadata_set(&mut self, number: u64, key: u8, value: Vec<u8>) {
        let it = self.objects.get_mut(&number).unwrap();
        if it.metadata.insert(key, value).is_none() {
            it.keys.push(key);
        }
    }

    pub fn sealed(&mut self, number: u64) {
        let now = self.tick();
        let it = self.objects.get_mut(&number).unwrap();
        (it.sealed, it.last_use) = (true, now);
    }

    /// Returns the required answer to a get that does not wait.
    pub fn get(&self, number: Option<u64>) -> Status {
        match number.map(|number| self.objects[&number].sealed) {
            None => Status::NotFound,
            Some(false) => Status::NotSealed,
            Some(true) => Status::Ok,
        }
    }

    pub fn released(&mut self, number: u64) {
        let now = self.tick();
        let it = self.objects.get_mut(&number).unwrap();
        (it.holders, it.last_use) = (it.holders - 1, now);
        if it.doomed && it.holders == 0 {
            self.objects.remove(&number);
        }
    }

    /// Deletes or evicts: the object is gone at once, its memory when nobody holds it.
    pub fn deleted(&mut self, number: u64) {
        let it = self.objects.get_mut(&number).unwrap();
        it.doomed = true;
        if it.holders == 0 {
            self.objects.remove(&number);
        }
    }

    /// Returns the objects that may be evicted, the least recently used first.
    pub fn evictable(&self) -> Vec<u64> {
        let may = |it: &Object| it.sealed && !it.pinned && !it.doomed && it.holders == 0;
        let mut all: Vec<u64> =
            self.objects.iter().filter(|(_, it)| may(it)).map(|(n, _)| *n).collect();
        all.sort_by_key(|number| self.objects[number].last_use);
        all
    }

    /// Visible objects by id.
    pub fn visible(&self) -> HashMap<u8, &Object> {
        self.objects.values().filter(|it| !it.doomed).map(|it| (it.key, it)).collect()
    }
}
