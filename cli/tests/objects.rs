//! put, get, cat, rm, ls, info.

mod common;

use common::{Place, pattern, signal_of};
use serde_json::json;

#[test]
fn what_is_put_comes_back() {
    let place = Place::new();
    // Empty, small, of several chunks, and large enough for several threads.
    for len in [0, 1, 100_000, 5 << 20, 40 << 20] {
        let place = if len > 10 << 20 { Place::with(&["-c", "128M"]) } else { Place::new() };
        let bytes = pattern(len);
        let file = place.file("in", &bytes);
        let id = place.run(&["put", &file]).ok();
        assert_eq!(id.trim().len(), 40, "{id}");
        let out = place.path("out");
        assert_eq!(place.run(&["get", id.trim(), "-o", &out]).ok(), "");
        assert!(std::fs::read(&out).unwrap() == bytes, "{len} bytes differ");
        assert!(place.run(&["cat", id.trim()]).output.stdout == bytes, "{len} bytes differ");
    }
    assert_eq!(place.names(), ["store"]);
}

#[test]
fn a_pipe_of_unknown_length_becomes_an_object_of_just_that_length() {
    let place = Place::new();
    for len in [0, 1, 1 << 20, (1 << 20) + 1, 9_000_001] {
        let bytes = pattern(len);
        let id = place.run_with(&["put", "-"], &bytes).ok();
        assert_eq!(place.json(&["info", id.trim()])["data_size"], len);
        assert!(place.run(&["get", id.trim()]).output.stdout == bytes, "{len} bytes differ");
        place.run(&["rm", id.trim()]).ok();
    }
}

#[test]
fn a_pipe_may_fill_the_store_to_the_last_bytes_and_no_further() {
    let place = Place::with(&["-c", "4M"]);
    // It does not grow by half each time: the remaining room decides.
    let id = place.run_with(&["put", "-"], &pattern(3_600_000)).ok();
    place.run(&["rm", id.trim()]).ok();
    place.run_with(&["put", "-"], &pattern(5 << 20)).fails(6, &[]);
    assert_eq!(place.json(&["stat"])["objects_writing"], 0);
}

#[test]
fn names_ids_and_first_digits_call_an_object() {
    let place = Place::new();
    let id = place.put("hello", b"hi");
    for call in ["hello", &id, &id[..6], &id.to_uppercase()] {
        assert_eq!(place.run(&["cat", call]).ok(), "hi", "{call}");
    }
    place.run(&["cat", "nothing"]).fails(3, &["nothing", "plasma ls"]);
    place.run(&["cat", &"0".repeat(40)]).fails(3, &["no object"]);
    place.run(&["put", "-", "--id", &"ab".repeat(20)]).ok();
    place.run(&["put", "-", "--id", &format!("abab{}", "0".repeat(36))]).ok();
    place.run(&["cat", "abab"]).fails(2, &["2 objects", "more digits"]);
    // Ambiguous digits are not a missing object.
    place.run(&["rm", "-f", "abab"]).fails(2, &["more digits"]);
}

#[test]
fn an_object_whose_name_looks_like_an_id_is_reached() {
    let place = Place::new();
    let digits = "ab".repeat(20);
    place.put(&digits, b"by its name");
    assert_eq!(place.run(&["cat", &digits]).ok(), "by its name");
    assert_eq!(place.run(&["cat", &format!("name:{digits}")]).ok(), "by its name");
    place.run(&["cat", &format!("id:{digits}")]).fails(3, &["no object has the id"]);
    assert_eq!(place.json(&["info", &digits])["name"], digits);
    place.run(&["wait", &digits]).ok();
    place.run(&["get", &digits, "-t", "1m"]).ok();
    place.run(&["put", "-", "-n", &digits]).fails(8, &[&format!("rm name:{digits} ")]);

    // One object's name, another's id: neither is guessed.
    place.run_with(&["put", "-", "--id", &digits], b"by its id").ok();
    for command in ["cat", "get", "info", "rm", "wait"] {
        let ways = [format!("id:{digits}"), format!("name:{digits}")];
        place.run(&[command, &digits]).fails(2, &[&ways[0], &ways[1]]);
    }
    assert_eq!(place.run(&["cat", &format!("id:{digits}")]).ok(), "by its id");
    assert_eq!(place.run(&["cat", &format!("name:{digits}")]).ok(), "by its name");
    place.run(&["rm", &format!("name:{digits}")]).ok();
    assert_eq!(place.run(&["cat", &digits]).ok(), "by its id");
    place.run(&["rm", &format!("id:{}", &digits[..5])]).ok();
    assert_eq!(place.run(&["ls", "-q", "--state", "sealed"]).ok(), "");
}

