//! The operations that are killed.

use super::common::owner::StoppedOwner;
use super::common::world::WorldKind::{self, Busy, Empty, Full, FullOfRecords, Wide};
use super::common::world::{KEPT, ROOM, VICTIM};
use super::common::{content, fill, get_checked, id};
use plasma::{Client, CreateOptions, MutableBuffer, ObjectState, Result, Status};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

pub struct Op {
    pub name: &'static str,
    pub lru: bool,
    /// The kinds of stores in which it is done.
    pub kinds: &'static [WorldKind],
    /// The preparation, which the child runs without a kill.
    pub prepare: fn(&Client) -> Result<Prepared>,
    pub run: fn(&Client, Prepared) -> Result<()>,
}

impl Op {
    /// Returns whether the preparation makes objects.
    pub fn needs_room(&self) -> bool {
        !std::ptr::fn_addr_eq(self.prepare, nothing as fn(&Client) -> Result<Prepared>)
    }
}

#[derive(Default)]
pub struct Prepared {
    writer: Option<MutableBuffer>,
}

/// Five of these and the permanent objects fill most of a store with eviction.
const OLD: usize = 500_000;
/// Larger than the rest of a chunk, so that memory must be reserved for it.
const LARGE: u64 = 9 << 20;
/// More leases than a client has memory for initially.
pub const MANY: usize = 4200;
/// More objects than a store has records and blocks for initially.
const THOUSANDS: u64 = 2200;
/// More objects than a batch puts or deletes at once.
const BATCH: u64 = 18;

const ANY: &[WorldKind] = &[Empty, Busy, Full];
const ROOMY: &[WorldKind] = &[Empty, Busy];
const CREATES: &[WorldKind] = &[Empty, Busy, Full, FullOfRecords];
const SHORT: &[WorldKind] = &[Busy, Full];
const FULL: &[WorldKind] = &[Full, FullOfRecords];

fn victim() -> plasma::ObjectId {
    id(VICTIM, 0)
}

fn plain() -> CreateOptions<'static> {
    CreateOptions::default()
}

fn put(client: &Client, number: u64, size: usize, name: Option<&str>) -> Result<()> {
    let options = plain().name(name).metadata(&[("format", b"test")]);
    client.put(&id(VICTIM, number), &content(&id(VICTIM, number), size), &options)
}

/// Puts a file, which says to be longer than it is.
fn put_file(client: &Client, size: usize, name: Option<&str>) -> Result<()> {
    let mut options = File::options();
    let options = options.read(true).write(true).custom_flags(libc::O_TMPFILE);
    let mut file = options.open("/dev/shm").unwrap();
    file.write_all(&content(&victim(), size)).unwrap();
    let (said, options) = (0..size as u64 + 10, plain().name(name));
    sealed(client.create_from_file(&victim(), &file, said, &options, &|_| {})?)
}

fn nothing(_: &Client) -> Result<Prepared> {
    Ok(Prepared::default())
}

/// Prepares nothing, but room is left in full stores.
fn room(client: &Client) -> Result<Prepared> {
    nothing(client)
}

fn writer_of(client: &Client, size: u64, name: Option<&str>) -> Result<Prepared> {
    let mut writer = client.create(&victim(), size, &plain().name(name))?;
    fill(&victim(), writer.as_mut_slice());
    Ok(Prepared { writer: Some(writer) })
}

fn a_writer(client: &Client) -> Result<Prepared> {
    writer_of(client, 5000, Some("victim-0"))
}

/// Makes an unsealed object with another object right after it.
fn a_cramped_writer(client: &Client) -> Result<Prepared> {
    let prepared = writer_of(client, 5000, None)?;
    put(client, 1, 100, None)?;
    Ok(prepared)
}

fn a_victim(client: &Client) -> Result<Prepared> {
    put(client, 0, 5000, Some("victim-0"))?;
    nothing(client)
}

/// A message of a failure.
pub const WHY: &str = "no such table";

fn an_expired_failure(client: &Client) -> Result<Prepared> {
    let options = plain().name(Some("victim-0")).metadata(&[("expires", b"1")]);
    client.create(&victim(), 5000, &options)?.fail(WHY)?;
    nothing(client)
}

fn batch_ids() -> Vec<plasma::ObjectId> {
    (0..BATCH).map(|number| id(VICTIM, number)).collect()
}

