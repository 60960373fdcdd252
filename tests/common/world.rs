//! A store in which processes die: its objects, the processes that live in it during that, and what
//! must be true afterwards.

use super::bystander::{Bystander, NEIGHBOUR};
use super::{Scratch, assert_sound, connect, fill, get_checked, id, put};
use plasma::{Client, ConnectOptions, CreateOptions, Eviction, ObjectInfo, ObjectState, Status};
use std::time::Duration;

/// Kinds of objects: the first exist throughout; the second are made and deleted by the victims,
/// the third by the checks afterwards; the fourth fill a store.
pub const KEPT: u8 = 1;
pub const VICTIM: u8 = 2;
pub const PROBE: u8 = 3;
pub const FILLER: u8 = 4;

pub const KEPT_SIZES: [usize; 8] = [0, 1, 100, 64, 4096, 70_000, 333, 500_000];
pub const CAPACITY: u64 = 24 << 20;
/// Capacity of stores that are full or evict: the permanent objects are a large part of it.
pub const SMALL_CAPACITY: u64 = 4 << 20;
/// Records of a store in which all are used.
const FEW_RECORDS: u64 = 64;
const FILLER_SIZES: [u64; 5] = [512 << 10, 64 << 10, 8 << 10, 1 << 10, 64];
/// Room in a full store for the preparation of an operation.
pub const ROOM: u64 = 8 << 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorldKind {
    /// Only the objects that the operation needs.
    Empty,
    /// Objects, and a reader.
    Resting,
    /// As resting, with room for thousands of objects.
    Wide,
    /// As resting, and other processes make and delete objects all the time; readers of other users
    /// are admitted.
    Busy,
    /// As resting, and only the bytes that the operation's preparation needs are free.
    Full,
    /// As resting, and no record is free.
    FullOfRecords,
}

use WorldKind::{Busy, Empty, Full, FullOfRecords};

impl WorldKind {
    pub const ALL: [WorldKind; 6] =
        [Empty, WorldKind::Resting, WorldKind::Wide, Busy, Full, FullOfRecords];

    pub fn is_full(self) -> bool {
        matches!(self, Full | FullOfRecords)
    }

    pub fn kept(self) -> usize {
        if self == Empty { 0 } else { KEPT_SIZES.len() }
    }
}

pub struct World {
    /// Declared before the directory, so that they end before it is removed.
    bystanders: Vec<Bystander>,
    scratch: Scratch,
    pub address: String,
    pub kind: WorldKind,
    lru: bool,
    /// Connected throughout: otherwise no client would hold the evidence.
    pub client: Client,
    /// Whether an operation's preparation needs room.
    room: bool,
    used: u64,
    rounds: u64,
}

impl World {
    /// Makes the store and starts the bystanders. `child` is the test that plays them.
    pub fn new(child: &str, kind: WorldKind, lru: bool, room: bool) -> World {
        let scratch = Scratch::new();
        let address = scratch.store("store");
        let options = ConnectOptions::default()
            .exclusive(true)
            .capacity(if lru || kind == Full { SMALL_CAPACITY } else { CAPACITY })
            .max_objects(match kind {
                FullOfRecords => FEW_RECORDS,
                WorldKind::Wide => 8192,
                _ => 1024,
            })
            .huge_pages(u32::from(kind == Empty))
            .eviction(Some(if lru { Eviction::Lru } else { Eviction::None }))
            .mode(if kind == Busy { 0o644 } else { 0 });
        let client = Client::connect(Some(&address), &options).unwrap();
        for (i, size) in KEPT_SIZES.iter().enumerate().take(kind.kept()) {
            put(&client, &id(KEPT, i as u64), *size, Some(&format!("kept-{i}")));
            client.pin(&id(KEPT, i as u64)).unwrap();
        }
        let bystanders = Vec::new();
        let mut world =
            World { scratch, address, kind, lru, client, bystanders, room, used: 0, rounds: 0 };
        world.fill_up();
        let names: &[&str] =
            if kind == Busy { &["reader", "neighbour", "neighbour"] } else { &["reader"] };
        for (seed, name) in names.iter().enumerate() {
            let bystander = Bystander::start(child, name, &world.address, kind, seed as u64);
            world.bystanders.push(bystander);
        }
        world
    }

