//! Sound stores in memory, from which a working copy is restored before each execution.

use crate::scratch;
use plasma::layout::geometry::Geometry;
use plasma::layout::header::{Identity, Table};
use plasma::layout::members::{BASE_SIZE, LOCKS, MEMBERS_MAGIC, page_at};
use plasma::layout::wake::WAKE_FILE_SIZE;
use plasma::{Client, ConnectOptions, CreateOptions, Eviction, ObjectId};
use std::fs::{self, File};
use std::mem::offset_of;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::OnceLock;

/// Bytes of the heap that an image keeps and edits may touch.
pub const HOT_HEAP: u64 = 256 << 10;
/// The same for the members: the slots, and the pages of four.
pub const HOT_MEMBERS: u64 = page_at(4);
/// Offset of the table in the header.
pub const TABLE: u64 = 320;
/// Offset of the lock in the header.
pub const LOCK: u64 = 256;

/// The files of an image, by number.
pub const INDEX: usize = 0;
pub const HEAP: usize = 1;
pub const WAKE: usize = 2;
pub const MEMBERS: usize = 3;
/// Where the client in slot 0 has its lock, and the next file the one in slot 1.
pub const LOCK0: usize = 4;
/// Their names in a store.
pub const NAMES: [&str; 6] = ["index", "heap", "wake", "members", "locks/2", "locks/3"];
/// Serial of the client in slot 0; that in slot 1 has the next one. The maker of the store had 1.
pub const SERIAL0: u64 = 2;

/// One file: its size and mode, and the bytes from its start that are kept.
pub struct ImageFile {
    pub size: u64,
    pub mode: u32,
    pub hot: Vec<u8>,
    /// Number of bytes from its start that are backed by memory.
    pub reserved: u64,
}

/// An unused store, with objects of all kinds and the slots of two dead clients.
pub struct Image {
    pub geometry: Geometry,
    pub lru: bool,
    pub files: Vec<ImageFile>,
    /// Directories of the store and their modes, the store's own first.
    pub dirs: Vec<(&'static str, u32)>,
    /// Number of bytes of the heap that hold metadata.
    pub texts: Vec<(u64, u64)>,
    /// Number of records and blocks in use.
    pub records: u64,
    pub blocks: u64,
}

/// Keys of the objects that are sealed in each image.
pub const SEALED: std::ops::Range<u8> = 4..12;
/// Key of an object that a dead client was writing.
pub const WRITTEN: u8 = 12;

/// Returns the size of the data, which follows from the key.
pub fn size_of_key(key: u8) -> usize {
    [0, 10, 300, 5000][usize::from(key) % 4]
}

pub fn id(key: u8) -> ObjectId {
    let mut bytes = [0x51; 20];
    bytes[0] = key;
    ObjectId::new(bytes)
}

pub fn name(key: u8) -> String {
    format!("name-{key}")
}

pub fn value(key: u8) -> Vec<u8> {
    vec![key; usize::from(key) * 7]
}

/// Returns the bytes of the object with this key.
pub fn fill(key: u8, bytes: &mut [u8]) {
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = key ^ (i as u8).wrapping_mul(31) ^ (i >> 8) as u8;
    }
}

pub fn is_content(key: u8, bytes: &[u8]) -> bool {
    let right = |i: usize| key ^ (i as u8).wrapping_mul(31) ^ (i >> 8) as u8;
    bytes.iter().enumerate().all(|(i, byte)| *byte == right(i))
}

/// Returns the images: small with eviction and readers, and large (three chunks) without either.
pub fn images() -> &'static [Image; 2] {
    static IMAGES: OnceLock<[Image; 2]> = OnceLock::new();
    IMAGES.get_or_init(|| {
        [
            Image::build(
                &ConnectOptions::default()
                    .capacity(256 << 10)
                    .max_objects(32)
                    .mode(0o664)
                    .eviction(Some(Eviction::Lru)),
            ),
            Image::build(&ConnectOptions::default().capacity(12 << 20).max_objects(16)),
        ]
    })
}

