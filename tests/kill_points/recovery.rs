//! Processes that clean up after killed ones are killed themselves.

use super::common::bystander::Bystander;
use super::common::world::{KEPT, VICTIM, World, WorldKind, check_kept};
use super::common::{Scratch, assert_sound, connect, get_checked, id, make, put, spawn};
use super::dying::OLD;
use super::sweep::{CHILD, End, end_of, points, run, sweep};
use plasma::{Client, ConnectOptions, ObjectState, Status};
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// All of them.
pub fn all() {
    reap();
    a_death_in_a_critical_section_and_then_in_recovery();
    deaths_at_each_place_and_one_after_another();
    recovery_counts_both_extents_of_objects_that_are_being_resized();
    readers_get_everything_when_all_producers_died_in_recovery();
    dead_records_in_the_middle_of_chains_are_taken_out();
    a_client_that_unlinks_objects_in_the_middle_of_chains_is_killed();
}

/// Starts a victim that connects first, and works after another process has died.
fn run_after(role: &str, address: &str, n: u64, kind: &str, die: impl FnOnce()) -> End {
    let mut victim = spawn(CHILD, &[role, address, &n.to_string(), kind]);
    victim.expect("ready");
    die();
    victim.tell("go");
    end_of(victim, role)
}

/// Dies within a delete, inside its critical section.
fn die_in_delete(address: &str, points: u64) {
    let end = run("delete", address, points / 2, &["Resting"]);
    assert!(matches!(end, End::Killed(_)), "{end:?}");
}

fn points_of_delete(address: &str) -> u64 {
    match run("delete", address, 0, &["Resting"]) {
        End::Passed(points) => points.total,
        end => panic!("{end:?}"),
    }
}

#[test]
fn reap() {
    for kind in [WorldKind::Empty, WorldKind::Resting, WorldKind::Full] {
        let mut world = World::new(CHILD, kind, false, true);
        let address = world.address.clone();
        let die = || {
            let corpse = spawn(CHILD, &["corpse", &address]);
            corpse.expect("ready");
            corpse.kill();
        };
        let what = format!("reap in a store: {kind:?}");
        sweep(&what, |n| run_after("reap", &address, n, "", die), |what| world.check(what));
        world.finish(&what);
    }
}

#[test]
fn a_death_in_a_critical_section_and_then_in_recovery() {
    use WorldKind::{Empty, Full, Resting};
    for (kind, lru) in
        [(Empty, false), (Resting, false), (Full, false), (Resting, true), (Full, true)]
    {
        let mut world = World::new(CHILD, kind, lru, true);
        let address = world.address.clone();
        let first = points_of_delete(&address);
        let what = format!("recovery in a store: {kind:?}, with eviction {lru}");
        let before = world.client.stats().unwrap();
        sweep(
            &what,
            |n| {
                if lru {
                    // Recovery takes what is left of an object that is gone out of the order of use.
                    let client = connect(&address);
                    put(&client, &id(VICTIM, 20), 100, None);
                    client.delete(&id(VICTIM, 20)).unwrap();
                    client.reap().unwrap();
                }
                let die = || die_in_delete(&address, first);
                run_after("recover", &address, n, &format!("{kind:?}"), die)
            },
            |what| world.check(what),
        );
        let after = world.client.stats().unwrap();
        assert!(after.lock_steals > before.lock_steals && after.recoveries > before.recoveries);
        world.finish(&what);
    }
}

#[test]
fn deaths_at_each_place_and_one_after_another() {
    let mut world = World::new(CHILD, WorldKind::Resting, false, true);
    let address = world.address.clone();
    let mut kills = 0;
    for first in ["delete", "abort", "create_named", "resize_move", "trim"] {
        let what = format!("recovery after a death in {first}");
        let die = |n| run(first, &address, n, &["Resting"]);
        let End::Passed(passed) = die(0) else { panic!("{first} failed") };
        world.check(&what);
        let total = passed.total;
        for at in points(&what, &passed) {
            // One process recovers completely, or three are killed in it one after another.
            for rest in [&[0][..], &[30, 20, 10], &[5, 90, 60], &[200, 1, 400]] {
                let died = |end: &End| u64::from(matches!(end, End::Killed(_)));
                let die = || kills += died(&die(at));
                let end = run_after("recover", &address, rest[0], "Resting", die);
                kills += died(&end);
                for &n in &rest[1..] {
                    kills += died(&run("join", &address, n, &["Resting"]));
                }
                world.check(&format!("{what} at {at} of {total}, recoverers at {rest:?}"));
            }
        }
    }
    println!("deaths one after another: {kills} kills");
    world.finish("deaths one after another");
}