    /// Fills the free memory, except for the requested room.
    fn fill_up(&mut self) {
        let filler = |class: usize, number: u64| id(FILLER, (class as u64) << 32 | number);
        let place = CreateOptions::default();
        let fits = |size| self.client.stats().unwrap().largest_free >= size;
        let room = id(FILLER, u64::MAX);
        match self.kind {
            Full => {
                if self.room {
                    assert!(fits(ROOM));
                    self.client.put(&room, &[0; ROOM as usize], &place).unwrap();
                }
                for (class, &size) in FILLER_SIZES.iter().enumerate() {
                    let mut numbers = 0..;
                    while fits(size) {
                        let id = numbers
                            .by_ref()
                            .map(|n| filler(class, n))
                            .find(|id| self.client.contains(id).unwrap() == ObjectState::Absent);
                        let id = id.unwrap();
                        self.client.put(&id, &super::content(&id, size as usize), &place).unwrap();
                    }
                }
                if self.room {
                    self.client.delete(&room).unwrap();
                    self.client.reap().unwrap();
                }
            }
            FullOfRecords => {
                for number in 0..FEW_RECORDS {
                    let id = filler(0, number);
                    let stats = self.client.stats().unwrap();
                    let there = self.client.contains(&id).unwrap() == ObjectState::Sealed;
                    if stats.objects_sealed < FEW_RECORDS && !there {
                        self.client.put(&id, &super::content(&id, 100), &place).unwrap();
                    }
                }
            }
            _ => {}
        }
        self.used = self.client.stats().unwrap().used;
    }

    /// Makes the room that the checks need in a full store.
    fn make_room(&self, client: &Client) {
        let fillers =
            client.list().unwrap().into_iter().filter(|info| info.id.as_bytes()[0] == FILLER);
        let mut fillers: Vec<_> = fillers.collect();
        fillers.sort_by_key(|info| std::cmp::Reverse(info.data_size));
        for info in fillers.iter().take(4) {
            // A bystander in a store with eviction may have been faster.
            client.delete(&info.id).unwrap();
        }
        client.reap().unwrap();
    }

