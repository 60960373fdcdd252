//! An object made of a file has its bytes, whatever the file is and whatever happens to it meanwhile.

mod common;

use common::{Scratch, connect, content, fill, get_checked, id, make, role, say, spawn};
use plasma::{
    Client, ConnectOptions, CreateOptions, Eviction, MutableBuffer, ObjectId, ObjectState, Result,
    Status,
};
use std::cell::Cell;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const CHILD: &str = "a_child_plays_its_role";
const MIB: u64 = 1 << 20;
/// The chunks of a small store.
const CHUNK: u64 = 256 << 10;

/// A file without a name, with these bytes.
fn file_in(directory: &Path, bytes: &[u8]) -> File {
    let mut options = File::options();
    let options = options.read(true).write(true).custom_flags(libc::O_TMPFILE);
    let mut file = options.open(directory).unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn from(client: &Client, id: &ObjectId, file: &File, len: u64) -> Result<MutableBuffer> {
    client.create_from_file(id, file, 0..len, &CreateOptions::default(), &|_| {})
}

fn put(client: &Client, id: &ObjectId, file: &File, len: u64) {
    from(client, id, file, len).unwrap().seal().unwrap();
}

/// Files of many sizes, on tmpfs and on the disk, with small objects between them, into memory that
/// is new, was written, and was returned.
#[test]
fn files_of_all_sizes_come_back() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 64 * MIB, 256, false);
    let sizes = [
        0,
        1,
        4095,
        (32 << 10) - 1,
        32 << 10,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        3 * CHUNK + 5,
        4 * MIB,
        9 * MIB + 4097,
    ];
    let disk = std::env::temp_dir();
    for round in 0..3 {
        for (number, size) in (0..).zip(sizes) {
            for (kind, directory) in [(0, scratch.0.as_path()), (1, disk.as_path())] {
                let made = id(1 + kind, number);
                put(&client, &made, &file_in(directory, &content(&made, size as usize)), size);
                let small = id(3 + kind, number);
                client.put(&small, &content(&small, 70), &CreateOptions::default()).unwrap();
            }
        }
        for kind in 1..=4 {
            for number in 0..sizes.len() as u64 {
                let len = get_checked(&client, &id(kind, number)).unwrap().len() as u64;
                assert_eq!(len, if kind < 3 { sizes[number as usize] } else { 70 });
                client.delete(&id(kind, number)).unwrap();
            }
        }
        if round == 1 {
            assert!(client.trim(0).unwrap() > 0);
        }
    }
    assert!(client.check().unwrap().problems.is_empty());
}

#[test]
fn a_gibibyte_of_holes_is_a_gibibyte_of_zeros() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 1100 * MIB, 16, false);
    let file = file_in(&scratch.0, b"begin");
    file.write_all_at(b"end", 1024 * MIB - 3).unwrap();
    put(&client, &id(1, 0), &file, 1024 * MIB);
    let got = client.get(&id(1, 0), None).unwrap();
    let zeros = vec![0; MIB as usize];
    let (middle, last) = got[MIB as usize..].split_at(1022 << 20);
    assert!(middle.chunks(MIB as usize).all(|chunk| chunk == zeros));
    assert_eq!((&got[..5], got[5..MIB as usize].iter().max()), (&b"begin"[..], Some(&0)));
    assert_eq!((last.len() as u64, &last[last.len() - 3..]), (MIB, &b"end"[..]));
}