#[test]
fn recovery_counts_both_extents_of_objects_that_are_being_resized() {
    let mut world = World::new(CHILD, WorldKind::Resting, false, true);
    let address = world.address.clone();
    let first = points_of_delete(&address);
    let mut met = 0;
    for to in [9000, 90, 90_000] {
        for n in 1.. {
            let child = spawn(CHILD, &["resize", &address, &n.to_string(), &to.to_string()]);
            if !child.wait_for_state('T') {
                child.expect("sealed");
                break;
            }
            // Nobody steals the lock of an owner that is merely stopped.
            if index_word(&address, LOCK) & 0xffff == 0 {
                met += 1;
                die_in_delete(&address, first);
                run("join", &address, 0, &["Resting"]);
                assert_sound(&world.client, "amid a resize");
            }
            child.signal(libc::SIGCONT);
            assert_eq!(child.next().as_deref(), Some("sealed"), "stopped at {n}, to {to}");
            child.end();
            let made = get_checked(&world.client, &id(VICTIM, 7)).unwrap();
            assert_eq!(made.len(), to, "stopped at {n}");
            drop(made);
            world.check(&format!("recovery while another resizes to {to}, stopped at {n}"));
        }
        let _ = world.client.delete(&id(VICTIM, 7));
    }
    assert!(met > 3, "{met}");
    world.finish("recovery amid a resize");
}

#[test]
fn dead_records_in_the_middle_of_chains_are_taken_out() {
    const OBJECTS: u64 = 40;
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let everything = |client: &Client, what: &str| {
        for i in 0..OBJECTS {
            assert!(get_checked(client, &id(7, i)).is_some(), "{what}: object {i} is gone");
        }
        assert_sound(client, what);
    };
    sweep(
        "recovery with orphans behind other objects",
        |n| {
            let client = make(&address, 4 << 20, 64, false);
            let corpse = spawn(CHILD, &["corpse_of_many", &address]);
            corpse.expect("ready");
            // The objects are inserted before them in their chains: with 64 buckets in more than
            // one.
            for i in 0..OBJECTS {
                put(&client, &id(7, i), i as usize, Some(&format!("object-{i}")));
            }
            drop(client);
            let first = points_of_delete(&address);
            run_after("recover", &address, n, "", || {
                // The order matters: a client that connects to delete would reap the dead one.
                die_in_delete(&address, first);
                corpse.kill();
            })
        },
        |what| {
            let client = connect(&address);
            everything(&client, what);
            client.reap().unwrap();
            everything(&client, what);
            assert_eq!(client.stats().unwrap().objects_writing, 0, "{what}");
            drop(client);
            Client::remove_store(Some(&address)).unwrap();
        },
    );
    // A run without a kill checks nothing.
    let _ = Client::remove_store(Some(&address));
}

#[test]
fn a_client_that_unlinks_objects_in_the_middle_of_chains_is_killed() {
    // With 64 buckets, and before the old objects in their chains.
    const OBJECTS: u64 = 60;
    let scratch = Scratch::new();
    let address = scratch.store("store");
    sweep(
        "delete behind other objects",
        |n| {
            let client = make(&address, 4 << 20, 64, false);
            for i in 0..OBJECTS {
                put(&client, &id(VICTIM, i), i as usize, None);
            }
            drop(client);
            run("delete_old", &address, n, &[])
        },
        |what| {
            let client = connect(&address);
            let old = (0..OLD).filter(|i| get_checked(&client, &id(VICTIM, *i)).is_some());
            // In their order; each either completely or without a trace.
            let left: Vec<_> = old.collect();
            assert!(left.iter().copied().eq(OLD - left.len() as u64..OLD), "{what}: {left:?}");
            for i in OLD..OBJECTS {
                assert!(get_checked(&client, &id(VICTIM, i)).is_some(), "{what}: {i} is gone");
            }
            assert_sound(&client, what);
            drop(client);
            Client::remove_store(Some(&address)).unwrap();
        },
    );
    // A run without a kill checks nothing.
    let _ = Client::remove_store(Some(&address));
}

