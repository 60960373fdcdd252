//! The arguments of one call, its results, and a store around it.

use super::api::*;
use super::common::{content, fill, id, put};
use plasma::ffi::*;
use plasma::{Client, ConnectOptions, CreateOptions, Eviction, MutableBuffer, ObjectId};
use std::ffi::CString;
use std::path::{Path, PathBuf};

/// Objects: those that no call uses, the one that the call is about, those of a batch, and others.
pub const KEPT: u8 = 1;
pub const TARGET: u8 = 2;
pub const MANY: u8 = 3;
pub const OTHER: u8 = 4;

pub const KEPT_OBJECTS: u64 = 3;
pub const BATCH: u64 = 4;
pub const SIZE: usize = 3000;
pub const NAME: &str = "target";

/// How the store is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    Plain,
    Lru,
    Ephemeral,
    Reserve,
    Readers,
    HugePages,
    Small,
    Disk,
}

impl StoreKind {
    pub const ALL: [StoreKind; 8] = [
        StoreKind::Plain,
        StoreKind::Lru,
        StoreKind::Ephemeral,
        StoreKind::Reserve,
        StoreKind::Readers,
        StoreKind::HugePages,
        StoreKind::Small,
        StoreKind::Disk,
    ];

    pub fn named(name: &str) -> StoreKind {
        StoreKind::ALL.into_iter().find(|kind| format!("{kind:?}") == name).unwrap()
    }

    pub fn options(self) -> ConnectOptions {
        let mut options = ConnectOptions::default().capacity(8 << 20).exclusive(true);
        match self {
            StoreKind::Plain | StoreKind::Disk => {}
            StoreKind::Lru => options.eviction = Some(Eviction::Lru),
            StoreKind::Ephemeral => options.ephemeral = true,
            StoreKind::Reserve => options.reserve = true,
            StoreKind::Readers => options.mode = 0o644,
            StoreKind::HugePages => options.huge_pages = 1,
            StoreKind::Small => (options.capacity, options.max_objects) = (64 << 10, 64),
        }
        options
    }
}

/// The location of the store.
pub enum StoreLocation {
    Memory(PathBuf),
    Disk(PathBuf),
    Mount(PathBuf),
}

impl StoreLocation {
    /// In a directory of the harness's, which removes it.
    pub fn new(dir: &str, kind: StoreKind, mount: Option<&str>) -> StoreLocation {
        if let Some(options) = mount {
            super::system::mount_tmpfs(Path::new(dir), options);
            return StoreLocation::Mount(dir.into());
        }
        if kind == StoreKind::Disk {
            let name = Path::new(dir).file_name().unwrap();
            let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
            std::fs::create_dir(&path).unwrap();
            return StoreLocation::Disk(path);
        }
        StoreLocation::Memory(dir.into())
    }

    pub fn dir(&self) -> &PathBuf {
        match self {
            StoreLocation::Memory(path)
            | StoreLocation::Disk(path)
            | StoreLocation::Mount(path) => path,
        }
    }
}

impl Drop for StoreLocation {
    fn drop(&mut self) {
        match self {
            StoreLocation::Memory(_) => {}
            StoreLocation::Disk(path) => drop(std::fs::remove_dir_all(path)),
            StoreLocation::Mount(path) => super::system::unmount(path),
        }
    }
}

/// The state of the object that the call is about, before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Nothing,
    Sealed,
    /// Sealed and pinned.
    Pinned,
    /// Sealed, and held by the call's client.
    Held,
    /// Being written by the call's client.
    Writer,
    /// Some objects, sealed.
    Many,
    /// A list of objects, and one of clients.
    Lists,
    /// A subscription with an event.
    News,
}

/// The state of the object after a successful call; after a failure it is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Same,
    Absent,
    Sealed,
    Writing,
    Failed,
    /// According to each status of a batch.
    Batch,
    /// The store is removed.
    Removed,
}

/// The arguments of the call, and its results.
pub struct Fix {
    pub address: CString,
    pub client: Handle,
    pub id: plasma_id_t,
    pub ids: Vec<plasma_id_t>,
    pub data: Vec<u8>,
    pub options: plasma_create_options_t,
    pub timeout: i64,
    pub writer: plasma_mutable_buffer_t,
    pub held: plasma_buffer_t,
    /// Buffers that the call returned.
    pub got: Vec<plasma_buffer_t>,
    pub statuses: Vec<i32>,
    pub list: *mut plasma_list_t,
    pub clients: *mut plasma_client_list_t,
    pub news: *mut plasma_subscription_t,
    /// A client that the call made.
    pub made: Option<Handle>,
    /// Whether the call itself ended the client.
    pub ended: bool,
    /// The message of its failure.
    pub message: String,
}

// SAFETY: one thread at a time uses it, and clients and subscriptions may be used by any thread.
unsafe impl Send for Fix {}

pub fn c_id(id: &ObjectId) -> plasma_id_t {
    plasma_id_t { bytes: *id.as_bytes() }
}

