//! Each subcommand on each kind of store that it cannot use: one line, in the words of the command.

mod common;

use common::{Mount, Ran, Sandbox, is_root, pattern, skip};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Every subcommand that opens an existing store.
const READING: &[&[&str]] = &[
    &["stat"],
    &["ls"],
    &["info", "x"],
    &["get", "x"],
    &["cat", "x"],
    &["wait", "x", "-t", "0"],
    &["watch", "-t", "10ms"],
    &["map"],
];
const CHANGING: &[&[&str]] =
    &[&["put", "/etc/passwd"], &["rm", "x"], &["check"], &["reap"], &["evict", "1M"], &["trim"]];
const MAKING: &[&[&str]] = &[&["create"]];
const REMOVING: &[&[&str]] = &[&["destroy", "-y"]];
const ALL: &[&[&[&str]]] = &[READING, CHANGING, MAKING, REMOVING];

/// Words for programmers, which no message has.
const NOT_FOR_PEOPLE: &[&str] =
    &["PLASMA_ERR", "PLASMA_CONNECT", "NULL", "os error", "pass a path", "READ_ONLY", "EXISTING"];

/// Each of these commands fails on the store at `address` with this code and all these words.
fn all_fail(sandbox: &Sandbox, address: &str, commands: &[&[&str]], code: i32, words: &[&str]) {
    for args in commands {
        told(sandbox.run(&[args, &["-s", address][..]].concat()), code, words);
    }
}

fn told(ran: Ran, code: i32, words: &[&str]) {
    ran.fails(code, words);
    for word in NOT_FOR_PEOPLE {
        assert!(!ran.stderr().contains(word), "{word} is in {}", ran.stderr());
    }
}

#[test]
fn no_store() {
    let sandbox = Sandbox::empty();
    let store = sandbox.store();
    for commands in [READING, CHANGING] {
        all_fail(&sandbox, &store, commands, 4, &["no store at", "plasma create -s", &store]);
    }
    all_fail(&sandbox, &store, REMOVING, 4, &["no store at", &store]);
    // Its directory is missing too, so creating a store would not suffice.
    let deeper = format!("{store}/deeper");
    for commands in ALL {
        all_fail(&sandbox, &deeper, commands, 4, &["mkdir -p ", &store]);
    }
    all_fail(&sandbox, "no-such-word", READING, 4, &["plasma create -s no-such-word"]);
}

#[test]
fn no_address() {
    let sandbox = Sandbox::empty();
    for commands in ALL {
        all_fail(&sandbox, "", commands, 2, &["empty", "a word, or a path with a slash"]);
        all_fail(&sandbox, "no word!", commands, 2, &["no word!", "a path with a slash"]);
    }
}

#[test]
fn no_store_but_a_file_or_a_directory() {
    let sandbox = Sandbox::empty();
    let file = sandbox.file("file", b"text");
    let directory = sandbox.path("directory");
    std::fs::create_dir(&directory).unwrap();
    for (path, what) in [(&file, "is a file"), (&directory, "is a directory")] {
        for commands in [READING, CHANGING] {
            all_fail(&sandbox, path, commands, 1, &[path, what, "-s", "plasma stores"]);
        }
        all_fail(&sandbox, path, MAKING, 1, &[path, what, "give a path with -s"]);
        all_fail(&sandbox, path, REMOVING, 1, &[path, what, "nothing was removed"]);
    }
    assert_eq!(sandbox.names(), ["directory", "file"]);
    // A system directory with other files.
    all_fail(&sandbox, "/etc", REMOVING, 1, &["/etc is a directory", "nothing was removed"]);
    assert!(std::fs::exists("/etc/passwd").unwrap());
}

#[test]
fn a_store_that_is_there_and_one_that_was_removed_in_use() {
    let sandbox = Sandbox::new();
    all_fail(&sandbox, &sandbox.store(), MAKING, 8, &["exists", "plasma stat -s"]);
    let mut watch = sandbox.start(&["watch"]);
    watch.line();
    let waiter = sandbox.start(&["wait", "never"]);
    sandbox.until(&["stat"], |stat| stat["waits"].as_u64() == Some(2));
    sandbox.run(&["destroy", "-y"]).ok();
    for ran in [watch.ended(), waiter.ended()] {
        told(ran, 4, &["the store was removed while it was in use"]);
    }
}