#[test]
fn an_object_whose_name_looks_like_a_prefix_or_an_option_is_reached() {
    let place = Place::new();
    for name in ["id:x", "name:y", "-n", "name:", "id:abcd"] {
        place.run_with(&["put", "-", &format!("--name={name}")], name.as_bytes()).ok();
        assert_eq!(place.run(&["cat", &format!("name:{name}")]).ok(), name);
    }
    place.run(&["cat", "id:x"]).fails(2, &["hexadecimal digits", "name:id:x"]);
    place.run(&["cat", "name:nothing"]).fails(3, &["no object has the name nothing"]);
    place.run(&["cat", "id:abcd"]).fails(3, &["begins with abcd"]);
    // The digits of an existing id are not taken for the name of a future object.
    let id = place.put("x", b"1");
    assert_eq!(place.run(&["get", &id[..8], "-t", "1m"]).ok(), "1");
    place.run(&["wait", &id[..8], &format!("id:{}", &id[..8])]).ok();
    let man = place.run(&["cat", "--help"]).ok();
    assert!(man.contains("id:DIGITS") && man.contains("name:NAME"), "{man}");
}

#[test]
fn names_are_given_and_taken() {
    let place = Place::new();
    let (one, two) = (place.file("one", b"1"), place.file("two", b"22"));
    let ids = place.run(&["put", &one, &two, "--names"]).ok();
    assert_eq!(ids.lines().count(), 2);
    assert_eq!(place.run(&["cat", "two", "one"]).ok(), "221");
    place.run(&["put", &one, "-n", "two"]).fails(8, &["the name two is taken", "plasma rm two"]);
    place.run(&["put", &one, &two, "-n", "x"]).fails(2, &["--names"]);
    let id = ids.lines().next().unwrap();
    place.run(&["put", &two, "--id", id]).fails(8, &["the id is taken"]);
    place.run(&["put", &two, "--id", "12"]).fails(2, &["40 digits"]);
    place.run(&["rm", "one", "two"]).ok();
    place.run(&["rm", "one"]).fails(3, &["one"]);
    place.run(&["rm", "-f", "one"]).ok();
    assert_eq!(place.run(&["ls", "--state", "sealed"]).ok(), "");
}

#[test]
fn metadata_is_put_and_shown() {
    let place = Place::new();
    let args = ["put", "-", "-n", "x", "-m", "format=text", "-m", "empty=", "--meta", "k=a=b"];
    place.run_with(&args, b"1").ok();
    let info = place.json(&["info", "x"]);
    assert_eq!(info["metadata"], json!({ "format": "text", "empty": "", "k": "a=b" }));
    assert_eq!(info["name"], "x");
    assert_eq!(info["state"], "sealed");
    let text = place.run(&["info", "x"]).ok();
    assert!(text.contains("metadata  format=text\n") && text.contains("k=a=b\n"), "{text}");
    place.run(&["put", "-", "-m", "nothing"]).fails(2, &["KEY=VALUE"]);
    place.run(&["info", "y"]).fails(3, &["y"]);
}

