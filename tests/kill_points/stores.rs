//! Stores made, removed and left for the last time by processes that are killed.

use super::common::world::{CAPACITY, PROBE};
use super::common::{Child, Scratch, connect, get_checked, id, is_content, make, put, skip, spawn};
use super::dying::CROWDS;
use super::sweep::{CHILD, End, end_of, run, sweep};
use plasma::{Client, ConnectOptions, Eviction, ObjectState, Status};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// All of them.
pub fn all() {
    a_builder_of_a_store_leaves_nothing_that_the_next_one_trips_over();
    remove_is_finished_by_the_next_to_connect();
    a_client_that_removes_the_remains_of_a_killed_remover_is_killed();
    the_last_to_leave_an_ephemeral_store_is_killed();
    a_client_that_leaves_an_ephemeral_store_to_others_is_killed();
    a_client_that_sweeps_up_after_a_dead_builder_is_killed();
    a_client_that_clears_planted_names_is_killed();
    a_client_that_joins_when_dead_clients_have_every_slot_is_killed();
    the_first_client_of_a_copied_store_is_killed();
    a_reader_of_another_user_is_killed();
    the_next_client_in_a_slot_with_old_leases_is_killed();
}

#[test]
fn a_builder_of_a_store_leaves_nothing_that_the_next_one_trips_over() {
    for how in ["plain", "reserved", "readers", "word"] {
        let scratch = Scratch::new();
        let word = format!("killed-builder-{}", std::process::id());
        let address = if how == "word" { word.clone() } else { scratch.store("store") };
        // A word names a store in this user's directory, which may contain other stores.
        let names = || match how {
            "word" => {
                let entries = std::fs::read_dir(plasma::directory_of_words().unwrap());
                let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
                names
                    .filter_map(|name| name.into_string().ok())
                    .filter(|n| n.contains(&word))
                    .collect()
            }
            _ => scratch.names(),
        };
        sweep(
            &format!("make a store, {how}"),
            |n| run("make", &address, n, &[how]),
            |what| {
                let options = ConnectOptions::default().capacity(CAPACITY);
                let client = Client::connect(Some(&address), &options).unwrap();
                put(&client, &id(PROBE, 0), 100, Some("probe"));
                assert!(get_checked(&client, &id(PROBE, 0)).is_some());
                super::common::assert_sound(&client, what);
                let name = if how == "word" { &word } else { "store" };
                assert_eq!(names(), [name], "{what}");
                drop(client);
                Client::remove_store(Some(&address)).unwrap();
                assert!(names().is_empty(), "{what}: {:?}", names());
            },
        );
        drop(Client::connect(Some(&address), &ConnectOptions::default()).unwrap());
        let end = run("remove", &address, 0, &[]);
        assert!(matches!(end, End::Passed(..)) && names().is_empty(), "{end:?}");
    }
}

#[test]
fn remove_is_finished_by_the_next_to_connect() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let before = std::cell::Cell::new(None);
    sweep(
        "remove",
        |n| {
            let client = make(&address, CAPACITY, 0, false);
            put(&client, &id(PROBE, 1), 70_000, Some("held"));
            let held = get_checked(&client, &id(PROBE, 1)).unwrap();
            let end = run("remove", &address, n, &[]);
            before.set(Some((client, held)));
            end
        },
        |what| {
            let (old, held) = before.take().unwrap();
            a_reader_finds_the_store_or_none(&address, what);
            let client = Client::connect(Some(&address), &ConnectOptions::default()).unwrap();
            put(&client, &id(PROBE, 0), 100, Some("probe"));
            super::common::assert_sound(&client, what);
            // Objects that the old store's clients hold stay, even where the store is gone.
            assert!(is_content(&id(PROBE, 1), &held) && held.len() == 70_000, "{what}");
            match old.contains(&id(PROBE, 0)) {
                Ok(state) => assert_eq!(state, ObjectState::Sealed, "{what}: still one store"),
                Err(error) => assert_eq!(error.status(), Status::StoreGone, "{what}"),
            }
            drop((held, old, client));
            Client::remove_store(Some(&address)).unwrap();
            assert!(scratch.names().is_empty(), "{what}: {:?}", scratch.names());
        },
    );
}

/// A READ_ONLY client of the same user maps the index read-only, and finishes no removal.
fn a_reader_finds_the_store_or_none(address: &str, what: &str) {
    let options = ConnectOptions::default().read_only(true);
    if let Err(error) = Client::connect(Some(address), &options) {
        assert_eq!(error.status(), Status::StoreNotFound, "{what}: {error}");
    }
}

