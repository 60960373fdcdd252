//! A reader of another user takes a name in `readers/` at the moment when a producer removes a
//! planted file or the file of a dead reader: the producer has stopped before its unlink.
#![allow(unsafe_code)] // becoming another user

mod common;

use common::{Child, Scratch, content, hear, id, role, say, skip, spawn};
use plasma::{Client, ConnectOptions, CreateOptions};
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

const CHILD: &str = "a_child_plays_its_role";
const HELD: usize = 300_000;

#[test]
fn a_child_plays_its_role() {
    let Some(role) = role() else { return };
    if role[0] == "reaper" {
        let client = Client::connect(Some(&role[1]), &ConnectOptions::default()).unwrap();
        say("ready");
        hear();
        plasma::sync::arm(role[2].parse().unwrap());
        client.reap().unwrap();
        plasma::sync::arm(0);
        return say("done");
    }
    // SAFETY: no pointer but NULL, for no groups.
    assert_eq!(unsafe { libc::setgroups(0, std::ptr::null()) }, 0);
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::setgid(65534) }, 0);
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::setuid(65533) }, 0);
    let options = ConnectOptions::default().read_only(true);
    let client = Client::connect(Some(&role[1]), &options).unwrap();
    let held = (role[0] == "holder").then(|| client.get(&id(1, 0), None).unwrap());
    say("ready");
    while hear().is_some_and(|line| line == "look") {
        assert!(*held.as_deref().unwrap() == *content(&id(1, 0), HELD), "held bytes changed");
        say("unchanged");
    }
}

fn reader(role: &str, address: &str) -> Child {
    let child = spawn(CHILD, &[role, address]);
    child.expect("ready");
    child
}

/// Makes a store that every user may read, with object 1/0.
fn store(address: &str) -> Client {
    let parent = Path::new(address).parent().unwrap();
    fs::set_permissions(parent, PermissionsExt::from_mode(0o755)).unwrap();
    let options = ConnectOptions::default().capacity(1 << 20).mode(0o644);
    let client = Client::connect(Some(address), &options).unwrap();
    client.put(&id(1, 0), &content(&id(1, 0), HELD), &CreateOptions::default()).unwrap();
    client
}

fn is_root(test: &str) -> bool {
    // SAFETY: takes no pointers.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        skip::skip(test, "needs root");
    }
    root
}

/// Something is planted at readers/0, to be removed by a reap. A reader joins while the producer is
/// about to unlink it, after the reader's user has taken it away.
fn joins_meanwhile(test: &str, plant: impl FnOnce(&str, &Path)) {
    if !is_root(test) {
        return;
    }
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = store(&address);
    let name = PathBuf::from(format!("{address}/readers/0"));
    plant(&address, &name);

    let holder = Rc::new(RefCell::new(None));
    let (place, at) = (holder.clone(), name.clone());
    plasma::sync::at_points(move |point| {
        if point.what() != "unlink" || !at.exists() {
            return false;
        }
        fs::remove_file(&at).unwrap();
        *place.borrow_mut() = Some(reader("holder", &address));
        true
    });
    client.reap().unwrap();
    assert!(!plasma::sync::no_more_points(), "nothing was unlinked");

    let mut holder = holder.borrow_mut().take().unwrap();
    client.delete(&id(1, 0)).unwrap();
    client.reap().unwrap();
    assert_eq!(client.stats().unwrap().leases, 1);
    assert!(client.put(&id(1, 1), &[7; 900_000], &CreateOptions::default()).is_err());
    holder.tell("look");
    holder.expect("unchanged");
    holder.kill();
    client.put(&id(1, 1), &[7; 900_000], &CreateOptions::default()).unwrap();
    // The name that the reader left is removed too.
    client.reap().unwrap();
    assert_eq!(fs::read_dir(name.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn a_reader_that_joins_while_a_planted_name_is_removed_keeps_what_it_holds() {
    joins_meanwhile("planted_names", |_, name| fs::write(name, "planted").unwrap());
}

#[test]
fn a_reader_that_joins_while_a_dead_one_is_buried_keeps_what_it_holds() {
    joins_meanwhile("planted_names", |address, name| {
        reader("visitor", address).kill();
        assert!(name.exists());
    });
}

#[test]
fn a_reaper_killed_while_it_removes_names_leaves_them_to_the_next_and_keeps_no_reader_out() {
    if !is_root("planted_names") {
        return;
    }
    // The reaping of a dead client ends with a wake of all waiters, on more than two thousand
    // words.
    for (dead, n) in (1..40).map(|n| (true, n)).chain((1..).map(|n| (false, n))) {
        let scratch = Scratch::new();
        let address = scratch.store("store");
        let client = store(&address);
        let readers = Path::new(&address).join("readers");
        let mut reaper = spawn(CHILD, &["reaper", &address, &n.to_string()]);
        reaper.expect("ready");
        if dead {
            reader("visitor", &address).kill();
        } else {
            fs::write(readers.join("0"), "planted").unwrap();
            fs::create_dir(readers.join("1")).unwrap();
        }
        reaper.tell("go");
        let ended = reaper.next();
        if ended.is_none() {
            drop(reaper);
            // The lock of the killed client is taken, and the name that it was clearing is
            // forgotten.
            client.put(&id(1, 1), b"", &CreateOptions::default()).unwrap();
        }
        client.reap().unwrap();
        assert_eq!(fs::read_dir(&readers).unwrap().count(), 0, "killed at {n}");
        let mut holder = reader("holder", &address);
        assert!(readers.join("0").exists(), "killed at {n}");
        client.delete(&id(1, 0)).unwrap();
        client.reap().unwrap();
        holder.tell("look");
        holder.expect("unchanged");
        holder.kill();
        if ended.is_some() {
            assert!(n > 10, "{n}");
            return;
        }
    }
}