#[test]
fn ls_filters_and_sorts() {
    let place = Place::new();
    for (name, len) in [("b.bin", 300), ("a.bin", 100), ("c.txt", 200)] {
        place.put(name, &pattern(len));
    }
    let names = |args: &[&str]| -> Vec<String> {
        let list = place.json(&[&["ls"], args].concat());
        let names = list.as_array().unwrap().iter();
        names.map(|object| object["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&[]), ["b.bin", "a.bin", "c.txt"]);
    assert_eq!(names(&["-r"]), ["c.txt", "a.bin", "b.bin"]);
    assert_eq!(names(&["--sort", "name"]), ["a.bin", "b.bin", "c.txt"]);
    assert_eq!(names(&["--sort", "size"]), ["b.bin", "c.txt", "a.bin"]);
    assert_eq!(names(&["--name", "*.bin", "--sort", "name"]), ["a.bin", "b.bin"]);
    assert_eq!(names(&["--larger", "200", "--smaller", "300"]), ["c.txt"]);
    assert_eq!(names(&["--older", "1h"]), [""; 0]);
    assert_eq!(names(&["--newer", "1h"]).len(), 3);
    assert_eq!(names(&["--state", "writing"]), [""; 0]);
    assert_eq!(names(&["--held"]), [""; 0]);
    let ids = place.run(&["ls", "-q"]).ok();
    assert!(ids.lines().all(|id| id.len() == 40) && ids.lines().count() == 3, "{ids}");
    let table = place.run(&["ls"]).ok();
    assert!(table.starts_with("ID ") && table.lines().count() == 4, "{table}");
    let pinned = place.run_with(&["put", "-", "--pin"], b"1").ok();
    assert_eq!(place.run(&["ls", "--state", "pinned", "-q"]).ok(), pinned);
}

#[test]
fn ls_and_info_show_who_holds_an_object() {
    let place = Place::new();
    // More than a pipe takes: cat holds it until the pipe is read.
    place.put("held", &pattern(4 << 20));
    let reader = place.start(&["cat", "held"]);
    let list = place.until(&["ls", "--held"], |list| list[0]["lease_count"] == 1);
    assert_eq!(list[0]["holders"][0]["pid"], reader.pid());
    assert_eq!(list[0]["holders"][0]["comm"], "plasma");
    let holder = format!("{} plasma", reader.pid());
    assert!(place.run(&["ls"]).ok().contains(&holder));
    assert!(place.run(&["info", "held"]).ok().contains(&holder));

    place.run(&["rm", "held"]).ok();
    let list = place.json(&["ls", "--state", "deleted"]);
    assert_eq!(list[0]["holders"][0]["pid"], reader.pid());
    assert_eq!(reader.end().output.stdout.len(), 4 << 20);
}

#[test]
fn an_object_that_is_being_written_is_neither_read_nor_removed() {
    let place = Place::new();
    let mut writer = place.start(&["put", "-", "-n", "half"]);
    writer.write(b"first");
    place.until(&["ls"], |list| list[0]["state"] == "writing");
    place.run(&["get", "half"]).fails(3, &["being written", "--timeout"]);
    place.run(&["rm", "half"]).fails(1, &["half", "not sealed"]);
    writer.write(b", last");
    writer.end().ok();
    assert_eq!(place.run(&["get", "half"]).ok(), "first, last");
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    let place = Place::new();
    place.put("a\u{1b}[31mred\nline", b"1");
    let text = place.run(&["ls"]).ok();
    assert!(text.contains("a\\u{1b}[31mred\\nline") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn interrupted_put_leaves_no_object() {
    for signal in ["INT", "TERM", "HUP"] {
        let place = Place::new();
        let mut writer = place.start(&["put", "-", "-n", "half"]);
        writer.write(&pattern(100_000));
        place.until(&["stat"], |stat| stat["objects_writing"] == 1);
        writer.signal(signal);
        let ran = writer.ended();
        assert!(matches!(signal_of(&ran), Some(1 | 2 | 15)), "{:?}", ran.output.status);
        assert_eq!(ran.stderr(), "plasma: interrupted\n");
        // Not even for a reaper.
        let stat = place.json(&["stat"]);
        assert_eq!((&stat["objects_writing"], &stat["clients"]), (&json!(0), &json!([])));
        assert_eq!(stat["used"], 0);
    }
}

#[test]
fn interrupted_get_leaves_no_file() {
    let place = Place::new();
    let fifo = place.path("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    place.put("x", &pattern(4 << 20));
    // A pipe that is not read keeps it at work.
    let held = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let reader = place.start(&["get", "x", "-o", &fifo]);
    place.until(&["ls", "--held"], |list| list[0]["lease_count"] == 1);
    reader.signal("INT");
    let ran = reader.end();
    assert_eq!(signal_of(&ran), Some(2));
    drop(held);
    assert_eq!(place.names(), ["fifo", "store"]);
    assert_eq!(place.json(&["stat"])["clients"], json!([]));
}

#[test]
fn what_nohup_runs_outlives_the_terminal() {
    let place = Place::new();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("trap '' HUP; exec {} put - -n x", common::PLASMA)]);
    let mut writer = place.start_as(command);
    writer.write(b"before");
    place.until(&["stat"], |stat| stat["objects_writing"] == 1);
    writer.signal("HUP");
    writer.write(b", after");
    writer.end().ok();
    assert_eq!(place.run(&["get", "x", "-o", "-"]).ok(), "before, after");
}

#[test]
fn an_interrupted_copy_leaves_the_whole_file_or_none() {
    let place = Place::with(&["-c", "512M"]);
    let bytes = pattern(200 << 20);
    let file = place.file("in", &bytes);
    place.run(&["put", &file, "-n", "x"]).ok();
    std::fs::remove_file(&file).unwrap();
    let out = place.path("out");
    let getter = place.start(&["get", "x", "-o", &out]);
    // It is at work as soon as there is a file beside its target.
    while place.names() == ["store"] {
        std::thread::yield_now();
    }
    getter.signal("INT");
    let ran = getter.ended();
    match ran.code() {
        // It was faster.
        Some(0) => assert!(std::fs::read(&out).unwrap() == bytes),
        _ => assert_eq!((signal_of(&ran), place.names()), (Some(2), vec!["store".to_owned()])),
    }
}
