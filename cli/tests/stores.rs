//! create, destroy, stat, check, reap, evict, trim.

mod common;

use common::{Sandbox, pattern, skip};
use plasma::{Client, ConnectOptions, Status};
use serde_json::json;

#[test]
fn create_prints_the_path_and_destroy_removes_it() {
    let sandbox = Sandbox::empty();
    let path = sandbox.run(&["create", "-c", "1M"]).ok();
    assert_eq!(path.trim(), sandbox.store());
    sandbox.run(&["create"]).fails(8, &["exists", "plasma stat"]);
    assert_eq!(sandbox.run(&["destroy"]).ok(), "");
    assert_eq!(sandbox.names(), [""; 0]);
    sandbox.run(&["destroy", "-y"]).fails(4, &["there is no store at", &sandbox.store()]);
}

#[test]
fn the_store_is_named_before_or_after_the_subcommand() {
    let sandbox = Sandbox::empty();
    let other = sandbox.path("other");
    sandbox.run(&["--store", &other, "create"]).ok();
    sandbox.run(&["stat", "-s", &other]).ok();
    sandbox.run(&["stat"]).fails(4, &["plasma create"]);
    sandbox.run(&["stat", "-s", &format!("{other} 2")]).fails(4, &["create -s '"]);
    sandbox.run(&["destroy", "-s", &other]).ok();
}

#[test]
fn create_makes_what_was_asked_for() {
    let sandbox = Sandbox::with(&["-c", "8M", "--max-objects", "5000", "--mode", "640", "--lru"]);
    let stat = sandbox.json(&["stat"]);
    assert_eq!(stat["capacity"], 8 << 20);
    assert_eq!(stat["mode"], "0640");
    assert_eq!(stat["eviction"], "lru");
    assert_eq!(stat["max_objects"], 5000);
    let reserved = Sandbox::with(&["-c", "8M", "--reserve"]).json(&["stat"]);
    assert_eq!(reserved["reserved"], 8 << 20);
    Sandbox::empty().run(&["create", "--mode", "777"]).fails(2, &["0777", "0640"]);
    Sandbox::empty().run(&["create", "-c", "1x"]).fails(2, &["1x", "64M"]);
}

#[test]
fn create_limits_readers_of_other_users() {
    let sandbox = Sandbox::with(&["-c", "8M", "--reader-quota", "1M", "--max-readers", "7"]);
    let connect = |reader_quota, max_readers| {
        let asked = ConnectOptions::default().reader_quota(reader_quota).max_readers(max_readers);
        Client::connect(Some(&sandbox.store()), &asked).map(drop).map_err(|error| error.status())
    };
    assert_eq!(connect(1 << 20, 7), Ok(()));
    assert_eq!(connect(1 << 19, 7), Err(Status::Mismatch));
    assert_eq!(connect(1 << 20, 8), Err(Status::Mismatch));
}

#[test]
fn stat_counts_what_is_there() {
    let sandbox = Sandbox::new();
    sandbox.put("a", &pattern(100_000));
    let mut writer = sandbox.start(&["put", "-", "-n", "half"]);
    writer.write(b"begun");
    // The command lists the objects that clients hold before it counts.
    let stat =
        sandbox.until(&["stat"], |stat| stat["clients"][0]["holds"][0]["state"] == "writing");
    assert_eq!(stat["objects_writing"], 1);
    assert_eq!(stat["objects_sealed"], 1);
    assert_eq!(stat["clients"][0]["pid"], writer.pid());
    assert!(stat["used"].as_u64() >= Some(100_000));
    let text = sandbox.run(&["stat"]).ok();
    for words in ["capacity  64.0 MiB", "1 sealed, 1 being written", "tmpfs", "plasma   half\n"] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    // Not the client of this command.
    assert_eq!(stat["clients"].as_array().map(Vec::len), Some(1));
}

