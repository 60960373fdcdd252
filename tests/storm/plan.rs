//! The plan of a storm, drawn from one seed.

use super::common::Rng;
use plasma::{ConnectOptions, Eviction};

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// Never full, some objects larger than a part of a chunk, readers of another uid.
    Roomy,
    /// Evicts old objects.
    Lru,
    /// Always full, of bytes and of records.
    Tiny,
    /// Made by the first client to connect, removed by the last one to leave.
    Ephemeral,
}

impl StoreKind {
    pub const ALL: [StoreKind; 4] =
        [StoreKind::Roomy, StoreKind::Lru, StoreKind::Tiny, StoreKind::Ephemeral];

    pub fn name(self) -> &'static str {
        match self {
            StoreKind::Roomy => "roomy",
            StoreKind::Lru => "lru",
            StoreKind::Tiny => "tiny",
            StoreKind::Ephemeral => "ephemeral",
        }
    }

    pub fn of(name: &str) -> StoreKind {
        StoreKind::ALL.into_iter().find(|kind| kind.name() == name).unwrap()
    }

    /// Returns the options for a store of this kind.
    pub fn options(self) -> ConnectOptions {
        let (capacity, max_objects, mode) = match self {
            StoreKind::Roomy => (24 << 20, 96, 0o644),
            StoreKind::Lru => (512 << 10, 96, 0o600),
            StoreKind::Tiny => (64 << 10, 12, 0o600),
            StoreKind::Ephemeral => (256 << 10, 64, 0o600),
        };
        let lru = matches!(self, StoreKind::Lru);
        ConnectOptions::default()
            .capacity(capacity)
            .max_objects(max_objects)
            .mode(mode)
            .ephemeral(self == StoreKind::Ephemeral)
            .eviction(Some(if lru { Eviction::Lru } else { Eviction::None }))
    }

    /// Returns the sizes of the objects that exist throughout.
    pub fn kept(self) -> &'static [usize] {
        match self {
            StoreKind::Roomy => &[0, 1, 100, 4096, 70_000, 1 << 20],
            StoreKind::Lru => &[0, 100, 4096, 30_000],
            StoreKind::Tiny => &[100, 1000],
            StoreKind::Ephemeral => &[],
        }
    }

    /// Returns the number of ids that all processes compete for.
    pub fn ids(self) -> u64 {
        if self == StoreKind::Tiny { 24 } else { 64 }
    }

    /// Returns the size of the object with this number.
    pub fn size_of(self, number: u64) -> usize {
        if self == StoreKind::Roomy && number % 16 == 15 {
            return 1_500_000;
        }
        [0, 1, 100, 1000, 5000, 40_000][number as usize % 6]
    }
}

/// The activity of a victim until it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Any operation.
    Worker,
    /// Any operation, from three threads on one client.
    Threads,
    /// Connects, does little, leaves, and so on.
    Comer,
    /// Reaps, trims, evicts, deletes and lists: calls that free the memory of others.
    Reaper,
    /// Sleeps in every call that waits.
    Waiter,
    /// READ_ONLY, of another uid where the store admits it.
    Reader,
}

impl Role {
    pub const ALL: [Role; 6] =
        [Role::Worker, Role::Threads, Role::Comer, Role::Reaper, Role::Waiter, Role::Reader];

    pub fn name(self) -> &'static str {
        match self {
            Role::Worker => "worker",
            Role::Threads => "threads",
            Role::Comer => "comer",
            Role::Reaper => "reaper",
            Role::Waiter => "waiter",
            Role::Reader => "reader",
        }
    }

    pub fn of(name: &str) -> Role {
        Role::ALL.into_iter().find(|role| role.name() == name).unwrap()
    }

    pub fn draw(rng: &mut Rng) -> Role {
        match rng.below(16) {
            0..=5 => Role::Worker,
            6..=7 => Role::Threads,
            8..=9 => Role::Comer,
            10..=12 => Role::Reaper,
            13..=14 => Role::Waiter,
            _ => Role::Reader,
        }
    }
}

/// How a process ends that is not killed first.
#[derive(Clone, Copy, Debug)]
pub enum Doom {
    /// It lives until it is killed.
    None,
    /// SIGKILL from a timer, this number of microseconds after an operation began.
    Timer { operation: u64, micros: u64 },
    /// SIGKILL at a store to shared memory, this number of stores after an operation began.
    Point { operation: u64, point: u64 },
}

impl Doom {
    pub fn draw(rng: &mut Rng) -> Doom {
        let operation = rng.below(150);
        match (rng.below(4), cfg!(feature = "kill-points")) {
            (0, _) => Doom::None,
            (1, _) | (_, false) => Doom::Timer { operation, micros: 1 + rng.below(400) },
            (_, true) => Doom::Point { operation, point: 1 + rng.below(120) },
        }
    }

    /// Returns the operation in which it comes.
    pub fn operation(self) -> Option<u64> {
        match self {
            Doom::None => None,
            Doom::Timer { operation, .. } | Doom::Point { operation, .. } => Some(operation),
        }
    }
}

/// Returns the seed of the `n`-th process of a storm.
pub fn seed_of(storm: u64, kind: StoreKind, n: u64) -> u64 {
    let mut rng = Rng(storm ^ (kind as u64 + 1) << 56);
    Rng(rng.next() ^ n.wrapping_mul(0x9e37_79b9)).next()
}

/// Returns the seed of the storm: `PLASMA_STORM_SEED` draws the plans of an earlier one again.
pub fn storm_seed() -> u64 {
    match std::env::var("PLASMA_STORM_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 20_261_122,
    }
}

/// Returns the number of kills of the whole storm, over all kinds of stores.
pub fn kills() -> u64 {
    std::env::var("PLASMA_STORM_KILLS").map_or(400, |n| n.parse().unwrap())
}
