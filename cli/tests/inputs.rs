//! put: inputs whose length differs from what they report.

mod common;

use common::{Mount, PLASMA, Ran, Running, Sandbox, pattern, skip};
use std::io::Write;
use std::process::{Command, Stdio};

/// Start to put a file of 3 MiB, which is copied once there is room, and change it before. The object
/// gets exactly the bytes that the file has during the copy.
fn put_while_it_changes(change: impl FnOnce(&str)) {
    let sandbox = Sandbox::with(&["-c", "8M"]);
    sandbox.put("filler", &pattern(6 << 20));
    let file = sandbox.file("file", &pattern(3 << 20));
    let writer = sandbox.start(&["put", &file, "-n", "x", "--timeout", "1m"]);
    sandbox.until(&["stat"], |stat| stat["clients"][0]["condition"] == "waits");
    change(&file);
    sandbox.run(&["rm", "filler"]).ok();
    writer.end().ok();
    let now = std::fs::read(&file).unwrap();
    assert!(sandbox.run(&["cat", "x"]).output.stdout == now, "the object is not the file");
    assert_eq!(sandbox.json(&["info", "x"])["data_size"], now.len());
}

#[test]
fn a_file_that_grows_before_it_is_read_is_read_to_its_end() {
    put_while_it_changes(|file| {
        let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(&pattern(1 << 20)).unwrap();
    });
}

#[test]
fn a_file_that_shrinks_before_it_is_read_is_read_to_its_end() {
    put_while_it_changes(|file| {
        let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
        file.set_len(1_000_001).unwrap();
    });
    put_while_it_changes(|file| std::fs::write(file, "").unwrap());
}

#[test]
fn files_of_the_kernel_say_4096_or_0_bytes_and_are_read_to_their_end() {
    let sandbox = Sandbox::new();
    for path in [
        "/sys/devices/system/cpu/online",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/proc/version",
        "/proc/self/mounts",
    ] {
        let Ok(bytes) = std::fs::read(path) else { continue };
        let id = sandbox.run(&["put", path]).ok();
        assert!(sandbox.run(&["cat", id.trim()]).output.stdout == bytes, "{path}");
    }
}

#[test]
fn standard_input_has_many_names() {
    let sandbox = Sandbox::new();
    let bytes = pattern(300_000);
    let file = sandbox.file("in", &bytes);
    for name in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let id = sandbox.run_with(&["put", name], &bytes).ok();
        assert!(sandbox.run(&["cat", id.trim()]).output.stdout == bytes, "{name}");
        let mut command = Command::new(PLASMA);
        command.args(["put", name]).env("PLASMA_STORE", sandbox.store());
        let put = command.stdin(std::fs::File::open(&file).unwrap()).output().unwrap();
        let id = String::from_utf8(put.stdout).unwrap();
        assert!(sandbox.run(&["cat", id.trim()]).output.stdout == bytes, "{name} of a file");
    }
}

#[test]
fn standard_input_goes_on_where_others_have_read_and_is_read_to_its_end() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("in", b"first line\nand the rest");
    let script = format!("read line; {PLASMA} put - -n rest; cat");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env("PLASMA_STORE", sandbox.store());
    shell.stdin(std::fs::File::open(&file).unwrap()).stderr(Stdio::inherit());
    let left = shell.output().unwrap().stdout;
    assert_eq!(sandbox.run(&["cat", "rest"]).ok(), "and the rest");
    assert_eq!(left.len(), "0123456789012345678901234567890123456789\n".len(), "more than the id");
}

/// Start to put a file of 200 MiB, and do something as soon as there is an object. If the command was
/// not faster, it ends as `ends` says, and leaves no object.
fn put_and_meanwhile(meanwhile: impl FnOnce(&str, &Running), ends: impl FnOnce(&Ran)) {
    let sandbox = Sandbox::with(&["-c", "512M"]);
    let bytes = pattern(200 << 20);
    let file = sandbox.file("file", &bytes);
    let putter = sandbox.start(&["put", &file, "-n", "x"]);
    sandbox.until(&["ls"], |list| list[0]["id"].is_string());
    meanwhile(&file, &putter);
    let ran = putter.ended();
    if ran.code() == Some(0) {
        let object = sandbox.run(&["cat", "x"]).output.stdout;
        assert!(object == bytes || object == std::fs::read(&file).unwrap(), "it is torn");
    } else {
        ends(&ran);
        sandbox.run(&["info", "x"]).fails(3, &[]);
    }
    sandbox.run(&["check"]).ok();
}

#[test]
fn a_file_that_is_truncated_while_it_is_read_is_an_error() {
    put_and_meanwhile(
        |file, _| drop(std::fs::File::create(file).unwrap()),
        |ran| ran.fails(1, &["file: somebody truncated it", "put it again"]),
    );
}

#[test]
fn an_interrupted_put_of_a_file_leaves_nothing() {
    put_and_meanwhile(
        |_, putter| putter.signal("INT"),
        |ran| assert!(ran.stderr().contains("interrupted"), "{}", ran.stderr()),
    );
}

#[test]
fn a_full_file_system_is_told_as_ever() {
    let name = "a_full_file_system_is_told_as_ever";
    let sandbox = Sandbox::empty();
    std::fs::create_dir(sandbox.path("small")).unwrap();
    let Some(_mount) = Mount::tmpfs(&sandbox.path("small"), "size=40m") else {
        return skip(name, "a small file system cannot be mounted here");
    };
    let store = sandbox.path("small/store");
    sandbox.run(&["create", "-c", "32M", "-s", &store]).ok();
    sandbox.file("small/filler", &pattern(20 << 20));
    let (large, small) = (sandbox.file("large", &pattern(30 << 20)), pattern(10 << 20));
    let small_file = sandbox.file("small-file", &small);
    for _ in 0..3 {
        sandbox.run(&["put", &large, "-s", &store]).fails(6, &["large", "tmpfs has", "left"]);
        let id = sandbox.run(&["put", &small_file, "-s", &store]).ok();
        assert!(sandbox.run(&["cat", id.trim(), "-s", &store]).output.stdout == small);
        sandbox.run(&["rm", id.trim(), "-s", &store]).ok();
    }
    sandbox.run(&["check", "-s", &store]).ok();
}
