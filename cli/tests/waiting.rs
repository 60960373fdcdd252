//! wait, watch, and other commands that wait for objects.

mod common;

use common::{Sandbox, pattern, signal_of};
use serde_json::Value;

#[test]
fn wait_ends_when_all_are_sealed() {
    let sandbox = Sandbox::new();
    let id = "cd".repeat(20);
    let waiter = sandbox.start(&["wait", "early", "late", &id]);
    sandbox.put("early", b"1");
    sandbox.until(&["stat"], |stat| stat["waits"].as_u64() > Some(0));
    sandbox.put("late", b"1");
    sandbox.run(&["put", "-", "--id", &id]).ok();
    waiter.end().ok();
    sandbox.run(&["wait", "early", &id]).ok();
    sandbox.run(&["wait", "never", "-t", "50ms"]).fails(7, &["never", "in time"]);
    sandbox.run(&["wait", &"ef".repeat(20), "-t", "0"]).fails(7, &["in time"]);
}

#[test]
fn get_and_cat_wait_if_they_are_told_to() {
    let sandbox = Sandbox::new();
    let reader = sandbox.start(&["cat", "late", "--timeout", "1m"]);
    sandbox.until(&["stat"], |stat| stat["waits"].as_u64() > Some(0));
    sandbox.put("late", b"here");
    assert_eq!(reader.end().ok(), "here");
    sandbox.run(&["get", "never", "-t", "50ms"]).fails(7, &["never", "50ms"]);
}

#[test]
fn put_waits_for_room_if_it_is_told_to() {
    let sandbox = Sandbox::with(&["-c", "4M"]);
    let first = sandbox.file("first", &pattern(3 << 20));
    sandbox.run(&["put", &first, "--names"]).ok();
    sandbox.run(&["put", &first]).fails(6, &["first"]);
    let writer = sandbox.start(&["put", &first, "-n", "second", "--timeout", "1m"]);
    sandbox.until(&["stat"], |stat| stat["clients"][0]["pid"] == writer.pid());
    sandbox.run(&["rm", "first"]).ok();
    writer.end().ok();
    assert_eq!(sandbox.json(&["info", "second"])["data_size"], 3 << 20);
}

#[test]
fn a_pipe_waits_for_room_as_well() {
    let sandbox = Sandbox::with(&["-c", "8M"]);
    sandbox.put("first", &pattern(5 << 20));
    let writer = sandbox.command(&["put", "-", "-n", "second", "--timeout", "1m"]);
    let second = std::thread::spawn(move || common::Ran::new(writer, &pattern(4 << 20)));
    // By then it has taken nearly all memory, and it moves to the place of the first.
    sandbox.until(&["stat"], |stat| stat["used"].as_u64() > Some(7 << 20));
    sandbox.run(&["rm", "first"]).ok();
    second.join().unwrap().ok();
    assert_eq!(sandbox.json(&["info", "second"])["data_size"], 4 << 20);
}

#[test]
fn watch_tells_what_happens_as_it_happens() {
    let sandbox = Sandbox::new();
    let mut watch = sandbox.start(&["watch", "--json", "-n", "3"]);
    // A watching client connects before it subscribes, so the other client prints the first line.
    let mut text = sandbox.start(&["watch", "--kind", "sealed", "-n", "1"]);
    assert_eq!(text.line(), format!("watching {}", sandbox.store()));
    sandbox.until(&["stat"], |stat| stat["clients"].as_array().map(Vec::len) == Some(2));
    let id = sandbox.put("x", b"123");
    sandbox.run(&["rm", "x"]).ok();
    let mut writer = sandbox.start(&["put", "-"]);
    writer.write(b"1");
    sandbox.until(&["stat"], |stat| stat["objects_writing"] == 1);
    writer.signal("INT");
    writer.ended();
    let line = text.line();
    assert!(line.contains("sealed") && line.contains(&id) && line.contains("3 B"), "{line}");
    text.end().ok();
    let events: Vec<Value> = (0..3).map(|_| serde_json::from_str(&watch.line()).unwrap()).collect();
    watch.end().ok();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["sealed", "deleted", "aborted"]);
    assert_eq!((&events[0]["id"], &events[0]["data_size"]), (&id.into(), &3.into()));
}

#[test]
fn watch_ends_when_it_was_told_to() {
    let sandbox = Sandbox::new();
    sandbox.run(&["watch", "-t", "20ms"]).ok();
    sandbox.run(&["watch", "-t", "20ms", "-n", "1"]).fails(7, &["1 event"]);
    let mut watch = sandbox.start(&["watch"]);
    watch.line();
    watch.signal("INT");
    assert_eq!(signal_of(&watch.ended()), Some(2));
    let mut watch = sandbox.start(&["watch"]);
    watch.line();
    sandbox.run(&["destroy"]).ok();
    watch.end().fails(4, &["removed"]);
}

#[test]
fn interrupted_waits_end_at_once_and_leave_no_client() {
    let sandbox = Sandbox::new();
    for args in [&["wait", "never"][..], &["get", "never", "-t", "1h"]] {
        let waiter = sandbox.start(args);
        sandbox.until(&["stat"], |stat| stat["clients"][0]["pid"] == waiter.pid());
        waiter.signal("INT");
        let ran = waiter.ended();
        assert_eq!((signal_of(&ran), ran.stderr()), (Some(2), "plasma: interrupted\n".to_owned()));
        assert_eq!(sandbox.json(&["stat"])["clients"], serde_json::json!([]));
    }
}

#[test]
fn who_waits_is_shown() {
    let sandbox = Sandbox::new();
    let _waiter = sandbox.start(&["wait", "never"]);
    sandbox.until(&["stat"], |stat| stat["waits"].as_u64() == Some(1));
    sandbox.until(&["stat"], |stat| stat["clients"][0]["condition"] == "waits");
    assert!(sandbox.run(&["stat"]).ok().contains("1 client waiting"));
}