/// Puts a batch of objects, of which one exists already.
fn put_batch(client: &Client) -> Result<()> {
    let ids = batch_ids();
    let datas: Vec<_> = ids.iter().map(|id| content(id, 300)).collect();
    let mut all = Ok(());
    let options = plain().metadata(&[("format", b"test")]);
    client.put_many(&ids, &|at| Ok(&datas[at]), &options, &mut |at, put| match put {
        Err(error) if at == 0 && error.status() == Status::Exists => {}
        Err(error) if all.is_ok() => all = Err(error),
        _ => {}
    })?;
    all
}

fn a_batch(client: &Client) -> Result<Prepared> {
    put_batch(client)?;
    nothing(client)
}

fn old_victims(client: &Client) -> Result<Prepared> {
    for i in 0..5 {
        put(client, i, OLD, None)?;
    }
    // The releases of others so far are folded into the records now.
    assert!(client.evict(1)? > 0);
    nothing(client)
}

fn free_chunks(client: &Client) -> Result<Prepared> {
    // Not an object that a bystander may hold.
    put(client, 12, LARGE as usize, None)?;
    client.delete(&id(VICTIM, 12))?;
    client.reap()?;
    nothing(client)
}

/// Makes a number of free ranges of one length, with objects between them.
const PIECES: u64 = 32;

fn free_pieces(client: &Client) -> Result<Prepared> {
    for number in 0..2 * PIECES {
        put(client, number, if number % 2 == 0 { 700 } else { 100 }, None)?;
    }
    for number in (0..2 * PIECES).step_by(2) {
        client.delete(&id(VICTIM, number))?;
    }
    client.trim(u64::MAX)?;
    nothing(client)
}

fn created(client: &Client, size: u64, options: &CreateOptions<'_>) -> Result<()> {
    client.create(&victim(), size, options).map(std::mem::forget)
}

fn sealed(writer: MutableBuffer) -> Result<()> {
    writer.seal().map_err(plasma::Error::from)
}

/// Its creator cannot get the lock, and the next owner frees the object.
fn given_up_while_waiting_for_the_lock(client: &Client, prepared: Prepared) -> Result<()> {
    let owner = StoppedOwner::new(client)?;
    drop(prepared.writer);
    assert_eq!(client.contains(&victim())?, ObjectState::Absent);
    owner.give_back();
    put(client, 1, 100, None)
}

fn resized(prepared: Prepared, to: u64) -> Result<()> {
    let mut writer = prepared.writer.unwrap();
    writer.resize(to)?;
    fill(&victim(), writer.as_mut_slice());
    sealed(writer)
}

/// Gets the permanent objects, if there are any; otherwise misses.
fn get_all(client: &Client, mut each: impl FnMut(plasma::Buffer) -> Result<()>) -> Result<()> {
    for i in 0..3 {
        if let Some(kept) = get_checked(client, &id(KEPT, i)) {
            each(kept)?;
            each(client.get_by_name(&format!("kept-{i}"), None)?)?;
        }
    }
    get_checked(client, &victim()).map_or(Ok(()), each)
}

