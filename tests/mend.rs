//! Whatever damage the structures derived from the object table have, each object is found, each
//! call continues, and the structures are rebuilt from the table.
//!
//! Each word of the derived parts of a store's index is damaged from outside, in several ways, one
//! after another. The offset of each part is read from the committed layout.

mod common;

use common::{Rng, Scratch, content, id, is_content, make, put};
use plasma::{Buffer, Client, ConnectOptions, CreateOptions, ObjectId, ObjectState};
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

const CAPACITY: u64 = 64 << 10;
const MAX_OBJECTS: u64 = 1024;
const NOW: Option<Duration> = Some(Duration::ZERO);
const OBJECTS: u64 = 16;

/// Set in the link at the end of a chain, beside the number of its bucket.
const CHAIN_END: u32 = 1 << 31;
const GONE: u32 = 3;

const GOLDEN: &str = include_str!("golden/layout-v2.txt");

/// Returns a number of the geometry of a store of this size.
fn geometry(field: &str) -> u64 {
    let start = GOLDEN.find("capacity: 65536").expect("the geometry of a small store");
    let (_, rest) = GOLDEN[start..].split_once(&format!("{field}: ")).expect(field);
    rest.split(',').next().unwrap().parse().expect(field)
}

/// Offset and size of each field of a type.
fn fields(name: &str) -> HashMap<&'static str, (u64, u64)> {
    let (_, rest) = GOLDEN.split_once(&format!("\n{name}: ")).expect(name);
    let lines = rest.lines().skip(1).take_while(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let mut number = || words.next().unwrap().parse().unwrap();
            let place = (number(), number());
            (words.next().unwrap(), place)
        })
        .collect()
}

fn it(number: u64) -> ObjectId {
    id(1, number)
}

fn name(number: u64) -> String {
    format!("name-{number}")
}

/// Makes a store with all kinds of records: sealed with and without names, deleted and held, being
/// written, free, and free with their memory cached.
struct Store {
    client: Client,
    reader: Client,
    index: File,
    held: Buffer,
    _writer: plasma::MutableBuffer,
    _scratch: Scratch,
}

impl Store {
    fn new() -> Store {
        let scratch = Scratch::new();
        let address = scratch.store("store");
        let client = make(&address, CAPACITY, MAX_OBJECTS, false);
        for n in 0..OBJECTS {
            put(
                &client,
                &it(n),
                100 * n as usize,
                Some(&name(n)).filter(|_| n % 2 == 0).map(|n| &**n),
            );
        }
        put(&client, &id(2, 0), 5000, None);
        let held = client.get(&id(2, 0), NOW).unwrap();
        client.delete(&id(2, 0)).unwrap();
        let writer = client.create(&id(3, 0), 700, &CreateOptions::default()).unwrap();
        for n in 0..6 {
            client.put(&id(4, n), &[1; 64], &CreateOptions::default()).unwrap();
        }
        for n in [1, 3, 4] {
            client.delete(&id(4, n)).unwrap();
        }
        client.reap().unwrap();
        let options = ConnectOptions::default().read_only(true);
        let reader = Client::connect(Some(&address), &options).unwrap();
        let path = Path::new(&address).join("index");
        let index = File::options().read(true).write(true).open(path).unwrap();
        Store { client, reader, index, held, _writer: writer, _scratch: scratch }
    }

    fn word(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.index.read_exact_at(&mut bytes, at).unwrap();
        u64::from_le_bytes(bytes)
    }

    fn half(&self, at: u64) -> u32 {
        let mut bytes = [0; 4];
        self.index.read_exact_at(&mut bytes, at).unwrap();
        u32::from_le_bytes(bytes)
    }

