//! Costs of calls that do not depend on the load: a get and release, and a create, seal and delete
//! in reserved memory, make no system call (except that a create occasionally inspects the store's
//! names) and allocate nothing. Their machine instructions are counted by `budgets.rs`.
#![allow(unsafe_code)] // a counting allocator, and a filter that kills on any system call

mod common;

use common::{Scratch, connect, id, make, put, role, say, spawn};
use plasma::{Client, CreateOptions};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const CHILD: &str = "a_child_plays_its_role";
const ROUNDS: u64 = 10_000;
/// Fewer than a store of `STORED` collects before a delete scans for holders, which makes system
/// calls.
const OBJECTS: u64 = 200;
const STORED: u64 = 4096;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

/// From here on this thread may only write and end (and make the calls that `allow` adds); any
/// other system call kills the process with SIGSYS.
fn forbid_system_calls(allow: &[libc::c_long]) {
    let step =
        |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for call in [libc::SYS_write, libc::SYS_exit_group].iter().chain(allow) {
        filter.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, *call as u32));
        filter.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    }
    filter.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_KILL_PROCESS));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: takes no pointers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the program and its steps live until the call returns.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) }, 0);
}

/// Prints the number of allocations, without allocating, and ends.
fn end(allocations: u64) -> ! {
    let mut line = [0; 32];
    let mut rest = &mut line[..];
    writeln!(rest, "@@{allocations}").unwrap();
    let len = 32 - rest.len();
    // SAFETY: the bytes are a live local.
    unsafe { libc::write(1, line.as_ptr().cast(), len) };
    // SAFETY: runs no handlers.
    unsafe { libc::_exit(0) }
}

fn get_and_release(client: &Client) {
    for i in 0..ROUNDS {
        let got = client.get(&id(1, i % 3), Some(Duration::ZERO));
        std::hint::black_box(got.is_ok_and(|buffer| buffer.first() == buffer.last()));
        let named = client.get_by_name("one", None);
        let miss = client.get(&id(2, i), Some(Duration::ZERO));
        std::hint::black_box((named.is_ok(), miss.is_err()));
    }
}

fn create_and_seal(client: &Client, from: u64) {
    for i in from..from + OBJECTS {
        let writer = client.create(&id(3, i), 100, &CreateOptions::default());
        std::hint::black_box(writer.is_ok_and(|writer| writer.seal().is_ok()));
    }
}

fn delete(client: &Client, from: u64) {
    for i in from..from + OBJECTS {
        std::hint::black_box(client.delete(&id(3, i)).is_ok());
    }
}

#[test]
fn a_child_plays_its_role() {
    let Some(role) = role() else { return };
    let client = connect(&role[1]);
    get_and_release(&client);
    match role[0].as_str() {
        "get" => {
            forbid_system_calls(&[]);
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            get_and_release(&client);
            end(ALLOCATIONS.load(Ordering::Relaxed) - before);
        }
        "forbidden" => {
            forbid_system_calls(&[]);
            say(&std::process::id().to_string());
            end(std::fs::metadata("/").map_or(0, |_| 0));
        }
        "create" => {
            create_and_seal(&client, 0);
            // Except for the inspection of the store's names at some of the creates: see
            // docs/guide/what-happens-when.md.
            forbid_system_calls(&[libc::SYS_newfstatat]);
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            create_and_seal(&client, OBJECTS);
            delete(&client, 0);
            end(ALLOCATIONS.load(Ordering::Relaxed) - before);
        }
        other => panic!("no role {other}"),
    }
}

fn store(lru: bool) -> (Scratch, String, Client) {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, 4 << 20, STORED, lru);
    // The index takes memory for its first objects.
    let first: Vec<_> = (0..3 * OBJECTS).map(|i| id(5, i)).collect();
    first.iter().for_each(|id| put(&client, id, 100, None));
    first.iter().for_each(|id| client.delete(id).unwrap());
    client.reap().unwrap();
    put(&client, &id(1, 0), 100, Some("one"));
    put(&client, &id(1, 1), 4096, None);
    put(&client, &id(1, 2), 1 << 20, None);
    (scratch, address, client)
}

#[test]
fn the_filter_kills() {
    let (_scratch, address, _client) = store(false);
    let child = spawn(CHILD, &["forbidden", &address]);
    assert_eq!(child.end().signal(), Some(libc::SIGSYS));
}

#[test]
fn a_get_and_release_makes_no_system_call_and_no_allocation() {
    for lru in [false, true] {
        let (_scratch, address, _client) = store(lru);
        let child = spawn(CHILD, &["get", &address]);
        assert_eq!(child.next().as_deref(), Some("0"), "killed by SIGSYS, or allocates; lru {lru}");
        assert!(child.end().success());
    }
}

#[test]
fn a_small_object_is_created_sealed_and_deleted_without_a_system_call_or_an_allocation() {
    let (_scratch, address, client) = store(false);
    let child = spawn(CHILD, &["create", &address]);
    assert_eq!(child.next().as_deref(), Some("0"), "killed by SIGSYS, or allocates");
    child.end();
    assert_eq!(client.stats().unwrap().objects_sealed, 3 + OBJECTS);
}

/// Wake-ups do not grow with the number of sleepers: a creator makes no system call for those that
/// wait for other objects, whether for one or for hundreds at once.
#[test]
fn sleepers_cost_the_creator_of_other_objects_no_system_call() {
    const SLEEPERS: u64 = 64;
    let (_scratch, address, client) = store(false);
    std::thread::scope(|scope| {
        for sleeper in 0..SLEEPERS {
            let client = &client;
            scope.spawn(move || {
                let many = 4 * u64::from(sleeper % 16 == 0) * 25;
                let ids: Vec<_> = (0..1 + many).map(|i| id(4, sleeper * 1000 + i)).collect();
                let waited = client.wait(&ids, 0, None, &mut vec![false; ids.len()]);
                assert_eq!(waited.unwrap_err().status(), plasma::Status::Interrupted);
            });
        }
        while u64::from(client.activity().unwrap().waits) < SLEEPERS {
            std::thread::yield_now();
        }
        let child = spawn(CHILD, &["create", &address]);
        assert_eq!(child.next().as_deref(), Some("0"), "allocations");
        assert!(child.end().success());
        while client.activity().unwrap().waits > 0 {
            client.interrupt().unwrap();
        }
    });
}
