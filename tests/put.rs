//! Put copies data with system calls where nobody has written yet, and through the mapping
//! elsewhere: the bytes are the same.
#![allow(unsafe_code)] // a limit of the process

mod common;

use common::{Scratch, connect, content, get_checked, id, make, role, say, spawn};
use plasma::{Client, CreateOptions, ObjectId, Status};

const CHILD: &str = "a_child_plays_its_role";
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn put_in_parts(client: &Client, id: &ObjectId, lens: &[usize]) {
    let data = content(id, lens.iter().sum());
    let mut rest = &data[..];
    let parts: Vec<_> = lens.iter().map(|len| rest.split_off(..*len).unwrap()).collect();
    client.put_parts(id, &parts, &CreateOptions::default()).unwrap();
    assert_eq!(&client.get(id, None).unwrap()[..], data);
}

#[test]
fn parts_lie_one_after_the_other_in_memory_that_is_fresh_or_was_written() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 64 * MIB as u64, 256, false);
    let odd = [0, 1, 63, 64, 65, 4095, 4097, 32 * KIB + 1, 70_001];
    let all: [&[usize]; 7] = [
        &[],
        &[5, 0, 3],
        &odd,
        &[3 * MIB + 1, 100, 6 * MIB - 1],
        &[1; 5000],
        &[40; 3000],
        &[17, 13 * MIB, 1],
    ];
    for round in 0..3 {
        for (number, lens) in (0..).zip(all) {
            put_in_parts(&client, &id(round, number), lens);
        }
        for number in 0..all.len() as u64 {
            assert!(get_checked(&client, &id(round, number)).is_some());
            client.delete(&id(round, number)).unwrap();
        }
        if round == 1 {
            assert!(client.trim(0).unwrap() > 0);
        }
    }
    assert!(client.check().unwrap().problems.is_empty());
}

#[test]
fn objects_that_are_put_at_once_into_fresh_memory_are_whole() {
    let scratch = Scratch::new();
    let address = scratch.store("s");
    let client = make(&address, 64 * MIB as u64, 256, false);
    let children: Vec<_> =
        (1..=3).map(|who: u64| spawn(CHILD, &["put", &address, &who.to_string()])).collect();
    for child in children {
        child.expect("done");
        assert!(child.end().success());
    }
    let mut found = 0;
    for who in 1..=3 {
        for number in 0..20 {
            found += u32::from(get_checked(&client, &id(who, number)).is_some());
        }
    }
    assert!(found >= 20, "{found}");
    assert!(client.check().unwrap().problems.is_empty());
}

/// An object shares its first and its last chunk with others. Once the first copy to such a chunk went
/// through the mapping, a page at a time, if this process had written to it before it was trimmed.
#[test]
fn a_put_into_trimmed_memory_makes_no_fault_for_each_page() {
    let scratch = Scratch::new();
    let address = scratch.store("s");
    let _client = make(&address, 16 * MIB as u64, 256, false);
    let child = spawn(CHILD, &["faults", &address]);
    child.expect("done");
    assert!(child.end().success());
}

/// The kernel ends a process that writes beyond its limit on file sizes.
#[test]
fn a_limit_on_file_sizes_does_not_end_a_put() {
    let scratch = Scratch::new();
    let address = scratch.store("s");
    let client = make(&address, 16 * MIB as u64, 256, false);
    client.put(&id(1, 0), &content(&id(1, 0), MIB), &CreateOptions::default()).unwrap();
    let child = spawn(CHILD, &["limited", &address]);
    child.expect("done");
    assert!(child.end().success());
    assert!(get_checked(&client, &id(2, 0)).is_some());
}

/// Returns the page faults of this process so far that needed no disk.
fn faults() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: `usage` has room for the answer.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) }, 0);
    // SAFETY: getrusage filled it.
    unsafe { usage.assume_init() }.ru_minflt
}

#[test]
fn a_child_plays_its_role() {
    let Some(role) = role() else { return };
    let client = connect(&role[1]);
    match role[0].as_str() {
        "put" => {
            let who = role[2].parse().unwrap();
            for number in 0..20 {
                let id = id(who, number);
                let data = content(&id, MIB + 300 * KIB * (number as usize % 4) + 7);
                match client.put(&id, &data, &CreateOptions::default()) {
                    Err(error) => assert_eq!(error.status(), Status::OutOfMemory),
                    Ok(()) => assert_eq!(&client.get(&id, None).unwrap()[..], data),
                }
            }
        }
        "faults" => {
            for number in 0..4 {
                // It begins at a page, after its metadata.
                let (id, data) = (id(3, number), vec![7; MIB]);
                let before = faults();
                let options = CreateOptions::default().metadata(&[("format", b"test")]);
                client.put(&id, &data, &options).unwrap();
                let made = faults() - before;
                assert!(number == 0 || made < 32, "put {number}: {made} page faults");
                client.delete(&id).unwrap();
                assert!(client.trim(0).unwrap() > 0);
            }
        }
        "limited" => {
            let limit = libc::rlimit { rlim_cur: MIB as u64, rlim_max: MIB as u64 };
            // SAFETY: the limit is a live local.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
            let id = id(2, 0);
            client.put(&id, &content(&id, 2 * MIB), &CreateOptions::default()).unwrap();
        }
        other => panic!("no role {other}"),
    }
    say("done");
}