#[test]
fn a_client_that_removes_the_remains_of_a_killed_remover_is_killed() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    sweep(
        "remove after a killed remover",
        |n| {
            drop(make(&address, CAPACITY, 0, false));
            // It has made its file, and is about to rename the store.
            let dead = run("remove", &address, 7, &[]);
            assert!(matches!(&dead, End::Killed(place) if place.starts_with("rename")), "{dead:?}");
            run("remove", &address, n, &[])
        },
        |what| {
            a_reader_finds_the_store_or_none(&address, what);
            let client = Client::connect(Some(&address), &ConnectOptions::default()).unwrap();
            super::common::assert_sound(&client, what);
            drop(client);
            Client::remove_store(Some(&address)).unwrap();
            assert!(scratch.names().is_empty(), "{what}: {:?}", scratch.names());
        },
    );
}

#[test]
fn the_last_to_leave_an_ephemeral_store_is_killed() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let options = ConnectOptions::default().capacity(CAPACITY).ephemeral(true);
    let fresh = || Client::connect(Some(&address), &options).unwrap();
    sweep(
        "leave an ephemeral store as the last",
        |n| {
            // The child connects while another client is connected, and is the last to leave.
            let client = fresh();
            put(&client, &id(PROBE, 0), 100, None);
            let mut child = spawn(CHILD, &["leave_last", &address, &n.to_string()]);
            child.expect("ready");
            drop(client);
            child.tell("leave");
            end_of(child, "leave_last")
        },
        |what| {
            a_reader_finds_the_store_or_none(&address, what);
            let next = fresh();
            assert_eq!(next.contains(&id(PROBE, 0)).unwrap(), ObjectState::Absent, "{what}");
            super::common::assert_sound(&next, what);
            assert_eq!(scratch.names(), ["store"], "{what}");
            drop(next);
            assert!(scratch.names().is_empty(), "{what}: {:?}", scratch.names());
        },
    );
}

/// The store is neither live nor gone for a moment, and the next owner of the lock recovers it: a
/// reader waits for that.
#[test]
fn a_client_that_leaves_an_ephemeral_store_to_others_is_killed() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let options = ConnectOptions::default().capacity(CAPACITY).ephemeral(true);
    let client = Client::connect(Some(&address), &options).unwrap();
    let living = || client.list_clients().unwrap().iter().filter(|it| it.alive).count();
    sweep(
        "leave an ephemeral store to others",
        |n| {
            let mut child = spawn(CHILD, &["leave_last", &address, &n.to_string()]);
            child.expect("ready");
            child.tell("leave");
            end_of(child, "leave_last")
        },
        |what| {
            std::thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    let options = ConnectOptions::default().read_only(true);
                    Client::connect(Some(&address), &options).map(drop)
                });
                // It has a slot, or has its answer.
                while living() < 2 && !reader.is_finished() {
                    std::thread::yield_now();
                }
                put(&client, &id(PROBE, 0), 100, None);
                client.delete(&id(PROBE, 0)).unwrap();
                reader.join().unwrap().unwrap_or_else(|error| panic!("{what}: {error}"));
            });
            client.reap().unwrap();
            super::common::assert_sound(&client, what);
        },
    );
    drop(client);
    assert!(scratch.names().is_empty(), "{:?}", scratch.names());
}

#[test]
fn a_client_that_sweeps_up_after_a_dead_builder_is_killed() {
    // Before the first file, and when most files exist.
    for dead_at in [2, 90] {
        let scratch = Scratch::new();
        let address = scratch.store("store");
        sweep(
            &format!("make a store beside a builder that died at {dead_at}"),
            |n| {
                let dead = run("make", &address, dead_at, &["readers"]);
                assert!(matches!(dead, End::Killed(_)), "{dead:?}");
                assert_eq!(scratch.names().len(), 1);
                run("make", &address, n, &["plain"])
            },
            |what| {
                let options = ConnectOptions::default().capacity(CAPACITY);
                drop(Client::connect(Some(&address), &options).unwrap());
                Client::remove_store(Some(&address)).unwrap();
                // Each creator sweeps, and the last one found that the store existed.
                drop(Client::connect(Some(&address), &options).unwrap());
                Client::remove_store(Some(&address)).unwrap();
                assert!(scratch.names().is_empty(), "{what}: {:?}", scratch.names());
            },
        );
    }
}

#[test]
fn a_client_that_clears_planted_names_is_killed() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let options = ConnectOptions::default().mode(0o644).capacity(CAPACITY).exclusive(true);
    let client = Client::connect(Some(&address), &options).unwrap();
    admit_all(&scratch);
    let planted = |name: &str| format!("{address}/readers/{name}");
    sweep(
        "reap what readers planted",
        |n| {
            let mut child = spawn(CHILD, &["reap", &address, &n.to_string(), ""]);
            child.expect("ready");
            if is_root() {
                let reader = spawn(CHILD, &["stay_as_another", &address]);
                reader.expect("ready");
                reader.kill();
            }
            std::fs::write(planted("3"), "").unwrap();
            std::fs::create_dir(planted("4")).unwrap();
            child.tell("go");
            end_of(child, "reap")
        },
        |what| {
            client.reap().unwrap();
            for name in ["3", "4"] {
                assert!(!std::path::Path::new(&planted(name)).exists(), "{what}");
            }
            super::common::assert_sound(&client, what);
            assert_eq!(client.stats().unwrap().clients, 1, "{what}");
        },
    );
    std::fs::create_dir(planted("5")).unwrap();
    let end = run("remove", &address, 0, &[]);
    assert!(matches!(end, End::Passed(..)), "{end:?}");
    assert!(scratch.names().is_empty());
}