    /// Checks the store after a process died in `what`.
    pub fn check(&mut self, what: &str) {
        self.rounds += 1;
        // Alternates between a client that was connected before and a new one.
        let fresh = self.rounds.is_multiple_of(2).then(|| connect(&self.address));
        let client = fresh.as_ref().unwrap_or(&self.client);
        self.check_kept(client, what);
        client.reap().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_sound(client, what);
        self.bystanders.iter_mut().for_each(|bystander| bystander.pause(what));
        self.check_list(client, what);
        if self.kind.is_full() {
            self.make_room(client);
        }
        self.check_operations(client, what);
        if !self.kind.is_full() {
            client.trim(0).unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        assert_sound(client, what);
        let stats = client.stats().unwrap();
        // The living clients: the keeper, the bystanders, and the one that checks.
        let clients = 1 + self.bystanders.len() as u64 + u64::from(fresh.is_some());
        assert_eq!(stats.clients, clients, "{what}: {stats:?}");
        assert_eq!((stats.leases, stats.objects_deleted), (0, 0), "{what}: {stats:?}");
        if !self.kind.is_full() {
            assert_eq!(stats.used, self.used, "{what}: {stats:?}");
            assert_eq!(stats.objects_sealed as usize, self.kind.kept(), "{what}: {stats:?}");
        }
        assert_eq!(self.scratch.names(), ["store"], "{what}");
        drop(fresh);
        self.fill_up();
        // All free memory is filled again, except for leads before objects that begin at a page. So
        // the memory of the dead client was freed.
        if self.kind == Full && !self.lru {
            let room = if self.room { ROOM } else { 0 };
            let full = self.used + room + stats.capacity / 50 >= stats.capacity;
            assert!(full, "{what}: {:?}", self.client.stats());
        }
        self.bystanders.iter_mut().for_each(Bystander::go_on);
    }

    /// Checks that all listed objects are sealed, found, and correct.
    fn check_list(&self, client: &Client, what: &str) {
        let list = client.list().unwrap();
        for info in &list {
            if info.state == ObjectState::Deleted {
                continue;
            }
            if info.state == ObjectState::Failed {
                check_failed(client, info, what);
                continue;
            }
            assert_eq!(info.state, ObjectState::Sealed, "{what}: {info:?}");
            assert_ne!(info.id.as_bytes()[0], NEIGHBOUR, "{what}: {info:?}");
            assert!(get_checked(client, &info.id).is_some(), "{what}: {info:?}");
            if !info.name.is_empty() {
                assert_eq!(client.lookup(&info.name).unwrap(), info.id, "{what}");
            }
        }
        let stats = client.stats().unwrap();
        assert_eq!(stats.objects_writing, 0, "{what}: {stats:?}");
        let listed = stats.objects_sealed + stats.objects_failed + stats.objects_deleted;
        assert_eq!(listed as usize, list.len(), "{what}: {stats:?}");
    }

    fn check_operations(&self, client: &Client, what: &str) {
        for info in client.list().unwrap() {
            let more = info.id.as_bytes()[0] == VICTIM && info.id > id(VICTIM, 19);
            if more && info.state == ObjectState::Sealed {
                client.delete(&info.id).unwrap();
            }
        }
        for number in 0..20 {
            // An object that was not sealed is gone without a trace: its id and name are free.
            let victim = id(VICTIM, number);
            let name = format!("victim-{number}");
            let failed = client.get(&victim, Some(Duration::ZERO));
            let failed = failed.is_err_and(|error| error.status() == Status::Failed);
            if !failed && get_checked(client, &victim).is_none() {
                assert_eq!(client.contains(&victim).unwrap(), ObjectState::Absent, "{what}");
                put(client, &victim, 128, Some(&name));
            }
            client.delete(&victim).unwrap();
            let gone = client.get(&victim, Some(Duration::ZERO)).unwrap_err();
            assert_eq!(gone.status(), Status::NotFound, "{what}");
        }
        let probe = id(PROBE, 0);
        let mut writer = client.create(&probe, 100, &CreateOptions::default()).unwrap();
        writer.resize(20_000).unwrap();
        writer.set_metadata("k", b"v").unwrap();
        fill(&probe, writer.as_mut_slice());
        drop(writer.seal_and_get().unwrap());
        client.pin(&probe).unwrap();
        assert!(get_checked(client, &probe).is_some(), "{what}");
        client.unpin(&probe).unwrap();
        client.delete(&probe).unwrap();
        client.create(&probe, 100, &CreateOptions::default()).unwrap().abort().unwrap();
        client.reap().unwrap();
    }

    pub fn check_kept(&self, client: &Client, what: &str) {
        check_kept(client, self.kind.kept(), what);
    }

    /// Checks that the bystanders found nothing wrong, and that an emptied store is empty.
    pub fn finish(self, what: &str) {
        self.bystanders.into_iter().for_each(|bystander| bystander.end(what));
        // The last objects that the bystanders deleted are not freed yet.
        self.client.reap().unwrap();
        for info in self.client.list().unwrap() {
            self.client.delete(&info.id).unwrap();
        }
        self.client.reap().unwrap();
        let stats = self.client.stats().unwrap();
        let left = (stats.used, stats.leases, stats.objects_deleted);
        assert_eq!(left, (0, 0, 0), "{what}: {stats:?}");
        assert_eq!(stats.largest_free, stats.capacity, "{what}: {stats:?}");
        put(&self.client, &id(PROBE, 1), stats.capacity as usize - 4096, None);
    }
}

/// Checks that a failure is whole: it is absent, or tells its message, which is all that it keeps.
fn check_failed(client: &Client, info: &ObjectInfo, what: &str) {
    assert_eq!(info.id.as_bytes()[0], VICTIM, "{what}: {info:?}");
    assert!(info.data_size <= 512, "{what}: {info:?}");
    let error = client.get(&info.id, Some(Duration::ZERO)).unwrap_err();
    match error.status() {
        Status::Failed => {
            let told = error.detail().map_or(0, str::len);
            assert_eq!(told as u64, info.data_size, "{what}: {error}");
        }
        status => assert_eq!(status, Status::NotFound, "{what}: {error}"),
    }
}

pub fn check_kept(client: &Client, kept: usize, what: &str) {
    for (i, size) in KEPT_SIZES.iter().enumerate().take(kept) {
        let kept = get_checked(client, &id(KEPT, i as u64));
        let kept = kept.unwrap_or_else(|| panic!("{what}: kept object {i} is gone"));
        assert_eq!(kept.len(), *size, "{what}");
        assert_eq!(kept.metadata("format").unwrap(), b"test", "{what}");
        let named = client.get_by_name(&format!("kept-{i}"), Some(Duration::ZERO)).unwrap();
        assert!(named.as_ptr() == kept.as_ptr() && named.len() == kept.len(), "{what}");
        assert_eq!(client.lookup(&format!("kept-{i}")).unwrap(), id(KEPT, i as u64), "{what}");
    }
    let miss = client.get(&id(9, 9), Some(Duration::ZERO)).unwrap_err();
    assert_eq!(miss.status(), Status::NotFound, "{what}");
    let miss = client.get_by_name("no such name", Some(Duration::ZERO)).unwrap_err();
    assert_eq!(miss.status(), Status::NotFound, "{what}");
}
