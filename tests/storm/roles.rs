//! The roles of processes that are killed in a storm, and of those that live through it.

use super::common::{Rng, hear, id, say};
use super::death::{arm, become_nobody, begin, end_with_parent, is_root, watch};
use super::object::Held;
use super::plan::{Doom, Role, StoreKind};
use super::work::{KEPT, Work};
use plasma::{Client, ConnectOptions};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Plays a role until death comes. The arguments are the address, the kind, the role and the seed.
pub fn victim(address: &str, kind: StoreKind, role: Role, seed: u64) {
    let who = format!("{} in {} with seed {seed}", role.name(), kind.name());
    watch(who.clone());
    let mut rng = Rng(seed);
    let doom = Doom::draw(&mut rng);
    let read_only = role == Role::Reader;
    if read_only && kind == StoreKind::Roomy && is_root() {
        become_nobody();
    }
    end_with_parent();
    if doom.operation() == Some(0) {
        arm(doom);
    }
    let mut work = Work::new(kind, rng.next(), who, address, read_only);
    if role == Role::Threads {
        for thread in 1..3 {
            let mut other = work.another(thread, rng.next());
            std::thread::spawn(move || {
                loop {
                    other.anything();
                }
            });
        }
        work.shared = true;
    }
    for operation in 1.. {
        if doom.operation() == Some(operation) {
            arm(doom);
        }
        step(&mut work, role, &mut rng);
        // Only a process with one thread may connect to a new store.
        if !work.shared && work.is_gone() {
            work.come_again();
        }
    }
}

fn step(work: &mut Work, role: Role, rng: &mut Rng) {
    match role {
        Role::Worker => work.anything(),
        Role::Threads if rng.below(20) == 0 => work.interrupt(),
        Role::Threads => work.anything(),
        Role::Comer => {
            work.come_again();
            for _ in 0..rng.below(6) {
                work.anything();
            }
        }
        Role::Reaper => match rng.below(8) {
            0..=3 => work.tidy(),
            4 if work.kind == StoreKind::Ephemeral && rng.below(40) == 0 => work.remove(),
            4..=5 => work.delete(),
            6 => work.ask(),
            _ => work.anything(),
        },
        Role::Waiter => work.wait(),
        Role::Reader => match rng.below(8) {
            0..=3 => work.look(),
            4 => work.wait(),
            5 => work.ask(),
            6 if rng.below(8) == 0 => work.come_again(),
            _ => work.let_go(),
        },
    }
}

/// Reads the permanent objects until the parent closes our input. Reports how often it read them.
pub fn witness(address: &str, kind: StoreKind, stranger: bool) {
    watch(format!("witness in {}", kind.name()));
    if stranger {
        become_nobody();
    }
    end_with_parent();
    static DONE: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        while hear().is_some() {}
        DONE.store(true, Relaxed);
    });
    let options = ConnectOptions::default().existing(true).read_only(stranger);
    let connect = || Client::connect(Some(address), &options).unwrap();
    let mut client = connect();
    let mut held = Vec::new();
    let mut rng = Rng(7);
    let mut rounds = 0;
    say("reading");
    while !DONE.load(Relaxed) {
        for (number, size) in kind.kept().iter().enumerate() {
            let it = id(KEPT, number as u64);
            begin(0, rounds, "get of what is kept");
            let buffer = match rng.below(3) {
                0 => client.get_by_name(&kept_name(number), Some(Duration::ZERO)),
                1 => client.get(&it, None),
                _ => client.get(&it, Some(Duration::ZERO)),
            };
            let buffer = buffer.unwrap_or_else(|error| panic!("{it} is missed: {error}"));
            assert_eq!(buffer.len(), *size);
            let kept = Held::new(it, buffer);
            assert_eq!(kept.making(), making_of_kept(number, *size));
            held.push(kept);
        }
        while held.len() > 20 {
            let at = rng.below(held.len() as u64) as usize;
            held.swap_remove(at).check();
        }
        rounds += 1;
        if rounds % 64 == 0 {
            begin(0, rounds, "connect");
            client = connect();
        }
    }
    held.iter().for_each(Held::check);
    say(&rounds.to_string());
}

pub fn kept_name(number: usize) -> String {
    format!("kept-{number}")
}

/// Small objects have no room for it.
pub fn making_of_kept(number: usize, size: usize) -> u64 {
    if size < 16 { 0 } else { number as u64 + 1 }
}
