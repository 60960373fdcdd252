//! Closed pipes, full disks, names that are not UTF-8, missing stores.

mod common;

use common::{Mount, Ran, Sandbox, pattern, skip};
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

#[test]
fn a_closed_pipe_is_told_in_one_line() {
    let sandbox = Sandbox::new();
    sandbox.put("large", &pattern(4 << 20));
    for args in [&["cat", "large"][..], &["get", "large"], &["ls"], &["ls", "--json"], &["map"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = sandbox.command(args);
        command.stdout(writer);
        drop(reader);
        let ran = Ran::new(command, b"");
        ran.fails(141, &["closed it"]);
    }
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = sandbox.command(&["--help"]);
    command.stdout(writer);
    drop(reader);
    Ran::new(command, b"").fails(141, &[]);
}

#[test]
fn a_full_disk_is_told_in_one_line() {
    let sandbox = Sandbox::new();
    sandbox.put("x", &pattern(100_000));
    sandbox.run(&["get", "x", "-o", "/dev/full"]).fails(6, &["/dev/full", "no space left"]);
    for args in [&["cat", "x"][..], &["ls"], &["stat", "--json"], &["info", "x"]] {
        let mut command = sandbox.command(args);
        command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
        Ran::new(command, b"").fails(6, &["standard output", "no space left"]);
    }
}

#[test]
fn a_full_disk_keeps_what_was_there() {
    let name = "a_full_disk_keeps_what_was_there";
    let sandbox = Sandbox::new();
    let disk = sandbox.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(_mount) = Mount::tmpfs(&disk, "size=64k") else {
        return skip(name, "a small file system cannot be mounted here");
    };
    sandbox.put("x", &pattern(100_000));
    let out = format!("{disk}/out");
    sandbox.run(&["get", "x", "-o", &out]).fails(6, &[&out, "no space left"]);
    assert_eq!(std::fs::read_dir(&disk).unwrap().count(), 0, "something is left");
    std::fs::write(&out, "before").unwrap();
    sandbox.run(&["get", "x", "-o", &out]).fails(6, &[&out]);
    assert_eq!(std::fs::read(&out).unwrap(), b"before");
    assert_eq!(std::fs::read_dir(&disk).unwrap().count(), 1, "something is left");
}

#[test]
fn names_that_are_not_utf8_are_refused_in_one_line() {
    let sandbox = Sandbox::new();
    let odd = OsStr::from_bytes(b"odd\xff");
    let with = |args: &[&str]| {
        let mut command = sandbox.command(args);
        command.arg(odd);
        Ran::new(command, b"")
    };
    for args in [&["get"][..], &["cat"], &["rm"], &["info"], &["wait"], &["put", "-", "-n"]] {
        with(args).fails(2, &["\"odd\\xFF\"", "UTF-8"]);
    }
    with(&["put", "-", "-m"]).fails(2, &["UTF-8"]);
    with(&["stat", "-s"]).fails(2, &["store", "UTF-8"]);
    let mut command = sandbox.command(&["stat"]);
    command.env("PLASMA_STORE", odd);
    Ran::new(command, b"").fails(2, &["PLASMA_STORE", "UTF-8"]);

    // Files may have such names.
    std::fs::write(sandbox.directory.join(odd), b"content").unwrap();
    let id = with(&["put"]).ok();
    let mut command = sandbox.command(&["get", id.trim(), "-o"]);
    command.arg(OsStr::from_bytes(b"copy\xfe"));
    Ran::new(command, b"").ok();
    let copy = sandbox.directory.join(OsStr::from_bytes(b"copy\xfe"));
    assert_eq!(std::fs::read(copy).unwrap(), b"content");
    with(&["put", "--names"]).fails(2, &["name", "UTF-8"]);
}

#[test]
fn without_a_store_each_subcommand_says_how_to_make_one() {
    let sandbox = Sandbox::empty();
    let commands: [&[&str]; 13] = [
        &["stat"],
        &["ls"],
        &["info", "x"],
        &["put", "/etc/passwd"],
        &["get", "x"],
        &["cat", "x"],
        &["rm", "x"],
        &["wait", "x"],
        &["watch"],
        &["map"],
        &["check"],
        &["reap"],
        &["trim"],
    ];
    for args in commands {
        sandbox.run(args).fails(4, &["there is no store at", "make one: plasma create"]);
    }
    assert_eq!(sandbox.names(), [""; 0]);
}

#[test]
fn what_is_no_store_is_told() {
    let sandbox = Sandbox::empty();
    let file = sandbox.file("store", b"a file");
    sandbox.run(&["ls"]).fails(1, &[&file]);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    std::fs::write(sandbox.path("store/index"), pattern(100_000)).unwrap();
    sandbox.run(&["ls"]).fails(1, &[]);
    sandbox.run(&["destroy"]).fails(1, &[]);
    assert!(std::path::Path::new(&file).is_dir());
}

#[test]
fn files_that_cannot_be_read_or_written_are_named() {
    let sandbox = Sandbox::new();
    sandbox.run(&["put", "/nonesuch"]).fails(1, &["cannot read /nonesuch", "no such file"]);
    sandbox.run(&["put", "/dev/shm"]).fails(1, &["cannot read /dev/shm", "directory"]);
    sandbox.put("x", b"1");
    let out = "/dev/shm/nonesuch/out";
    sandbox.run(&["get", "x", "-o", out]).fails(1, &[out, "no such file"]);
    sandbox.run(&["get", "x", "-o", "/dev/shm"]).fails(1, &["/dev/shm"]);
    let large = sandbox.file("large", &pattern(70 << 20));
    sandbox.run(&["put", &large]).fails(6, &["large"]);
}

#[test]
fn files_of_proc_have_no_size_and_are_put_all_the_same() {
    let sandbox = Sandbox::new();
    let id = sandbox.run(&["put", "/proc/version"]).ok();
    assert_eq!(
        sandbox.run(&["get", id.trim()]).stdout(),
        std::fs::read_to_string("/proc/version").unwrap()
    );
}

#[test]
fn a_file_as_standard_input_is_read_from_where_it_stands() {
    let sandbox = Sandbox::new();
    let path = sandbox.file("lines", b"head\ntail\n");
    let script = format!("{{ read line; {} put -; }} < {path}", common::PLASMA);
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("PLASMA_STORE", sandbox.store());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let id = Ran::new(command, b"").ok();
    assert_eq!(sandbox.run(&["cat", id.trim()]).ok(), "tail\n");
}

#[test]
fn get_replaces_a_file_and_follows_a_link_to_it() {
    let sandbox = Sandbox::new();
    sandbox.put("x", b"new");
    let target = sandbox.file("target", b"old, and longer");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    std::fs::set_permissions(&target, mode).unwrap();
    let link = sandbox.path("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    sandbox.run(&["get", "x", "-o", &link]).ok();
    assert_eq!(std::fs::read(&target).unwrap(), b"new");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&target).unwrap());
    assert_eq!(mode & 0o7777, 0o640);
}

