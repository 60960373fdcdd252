//! Operations, and how they are chosen.

use super::{CAPACITY, CLIENTS};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// One call; numbers past the end are taken modulo.
#[derive(Clone, Debug)]
pub enum Op {
    Create {
        client: usize,
        key: u8,
        size: u64,
        name: Option<u8>,
        metadata: Option<(u8, usize)>,
        put: bool,
    },
    Resize {
        writer: usize,
        size: u64,
    },
    SetMetadata {
        writer: usize,
        key: u8,
        size: usize,
    },
    Seal {
        writer: usize,
        hold: bool,
    },
    Abort {
        writer: usize,
        drop: bool,
    },
    Get {
        client: usize,
        key: u8,
    },
    GetByName {
        client: usize,
        name: u8,
    },
    Lookup {
        client: usize,
        name: u8,
    },
    Retain {
        held: usize,
    },
    Release {
        held: usize,
    },
    Delete {
        client: usize,
        key: u8,
    },
    Pin {
        client: usize,
        key: u8,
        on: bool,
    },
    Evict {
        client: usize,
        bytes: u64,
    },
    Reap {
        client: usize,
    },
    Trim {
        client: usize,
        keep: u64,
    },
    List {
        client: usize,
    },
    Reconnect {
        client: usize,
    },
}

fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0u64..300,
        4 => 300u64..20_000,
        1 => 20_000u64..=CAPACITY,
        1 => prop_oneof![Just(CAPACITY), Just(CAPACITY - 64), Just(CAPACITY + 1), Just(u64::MAX)],
    ]
}

/// Any operation.
pub fn operations() -> impl Strategy<Value = Op> {
    let (client, key, name) = (0..CLIENTS, 0u8..12, 0u8..4);
    let writer = 0usize..8;
    let value = prop_oneof![8 => 0usize..200, 1 => 0usize..8000, 1 => Just(65_600usize)];
    prop_oneof![
        8 => (client.clone(), key.clone(), sizes(), proptest::option::of(name.clone()),
              proptest::option::of((0u8..3, 0usize..500)), any::<bool>())
            .prop_map(|(client, key, size, name, metadata, put)| {
                Op::Create { client, key, size, name, metadata, put }
            }),
        3 => (writer.clone(), sizes()).prop_map(|(writer, size)| Op::Resize { writer, size }),
        2 => (writer.clone(), 0u8..5, value)
            .prop_map(|(writer, key, size)| Op::SetMetadata { writer, key, size }),
        4 => (writer.clone(), any::<bool>()).prop_map(|(writer, hold)| Op::Seal { writer, hold }),
        1 => (writer.clone(), any::<bool>()).prop_map(|(writer, drop)| Op::Abort { writer, drop }),
        6 => (client.clone(), key.clone()).prop_map(|(client, key)| Op::Get { client, key }),
        2 => (client.clone(), name.clone()).prop_map(|(client, name)| Op::GetByName { client, name }),
        1 => (client.clone(), name).prop_map(|(client, name)| Op::Lookup { client, name }),
        1 => writer.clone().prop_map(|held| Op::Retain { held }),
        5 => writer.prop_map(|held| Op::Release { held }),
        4 => (client.clone(), key.clone()).prop_map(|(client, key)| Op::Delete { client, key }),
        2 => (client.clone(), key, any::<bool>())
            .prop_map(|(client, key, on)| Op::Pin { client, key, on }),
        2 => (client.clone(), 0..CAPACITY).prop_map(|(client, bytes)| Op::Evict { client, bytes }),
        1 => client.clone().prop_map(|client| Op::Reap { client }),
        1 => (client.clone(), 0..CAPACITY).prop_map(|(client, keep)| Op::Trim { client, keep }),
        2 => client.clone().prop_map(|client| Op::List { client }),
        1 => client.prop_map(|client| Op::Reconnect { client }),
    ]
}

/// Returns `PROPTEST_CASES` lists of operations; seeds that failed are kept and tried first.
pub fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").map_or(150, |cases| cases.parse().unwrap());
    let seeds = FileFailurePersistence::Direct("tests/model/failures.proptest-regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(seeds)), ..Default::default() }
}