#[test]
fn a_range_ends_where_the_file_does_and_no_position_moves() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 64 * MIB, 64, false);
    let bytes = content(&id(1, 0), (6 * MIB + 100) as usize);
    let mut file = file_in(&scratch.0, &bytes);
    file.seek(SeekFrom::Start(77)).unwrap();
    let (len, plain) = (bytes.len() as u64, CreateOptions::default());
    for (number, range) in (1..).zip([
        0..len,
        1..len,
        MIB + 1..MIB + 1,
        5..5 * MIB,
        100..10 * MIB,
        4 * MIB..40 * MIB,
        len - 1..len + 1,
        len..2 * len,
        2 * len..3 * len,
        u64::MAX - 1..u64::MAX,
    ]) {
        let (had, told) = (range.start.min(len)..range.end.min(len), Cell::new(0));
        let copied = |done| {
            assert!(told.get() <= done);
            told.set(done);
        };
        match client.create_from_file(&id(1, number), &file, range, &plain, &copied) {
            Ok(made) => {
                assert_eq!(
                    (made.len() as u64, told.get()),
                    (had.end - had.start, made.len() as u64)
                );
                made.seal().unwrap();
                let got = client.get(&id(1, number), None).unwrap();
                assert!(got[..] == bytes[had.start as usize..had.end as usize], "{had:?}");
            }
            // No file is so long.
            Err(error) => assert!(error.errno() == libc::EFBIG && number == 10, "{error}"),
        }
    }
    #[allow(clippy::reversed_empty_ranges)]
    let none = client.create_from_file(&id(1, 20), &file, 9..3, &plain, &|_| {}).unwrap();
    assert!(none.is_empty());
    assert_eq!(file.stream_position().unwrap(), 77);
}

/// Others change a file in the midst of the copy.
#[test]
fn a_file_that_is_truncated_meanwhile_gives_what_was_there() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 64 * MIB, 64, false);
    let len = 20 * MIB;
    for (number, cut) in (0..).zip([0, 1, 5 * MIB + 7, 9 * MIB, len, len + MIB]) {
        let (made, changed) = (id(1, number), Cell::new(false));
        let bytes = content(&made, len as usize);
        let file = file_in(&scratch.0, &bytes);
        let copied = |done| {
            if done > 0 && !changed.replace(true) {
                file.set_len(cut).unwrap();
            }
        };
        let options = CreateOptions::default();
        let object = client.create_from_file(&made, &file, 0..len, &options, &copied).unwrap();
        assert!(changed.get() && object.len() as u64 >= cut.min(len), "{}", object.len());
        assert!(object.len() as u64 <= cut.max(8 * MIB).min(len), "{}", object.len());
        let kept = object.len();
        object.seal().unwrap();
        assert!(client.get(&made, None).unwrap()[..] == bytes[..kept], "{cut}");
        client.delete(&made).unwrap();
    }
    assert!(client.check().unwrap().problems.is_empty());
}

#[test]
fn an_interrupted_copy_leaves_nothing() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 64 * MIB, 64, false);
    let file = file_in(&scratch.0, &vec![7; 40 << 20]);
    let options = CreateOptions::default().name(Some("the name"));
    let copied = |done| {
        if done > 10 * MIB {
            client.interrupt().unwrap();
        }
    };
    let made = client.create_from_file(&id(1, 0), &file, 0..40 * MIB, &options, &copied);
    assert_eq!(made.unwrap_err().status(), Status::Interrupted);
    assert_eq!(client.contains(&id(1, 0)).unwrap(), ObjectState::Absent);
    assert_eq!(client.lookup("the name").unwrap_err().status(), Status::NotFound);
    client.trim(0).unwrap();
    let made = client.create_from_file(&id(1, 0), &file, 0..40 * MIB, &options, &|_| {});
    made.unwrap().seal().unwrap();
    assert!(client.check().unwrap().problems.is_empty());
}

#[test]
fn what_cannot_be_read_is_an_error_and_makes_no_object() {
    let scratch = Scratch::new();
    let client = make(&scratch.store("s"), 64 * MIB, 64, false);
    let (pipe, _writer) = std::io::pipe().unwrap();
    let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
    let write_only = File::options().write(true).create_new(true).open(scratch.0.join("w"));
    let directory = File::open(&scratch.0).unwrap();
    for (file, errno) in
        [(pipe, libc::ESPIPE), (write_only.unwrap(), libc::EBADF), (directory, libc::EISDIR)]
    {
        for len in [100, 10 * MIB] {
            let error = from(&client, &id(1, 0), &file, len).unwrap_err();
            assert_eq!((error.status(), error.errno()), (Status::System, errno), "{error}");
            assert!(error.to_string().contains("cannot read the file"), "{error}");
            assert_eq!(client.contains(&id(1, 0)).unwrap(), ObjectState::Absent);
        }
    }
    let large = file_in(&scratch.0, b"");
    let error = from(&client, &id(1, 0), &large, 65 * MIB).unwrap_err();
    assert_eq!(error.status(), Status::TooLarge);
}

