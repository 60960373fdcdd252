//! `plasma-store-server`: the store of programs that start the server of Apache Arrow's Plasma.

mod common;

use common::{HANG, Sandbox};
use plasma::{Client, ConnectOptions, CreateOptions, ObjectId};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Instant;

const SERVER: &str = env!("CARGO_BIN_EXE_plasma-store-server");

/// A running server; dropping it kills the server.
struct Server(Child);

impl Server {
    /// Starts one and waits until it has written the file at `path`.
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Server {
        let mut command = Command::new(SERVER);
        command.args(arguments).current_dir(&sandbox.directory).stderr(Stdio::piped());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
        let ready = lines.by_ref().map(Result::unwrap).any(|line| line.contains("named by"));
        assert!(ready, "{arguments:?}");
        Server(child)
    }

    fn signal(&self, signal: &str) {
        let args = [format!("-{signal}"), self.0.id().to_string()];
        assert!(Command::new("kill").args(args).status().unwrap().success());
    }

    fn end(mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.0.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs one that ends by itself.
fn ran(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let mut command = Command::new(SERVER);
    command.args(arguments).current_dir(&sandbox.directory).stdin(Stdio::null()).output().unwrap()
}

fn connect(address: &str) -> plasma::Result<Client> {
    Client::connect(Some(address), &ConnectOptions::default().existing(true))
}

/// The store that the file at `path` names.
fn named(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().nth(1).unwrap().to_owned()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + HANG;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn a_file_names_the_store_and_sigterm_removes_both() {
    let sandbox = Sandbox::empty();
    let path = sandbox.path("plasma");
    let server = Server::start(&sandbox, &["-m", "100000000", "-s", &path]);
    let store = named(&path);
    let client = connect(&path).unwrap();
    assert_eq!(client.address().to_str().unwrap(), store);
    let stats = client.stats().unwrap();
    assert_eq!((stats.capacity, stats.max_objects), (100_000_000, 781_250));
    // Exactly the capacity fits, and the least recently used objects make room.
    for id in [[1; 20], [2; 20]] {
        let id = ObjectId::new(id);
        client.create(&id, 100_000_000, &CreateOptions::default()).unwrap().seal().unwrap();
    }
    assert_eq!(client.list().unwrap().len(), 1);
    let words = sandbox.command(&["stat", "-s", &path]).output().unwrap();
    assert!(words.status.success(), "the command follows the file, too: {words:?}");

    assert_eq!(server.end("TERM").code(), Some(0));
    assert!(!Path::new(&path).exists() && !Path::new(&store).exists());
    assert!(client.stats().is_err(), "the store is gone");
    assert!(sandbox.names().is_empty(), "{:?}", sandbox.names());
}

#[test]
fn the_store_is_in_the_directory_that_d_names() {
    let sandbox = Sandbox::empty();
    let path = sandbox.path("plasma");
    let directory = sandbox.path("stores");
    std::fs::create_dir(&directory).unwrap();
    let server = Server::start(&sandbox, &["--m=10000", "--s=./plasma", "-d", "stores", "-h"]);
    assert!(named(&path).starts_with(&directory), "{}", named(&path));
    assert_eq!(connect(&path).unwrap().stats().unwrap().max_objects, 1024);
    assert_eq!(server.end("INT").signal(), Some(2));
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn the_store_and_its_spill_are_removed_when_the_server_is_killed() {
    let sandbox = Sandbox::empty();
    let path = sandbox.path("plasma");
    let server = Server::start(&sandbox, &["-m", "1000000", "-s", &path, "-e", "hashtable://test"]);
    let store = named(&path);
    let text = std::fs::read_to_string(&path).unwrap();
    let spill = text.lines().find_map(|line| line.strip_prefix("spill ")).unwrap().to_owned();
    assert_eq!(std::fs::metadata(&spill).unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::write(Path::new(&spill).join("object"), "x").unwrap();
    server.end("KILL");
    until("the store is removed", || !Path::new(&store).exists() && !Path::new(&spill).exists());

    // The file stays, as a socket would, and the next server replaces it.
    assert_eq!(named(&path), store);
    let server = Server::start(&sandbox, &["-m", "1000000", "-s", &path]);
    assert_ne!(named(&path), store);
    assert_eq!(server.end("TERM").code(), Some(0));
}

#[test]
fn what_an_earlier_server_left_is_replaced_and_the_store_of_a_living_one_stays() {
    let sandbox = Sandbox::empty();
    let path = sandbox.path("plasma");
    drop(UnixListener::bind(&path).unwrap());
    let empty = sandbox.file("empty", b"");
    assert_eq!(
        Server::start(&sandbox, &["-m", "100000", "-s", &empty]).end("TERM").code(),
        Some(0)
    );
    let first = Server::start(&sandbox, &["-m", "1000000", "-s", &path]);
    let client = connect(&path).unwrap();
    let second = Server::start(&sandbox, &["-m", "1000000", "-s", &path]);
    let store = named(&path);
    assert!(client.stats().is_ok(), "the first store is in use");
    assert_eq!(first.end("TERM").code(), Some(0));
    assert!(client.stats().is_err());
    assert_eq!(named(&path), store, "the first server leaves the file of the second alone");
    drop(second);

    // A server and its watcher were killed at once.
    let left = sandbox.path("left");
    drop(Client::connect(Some(&left), &ConnectOptions::default().capacity(1 << 20)).unwrap());
    std::fs::write(&path, format!("plasma-store-link 1\n{left}\n")).unwrap();
    let third = Server::start(&sandbox, &["-m", "1000000", "-s", &path]);
    assert!(!Path::new(&left).exists());
    assert_eq!(third.end("TERM").code(), Some(0));
}

#[test]
fn other_files_are_left_alone() {
    let sandbox = Sandbox::empty();
    let file = sandbox.file("file", b"precious");
    let linked = sandbox.path("linked");
    symlink(&file, &linked).unwrap();
    let directory = sandbox.directory.to_str().unwrap().to_owned();
    for path in [&file, &linked, &directory] {
        let ran = ran(&sandbox, &["-m", "1000000", "-s", path]);
        let words = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.code() == Some(1) && words.contains("remove it first"), "{words}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
}

#[test]
fn a_capacity_beyond_the_file_system_is_clamped() {
    let sandbox = Sandbox::empty();
    let path = sandbox.path("plasma");
    let directory = sandbox.path("small");
    std::fs::create_dir(&directory).unwrap();
    let Some(_mount) = common::Mount::tmpfs(&directory, "size=64m") else {
        return common::skip("a_capacity_beyond_the_file_system_is_clamped", "needs root");
    };
    let server = Server::start(&sandbox, &["-m", "100000000000", "-s", &path, "-d", &directory]);
    let client = connect(&path).unwrap();
    let capacity = client.stats().unwrap().capacity;
    assert!((16 << 20..64 << 20).contains(&capacity), "{capacity}");
    drop(client);
    assert_eq!(server.end("TERM").code(), Some(0));
}

#[test]
fn wrong_arguments_are_explained() {
    let sandbox = Sandbox::empty();
    for (arguments, word) in [
        (&["-s", "x"][..], "-m"),
        (&["-m", "100"], "-s"),
        (&["-m", "1000000", "-s", "x", "-e", "redis://x"], "redis"),
        (&["-m", "1000000", "-s", "x", "--other"], "--other"),
    ] {
        let ran = ran(&sandbox, arguments);
        let words = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.code() == Some(2) && words.contains(word), "{words}");
    }
    let ran = ran(&sandbox, &["-m", "1000000", "-s", "/no/such/directory/x"]);
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8(ran.stderr).unwrap().contains("/no/such/directory/x"));
    assert!(sandbox.names().is_empty());
}