#[test]
fn stat_points_out_stopped_and_dead_clients() {
    let sandbox = Sandbox::new();
    let mut writer = sandbox.start(&["put", "-"]);
    writer.write(b"begun");
    sandbox.until(&["stat"], |stat| stat["objects_writing"] == 1);
    writer.signal("STOP");
    sandbox.until(&["stat"], |stat| stat["clients"][0]["condition"] == "stopped");
    let text = sandbox.run(&["stat"]).ok();
    assert!(text.contains(&format!("kill -CONT {}", writer.pid())), "{text}");
    writer.signal("KILL");
    sandbox.until(&["stat"], |stat| stat["clients"][0]["condition"] == "dead");
    let text = sandbox.run(&["stat"]).ok();
    assert!(text.contains("1 dead client: plasma reap"), "{text}");
}

#[test]
fn reap_takes_back_what_the_dead_left() {
    let sandbox = Sandbox::new();
    let mut writer = sandbox.start(&["put", "-"]);
    writer.write(&pattern(200_000));
    sandbox.until(&["stat"], |stat| stat["used"].as_u64() >= Some(200_000));
    writer.signal("KILL");
    sandbox.until(&["stat"], |stat| stat["clients"][0]["condition"] == "dead");
    let reaped = sandbox.json(&["reap"]);
    assert_eq!(reaped["reaped_clients"], 1);
    assert!(reaped["freed_bytes"].as_u64() >= Some(200_000), "{reaped}");
    assert_eq!(sandbox.json(&["stat"])["clients"], json!([]));
    assert_eq!(sandbox.run(&["reap"]).ok(), "reaped 0 dead clients, freed 0 B\n");
}

#[test]
fn evict_and_trim_give_memory_back() {
    let sandbox = Sandbox::with(&["-c", "64M", "--lru"]);
    sandbox.put("old", &pattern(10 << 20));
    sandbox.put("new", &pattern(10 << 20));
    let evicted = sandbox.json(&["evict", "1M"]);
    assert_eq!(evicted["evicted_bytes"], 10 << 20);
    assert_eq!(sandbox.run(&["ls", "-q"]).ok().lines().count(), 1);
    sandbox.run(&["reap"]).ok();
    let trimmed = sandbox.json(&["trim"]);
    assert!(trimmed["trimmed_bytes"].as_u64() >= Some(4 << 20), "{trimmed}");
    Sandbox::new().run(&["evict", "1M"]).fails(1, &["created without eviction"]);
}

#[test]
fn check_is_silent_about_a_sound_store_and_fails_on_a_broken_one() {
    let sandbox = Sandbox::new();
    sandbox.put("a", b"some bytes");
    let report = sandbox.json(&["check"]);
    assert_eq!(report["problem_count"], 0);
    assert_eq!(report["objects"], 1);
    assert!(sandbox.run(&["check"]).ok().starts_with("checked 1 object"));

    // The metadata, including the name, is overwritten without the library.
    let heap = std::fs::read(sandbox.path("store/heap")).unwrap();
    let at = heap.windows(1).position(|byte| byte == b"a").unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(sandbox.path("store/heap")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"b", at as u64).unwrap();
    let broken = sandbox.run(&["check"]);
    broken.fails(9, &["problem", "plasma destroy"]);
    assert!(broken.stdout().contains("its hash differs"), "{}", broken.stdout());
    assert!(sandbox.run(&["check", "--json"]).stdout().contains("\"problem_count\":1"));
}

#[test]
fn who_may_not_gets_one_line() {
    let name = "who_may_not_gets_one_line";
    if !common::is_root() {
        return skip(name, "only root can become another user");
    }
    let sandbox = Sandbox::new();
    sandbox.put("secret", b"bytes");
    let binary = sandbox.binary();
    for args in [&["ls"][..], &["stat"], &["get", "secret"], &["put", "/etc/passwd"], &["top"]] {
        let mut command = std::process::Command::new(&binary);
        command.args(args).env("PLASMA_STORE", sandbox.store());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
        let ran = common::Ran::new(command, b"");
        match args[0] {
            "top" => ran.fails(2, &["terminal"]),
            _ => ran.fails(5, &["permission denied", "--mode 640"]),
        }
    }
}
