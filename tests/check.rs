//! `Client::check` finds each kind of damage and names the invariant that it breaks.

mod common;

use common::{Scratch, assert_sound, connect, content, id, make, put};
use plasma::{Buffer, CheckReport, Client, CreateOptions, MutableBuffer, Status};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const OBJECTS: u64 = 12;
const MAX_OBJECTS: u64 = 64;

/// Offsets from docs/internals/layout.md in the `index` of a store with 64 objects.
const BUCKETS: u64 = 64;
const ID_BUCKETS: u64 = 16384;
const NAME_BUCKETS: u64 = ID_BUCKETS + 4096;
const EVENTS: u64 = NAME_BUCKETS + 4096;
const RECORDS: u64 = EVENTS + 8192 * 64;
const BLOCKS: u64 = RECORDS + 192 * 256;

const WORD: u64 = 0;
const ID: u64 = 8;
const ID_LINK: u64 = 28;
const DATA: u64 = 32;
const NAME_HASH: u64 = 64;
const META_LOW: u64 = 96;
const BLOCK: u64 = 128;
const CREATOR: u64 = 144;
const LINK: u64 = 156;

fn record(slot: u64) -> u64 {
    RECORDS + 192 * slot
}

/// The allocator: its first block, the bitmap of bins that are not empty, and the roots of the
/// bins.
const FIRST: u64 = 544;
const FILLED: u64 = 552;
const BINS: u64 = 704;

/// The first shard: its limbo, then its slot cache.
const LIMBO: u64 = 9664;
const SLOT_CACHE: u64 = LIMBO + 16;
/// The stack of slots with 128 bytes.
const STACK: u64 = SLOT_CACHE + 8 + 4;

/// A live store with all kinds of records, whose files can be damaged. Slots: 0 and 1 free, 2 in
/// limbo, 3 .. 11 sealed, then one in the slot cache, one more sealed, and one that is being
/// written, with free memory on both sides.
struct Store {
    client: Client,
    index: File,
    path: PathBuf,
    _held: Buffer,
    _writer: MutableBuffer,
    _scratch: Scratch,
}

impl Store {
    fn new() -> Store {
        let scratch = Scratch::new();
        let address = scratch.store("store");
        let client = make(&address, 8 << 20, MAX_OBJECTS, true);
        for i in 0..OBJECTS {
            let name = format!("name-{i}");
            // Too long for a slot cache.
            put(&client, &id(1, i), 9000 + 1000 * i as usize, Some(&name));
        }
        let held = client.get(&id(1, 2), Some(Duration::ZERO)).unwrap();
        // The first one lies between used blocks: memory with free memory beside it is not cached.
        client.put(&id(3, 0), &[1; 100], &CreateOptions::default()).unwrap();
        client.put(&id(3, 1), &[1; 100], &CreateOptions::default()).unwrap();
        for deleted in [id(1, 0), id(1, 1), id(1, 2), id(3, 0)] {
            client.delete(&deleted).unwrap();
        }
        client.reap().unwrap();
        let mut writer = client.create(&id(2, 0), 3000, &CreateOptions::default()).unwrap();
        // The object is in the first free slot, and then released: the slot goes to the next
        // object.
        writer.resize(9000).unwrap();
        writer.set_metadata("key", b"value").unwrap();
        let index = PathBuf::from(&address).join("index");
        let index = File::options().read(true).write(true).open(index).unwrap();
        let path = PathBuf::from(address);
        let store = Store { client, index, path, _held: held, _writer: writer, _scratch: scratch };
        assert_sound(&store.client, "before");
        store
    }

    fn word(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        self.index.read_exact_at(&mut word, at).unwrap();
        u64::from_le_bytes(word)
    }

    fn half(&self, at: u64) -> u32 {
        (self.word(at & !7) >> (at % 8 * 8)) as u32
    }

    fn set(&self, at: u64, word: u64) {
        self.index.write_all_at(&word.to_le_bytes(), at).unwrap();
    }