impl Image {
    fn build(options: &ConnectOptions) -> Image {
        let lru = options.eviction == Some(Eviction::Lru);
        let path = scratch::address("image");
        let _ = fs::remove_dir_all(&path);
        let address = path.to_str().expect("text");
        drop(Client::connect(Some(address), options).expect("a new store"));
        fix_hash_key(&path);
        let client = Client::connect(Some(address), &ConnectOptions::default()).expect("the store");
        let other = Client::connect(Some(address), &ConnectOptions::default()).expect("the store");
        for key in 0..SEALED.end {
            let mut data = vec![0; size_of_key(key)];
            fill(key, &mut data);
            let (name, value) = (name(key), value(key));
            let metadata: &[(&str, &[u8])] = &[("key", &value), ("format", b"fuzz")];
            let options = CreateOptions::default().name(Some(&name)).metadata(metadata);
            client.put(&id(key), &data, &options).expect("room");
        }
        let limbo = client.get(&id(2), None).expect("it is sealed");
        let held = other.get(&id(5), None).expect("it is sealed");
        for key in 0..SEALED.start {
            client.delete(&id(key)).expect("it is sealed");
        }
        client.pin(&id(6)).expect("it is sealed");
        let options = CreateOptions::default();
        let mut writer = client.create(&id(WRITTEN), 3000, &options).expect("room");
        writer.resize(9000).expect("room");
        writer.set_metadata("key", b"value").expect("room");
        // Read while both clients are connected: in the copies they are dead.
        let image = Image::read(&path, lru);
        drop((limbo, held, writer, client, other));
        Client::remove_store(Some(address)).expect("it is there");
        image
    }

    fn read(path: &Path, lru: bool) -> Image {
        let index = fs::read(path.join("index")).expect("readable");
        let capacity = word(&index, offset_of!(Identity, capacity) as u64);
        let max_objects = half(&index, offset_of!(Identity, max_objects) as u64);
        let geometry = Geometry::new(capacity, max_objects.into(), false).expect("it is a store's");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
        let files = NAMES.map(|name| {
            let path = path.join(name);
            let file = File::open(&path).expect("readable");
            let size = file.metadata().expect("readable").len();
            let limit = match name {
                "heap" => HOT_HEAP,
                "members" => HOT_MEMBERS,
                _ => size,
            };
            let mut hot = vec![0; size.min(limit) as usize];
            file.read_exact_at(&mut hot, 0).expect("readable");
            let reserved = match name {
                "heap" => size.min(geometry.chunk_size),
                _ => hot.len() as u64,
            };
            ImageFile { size, mode: mode(&path) & 0o7777, hot, reserved }
        });
        assert_eq!(files[WAKE].size, WAKE_FILE_SIZE);
        assert!(files[MEMBERS].size >= BASE_SIZE);
        assert_eq!(word(&files[MEMBERS].hot, 0), MEMBERS_MAGIC);
        for slot in 0..2 {
            assert_eq!(word(&files[MEMBERS].hot, 128 + 16 * slot), SERIAL0 + slot);
            assert_eq!(
                NAMES[LOCK0 + slot as usize],
                format!("locks/{}", (SERIAL0 + slot) % LOCKS as u64)
            );
        }
        let dirs = ["", "locks", "readers"]
            .into_iter()
            .filter(|name| path.join(name).exists())
            .map(|name| (name, mode(&path.join(name)) & 0o7777))
            .collect();
        let used = half(&index, TABLE + offset_of!(Table, used) as u64);
        let texts = (0..u64::from(used)).filter_map(|slot| text_of(&index, &geometry, slot));
        Image {
            geometry,
            lru,
            texts: texts.collect(),
            records: used.into(),
            blocks: u64::from(used) * 3,
            files: files.into(),
            dirs,
        }
    }
}

/// Returns the offset of a record's metadata in the heap.
fn text_of(index: &[u8], geometry: &Geometry, slot: u64) -> Option<(u64, u64)> {
    let record = geometry.records_at + slot * 192;
    let current = word(index, record) >> 9 & 1;
    let wide = word(index, record + 80 + current * 8);
    let low = half(index, record + 96 + current * 4);
    let start = (wide >> 48 << 32 | u64::from(low)) * 64;
    let size = wide & ((1 << 48) - 1);
    (size > 0).then_some((start, size))
}

/// Fixes the hash key, which is otherwise random, so that inputs mean the same in each process.
fn fix_hash_key(store: &Path) {
    let index = File::options().write(true).open(store.join("index")).expect("it is there");
    let key = [0x0123_4567_89ab_cdef_u64.to_le_bytes(), 0xfedc_ba98_7654_3210_u64.to_le_bytes()];
    index.write_all_at(&key.concat(), offset_of!(Identity, seed) as u64).expect("writable");
}

pub fn word(bytes: &[u8], at: u64) -> u64 {
    u64::from_le_bytes(bytes[at as usize..at as usize + 8].try_into().expect("8 bytes"))
}

pub fn half(bytes: &[u8], at: u64) -> u32 {
    u32::from_le_bytes(bytes[at as usize..at as usize + 4].try_into().expect("4 bytes"))
}