    /// Every object is found as it is by id and by name.
    fn find_all(&self, client: &Client, what: &str) {
        for n in 0..OBJECTS {
            let buffer = client.get(&it(n), NOW);
            let buffer = buffer.unwrap_or_else(|error| panic!("{what}: get {n}: {error}"));
            assert!(is_content(&it(n), &buffer) && buffer.len() as u64 == 100 * n, "{what}: {n}");
            if n % 2 == 0 {
                let found = client.get_by_name(&name(n), NOW);
                let buffer = found.unwrap_or_else(|error| panic!("{what}: name {n}: {error}"));
                assert_eq!(buffer.len() as u64, 100 * n, "{what}: name {n}");
            }
        }
        assert!(client.get(&id(5, 0), NOW).is_err_and(|e| e.status() == plasma::Status::NotFound));
    }

    /// Makes calls of each kind, none of which may fail.
    fn go_on(&self, what: &str) {
        let done = |result: plasma::Result<()>, call: &str| {
            result.unwrap_or_else(|error| panic!("{what}: {call}: {error}"));
        };
        let (client, new) = (&self.client, id(6, 0));
        let options = CreateOptions::default().name(Some("new"));
        done(client.put(&new, &content(&new, 64), &options), "put");
        done(client.get(&new, NOW).map(drop), "get what was put");
        done(client.delete(&new), "delete");
        let writer = client.create(&new, 900, &CreateOptions::default());
        let mut writer = writer.unwrap_or_else(|error| panic!("{what}: create: {error}"));
        done(writer.resize(3000), "grow");
        done(writer.set_metadata("key", b"value"), "set metadata");
        done(writer.resize(10), "shrink");
        done(writer.abort().map_err(plasma::Error::from), "abort");
        done(client.stats().map(drop), "stats");
        done(client.trim(0).map(drop), "trim");
        done(client.reap().map(drop), "reap");
    }

    /// After a check, everything is as before.
    fn is_mended(&self, what: &str) {
        let check = || self.client.check().unwrap_or_else(|error| panic!("{what}: check: {error}"));
        let first = check();
        let again = check();
        assert_eq!(again.problem_count, 0, "{what}: first {first:?}, then {again:?}");
        let list = self.client.list().unwrap();
        let of = |state| list.iter().filter(move |info| info.state == state).count() as u64;
        let found = [ObjectState::Sealed, ObjectState::Writing, ObjectState::Deleted].map(of);
        assert_eq!(found, [OBJECTS + 3, 1, 1], "{what}: {list:?}");
        assert!(is_content(&id(2, 0), &self.held), "{what}");
    }

    fn survives(&self, at: u64, value: u64, width: u64, chains: bool, what: &str) {
        let what = format!("{what}: {value:#x} at {at} for {:#x}", self.word(at));
        let plausible = chains && !self.is_nonsense(at, value, width);
        self.index.write_all_at(&value.to_le_bytes()[..width as usize], at).unwrap();
        if chains && !plausible {
            self.find_all(&self.reader, &what);
        }
        if !plausible {
            self.find_all(&self.client, &what);
        }
        self.go_on(&what);
        self.is_mended(&what);
        self.find_all(&self.client, &what);
        self.find_all(&self.reader, &what);
    }
}

/// Returns the chains that contain a word.
struct Chains {
    buckets_at: u64,
    link: u64,
    count: u64,
}

fn chains() -> [Chains; 2] {
    let record = fields("Record");
    let count = geometry("buckets");
    [("id_buckets_at", "id_link"), ("name_buckets_at", "name_link")].map(|(at, link)| Chains {
        buckets_at: geometry(at),
        link: record[link].0,
        count,
    })
}

fn record_at(slot: u64) -> u64 {
    let (start, size) = GOLDEN.split_once("\nRecord: ").map(|(_, rest)| (0, rest)).unwrap();
    let size: u64 = size.split(' ').next().unwrap().parse().unwrap();
    geometry("records_at") + start + slot * size
}

impl Store {
    fn is_live(&self, slot: u64) -> bool {
        matches!(self.word(record_at(slot)) as u8, 1 | 2)
    }