    fn set_half(&self, at: u64, half: u32) {
        self.index.write_all_at(&half.to_le_bytes(), at).unwrap();
    }

    /// Returns the lowest bin that is not empty.
    fn filled_bin(&self) -> u64 {
        (0..1216).find(|bin| self.word(FILLED + bin / 64 * 8) >> (bin % 64) & 1 == 1).unwrap()
    }

    /// Returns the slot of the first record in this state.
    fn slot(&self, state: u8) -> u64 {
        let used = u64::from(self.half(320));
        (0..used).find(|slot| self.word(record(*slot)) as u8 == state).unwrap()
    }

    /// Returns whether a bucket's chain has records.
    fn is_chain(&self, bucket: u64) -> bool {
        (1..1 << 31).contains(&(self.word(bucket) as u32))
    }

    /// Returns the bucket with a chain, in a section of buckets.
    fn chain(&self, section: u64) -> u64 {
        (0..BUCKETS).map(|i| section + 8 * i).find(|at| self.is_chain(*at)).unwrap()
    }

    fn report(&self) -> CheckReport {
        self.client.check().unwrap()
    }

    /// Returns the numbers of the invariants that do not hold.
    fn broken(&self) -> Vec<u32> {
        broken(&self.report())
    }
}

fn broken(report: &CheckReport) -> Vec<u32> {
    let mut numbers: Vec<u32> = report.problems.iter().map(|problem| problem.invariant).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

const FREE: u8 = 0;
const WRITING: u8 = 1;
const SEALED: u8 = 2;
const DOOMED: u8 = 3;

/// Does some damage, expects the invariant among those that are reported, and undoes it: the store
/// is sound again.
#[track_caller]
fn detects(invariant: u32, what: &str, at: impl Fn(&Store) -> u64, to: impl Fn(u64) -> u64) {
    let store = Store::new();
    let at = at(&store);
    let before = store.word(at);
    assert_ne!(before, to(before), "{what}: no damage");
    store.set(at, to(before));
    let report = store.report();
    assert!(report.problem_count > 0, "{what}: nothing found");
    assert!(broken(&report).contains(&invariant), "{what}: {:#?}", report.problems);
    assert!(report.problems.len() as u64 <= report.problem_count);
    store.set(at, before);
    assert_sound(&store.client, what);
}

/// As [`detects`], for a word of 32 bits.
#[track_caller]
fn detects_half(invariant: u32, what: &str, at: impl Fn(&Store) -> u64, to: u32) {
    let shift = |store: &Store| at(store) % 8 * 8;
    let aligned = |store: &Store| at(store) & !7;
    let store = Store::new();
    let (shift, mask) = (shift(&store), u64::from(u32::MAX));
    drop(store);
    detects(invariant, what, aligned, |word| word & !(mask << shift) | u64::from(to) << shift);
}

#[test]
fn words_that_mean_nothing_are_i22() {
    let of = |state: u8, at: u64| move |store: &Store| record(store.slot(state)) + at;
    detects(22, "state 9", of(SEALED, WORD), |word| word & !0xff | 9);
    detects(22, "an unknown flag", of(SEALED, WORD), |word| word | 1 << 20);
    detects(22, "generation 0", of(SEALED, WORD), |word| word & u64::from(u32::MAX));
    detects(22, "a free record with a flag", of(FREE, WORD), |word| word | 1 << 10);
    detects_half(22, "a creator beyond all slots", of(SEALED, CREATOR), 5000);
    detects(22, "an odd rebuild sequence", |_| 128, |sequence| sequence | 1);
    detects_half(22, "lifecycle CLOSING", |_| 136, 2);
    detects(22, "a chunk beyond the heap", |_| 14264, |bits| bits | 1 << 63);
    detects(22, "an event of another entry", |_| EVENTS + 64 * 5, |sequence| sequence + 1);
    detects(22, "an event to come", |_| EVENTS, |sequence| sequence + 8192);
    detects(22, "a gap to come", |_| 456, |_| 1 << 40);
    detects_half(22, "too many hosts", |_| 340, 65);
}

#[test]
fn a_store_that_is_not_whole_is_i17() {
    detects(17, "another capacity", |_| 32, |capacity| capacity + 64);
    detects(17, "another magic", |_| 0, |magic| magic ^ 1);
    detects(17, "another key", |_| 64, |key| key ^ 1);
    let store = Store::new();
    let heap = File::options().write(true).open(store.path.join("heap")).unwrap();
    heap.set_len((8 << 20) + 4096).unwrap();
    assert_eq!(store.broken(), [17]);
    heap.set_len(8 << 20).unwrap();
    assert_sound(&store.client, "as long as it was");
}

#[test]
fn memory_that_is_shared_or_nowhere_is_i3() {
    let of = |at: u64| move |store: &Store| record(store.slot(SEALED)) + at;
    detects(3, "beyond the heap", of(DATA), |wide| wide | 1 << 48);
    detects(3, "longer than the heap", of(DATA), |wide| wide | 1 << 40);
    let store = Store::new();
    let (a, b) = (record(store.slot(SEALED)), record(store.slot(SEALED) + 1));
    let start = store.half(a + DATA + 16);
    store.set_half(b + DATA + 16, start);
    assert!(store.broken().contains(&3), "{:#?}", store.report().problems);
}

#[test]
fn an_object_that_its_chain_has_lost_is_i8() {
    detects(8, "an empty id chain", |store| store.chain(ID_BUCKETS), |word| word >> 32 << 32);
    detects(8, "an empty name chain", |store| store.chain(NAME_BUCKETS), |word| word >> 32 << 32);
    // Chains of two records are rare in 64 buckets of ten objects: swap two heads.
    let store = Store::new();
    let a = store.chain(ID_BUCKETS);
    let b = (a + 8..NAME_BUCKETS).step_by(8).find(|at| store.is_chain(*at)).unwrap();
    let (head_a, head_b) = (store.word(a), store.word(b));
    store.set(a, head_b);
    store.set(b, head_a);
    // Each chain ends with the end of the other.
    assert_eq!(store.broken(), [8, 23]);
}

#[test]
fn chains_with_foreign_records_are_i23() {
    let link = |store: &Store| record(store.slot(SEALED)) + ID_LINK;
    let itself = Store::new().slot(SEALED) as u32 + 1;
    detects_half(23, "a circle", link, itself);
    detects_half(23, "a link to nowhere", link, 60);
    let limbo = Store::new().slot(DOOMED) as u32 + 1;
    detects_half(23, "a deleted object", link, limbo);
    let free = Store::new().slot(FREE) as u32 + 1;
    detects_half(23, "a free slot", link, free);
}

#[test]
fn two_objects_with_one_id_or_name_are_i21() {
    let store = Store::new();
    let (a, b) = (record(store.slot(SEALED)), record(store.slot(SEALED) + 1));
    for at in [ID, ID + 8, ID + 16] {
        if at == ID + 16 {
            store.set_half(b + at, store.half(a + at));
        } else {
            store.set(b + at, store.word(a + at));
        }
    }
    assert!(store.broken().contains(&21), "{:#?}", store.report().problems);
    let store = Store::new();
    for at in [NAME_HASH, NAME_HASH + 8] {
        store.set(b + at, store.word(a + at));
    }
    assert!(store.broken().contains(&21), "{:#?}", store.report().problems);
}

#[test]
fn lists_and_counts_that_are_wrong_are_i23() {
    detects_half(23, "no free queue", |_| 324, 0);
    detects_half(23, "another end of the queue", |_| 328, 7);
    detects_half(23, "another count of free slots", |_| 332, 9);
    detects_half(23, "no limbo", |_| LIMBO, 0);
    detects_half(23, "another count of limbo", |_| LIMBO + 4, 0);
    detects(23, "another size of limbo", |_| LIMBO + 8, |units| units + 1);
    detects_half(23, "more records than are reserved", |_| 320, 65);
    let limbo = |store: &Store| record(store.slot(DOOMED)) + LINK;
    detects_half(23, "limbo in a circle", limbo, Store::new().slot(DOOMED) as u32 + 1);
    detects_half(23, "limbo with a sealed object", limbo, Store::new().slot(SEALED) as u32 + 1);
}

#[test]
fn slot_caches_with_wrong_slots_are_i23() {
    detects_half(23, "an empty slot cache", |_| STACK, 0);
    detects_half(23, "another count of kept slots", |_| SLOT_CACHE, 2);
    detects_half(23, "another count of kept units", |_| SLOT_CACHE + 4, 3);
    detects_half(23, "a slot that is not there", |_| STACK, 65);
    detects_half(23, "a slot that has another length", |_| STACK + 4, Store::new().half(STACK));
    detects_half(23, "a sealed object", |_| STACK, Store::new().slot(SEALED) as u32 + 1);
    detects_half(23, "a slot of the queue", |_| STACK, Store::new().slot(FREE) as u32 + 1);
    let kept = |store: &Store| record(u64::from(store.half(STACK)) - 1);
    detects_half(
        23,
        "kept slots in a circle",
        move |store| kept(store) + LINK,
        Store::new().half(STACK),
    );
    detects_half(23, "the memory of another", move |store| kept(store) + BLOCK, 1);
    detects(23, "less memory", move |store| kept(store) + DATA, |wide| wide - 64);
}

#[test]
fn blocks_that_do_not_tile_the_heap_are_i20() {
    let first = |store: &Store| BLOCKS + 32 * (u64::from(store.half(FIRST)) - 1);
    detects(20, "a block that is too long", move |store| first(store) + 8, |extent| extent + 1);
    detects(20, "a block elsewhere", first, |start| start + 1);
    detects(20, "a broken chain", move |store| first(store) + 16, |_| 5 << 32);
    detects_half(20, "no first block", |_| FIRST, 0);
    detects(20, "a block of no state", move |store| first(store) + 8, |extent| extent | 3 << 62);
}

#[test]
fn memory_that_is_leaked_or_counted_wrong_is_i23() {
    detects(23, "free units", |_| 520, |free| free - 1);
    detects(23, "leads", |_| 528, |lead| lead + 1);
    detects(23, "a bin's bit", |_| FILLED, |bits| bits ^ 2);
    detects_half(23, "the bitmap's upper level", |_| 548, 0);
    let root = |store: &Store| BINS + 4 * store.filled_bin();
    detects_half(23, "a bin", root, 3);
    detects_half(23, "a bin without a root", root, 0);
    let free = |store: &Store| BLOCKS + 32 * (u64::from(store.half(root(store))) - 1);
    detects_half(23, "a foreign block in a bin", move |store| free(store) + 24, 1);
    detects_half(23, "spare blocks", |_| 536, 1);
    detects(23, "another heap", |_| 512, |units| units - 1);
    let block = |store: &Store| record(store.slot(SEALED)) + BLOCK;
    detects_half(23, "another block", block, 1);
    let data = |store: &Store| record(store.slot(SEALED)) + DATA;
    detects(23, "a leaked extent", data, |wide| wide >> 48 << 48);
    detects(23, "a longer object", data, |wide| wide + 64 * 2);
    // A free record owns nothing, so all of its memory is leaked.
    let store = Store::new();
    let word = record(store.slot(SEALED));
    store.set(word, store.word(word) >> 32 << 32);
    assert!(store.broken().contains(&23), "{:#?}", store.report().problems);
}

#[test]
fn a_sealed_object_without_memory_is_i14_or_i15() {
    detects(14, "a bit of the reserved map", |_| 13760, |bits| bits & !1);
    let store = Store::new();
    // Punches the whole heap.
    let heap = File::options().write(true).open(store.path.join("heap")).unwrap();
    heap.set_len(0).unwrap();
    heap.set_len(8 << 20).unwrap();
    assert!(store.broken().contains(&15), "{:#?}", store.report().problems);
}

#[test]
fn metadata_that_changed_is_i1() {
    let store = Store::new();
    let record = record(store.slot(SEALED));
    let at = u64::from(store.half(record + META_LOW)) * 64;
    let heap = File::options().read(true).write(true).open(store.path.join("heap")).unwrap();
    let mut head = [0; 16];
    heap.read_exact_at(&mut head, at).unwrap();
    let before = head;
    // Longer than its extent, and then another name.
    head[8] = 0xff;
    heap.write_all_at(&head, at).unwrap();
    assert_eq!(store.broken(), [1]);
    heap.write_all_at(&before, at).unwrap();
    assert_sound(&store.client, "as it was");
    heap.write_all_at(b"x", at + 16).unwrap();
    assert_eq!(store.broken(), [1]);
}

#[test]
fn a_slot_with_a_serial_that_nobody_was_given_is_i7() {
    let store = Store::new();
    let members = File::options().write(true).open(store.path.join("members")).unwrap();
    members.write_all_at(&1000_u64.to_le_bytes(), 128 + 16 * 77).unwrap();
    let report = store.report();
    assert_eq!((store.broken(), report.problem_count), (vec![7], 1), "{:#?}", report.problems);
}

#[test]
fn an_unsealed_object_of_nobody_is_i24() {
    let serial = |store: &Store| record(store.slot(WRITING)) + 104;
    detects(24, "another creator", serial, |serial| serial ^ 64);
}

#[test]
fn an_order_of_use_that_is_wrong_is_i25() {
    // The last page of the index: 64 leaves, then 4 nodes, then one.
    let order = |store: &Store| store.index.metadata().unwrap().len() - 4096;
    let leaf = |state: u8| move |store: &Store| order(store) + 8 * store.slot(state);
    let node = |store: &Store| order(store) + 8 * (64 + store.slot(SEALED) / 16);
    let owner = |store: &Store| {
        let block = store.half(record(store.slot(SEALED)) + BLOCK);
        BLOCKS + 32 * (u64::from(block) - 1) + 24
    };
    detects(25, "a sealed object that may not be evicted", leaf(SEALED), |word| word | 1 << 63);
    detects(25, "a free slot that may be evicted", leaf(FREE), |word| word & !(1 << 63) | 1);
    detects(25, "a node above its children", node, |word| word + (1 << 40));
    detects(25, "nothing below a node", node, |_| 0);
    detects_half(25, "a block of another object", owner, 1);
    detects_half(25, "a block of nobody", owner, 0);
}

#[test]
fn remains_of_dead_clients_are_no_problem_and_a_broken_lock_is_corrupt() {
    let store = Store::new();
    store.set(256, 1 << 20);
    assert_eq!(store.client.check().unwrap_err().status(), Status::Corrupt);
    store.set(256, 0);
    assert_sound(&store.client, "a lock that is free");
    // A recovery that is due runs first, and mends everything except the table.
    store.set(256, 1 << 17);
    for at in [324, LIMBO, LIMBO + 8, SLOT_CACHE, STACK, 512, 520, 528, 536, FIRST, BINS] {
        store.set(at, u64::MAX);
    }
    assert_sound(&store.client, "recovered");
    assert_eq!(store.client.stats().unwrap().recoveries, 1);
}

#[test]
fn a_report_keeps_the_first_problems_and_counts_all() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, 1 << 20, 1024, false);
    for i in 0..500 {
        client.put(&id(1, i), &content(&id(1, i), 10), &CreateOptions::default()).unwrap();
    }
    let index = File::options().write(true).open(Path::new(&address).join("index")).unwrap();
    index.write_all_at(&vec![0; 512 * 8], ID_BUCKETS).unwrap();
    let report = connect(&address).check().unwrap();
    assert_eq!((report.problems.len(), report.problem_count), (64, 500));
    assert_eq!((report.records, report.objects, report.extents), (500, 500, 500));
    assert_eq!(report.problems[0].to_string(), "I8: record 0 is in no id chain");
}
