//! Memory that deleted objects keep: its size and its holders.

mod common;

use common::{Running, Sandbox, pattern};

/// A store of 8 MiB in which a reader holds a deleted object of 4 MiB.
fn held() -> (Sandbox, Running) {
    let sandbox = Sandbox::with(&["-c", "8M"]);
    // More than a pipe takes: cat holds it until the pipe is read.
    sandbox.put("gone", &pattern(4 << 20));
    let reader = sandbox.start(&["cat", "gone"]);
    sandbox.until(&["ls", "--held"], |list| list[0]["lease_count"] == 1);
    sandbox.run(&["rm", "gone"]).ok();
    (sandbox, reader)
}

#[test]
fn stat_and_map_tell_who_keeps_the_memory_of_deleted_objects() {
    let (sandbox, reader) = held();
    let holder = &sandbox.json(&["stat"])["deleted_holders"][0];
    assert_eq!((&holder["objects"], &holder["pid"]), (&1.into(), &reader.pid().into()));
    assert!(holder["bytes"].as_u64() >= Some(4 << 20), "{holder}");
    let words =
        format!("4.0 MiB in 1 deleted object, still held by {} plasma (4.0 MiB)", reader.pid());
    for command in ["stat", "map"] {
        let text = sandbox.run(&[command]).ok();
        assert!(text.contains(&words), "{command}: {words} is not in\n{text}");
    }
    let map = sandbox.run(&["map"]).ok();
    assert!(map.contains("4.0 MiB  D deleted but still held"), "{map}");
    reader.end();
    // It is not held, whether or not its memory is free yet.
    let stat = sandbox.json(&["stat"]);
    assert_eq!(stat["deleted_holders"], serde_json::json!([]));
    assert!(!sandbox.run(&["stat"]).ok().contains("deleted object"));
}

#[test]
fn a_full_store_names_those_who_hold_what_is_deleted() {
    let (sandbox, reader) = held();
    let large = sandbox.file("large", &pattern(6 << 20));
    let holder = format!("still held by {} plasma", reader.pid());
    sandbox.run(&["put", &large]).fails(6, &["4.0 MiB in 1 deleted object", &holder]);
    // A pipe, whose length is not known before the store is full.
    sandbox.run_with(&["put", "-"], &pattern(6 << 20)).fails(6, &[&holder]);
    let findings = sandbox.run(&["doctor"]).stdout();
    assert!(findings.contains(&holder), "{findings}");
    reader.end();
    sandbox.run(&["put", &large]).ok();
}
