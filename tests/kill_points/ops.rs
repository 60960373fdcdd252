//! The operations that are killed, and what a child does in each role.

use super::common::{connect, content, fill, get_checked, hear, id, put, say};
use super::{CAPACITY, KEPT, KEPT_SIZES, LARGE, OLD, VICTIM};
use plasma::{Client, ConnectOptions, CreateOptions};
use std::time::Duration;

pub struct Op {
    pub name: &'static str,
    pub lru: bool,
    /// What must be there first, by the child itself, unharmed.
    prepare: fn(&Client) -> Prepared,
    run: fn(&Client, Prepared),
}

#[derive(Default)]
pub struct Prepared {
    draft: Option<plasma::MutableBuffer>,
}

fn nothing(_: &Client) -> Prepared {
    Prepared::default()
}

fn draft_of(client: &Client, size: u64, name: Option<&str>) -> Prepared {
    let options = CreateOptions { name, ..Default::default() };
    let mut draft = client.create(&id(VICTIM, 0), size, &options).unwrap();
    fill(&id(VICTIM, 0), draft.as_mut_slice());
    Prepared { draft: Some(draft) }
}

fn a_draft(client: &Client) -> Prepared {
    draft_of(client, 5000, Some("victim-0"))
}

/// A draft with another object right behind it.
fn a_cramped_draft(client: &Client) -> Prepared {
    let prepared = draft_of(client, 5000, None);
    put(client, &id(VICTIM, 1), 100, None);
    prepared
}

fn a_victim(client: &Client) -> Prepared {
    put(client, &id(VICTIM, 0), 5000, Some("victim-0"));
    Prepared::default()
}

fn old_victims(client: &Client) -> Prepared {
    for i in 0..5 {
        put(client, &id(VICTIM, i), OLD, None);
    }
    // What the reader has released so far is noted in the records now.
    assert!(client.evict(1).unwrap() > 0);
    Prepared::default()
}

fn free_chunks(client: &Client) -> Prepared {
    put(client, &id(VICTIM, 0), LARGE as usize, None);
    client.delete(&id(VICTIM, 0)).unwrap();
    client.reap().unwrap();
    Prepared::default()
}

fn resized(prepared: Prepared, to: u64) {
    let mut draft = prepared.draft.unwrap();
    draft.resize(to).unwrap();
    fill(&id(VICTIM, 0), draft.as_mut_slice());
    draft.seal().unwrap();
}

/// All of them; each has a test of its name.
pub const OPS: &[Op] = &[
    Op {
        name: "create",
        lru: false,
        prepare: nothing,
        run: |c, _| {
            std::mem::forget(c.create(&id(VICTIM, 0), 100, &CreateOptions::default()).unwrap());
        },
    },
    Op {
        name: "create_large",
        lru: false,
        prepare: nothing,
        run: |c, _| {
            std::mem::forget(c.create(&id(VICTIM, 0), LARGE, &CreateOptions::default()).unwrap());
        },
    },
    Op {
        name: "create_named",
        lru: false,
        prepare: nothing,
        run: |c, _| {
            let metadata: &[(&str, &[u8])] = &[("format", b"binary"), ("schema", &[7; 300])];
            let options = CreateOptions { name: Some("victim-0"), metadata, ..Default::default() };
            std::mem::forget(c.create(&id(VICTIM, 0), 5000, &options).unwrap());
        },
    },
    Op {
        name: "put",
        lru: false,
        prepare: nothing,
        run: |c, _| {
            put(c, &id(VICTIM, 0), 5000, Some("victim-0"));
        },
    },
    Op { name: "resize_grow", lru: false, prepare: a_draft, run: |_, p| resized(p, 9000) },
    Op {
        name: "resize_move",
        lru: false,
        prepare: a_cramped_draft,
        run: |_, p| resized(p, 90_000),
    },
    Op { name: "resize_shrink", lru: false, prepare: a_cramped_draft, run: |_, p| resized(p, 10) },
    Op { name: "resize_to_nothing", lru: false, prepare: a_draft, run: |_, p| resized(p, 0) },
    Op {
        name: "set_metadata",
        lru: false,
        prepare: a_draft,
        run: |_, p| {
            let mut draft = p.draft.unwrap();
            draft.set_metadata("one", &[1; 100]).unwrap();
            draft.set_metadata("one", &[2; 1000]).unwrap();
            draft.set_metadata("two", b"").unwrap();
            draft.seal().unwrap();
        },
    },
    Op { name: "seal", lru: false, prepare: a_draft, run: |_, p| p.draft.unwrap().seal().unwrap() },
    Op {
        name: "seal_lru",
        lru: true,
        prepare: a_draft,
        run: |_, p| p.draft.unwrap().seal().unwrap(),
    },
    Op {
        name: "seal_and_get",
        lru: false,
        prepare: a_draft,
        run: |_, p| {
            drop(p.draft.unwrap().seal_and_get().unwrap());
        },
    },
    Op {
        name: "abort",
        lru: false,
        prepare: a_draft,
        run: |_, p| p.draft.unwrap().abort().unwrap(),
    },
    Op {
        name: "get",
        lru: false,
        prepare: nothing,
        run: |c, _| {
            for i in 0..3 {
                drop(get_checked(c, &id(KEPT, i)).unwrap());
                drop(c.get_by_name(&format!("kept-{i}"), None).unwrap());
            }
        },
    },
    Op {
        name: "get_lru",
        lru: true,
        prepare: nothing,
        run: |c, _| {
            for i in 0..3 {
                drop(get_checked(c, &id(KEPT, i)).unwrap().retain().unwrap());
            }
        },
    },
    Op {
        name: "delete",
        lru: false,
        prepare: a_victim,
        run: |c, _| c.delete(&id(VICTIM, 0)).unwrap(),
    },
    Op {
        name: "delete_held",
        lru: false,
        prepare: a_victim,
        run: |c, _| {
            let held = get_checked(c, &id(VICTIM, 0)).unwrap();
            c.delete(&id(VICTIM, 0)).unwrap();
            c.reap().unwrap();
            drop(held);
            c.reap().unwrap();
        },
    },
    Op {
        name: "evict",
        lru: true,
        prepare: old_victims,
        run: |c, _| {
            assert!(c.evict(OLD as u64 + 1).unwrap() > OLD as u64);
        },
    },
    Op {
        name: "create_that_evicts",
        lru: true,
        prepare: old_victims,
        run: |c, _| {
            put(c, &id(VICTIM, 9), 3 * OLD, None);
        },
    },
    Op {
        name: "pin",
        lru: true,
        prepare: a_victim,
        run: |c, _| {
            c.pin(&id(VICTIM, 0)).unwrap();
            c.unpin(&id(VICTIM, 0)).unwrap();
        },
    },
    Op {
        name: "trim",
        lru: false,
        prepare: free_chunks,
        run: |c, _| {
            assert!(c.trim(0).unwrap() > 0);
        },
    },
    Op {
        name: "subscribe_and_stats",
        lru: false,
        prepare: nothing,
        run: |c, _| {
            drop(c.subscribe().unwrap());
            c.stats().unwrap();
            c.list().unwrap();
        },
    },
];