    /// Returns whether a walk that begins with this link finds the end of the bucket's chain.
    fn walks(&self, chains: &Chains, bucket: u64, mut link: u32) -> bool {
        for _ in 0..100 {
            if link == CHAIN_END | bucket as u32 {
                return true;
            }
            let slot = u64::from(link.wrapping_sub(1));
            if slot >= MAX_OBJECTS || !self.is_live(slot) {
                return false;
            }
            link = self.half(record_at(slot) + chains.link);
        }
        false
    }

    /// Returns whether this value of a bucket or link is different from that of a shorter chain: a
    /// chain that leaves objects out looks like any other.
    fn is_nonsense(&self, at: u64, value: u64, width: u64) -> bool {
        for chains in chains() {
            let end = chains.buckets_at + 8 * chains.count;
            if width == 8 && (chains.buckets_at..end).contains(&at) {
                let bucket = (at - chains.buckets_at) / 8;
                return value != 0 && !self.walks(&chains, bucket, value as u32);
            }
            for slot in 0..64 {
                if width != 4 || at != record_at(slot) + chains.link {
                    continue;
                }
                let mut bucket = self.half(at);
                for _ in 0..100 {
                    if bucket >= CHAIN_END {
                        break;
                    }
                    // The record is in no chain, so its link does not matter.
                    if bucket == 0 || u64::from(bucket) > MAX_OBJECTS {
                        return true;
                    }
                    bucket = self.half(record_at(u64::from(bucket) - 1) + chains.link);
                }
                return !self.walks(&chains, u64::from(bucket & !CHAIN_END), value as u32);
            }
        }
        true
    }

    /// Damages a word in each of several ways, each time after the last damage was mended.
    fn damage(&self, at: u64, width: u64, chains: bool, rng: &mut Rng, what: &str) {
        let all = if width == 8 { u64::MAX } else { u64::from(u32::MAX) };
        let now = || if width == 8 { self.word(at) } else { self.half(at).into() };
        // The last of these modify the old value.
        let ways: &[fn(u64, &mut Rng) -> u64] = &[
            |_, _| u64::MAX,
            |_, rng| rng.next(),
            |now, rng| now ^ 1 << rng.below(32),
            |_, _| 0,
            |now, _| now + 1,
            |_, rng| rng.below(40),
            |now, _| now ^ 1 << 31,
        ];
        let ways = if now() == 0 { &ways[..3] } else { ways };
        for way in ways {
            let value = way(now(), rng) & all;
            if value != now() {
                self.survives(at, value, width, chains, what);
            }
        }
    }
}

/// Regression: with one bad word in a bucket, each call for an object of that chain returned
/// CORRUPT forever.
#[test]
fn objects_are_found_whatever_becomes_of_their_chains() {
    let store = Store::new();
    let mut rng = Rng(7);
    for chains in chains() {
        let used: Vec<u64> = (0..chains.count)
            .map(|bucket| chains.buckets_at + 8 * bucket)
            .filter(|at| store.word(*at) != 0)
            .collect();
        let unused = (0..chains.count).map(|bucket| chains.buckets_at + 8 * bucket);
        let unused = unused.filter(|at| store.word(*at) == 0).step_by(97);
        for at in used.into_iter().chain(unused) {
            store.damage(at, 8, true, &mut rng, "bucket");
        }
        for slot in 0..30 {
            store.damage(record_at(slot) + chains.link, 4, true, &mut rng, "link");
        }
    }
}

#[test]
fn calls_continue_whatever_is_damaged_in_the_queue_limbo_and_the_blocks() {
    let store = Store::new();
    let mut rng = Rng(11);
    let record = fields("Record");
    for slot in 0..30 {
        store.damage(record_at(slot) + record["link"].0, 4, false, &mut rng, "list");
        let (blocks, size) = record["blocks"];
        for at in (blocks..blocks + size).step_by(4) {
            store.damage(record_at(slot) + at, 4, false, &mut rng, "block of a record");
        }
    }
    let blocks = geometry("blocks_at");
    for at in (blocks..blocks + 40 * 32).step_by(4) {
        store.damage(at, 4, false, &mut rng, "block");
    }
}