/// Objects with a name and metadata, in stores that are full and evict, and with huge pages.
#[test]
fn stores_of_every_kind_take_files() {
    let scratch = Scratch::new();
    let size = 5 * MIB + 3;
    for (kind, lru, huge) in [(1, true, false), (2, false, true)] {
        let eviction = if lru { Eviction::Lru } else { Eviction::None };
        let options = ConnectOptions::default().capacity(32 * MIB).huge_pages(u32::from(huge));
        let address = scratch.store(&kind.to_string());
        let client = Client::connect(Some(&address), &options.eviction(Some(eviction))).unwrap();
        for number in 0..if lru { 20 } else { 3 } {
            let (made, name) = (id(kind, number), format!("file {number}"));
            let file = file_in(&scratch.0, &content(&made, size as usize));
            let options = CreateOptions::default().name(Some(&name)).metadata(&[("kind", b"file")]);
            let object = client.create_from_file(&made, &file, 0..size, &options, &|_| {});
            object.unwrap().seal().unwrap();
            assert_eq!(get_checked(&client, &made).unwrap().len() as u64, size);
            let got = client.get_by_name(&name, None).unwrap();
            assert_eq!(got.metadata("kind").unwrap(), b"file");
        }
        assert!(client.check().unwrap().problems.is_empty());
    }
}

#[test]
fn files_that_are_put_at_once_are_whole() {
    let scratch = Scratch::new();
    let address = scratch.store("s");
    let client = make(&address, 64 * MIB, 256, false);
    let children: Vec<_> =
        (1..=3).map(|who: u64| spawn(CHILD, &["put", &address, &who.to_string(), "20"])).collect();
    for child in children {
        child.expect("done");
        assert!(child.end().success());
    }
    let all = (1..=3).flat_map(|who| (0..20).map(move |number| id(who, number)));
    let found = all.filter(|id| get_checked(&client, id).is_some()).count();
    assert!(found >= 20, "{found}");
    assert!(client.check().unwrap().problems.is_empty());
}

/// The kernel ends a process that writes beyond its limit on file sizes.
#[test]
fn a_process_with_limits_puts_files_all_the_same() {
    let scratch = Scratch::new();
    let address = scratch.store("s");
    let client = make(&address, 64 * MIB, 64, false);
    for (who, limit) in [("1", "FSIZE"), ("2", "NOFILE")] {
        let child = spawn(CHILD, &["limited", &address, who, limit]);
        child.expect("done");
        assert!(child.end().success());
        assert!(get_checked(&client, &id(who.parse().unwrap(), 0)).is_some());
    }
}

#[test]
fn a_child_plays_its_role() {
    let Some(role) = role() else { return };
    let (client, who) = (connect(&role[1]), role[2].parse().unwrap());
    let directory = Path::new(&role[1]).parent().unwrap();
    let size = |number: u64| MIB + 300 * ((number % 4) << 10) + 7;
    let file_of = |id: &ObjectId, size: u64| {
        let mut bytes = vec![0; size as usize];
        fill(id, &mut bytes);
        file_in(directory, &bytes)
    };
    match role[0].as_str() {
        "put" => {
            for number in 0..role[3].parse().unwrap() {
                let (id, size) = (id(who, number), size(number));
                match from(&client, &id, &file_of(&id, size), size) {
                    Err(error) => assert_eq!(error.status(), Status::OutOfMemory),
                    Ok(made) => made.seal().unwrap(),
                }
            }
        }
        "limited" => {
            let id = id(who, 0);
            let file = file_of(&id, 5 * MIB);
            let (kind, most) = match role[3].as_str() {
                "FSIZE" => ("fsize", MIB),
                // No number is left for the file that the kernel copies to.
                _ => ("nofile", 3),
            };
            let status = std::process::Command::new("prlimit")
                .args([format!("--pid={}", std::process::id()), format!("--{kind}={most}:{most}")])
                .status();
            assert!(status.unwrap().success());
            put(&client, &id, &file, 5 * MIB);
        }
        other => panic!("no role {other}"),
    }
    say("done");
}