pub fn target() -> ObjectId {
    id(TARGET, 0)
}

pub fn many() -> impl Iterator<Item = ObjectId> {
    (0..BATCH).map(|n| id(MANY, n))
}

/// Makes a store with objects that stay.
pub fn make_store(address: &str, kind: StoreKind) -> Client {
    let client = Client::connect(Some(address), &kind.options()).unwrap();
    for n in 0..KEPT_OBJECTS {
        put(&client, &id(KEPT, n), 500 + n as usize, Some(&format!("kept-{n}")));
        client.pin(&id(KEPT, n)).unwrap();
    }
    client
}

impl Fix {
    pub fn new(address: &str, lock_timeout_ms: i64) -> Fix {
        let address = c_string(address);
        let mut options = connect_options();
        options.lock_timeout_ms = lock_timeout_ms;
        let client = connect(&address, &options).expect("the store");
        Fix {
            address,
            client,
            id: c_id(&target()),
            ids: many().map(|id| c_id(&id)).collect(),
            data: content(&target(), SIZE),
            options: create_options(),
            timeout: 0,
            writer: NO_WRITER,
            held: NO_BUFFER,
            got: Vec::new(),
            statuses: vec![1; BATCH as usize],
            list: std::ptr::null_mut(),
            clients: std::ptr::null_mut(),
            news: std::ptr::null_mut(),
            made: None,
            ended: false,
            message: String::new(),
        }
    }

    /// Makes the objects and handles that the call needs.
    pub fn prepare(&mut self, before: Before, helper: &Client) {
        let client = self.client.get();
        match before {
            Before::Nothing => {}
            Before::Sealed => put(helper, &target(), SIZE, Some(NAME)),
            Before::Pinned => {
                put(helper, &target(), SIZE, Some(NAME));
                helper.pin(&target()).unwrap();
            }
            Before::Held => {
                put(helper, &target(), SIZE, Some(NAME));
                let mut held = std::mem::MaybeUninit::uninit();
                assert_eq!(plasma_get(client, Some(&self.id), 0, Some(&mut held)), OK);
                self.held = written(&held);
            }
            Before::Writer => {
                let mut writer = std::mem::MaybeUninit::uninit();
                let size = SIZE as u64;
                let options = std::ptr::null();
                let made = plasma_create(client, Some(&self.id), size, options, Some(&mut writer));
                assert_eq!(made, OK);
                self.writer = written(&writer);
                // So that the next entry reuses memory that is returned.
                let (key, value) = (c"first".as_ptr(), void(&self.data));
                assert_eq!(plasma_set_metadata(Some(&mut self.writer), key, value, 200), OK);
                fill(&target(), bytes_mut(&self.writer));
            }
            Before::Many => many().for_each(|id| put(helper, &id, 200, None)),
            Before::Lists => {
                put(helper, &target(), SIZE, Some(NAME));
                let (mut list, mut clients) =
                    (std::mem::MaybeUninit::uninit(), std::mem::MaybeUninit::uninit());
                assert_eq!(plasma_list(client, Some(&mut list)), OK);
                assert_eq!(plasma_list_clients(client, Some(&mut clients)), OK);
                (self.list, self.clients) = (written(&list), written(&clients));
            }
            Before::News => {
                let mut news = std::mem::MaybeUninit::uninit();
                assert_eq!(plasma_subscribe(client, Some(&mut news)), OK);
                self.news = written(&news);
            }
        }
    }
}

/// The thing that a waiting call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Another client seals the object.
    Seal,
    /// Room.
    Room,
    /// An event.
    Event,
}

/// The obstacle of a waiting call, until it is removed.
pub enum Obstacle {
    Writer(MutableBuffer),
    Filler,
    Silence,
    Gone,
}

impl Obstacle {
    pub fn new(wait: Wait, helper: &Client) -> Obstacle {
        match wait {
            Wait::Seal => {
                let options = CreateOptions::default().name(Some(NAME));
                let mut writer = helper.create(&target(), SIZE as u64, &options).unwrap();
                fill(&target(), writer.as_mut_slice());
                Obstacle::Writer(writer)
            }
            Wait::Room => {
                // Pinned, for stores with eviction.
                let size = helper.stats().unwrap().largest_free;
                let options = CreateOptions::default().pinned(true);
                let filler = helper.create(&id(OTHER, 0), size, &options).unwrap();
                filler.seal().unwrap();
                Obstacle::Filler
            }
            Wait::Event => Obstacle::Silence,
        }
    }

    pub fn gave_way(&self) -> bool {
        matches!(self, Obstacle::Gone)
    }

    /// Removes the obstacle.
    pub fn give_way(&mut self, helper: &Client) {
        match std::mem::replace(self, Obstacle::Gone) {
            Obstacle::Writer(writer) => writer.seal().unwrap(),
            Obstacle::Filler => helper.delete(&id(OTHER, 0)).unwrap(),
            Obstacle::Silence => put(helper, &id(OTHER, 1), 10, None),
            Obstacle::Gone => {}
        }
    }
}
