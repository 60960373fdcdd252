//! Other clients of the store.

use super::common::{Child, connect, hear, id, say, spawn};
use super::disturbances::Disturbance;
use super::fixture::KEPT;
use plasma::{Buffer, Client, ConnectOptions};
use std::time::Duration;

/// Processes that live beside the call. Others die before it, which no client has noticed yet.
pub struct Crowd {
    living: Vec<Child>,
    dying: Vec<Child>,
}

impl Crowd {
    pub fn new(disturbance: Disturbance, address: &str) -> Crowd {
        let (living, dead, leases) = match disturbance {
            Disturbance::OneClient => (0, 1, 0),
            Disturbance::HundredClients => (90, 10, 0),
            Disturbance::ThousandClients => (900, 90, 0),
            Disturbance::ManyLeases => (1, 0, 64_000),
            _ => return Crowd { living: Vec::new(), dying: Vec::new() },
        };
        let crowd = |clients: u64, leases: u64| {
            let child =
                spawn(super::CHILD, &["crowd", address, &clients.to_string(), &leases.to_string()]);
            // Many clients take long on a slow disk, so it reports progress.
            while child.next().expect("a crowd") != "ready" {}
            child
        };
        let some = |clients, leases| match clients {
            0 => Vec::new(),
            _ => vec![crowd(clients, leases)],
        };
        Crowd { dying: some(dead, 0), living: some(living, leases) }
    }

    /// Kills the processes that are to die.
    pub fn die(&mut self) {
        self.dying.drain(..).for_each(Child::kill);
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.living.drain(..).for_each(Child::kill);
    }
}

/// The role of a process with many clients, or many leases.
pub fn play(address: &str, clients: u64, leases: u64) {
    let read = ConnectOptions::default().read_only(true);
    let mut all: Vec<Client> = Vec::new();
    for n in 0..clients {
        all.push(Client::connect(Some(address), &read).unwrap());
        if n % 50 == 0 {
            say("some");
        }
    }
    let held: Vec<Buffer> =
        (0..leases).map(|n| all[0].get(&id(KEPT, n % 3), Some(Duration::ZERO)).unwrap()).collect();
    let writer = connect(address);
    say("ready");
    hear();
    drop((writer, held, all));
}
