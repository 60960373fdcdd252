//! create, destroy, stat, check, reap, evict, trim.

mod common;

use common::{Place, pattern, skip};
use plasma::{Client, ConnectOptions, Status};
use serde_json::json;

#[test]
fn create_prints_the_path_and_destroy_removes_it() {
    let place = Place::empty();
    let path = place.run(&["create", "-c", "1M"]).ok();
    assert_eq!(path.trim(), place.store());
    place.run(&["create"]).fails(8, &["exists", "plasma stat"]);
    assert_eq!(place.run(&["destroy"]).ok(), "");
    assert_eq!(place.names(), [""; 0]);
    place.run(&["destroy", "-y"]).fails(4, &["there is no store at", &place.store()]);
}

#[test]
fn the_store_is_named_before_or_after_the_subcommand() {
    let place = Place::empty();
    let other = place.path("other");
    place.run(&["--store", &other, "create"]).ok();
    place.run(&["stat", "-s", &other]).ok();
    place.run(&["stat"]).fails(4, &["plasma create"]);
    place.run(&["stat", "-s", &format!("{other} 2")]).fails(4, &["create -s '"]);
    place.run(&["destroy", "-s", &other]).ok();
}

#[test]
fn create_makes_what_was_asked_for() {
    let place = Place::with(&["-c", "8M", "--max-objects", "5000", "--mode", "640", "--lru"]);
    let stat = place.json(&["stat"]);
    assert_eq!(stat["capacity"], 8 << 20);
    assert_eq!(stat["mode"], "0640");
    assert_eq!(stat["eviction"], "lru");
    assert_eq!(stat["max_objects"], 5000);
    let reserved = Place::with(&["-c", "8M", "--reserve"]).json(&["stat"]);
    assert_eq!(reserved["reserved"], 8 << 20);
    Place::empty().run(&["create", "--mode", "777"]).fails(2, &["0777", "0640"]);
    Place::empty().run(&["create", "-c", "1x"]).fails(2, &["1x", "64M"]);
}

#[test]
fn create_limits_readers_of_other_users() {
    let place = Place::with(&["-c", "8M", "--reader-quota", "1M", "--max-readers", "7"]);
    let connect = |reader_quota, max_readers| {
        let asked = ConnectOptions::default().reader_quota(reader_quota).max_readers(max_readers);
        Client::connect(Some(&place.store()), &asked).map(drop).map_err(|error| error.status())
    };
    assert_eq!(connect(1 << 20, 7), Ok(()));
    assert_eq!(connect(1 << 19, 7), Err(Status::Mismatch));
    assert_eq!(connect(1 << 20, 8), Err(Status::Mismatch));
}

#[test]
fn stat_counts_what_is_there() {
    let place = Place::new();
    place.put("a", &pattern(100_000));
    let mut writer = place.start(&["put", "-", "-n", "half"]);
    writer.write(b"begun");
    let stat = place.until(&["stat"], |stat| stat["objects_writing"] == 1);
    assert_eq!(stat["objects_sealed"], 1);
    assert_eq!(stat["clients"][0]["pid"], writer.pid());
    assert_eq!(stat["clients"][0]["holds"][0]["state"], "writing");
    assert!(stat["used"].as_u64() >= Some(100_000));
    let text = place.run(&["stat"]).ok();
    for words in ["capacity  64.0 MiB", "1 sealed, 1 being written", "tmpfs", "plasma   half\n"] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    // Not the client of this command.
    assert_eq!(stat["clients"].as_array().map(Vec::len), Some(1));
}

#[test]
fn stat_points_out_stopped_and_dead_clients() {
    let place = Place::new();
    let mut writer = place.start(&["put", "-"]);
    writer.write(b"begun");
    place.until(&["stat"], |stat| stat["objects_writing"] == 1);
    writer.signal("STOP");
    place.until(&["stat"], |stat| stat["clients"][0]["condition"] == "stopped");
    let text = place.run(&["stat"]).ok();
    assert!(text.contains(&format!("kill -CONT {}", writer.pid())), "{text}");
    writer.signal("KILL");
    place.until(&["stat"], |stat| stat["clients"][0]["condition"] == "dead");
    let text = place.run(&["stat"]).ok();
    assert!(text.contains("1 dead client: plasma reap"), "{text}");
}

#[test]
fn reap_takes_back_what_the_dead_left() {
    let place = Place::new();
    let mut writer = place.start(&["put", "-"]);
    writer.write(&pattern(200_000));
    place.until(&["stat"], |stat| stat["used"].as_u64() >= Some(200_000));
    writer.signal("KILL");
    place.until(&["stat"], |stat| stat["clients"][0]["condition"] == "dead");
    let reaped = place.json(&["reap"]);
    assert_eq!(reaped["reaped_clients"], 1);
    assert!(reaped["freed_bytes"].as_u64() >= Some(200_000), "{reaped}");
    assert_eq!(place.json(&["stat"])["clients"], json!([]));
    assert_eq!(place.run(&["reap"]).ok(), "reaped 0 dead clients, freed 0 B\n");
}

#[test]
fn evict_and_trim_give_memory_back() {
    let place = Place::with(&["-c", "64M", "--lru"]);
    place.put("old", &pattern(10 << 20));
    place.put("new", &pattern(10 << 20));
    let evicted = place.json(&["evict", "1M"]);
    assert_eq!(evicted["evicted_bytes"], 10 << 20);
    assert_eq!(place.run(&["ls", "-q"]).ok().lines().count(), 1);
    place.run(&["reap"]).ok();
    let trimmed = place.json(&["trim"]);
    assert!(trimmed["trimmed_bytes"].as_u64() >= Some(4 << 20), "{trimmed}");
    Place::new().run(&["evict", "1M"]).fails(1, &["created without eviction"]);
}

#[test]
fn check_is_silent_about_a_sound_store_and_fails_on_a_broken_one() {
    let place = Place::new();
    place.put("a", b"some bytes");
    let report = place.json(&["check"]);
    assert_eq!(report["problem_count"], 0);
    assert_eq!(report["objects"], 1);
    assert!(place.run(&["check"]).ok().starts_with("checked 1 object"));

    // The metadata, including the name, is overwritten without the library.
    let heap = std::fs::read(place.path("store/heap")).unwrap();
    let at = heap.windows(1).position(|byte| byte == b"a").unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(place.path("store/heap")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"b", at as u64).unwrap();
    let broken = place.run(&["check"]);
    broken.fails(9, &["problem", "plasma destroy"]);
    assert!(broken.stdout().contains("its hash differs"), "{}", broken.stdout());
    assert!(place.run(&["check", "--json"]).stdout().contains("\"problem_count\":1"));
}

#[test]
fn who_may_not_gets_one_line() {
    let name = "who_may_not_gets_one_line";
    if !common::is_root() {
        return skip(name, "only root can become another user");
    }
    let place = Place::new();
    place.put("secret", b"bytes");
    let binary = place.binary();
    for args in [&["ls"][..], &["stat"], &["get", "secret"], &["put", "/etc/passwd"], &["top"]] {
        let mut command = std::process::Command::new(&binary);
        command.args(args).env("PLASMA_STORE", place.store());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
        let ran = common::Ran::new(command, b"");
        match args[0] {
            "top" => ran.fails(2, &["terminal"]),
            _ => ran.fails(5, &["permission denied", "--mode 640"]),
        }
    }
}
