//! put: inputs whose length differs from what they report.

mod common;

use common::{PLASMA, Sandbox, pattern};
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