#[test]
fn a_client_that_joins_when_dead_clients_have_every_slot_is_killed() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    drop(make(&address, CAPACITY, 0, false));
    sweep(
        "join when the dead have taken every place",
        |n| {
            let crowds = (0..CROWDS).map(|i| spawn(CHILD, &["crowd", &address, &i.to_string()]));
            let crowds: Vec<_> = crowds.inspect(|crowd| crowd.expect("ready")).collect();
            crowds.into_iter().for_each(Child::kill);
            run("join", &address, n, &["Empty"])
        },
        |what| {
            let client = connect(&address);
            client.reap().unwrap();
            super::common::assert_sound(&client, what);
            let stats = client.stats().unwrap();
            assert_eq!((stats.clients, stats.objects_writing, stats.used), (1, 0, 0), "{what}");
        },
    );
}

/// A copy has other inodes, which the first that opens it notes.
#[test]
fn the_first_client_of_a_copied_store_is_killed() {
    let scratch = Scratch::new();
    let (original, address) = (scratch.store("original"), scratch.store("store"));
    let client = make(&original, CAPACITY, 0, false);
    put(&client, &id(PROBE, 0), 100, Some("probe"));
    sweep(
        "join a copied store",
        |n| {
            let mut copied = Command::new("cp");
            copied.args(["-r", "--preserve=mode", "--sparse=never", &original, &address]);
            assert!(copied.status().unwrap().success());
            run("join", &address, n, &["Empty"])
        },
        |what| {
            let copy = connect(&address);
            assert!(get_checked(&copy, &id(PROBE, 0)).is_some(), "{what}");
            copy.reap().unwrap();
            super::common::assert_sound(&copy, what);
            assert_eq!(copy.stats().unwrap().clients, 1, "{what}");
            drop(copy);
            Client::remove_store(Some(&address)).unwrap();
        },
    );
    assert_eq!(client.stats().unwrap().clients, 1);
}

/// The leases of the dead stay in their slot, and the next client clears them.
#[test]
fn the_next_client_in_a_slot_with_old_leases_is_killed() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, CAPACITY, 0, false);
    put(&client, &id(PROBE, 0), 100, None);
    sweep(
        "join in a slot with old leases",
        |n| {
            let dead = spawn(CHILD, &["stay", &address]);
            dead.expect("ready");
            dead.kill();
            client.reap().unwrap();
            run("join", &address, n, &["Empty"])
        },
        |what| {
            client.reap().unwrap();
            super::common::assert_sound(&client, what);
            let stats = client.stats().unwrap();
            assert_eq!((stats.clients, stats.leases), (1, 0), "{what}");
        },
    );
}

/// A reader of another user has a file of its own, with a name.
#[test]
fn a_reader_of_another_user_is_killed() {
    if !is_root() {
        return skip::skip("a reader of another user", "only root can become another user");
    }
    for lru in [false, true] {
        let scratch = Scratch::new();
        let address = scratch.store("store");
        admit_all(&scratch);
        let options = ConnectOptions::default().mode(0o644).capacity(CAPACITY).exclusive(true);
        let options = options.eviction(lru.then_some(Eviction::Lru));
        let client = Client::connect(Some(&address), &options).unwrap();
        put(&client, &id(PROBE, 0), 100, None);
        sweep(
            &format!("read as another user, lru {lru}"),
            |n| run("read_as_another", &address, n, &[]),
            |what| {
                client.reap().unwrap();
                super::common::assert_sound(&client, what);
                let stats = client.stats().unwrap();
                assert_eq!((stats.clients, stats.leases), (1, 0), "{what}");
                let readers = std::fs::read_dir(format!("{address}/readers")).unwrap();
                assert_eq!(readers.count(), 0, "{what}");
            },
        );
    }
}

fn is_root() -> bool {
    // SAFETY: takes no pointers.
    unsafe { libc::geteuid() == 0 }
}

fn admit_all(scratch: &Scratch) {
    let address = scratch.store("store");
    let parent = std::path::Path::new(&address).parent().unwrap();
    std::fs::set_permissions(parent, PermissionsExt::from_mode(0o755)).unwrap();
}