/// What a child does in each role of this file.
pub fn play(role: &[String]) {
    match role[0].as_str() {
        "reader" => read_until_told(&role[1]),
        "connect" => {
            plasma::sync::arm(role[2].parse().unwrap());
            let options = ConnectOptions { capacity: CAPACITY, ..Default::default() };
            let client = Client::connect(Some(&role[1]), &options).unwrap();
            say(&plasma::sync::passed().to_string());
            std::mem::forget(client);
        }
        "leave" | "leave_last" => {
            let client = connect(&role[1]);
            if role[0] == "leave_last" {
                say("connected");
                hear();
            }
            plasma::sync::arm(role[2].parse().unwrap());
            drop(client);
            say(&plasma::sync::passed().to_string());
        }
        "remove" => {
            plasma::sync::arm(role[2].parse().unwrap());
            Client::remove_store(Some(&role[1])).unwrap();
            say(&plasma::sync::passed().to_string());
        }
        "corpse" => {
            let client = connect(&role[1]);
            std::mem::forget(get_checked(&client, &id(KEPT, 2)).unwrap());
            let drafts = (10..13).map(|i| {
                client.create(&id(VICTIM, i), 1000 * i, &CreateOptions::default()).unwrap()
            });
            let drafts: Vec<_> = drafts.collect();
            say("ready");
            hear();
            drop(drafts);
        }
        "reap" | "recover" => {
            let client = connect(&role[1]);
            say("ready");
            hear();
            plasma::sync::arm(role[2].parse().unwrap());
            if role[0] == "reap" {
                client.reap().unwrap();
            } else {
                put(&client, &id(VICTIM, 1), 700, Some("victim-1"));
            }
            say(&plasma::sync::passed().to_string());
            plasma::sync::arm(0);
        }
        name => {
            let op = OPS.iter().find(|op| op.name == name).unwrap();
            let client = connect(&role[1]);
            let prepared = (op.prepare)(&client);
            plasma::sync::arm(role[2].parse().unwrap());
            (op.run)(&client, prepared);
            say(&plasma::sync::passed().to_string());
            plasma::sync::arm(0);
        }
    }
}

fn read_until_told(address: &str) {
    let client = connect(address);
    let contents: Vec<_> = KEPT_SIZES
        .iter()
        .enumerate()
        .map(|(i, size)| content(&id(KEPT, i as u64), *size))
        .collect();
    let ended = std::thread::spawn(hear);
    say("reading");
    let mut rounds = 0u64;
    while !ended.is_finished() {
        for (i, expected) in contents.iter().enumerate() {
            let by_id = client.get(&id(KEPT, i as u64), Some(Duration::ZERO));
            let by_id = by_id.unwrap_or_else(|e| panic!("kept object {i} was missed: {e}"));
            // The large ones now and then, or nothing else is read.
            if expected.len() < 10_000 || rounds.is_multiple_of(64) {
                assert!(*by_id == **expected, "kept object {i} is wrong");
            }
            assert!(client.get_by_name(&format!("kept-{i}"), Some(Duration::ZERO)).is_ok());
            assert!(client.get(&id(9, rounds), Some(Duration::ZERO)).is_err());
        }
        rounds += 1;
        std::thread::yield_now();
    }
    say("no wrong byte");
}
