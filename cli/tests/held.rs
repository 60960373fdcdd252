//! Memory that deleted objects keep: its size and its holders.

mod common;

use common::{Place, Running, pattern};

/// A store of 8 MiB in which a reader holds a deleted object of 4 MiB.
fn held() -> (Place, Running) {
    let place = Place::with(&["-c", "8M"]);
    // More than a pipe takes: cat holds it until the pipe is read.
    place.put("gone", &pattern(4 << 20));
    let reader = place.start(&["cat", "gone"]);
    place.until(&["ls", "--held"], |list| list[0]["lease_count"] == 1);
    place.run(&["rm", "gone"]).ok();
    (place, reader)
}

#[test]
fn stat_and_map_tell_who_keeps_the_memory_of_deleted_objects() {
    let (place, reader) = held();
    let holder = &place.json(&["stat"])["deleted_holders"][0];
    assert_eq!((&holder["objects"], &holder["pid"]), (&1.into(), &reader.pid().into()));
    assert!(holder["bytes"].as_u64() >= Some(4 << 20), "{holder}");
    let words =
        format!("4.0 MiB in 1 deleted object, still held by {} plasma (4.0 MiB)", reader.pid());
    for command in ["stat", "map"] {
        let text = place.run(&[command]).ok();
        assert!(text.contains(&words), "{command}: {words} is not in\n{text}");
    }
    let map = place.run(&["map"]).ok();
    assert!(map.contains("4.0 MiB  D deleted but still held"), "{map}");
    reader.end();
    // It is not held, whether or not its memory is free yet.
    let stat = place.json(&["stat"]);
    assert_eq!(stat["deleted_holders"], serde_json::json!([]));
    assert!(!place.run(&["stat"]).ok().contains("deleted object"));
}

#[test]
fn a_full_store_names_those_who_hold_what_is_deleted() {
    let (place, reader) = held();
    let large = place.file("large", &pattern(6 << 20));
    let holder = format!("still held by {} plasma", reader.pid());
    place.run(&["put", &large]).fails(6, &["4.0 MiB in 1 deleted object", &holder]);
    // A pipe, whose length is not known before the store is full.
    place.run_with(&["put", "-"], &pattern(6 << 20)).fails(6, &[&holder]);
    let findings = place.run(&["doctor"]).stdout();
    assert!(findings.contains(&holder), "{findings}");
    reader.end();
    place.run(&["put", &large]).ok();
}