/// All operations; each has a test of its name.
pub const OPS: &[Op] = &[
    Op {
        name: "create",
        lru: false,
        kinds: CREATES,
        prepare: nothing,
        run: |c, _| created(c, 100, &plain()),
    },
    Op {
        name: "create_large",
        lru: false,
        kinds: ROOMY,
        prepare: nothing,
        run: |c, _| created(c, LARGE, &plain()),
    },
    Op {
        name: "create_named",
        lru: false,
        kinds: CREATES,
        prepare: nothing,
        run: |c, _| {
            let metadata: &[(&str, &[u8])] = &[("format", b"binary"), ("schema", &[7; 300])];
            created(c, 5000, &plain().name(Some("victim-0")).metadata(metadata))
        },
    },
    Op {
        name: "create_zeroed",
        lru: false,
        kinds: ROOMY,
        prepare: nothing,
        run: |c, _| created(c, 700, &plain().zeroed(true).pinned(true)),
    },
    Op {
        name: "create_exact",
        lru: false,
        kinds: &[Full],
        prepare: room,
        run: |c, _| created(c, ROOM, &plain()),
    },
    Op {
        name: "put",
        lru: false,
        kinds: CREATES,
        prepare: nothing,
        run: |c, _| put(c, 0, 5000, Some("victim-0")),
    },
    Op {
        name: "put_large",
        lru: false,
        kinds: ROOMY,
        prepare: nothing,
        run: |c, _| put(c, 0, LARGE as usize, Some("victim-0")),
    },
    Op {
        name: "create_from_file",
        lru: false,
        kinds: CREATES,
        prepare: nothing,
        run: |c, _| put_file(c, 5000, Some("victim-0")),
    },
    Op {
        name: "create_from_large_file",
        lru: false,
        kinds: ROOMY,
        prepare: nothing,
        run: |c, _| put_file(c, LARGE as usize, None),
    },
    Op {
        name: "put_thousands",
        lru: false,
        kinds: &[Wide],
        prepare: nothing,
        run: |c, _| {
            // So many that the buckets of ids, and of names, grow too.
            let name = |i: u64| (!i.is_multiple_of(3)).then(|| format!("victim-{i}"));
            (0..THOUSANDS).try_for_each(|i| put(c, i, 10, name(i).as_deref()))
        },
    },
    Op {
        name: "put_lru",
        lru: true,
        kinds: ROOMY,
        prepare: nothing,
        run: |c, _| put(c, 0, 5000, Some("victim-0")),
    },
    Op {
        name: "put_batch",
        lru: false,
        kinds: CREATES,
        prepare: nothing,
        run: |c, _| put_batch(c),
    },
    Op {
        name: "put_batch_around_another",
        lru: true,
        kinds: ROOMY,
        prepare: a_victim,
        run: |c, _| put_batch(c),
    },
    Op {
        name: "put_that_evicts",
        lru: true,
        kinds: FULL,
        prepare: nothing,
        run: |c, _| put(c, 0, 5000, Some("victim-0")),
    },
    Op {
        name: "resize_grow",
        lru: false,
        kinds: ANY,
        prepare: a_writer,
        run: |_, p| resized(p, 9000),
    },
    Op {
        name: "resize_move",
        lru: false,
        kinds: ANY,
        prepare: a_cramped_writer,
        run: |_, p| resized(p, 90_000),
    },
    Op {
        name: "resize_shrink",
        lru: false,
        kinds: ANY,
        prepare: a_cramped_writer,
        run: |_, p| resized(p, 10),
    },
    Op {
        name: "resize_to_nothing",
        lru: false,
        kinds: ANY,
        prepare: a_writer,
        run: |_, p| resized(p, 0),
    },
    Op {
        name: "set_metadata",
        lru: false,
        kinds: ANY,
        prepare: a_writer,
        run: |_, p| {
            let mut writer = p.writer.unwrap();
            writer.set_metadata("one", &[1; 100])?;
            writer.set_metadata("one", &[2; 1000])?;
            writer.set_metadata("two", b"")?;
            sealed(writer)
        },
    },
    Op {
        name: "seal",
        lru: false,
        kinds: ANY,
        prepare: a_writer,
        run: |_, p| sealed(p.writer.unwrap()),
    },
    Op {
        name: "seal_lru",
        lru: true,
        kinds: ANY,
        prepare: a_writer,
        run: |_, p| sealed(p.writer.unwrap()),
    },
    Op {
        name: "seal_and_get",
        lru: false,
        kinds: ANY,
        prepare: a_writer,
        run: |_, p| p.writer.unwrap().seal_and_get().map(drop).map_err(plasma::Error::from),
    },
    Op {
        name: "abort",
        lru: false,
        kinds: ANY,
        prepare: a_writer,
        run: |_, p| p.writer.unwrap().abort().map_err(plasma::Error::from),
    },
    Op {
        name: "fail",
        lru: false,
        kinds: ANY,
        prepare: a_cramped_writer,
        run: |_, p| p.writer.unwrap().fail(WHY).map_err(plasma::Error::from),
    },
    Op {
        name: "fail_lru",
        lru: true,
        kinds: ANY,
        prepare: a_writer,
        run: |_, p| p.writer.unwrap().fail(WHY).map_err(plasma::Error::from),
    },
    Op {
        name: "fail_without_words",
        lru: false,
        kinds: ROOMY,
        prepare: a_writer,
        run: |_, p| p.writer.unwrap().fail("").map_err(plasma::Error::from),
    },
    Op {
        name: "create_where_a_failure_expired",
        lru: false,
        kinds: ROOMY,
        prepare: an_expired_failure,
        run: |c, _| created(c, 100, &plain()),
    },
    Op {
        name: "give_up",
        lru: false,
        kinds: ROOMY,
        prepare: a_writer,
        run: given_up_while_waiting_for_the_lock,
    },
    Op {
        name: "get",
        lru: false,
        kinds: ANY,
        prepare: a_victim,
        run: |c, _| get_all(c, |_| Ok(())),
    },
    Op {
        name: "get_lru",
        lru: true,
        kinds: ANY,
        prepare: a_victim,
        run: |c, _| get_all(c, |got| got.retain().map(drop)),
    },
    Op {
        name: "get_batch",
        lru: true,
        kinds: ROOMY,
        prepare: a_batch,
        run: |c, _| {
            let mut held = Vec::new();
            c.get_many(&batch_ids(), None, &mut |_, got| held.push(got.unwrap()))
        },
    },
    Op {
        name: "get_many",
        lru: false,
        kinds: &[Empty],
        prepare: a_victim,
        run: |c, _| {
            let held: Vec<_> = (0..MANY).map(|_| get_checked(c, &victim()).unwrap()).collect();
            drop(held);
            Ok(())
        },
    },
    Op {
        name: "delete",
        lru: false,
        kinds: ANY,
        prepare: a_victim,
        run: |c, _| c.delete(&victim()),
    },
    Op {
        name: "delete_batch",
        lru: false,
        kinds: ROOMY,
        prepare: a_batch,
        run: |c, _| {
            let mut all = Ok(());
            let ids: Vec<_> = batch_ids().into_iter().chain([id(VICTIM, 0)]).collect();
            c.delete_many(&ids, &mut |at, deleted| match deleted {
                // It is there twice.
                Err(error) if at == BATCH as usize && error.status() == Status::NotFound => {}
                Err(error) => all = Err(error),
                Ok(()) => {}
            })?;
            all
        },
    },
    Op {
        name: "delete_held",
        lru: false,
        kinds: ANY,
        prepare: a_victim,
        run: |c, _| {
            // Of two deleted objects the first one is freed, and the second one stays before it in
            // the list.
            put(c, 1, 100, None)?;
            let held = get_checked(c, &victim()).unwrap();
            c.delete(&id(VICTIM, 1))?;
            c.delete(&victim())?;
            c.reap()?;
            drop(held);
            c.reap().map(drop)
        },
    },
    Op {
        name: "delete_between_free_pieces",
        lru: false,
        kinds: &[Busy],
        prepare: free_pieces,
        run: |c, _| {
            // Each merges with its neighbours, wherever these are in the tree of free blocks.
            for number in 0..PIECES {
                c.delete(&id(VICTIM, 2 * (number * 13 % PIECES) + 1))?;
            }
            c.trim(u64::MAX).map(drop)
        },
    },
    Op {
        name: "evict",
        lru: true,
        kinds: ANY,
        prepare: old_victims,
        run: |c, _| {
            assert!(c.evict(OLD as u64 + 1)? > OLD as u64);
            Ok(())
        },
    },
    Op {
        name: "create_that_evicts",
        lru: true,
        kinds: SHORT,
        prepare: old_victims,
        run: |c, _| put(c, 9, 3 * OLD, None),
    },
    Op {
        name: "pin",
        lru: true,
        kinds: ANY,
        prepare: a_victim,
        run: |c, _| {
            c.pin(&victim())?;
            c.unpin(&victim())
        },
    },
    Op {
        name: "trim",
        lru: false,
        kinds: ROOMY,
        prepare: free_chunks,
        run: |c, _| c.trim(0).map(drop),
    },
    Op {
        name: "wait",
        lru: false,
        kinds: ANY,
        prepare: a_victim,
        run: |c, _| {
            let soon = Some(Duration::from_millis(2));
            let missing = c.get(&id(VICTIM, 30), soon).unwrap_err();
            assert_eq!(missing.status(), Status::Timeout, "{missing}");
            let missing = c.get_by_name("victim-30", soon).unwrap_err();
            assert_eq!(missing.status(), Status::Timeout, "{missing}");
            let ids: Vec<_> = (30..200).map(|i| id(VICTIM, i)).collect();
            let waited = c.wait(&ids, 0, soon, &mut vec![false; ids.len()])?;
            assert_eq!((waited.ready, waited.enough), (0, false));
            Ok(())
        },
    },
    Op {
        name: "subscribe_and_stats",
        lru: false,
        kinds: ANY,
        prepare: nothing,
        run: |c, _| {
            drop(c.subscribe()?);
            c.stats()?;
            c.list().map(drop)
        },
    },
    Op {
        name: "event_fd",
        lru: false,
        kinds: ROOMY,
        prepare: nothing,
        run: |c, _| {
            let subscription = c.subscribe()?;
            subscription.fd()?;
            drop(subscription);
            Ok(())
        },
    },
    Op { name: "join", lru: false, kinds: ANY, prepare: nothing, run: |_, _| unreachable!() },
    Op { name: "join_lru", lru: true, kinds: ANY, prepare: nothing, run: |_, _| unreachable!() },
    Op { name: "leave", lru: true, kinds: ANY, prepare: a_victim, run: |_, _| unreachable!() },
];