/// Offsets of the rebuild sequence and the lock in the index (docs/internals/layout.md).
const REBUILD_SEQUENCE: u64 = 128;
const LOCK: u64 = 256;

fn index_word(address: &str, offset: u64) -> u64 {
    let index = std::fs::File::open(format!("{address}/index")).unwrap();
    let mut word = [0; 8];
    index.read_exact_at(&mut word, offset).unwrap();
    u64::from_le_bytes(word)
}

/// No other process changes it while a dead process owns the lock.
fn make_rebuild_sequence_odd(address: &str) {
    let sequence = index_word(address, REBUILD_SEQUENCE) | 1;
    let index = std::fs::File::options().write(true).open(format!("{address}/index")).unwrap();
    index.write_all_at(&sequence.to_le_bytes(), REBUILD_SEQUENCE).unwrap();
}

#[test]
fn readers_get_everything_when_all_producers_died_in_recovery() {
    const OBJECTS: u64 = 60;
    let scratch = Scratch::new();
    let address = scratch.store("store");
    // As many buckets as objects: some chains are longer than one.
    let maker = make(&address, 4 << 20, 64, false);
    for i in 0..OBJECTS {
        let name = format!("object-{i}");
        put(&maker, &id(7, i), (i * 100) as usize, (i % 2 == 0).then_some(&*name));
    }
    drop(maker);
    let reader = Bystander::start(CHILD, "reader", &address, WorldKind::Empty, 0);
    let first = points_of_delete(&address);
    let read_only = ConnectOptions::default().existing(true).read_only(true);
    let (mut owned, mut odd) = (0, 0);
    let everything = |client: &Client, what: &str| {
        for i in 0..OBJECTS {
            let object = get_checked(client, &id(7, i));
            let object = object.unwrap_or_else(|| panic!("{what}: object {i} is gone"));
            assert_eq!(object.len() as u64, i * 100, "{what}");
            let named = client.get_by_name(&format!("object-{i}"), Some(Duration::ZERO));
            assert_eq!(named.is_ok(), i % 2 == 0, "{what}");
            assert_eq!(
                named.map_or(0, |named| named.len()),
                if i % 2 == 0 { object.len() } else { 0 }
            );
        }
        check_kept(client, 0, what);
        assert_eq!(client.contains(&id(KEPT, 0)).unwrap(), ObjectState::Absent, "{what}");
    };
    // The second time the state is that after a death during a rebuild of the chains.
    for cut in [false, true] {
        sweep(
            &format!("recovery with no other producer, chains cut: {cut}"),
            |n| {
                let _ = connect(&address).delete(&id(VICTIM, 15));
                let die = || {
                    die_in_delete(&address, first);
                    if cut {
                        make_rebuild_sequence_odd(&address);
                    }
                };
                run_after("recover", &address, n, "", die)
            },
            |what| {
                let lock = index_word(&address, LOCK);
                let (held, rebuilding) =
                    (lock & 0xffff != 0, index_word(&address, REBUILD_SEQUENCE) % 2 == 1);
                owned += u64::from(held);
                odd += u64::from(held && rebuilding);
                let client = Client::connect(Some(&address), &read_only).unwrap();
                everything(&client, what);
                // The object that was being deleted and the one that was being made exist
                // completely, or leave no trace.
                for victim in [id(VICTIM, 0), id(VICTIM, 15)] {
                    get_checked(&client, &victim);
                }
                client.list().unwrap();
                drop(client);
                let client = connect(&address);
                everything(&client, what);
                for victim in [id(VICTIM, 0), id(VICTIM, 15)] {
                    let deleted = client.delete(&victim).map_err(|error| error.status());
                    assert!(
                        matches!(deleted, Ok(()) | Err(Status::NotFound)),
                        "{what}: {deleted:?}"
                    );
                }
                client.reap().unwrap();
                assert_sound(&client, what);
                let stats = client.stats().unwrap();
                let seen = (stats.objects_sealed, stats.objects_deleted, stats.objects_writing);
                assert_eq!(seen, (OBJECTS, 0, 0), "{what}: {stats:?}");
            },
        );
    }
    println!("all producers dead: the lock held by the dead {owned} times, amid a rebuild {odd}");
    reader.end("recovery with no other producer");
}