#[test]
fn calls_continue_whatever_the_header_says_about_the_table() {
    let store = Store::new();
    let mut rng = Rng(13);
    let header = fields("Header");
    let live = fields("Live");
    let lifecycle = header["live"].0 + live["lifecycle"].0;
    // The store's identity, its lock, statistics, events and host names are not derived from the
    // table.
    let apart = ["identity", "lock", "counters", "events", "hosts"];
    for (field, (start, size)) in header.iter().filter(|(field, _)| !apart.contains(field)) {
        for at in (*start..start + size).step_by(4) {
            // Most are empty lists, which are all alike.
            if store.half(at) == 0 && at / 4 % 5 > 0 {
                continue;
            }
            if at == lifecycle {
                // A store that says that it was removed counts as removed.
                for value in [0, 2, 5, 1 << 31, u32::MAX] {
                    assert_ne!(value, GONE);
                    store.survives(at, value.into(), 4, false, "lifecycle");
                }
            } else {
                store.damage(at, 4, false, &mut rng, field);
            }
        }
    }
}

/// The numbers of buckets of a store that has grown, and the buckets that are not in use.
#[test]
fn objects_are_found_whatever_is_said_about_the_number_of_buckets() {
    const GROWN: u64 = 2500;
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, 4 << 20, 16384, false);
    let name = |n: u64| n.is_multiple_of(2).then(|| name(n));
    for n in 0..GROWN {
        put(&client, &it(n), 1, name(n).as_deref());
    }
    let index = File::options().read(true).write(true).open(Path::new(&address).join("index"));
    let index = index.unwrap();
    let half = |at: u64| {
        let mut bytes = [0; 4];
        index.read_exact_at(&mut bytes, at).unwrap();
        u32::from_le_bytes(bytes)
    };
    let (header, live, table) = (fields("Header"), fields("Live"), fields("Table"));
    let place =
        |group: &str, field: &HashMap<_, (u64, u64)>, name: &str| header[group].0 + field[name].0;
    let sound = |what: &str| {
        client.check().unwrap();
        let again = client.check().unwrap();
        assert_eq!(again.problem_count, 0, "{what}: {again:?}");
        for n in 0..GROWN {
            assert!(client.get(&it(n), NOW).is_ok(), "{what}: {n}");
            let found = name(n).is_none_or(|name| client.get_by_name(&name, NOW).is_ok());
            assert!(found, "{what}: name of {n}");
        }
    };
    for (mask, growth) in [("id_mask", "ids"), ("name_mask", "names")] {
        let (mask, growth) = (place("live", &live, mask), place("table", &table, growth));
        assert!(half(mask) > 1000, "{}", half(mask));
        let rest = [0, 1, 700, 511, 1023, 8191, 16383, 32767, u32::MAX];
        for (at, value) in [mask, growth, growth + 4].iter().flat_map(|at| rest.map(|v| (*at, v))) {
            let (what, before) = (format!("{value} at {at}"), half(at));
            index.write_all_at(&value.to_le_bytes(), at).unwrap();
            // A number of buckets that the store may have hides objects until they are checked.
            if at != mask
                || !value.wrapping_add(1).is_power_of_two()
                || !(511..=16383).contains(&value)
            {
                (0..GROWN).step_by(7).for_each(|n| {
                    assert!(client.get(&it(n), NOW).is_ok(), "{what}, for {before}: {n}");
                });
            }
            sound(&what);
            put(&client, &id(8, 0), 1, Some("one more"));
            client.delete(&id(8, 0)).unwrap();
        }
        sound("at last");
    }
}
