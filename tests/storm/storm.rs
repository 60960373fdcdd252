//! The parent of a storm: it makes the store, starts victims, kills them, and checks the result.

use super::CHILD;
use super::common::skip::skip;
use super::common::{self, Child, Rng, Scratch, assert_sound, id, put};
use super::death::{begin, is_root, signal, watch};
use super::object::{Held, LENGTH, fill};
use super::plan::{Role, StoreKind, kills, seed_of, storm_seed};
use super::roles::{kept_name, making_of_kept};
use super::work::{BELL, BELLS, KEPT};
use plasma::{Client, ConnectOptions, CreateOptions, Status};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Number of victims at once.
const VICTIMS: usize = 7;

/// From this number of kills on, owners of the writer lock must have been among the killed.
const LONG: u64 = 1000;

struct Victim {
    process: std::process::Child,
    role: Role,
    seed: u64,
    stopped: bool,
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Debug, Default)]
struct Counts {
    killed: u64,
    by_themselves: u64,
    while_stopped: u64,
    stops: u64,
}

struct Storm {
    kind: StoreKind,
    seed: u64,
    address: String,
    /// The directory where children record failures.
    report: String,
    rng: Rng,
    started: u64,
    victims: Vec<Victim>,
    counts: Counts,
}

impl Storm {
    fn start(&mut self) -> Victim {
        let seed = seed_of(self.seed, self.kind, self.started);
        self.started += 1;
        let role = Role::draw(&mut Rng(seed ^ 1));
        let seed_text = seed.to_string();
        let text =
            ["victim", &self.address, self.kind.name(), &self.report, role.name(), &seed_text];
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--nocapture", "--test-threads=1"])
            .env("PLASMA_TEST_ROLE", text.join("\x1f"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Victim { process, role, seed, stopped: false }
    }

    /// Counts a dead victim, and starts another in its place.
    fn bury(&mut self, at: usize) {
        let mut next = self.start();
        std::mem::swap(&mut next, &mut self.victims[at]);
        let mut dead = next;
        let status = dead.process.wait().unwrap();
        let (role, seed) = (dead.role.name(), dead.seed);
        assert_eq!(
            status.signal(),
            Some(libc::SIGKILL),
            "{status}: the {role} with seed {seed} of the {} storm with seed {} ended by itself",
            self.kind.name(),
            self.seed,
        );
        self.check_report();
        self.counts.killed += 1;
        self.counts.while_stopped += u64::from(dead.stopped);
    }

    /// Checks that nothing failed in a child, including those that were killed.
    fn check_report(&self) {
        let report = std::fs::read_to_string(&self.report).unwrap();
        assert!(report.is_empty(), "{} with seed {}: {report}", self.kind.name(), self.seed);
    }

    fn bury_clients_that_died_by_themselves(&mut self) {
        for at in 0..self.victims.len() {
            if self.victims[at].process.try_wait().unwrap().is_some() {
                self.counts.by_themselves += 1;
                self.bury(at);
            }
        }
    }

    /// One action of the killer.
    fn act(&mut self) {
        std::thread::sleep(Duration::from_micros(self.rng.below(12_000)));
        self.bury_clients_that_died_by_themselves();
        let at = self.rng.below(self.victims.len() as u64) as usize;
        let victim = &mut self.victims[at];
        let pid = victim.process.id();
        match self.rng.below(8) {
            0..=2 => {
                signal(pid, libc::SIGKILL);
                self.bury(at);
            }
            3..=4 if !victim.stopped => {
                signal(pid, libc::SIGSTOP);
                victim.stopped = true;
                self.counts.stops += 1;
            }
            3..=6 => self.victims.iter_mut().filter(|victim| victim.stopped).for_each(|victim| {
                signal(victim.process.id(), libc::SIGCONT);
                victim.stopped = false;
            }),
            _ => {}
        }
    }
}

/// A storm on one kind of store.
pub fn run(kind: StoreKind) {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let reports = Scratch::new();
    let report = reports.store("report");
    std::fs::write(&report, "").unwrap();
    // Other users write there too.
    std::fs::set_permissions(&report, PermissionsExt::from_mode(0o666)).unwrap();
    let (seed, kills) = (storm_seed(), kills() / StoreKind::ALL.len() as u64);
    println!("{}: PLASMA_STORM_SEED={seed}, {kills} kills", kind.name());
    let began = Instant::now();
    let client = (kind != StoreKind::Ephemeral).then(|| make(kind, &address));
    let witnesses = if client.is_some() { witnesses(kind, &address, &report) } else { Vec::new() };
    let mut storm = Storm {
        kind,
        seed,
        address: address.clone(),
        report,
        rng: Rng(seed_of(seed, kind, u64::MAX)),
        started: 0,
        victims: Vec::new(),
        counts: Counts::default(),
    };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if let Some(client) = &client {
            scope.spawn(|| ring(client, kind, &over));
        }
        // This also runs when this thread panics.
        let _over = Over(&over);
        for _ in 0..VICTIMS {
            let victim = storm.start();
            storm.victims.push(victim);
        }
        let mut next = 500;
        while storm.counts.killed < kills {
            storm.act();
            if storm.counts.killed >= next {
                next += 500;
                let seconds = began.elapsed().as_secs();
                println!("{}: {} killed in {seconds} s", kind.name(), storm.counts.killed);
            }
        }
        storm.victims.clear();
        storm.check_report();
    });
    for witness in witnesses {
        let rounds = end_witness(witness);
        println!("{}: all that is kept was read {rounds} times", kind.name());
        assert!(rounds > 0);
    }
    match client {
        Some(client) => drained(&client, &storm),
        None => nothing_is_left(&scratch, &storm),
    }
    println!("{}: {:?} in {} s", kind.name(), storm.counts, began.elapsed().as_secs());
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn make(kind: StoreKind, address: &str) -> Client {
    let options = kind.options().exclusive(true);
    let client = Client::connect(Some(address), &options).unwrap();
    for (number, size) in kind.kept().iter().enumerate() {
        let it = id(KEPT, number as u64);
        let mut bytes = vec![0; *size];
        fill(&it, making_of_kept(number, *size), &mut bytes);
        let (name, length) = (kept_name(number), size.to_le_bytes());
        let metadata: &[(&str, &[u8])] = &[(LENGTH, &length)];
        let options = CreateOptions::default().name(Some(&name)).metadata(metadata).pinned(true);
        client.put(&it, &bytes, &options).unwrap();
    }
    client
}

fn witnesses(kind: StoreKind, address: &str, report: &str) -> Vec<Child> {
    let start = |who: &str| {
        let child = common::spawn(CHILD, &["witness", address, kind.name(), report, who]);
        child.expect("reading");
        child
    };
    let mut witnesses = vec![start("producer")];
    if kind == StoreKind::Roomy && is_root() {
        witnesses.push(start("stranger"));
    } else if kind == StoreKind::Roomy {
        skip("a_storm_on_a_roomy_store_loses_nothing", "readers of another uid need root");
    }
    witnesses
}

fn end_witness(mut witness: Child) -> u64 {
    witness.close();
    let rounds = witness.next().expect("a witness failed").parse().unwrap();
    assert!(witness.end().success());
    rounds
}

/// Makes the events that endless waits wait for, and checks the store occasionally.
fn ring(client: &Client, kind: StoreKind, over: &AtomicBool) {
    watch(format!("the monitor of {}", kind.name()));
    let mut round = 0;
    while !over.load(Relaxed) {
        round += 1;
        let (old, new) = (id(BELL, (round + BELLS / 2) % BELLS), id(BELL, round % BELLS));
        begin(0, round, "delete of a bell");
        let fine = |result: plasma::Result<()>, allowed: &[Status]| {
            if let Err(error) = result {
                assert!(allowed.contains(&error.status()), "the monitor: {error}");
            }
        };
        if kind != StoreKind::Tiny {
            fine(client.delete(&old), &[Status::NotFound]);
            let mut bytes = [0; 100];
            fill(&new, round, &mut bytes);
            let metadata: &[(&str, &[u8])] = &[(LENGTH, &bytes.len().to_le_bytes())];
            let options = CreateOptions::default().metadata(metadata);
            begin(0, round, "put of a bell");
            let full = [Status::Exists, Status::OutOfMemory, Status::Limit];
            fine(client.put(&new, &bytes, &options), &full);
        }
        if round % 50 == 0 {
            begin(0, round, "look of the monitor");
            client.stats().unwrap();
            client.list().unwrap();
            assert_sound(client, kind.name());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    begin(0, round, "");
}

/// Checks that all permanent objects exist, and that a store from which everything was deleted is
/// empty.
fn drained(client: &Client, storm: &Storm) {
    client.reap().unwrap();
    let stats = client.stats().unwrap();
    println!(
        "{}: {} locks stolen, {} recoveries, {} clients reaped, {} evictions",
        storm.kind.name(),
        stats.lock_steals,
        stats.recoveries,
        stats.reaped_clients,
        stats.evictions
    );
    assert_eq!((stats.objects_writing, stats.leases, stats.clients), (0, 0, 1), "{stats:?}");
    assert_sound(client, "after the storm");
    if storm.counts.killed >= LONG {
        assert!(stats.lock_steals > storm.counts.killed / 100, "{stats:?}");
    }
    for (number, size) in storm.kind.kept().iter().enumerate() {
        let it = id(KEPT, number as u64);
        let kept = Held::new(it, client.get(&it, Some(Duration::ZERO)).unwrap());
        assert_eq!(kept.making(), making_of_kept(number, *size));
    }
    for info in client.list().unwrap() {
        drop(Held::new(info.id, client.get(&info.id, Some(Duration::ZERO)).unwrap()));
        client.delete(&info.id).unwrap();
    }
    client.reap().unwrap();
    let stats = client.stats().unwrap();
    assert_eq!((stats.used, stats.largest_free), (0, stats.capacity), "{stats:?}");
    assert_eq!((stats.objects_sealed, stats.objects_deleted), (0, 0), "{stats:?}");
    assert_sound(client, "emptied after the storm");
    put(client, &id(9, 1), stats.capacity as usize - 4096, None);
}

/// Checks that the next client finds no other client and no object, and leaves nothing.
fn nothing_is_left(scratch: &Scratch, storm: &Storm) {
    let existing = ConnectOptions::default().existing(true);
    let error = Client::connect(Some(&storm.address), &existing).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::StoreNotFound, "{error}");
    let client = Client::connect(Some(&storm.address), &storm.kind.options()).unwrap();
    assert_eq!(client.list().unwrap(), []);
    drop(client);
    assert_eq!(scratch.names(), Vec::<String>::new());
}