#[test]
fn wrong_arguments_are_told_in_one_line() {
    let sandbox = Sandbox::new();
    sandbox.run(&["get"]).fails(2, &["<ID|NAME>", "see plasma get --help"]);
    sandbox.run(&["lss"]).fails(2, &["'lss'", "'ls'"]);
    sandbox.run(&["stat", "/tmp/x"]).fails(2, &["/tmp/x", "plasma stat -s /tmp/x"]);
    sandbox.run(&["ls", "--olderr", "1s"]).fails(2, &["--olderr", "--older"]);
    sandbox.run(&["ls", "--older", "soon"]).fails(2, &["soon", "seconds"]);
    assert_eq!(sandbox.run(&[]).code(), Some(2));
    assert!(sandbox.run(&["--help"]).ok().contains("Exit codes:"));
    assert!(sandbox.run(&["help", "ls"]).ok().contains("--older"));
}

#[test]
fn a_command_with_closed_streams_harms_no_object() {
    let sandbox = Sandbox::empty();
    let file = sandbox.file("file", &pattern(100_000));
    let closed = |args: &[&str]| {
        let mut command = sandbox.command_without_streams(args);
        assert!(command.status().unwrap().success(), "{args:?}");
    };
    closed(&["create", "--capacity", "16M"]);
    closed(&["put", &file, "--name", "first"]);
    let (copy, picture) = (sandbox.path("copy"), sandbox.path("heap.svg"));
    let run = ["run", "-c", "1M", "sh", "-c", "echo to nobody; echo to nobody >&2"];
    let others: &[&[&str]] = &[
        &["ls"],
        &["stat"],
        &["stores"],
        &["info", "first"],
        &["cat", "first"],
        &["get", "first", "-o", &copy],
        &["wait", "first"],
        &["watch", "-t", "10ms"],
        &["map", "-o", &picture],
        &["reap"],
        &["trim"],
        &run,
        &["check"],
    ];
    others.iter().for_each(|args| closed(args));
    assert_eq!(std::fs::read(&copy).unwrap(), pattern(100_000));
    assert_eq!(sandbox.run(&["cat", "first"]).output.stdout, pattern(100_000));
    sandbox.run(&["check"]).ok();
}