#[test]
fn a_store_of_another_user() {
    let name = "a_store_of_another_user";
    if !is_root() {
        return skip(name, "only root can become another user");
    }
    let sandbox = Sandbox::empty();
    let binary = sandbox.binary();
    let as_other = |args: &[&str], store: &str| {
        let mut command = Command::new(&binary);
        command.args(args).args(["-s", store]).uid(65534);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ran::new(command, b"")
    };
    let (private, public) = (sandbox.path("private"), sandbox.path("public"));
    for (store, mode) in [(&private, "600"), (&public, "644")] {
        sandbox.run(&["create", "-s", store, "-c", "1M", "--mode", mode]).ok();
        sandbox.run_with(&["put", "-", "-n", "x", "-s", store], b"1").ok();
    }
    for args in [READING, CHANGING, MAKING].concat() {
        told(as_other(args, &private), 5, &["permission denied", "--mode 640"]);
    }
    // A user who may read gets no advice about reading.
    for args in READING {
        as_other(args, &public).ok();
    }
    for args in CHANGING {
        told(as_other(args, &public), 5, &["you may read it", "--mode 660"]);
    }
    for store in [&private, &public] {
        told(as_other(REMOVING[0], store), 5, &["permission denied", "only its owner"]);
    }
    let there = sandbox.path("there");
    told(as_other(MAKING[0], &there), 5, &["permission denied", "write permission"]);
}

#[test]
fn a_file_system_that_is_mounted_read_only() {
    let name = "a_file_system_that_is_mounted_read_only";
    let sandbox = Sandbox::empty();
    let disk = sandbox.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(_mount) = Mount::tmpfs(&disk, "size=64m") else {
        return skip(name, "a file system cannot be mounted here");
    };
    let store = format!("{disk}/store");
    sandbox.run(&["create", "-s", &store, "-c", "1M"]).ok();
    sandbox.run_with(&["put", "-", "-n", "x", "-s", &store], b"1").ok();
    let remount = ["-o", "remount,ro", &disk];
    assert!(Command::new("mount").args(remount).status().unwrap().success());
    for commands in ALL {
        all_fail(&sandbox, &store, commands, 5, &[&store, "mounted read-only", "remount,rw"]);
    }
    let other = format!("{disk}/other");
    all_fail(&sandbox, &other, MAKING, 5, &[&other, "mounted read-only", "remount,rw"]);
}

#[test]
fn a_full_store() {
    let sandbox = Sandbox::with(&["-c", "1M"]);
    let file = sandbox.file("file", &pattern(600_000));
    let larger = sandbox.file("larger", &pattern(2_000_000));
    sandbox.run(&["put", &file, "-n", "x"]).ok();
    told(sandbox.run(&["put", &file]), 6, &["plasma rm", "--timeout"]);
    told(sandbox.run_with(&["put", "-"], &pattern(600_000)), 6, &["plasma rm", "--timeout"]);
    told(sandbox.run(&["put", &larger]), 6, &["2000000", "plasma create -c"]);
    told(sandbox.run(&["evict", "1M"]), 1, &["without eviction", "--lru", "plasma rm"]);
    sandbox.run(&["rm", "x"]).ok();
    sandbox.run(&["put", &file]).ok();
}

#[test]
fn an_object_that_is_not_there_or_not_whole() {
    let sandbox = Sandbox::new();
    for args in [["info", "x"], ["get", "x"], ["cat", "x"], ["rm", "x"]] {
        told(sandbox.run(&args), 3, &["no object has the id or name x", "plasma ls"]);
    }
    told(sandbox.run(&["wait", "x", "-t", "10ms"]), 7, &["was not created", "plasma ls"]);
    let id = "ab".repeat(20);
    told(sandbox.run(&["wait", &id, "-t", "10ms"]), 7, &["was not created"]);
    told(sandbox.run(&["get", "x", "-t", "10ms"]), 7, &["x", "was not created"]);
    let mut writer = sandbox.start(&["put", "-", "-n", "x"]);
    writer.write(b"1");
    sandbox.until(&["stat"], |stat| stat["objects_writing"] == 1);
    let who = format!("/{}@", writer.pid());
    told(sandbox.run(&["wait", "x", "-t", "10ms"]), 7, &[&who, "is still writing it"]);
    told(sandbox.run(&["get", "x", "-t", "10ms"]), 7, &[&who, "is still writing it"]);
    told(sandbox.run(&["get", "x"]), 3, &["being written", "--timeout"]);
    told(sandbox.run(&["rm", "x"]), 1, &["not sealed", "plasma info"]);
}
