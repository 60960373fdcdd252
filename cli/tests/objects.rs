//! put, get, cat, rm, ls, info.

mod common;

use common::{Sandbox, pattern, signal_of};
use plasma::{Client, ConnectOptions, CreateOptions, ObjectId};
use serde_json::json;

#[test]
fn what_is_put_comes_back() {
    let sandbox = Sandbox::new();
    // Empty, small, of several chunks, and large enough for several threads.
    for len in [0, 1, 100_000, 5 << 20, 40 << 20] {
        let sandbox = if len > 10 << 20 { Sandbox::with(&["-c", "128M"]) } else { Sandbox::new() };
        let bytes = pattern(len);
        let file = sandbox.file("in", &bytes);
        let id = sandbox.run(&["put", &file]).ok();
        assert_eq!(id.trim().len(), 40, "{id}");
        let out = sandbox.path("out");
        assert_eq!(sandbox.run(&["get", id.trim(), "-o", &out]).ok(), "");
        assert!(std::fs::read(&out).unwrap() == bytes, "{len} bytes differ");
        assert!(sandbox.run(&["cat", id.trim()]).output.stdout == bytes, "{len} bytes differ");
    }
    assert_eq!(sandbox.names(), ["store"]);
}

#[test]
fn a_pipe_of_unknown_length_becomes_an_object_of_just_that_length() {
    let sandbox = Sandbox::new();
    for len in [0, 1, 1 << 20, (1 << 20) + 1, 9_000_001] {
        let bytes = pattern(len);
        let id = sandbox.run_with(&["put", "-"], &bytes).ok();
        assert_eq!(sandbox.json(&["info", id.trim()])["data_size"], len);
        assert!(sandbox.run(&["get", id.trim()]).output.stdout == bytes, "{len} bytes differ");
        sandbox.run(&["rm", id.trim()]).ok();
    }
}

#[test]
fn a_pipe_may_fill_the_store_to_the_last_bytes_and_no_further() {
    let sandbox = Sandbox::with(&["-c", "4M"]);
    // It does not grow by half each time: the remaining room decides.
    let id = sandbox.run_with(&["put", "-"], &pattern(3_600_000)).ok();
    sandbox.run(&["rm", id.trim()]).ok();
    sandbox.run_with(&["put", "-"], &pattern(5 << 20)).fails(6, &[]);
    assert_eq!(sandbox.json(&["stat"])["objects_writing"], 0);
}

#[test]
fn names_ids_and_first_digits_call_an_object() {
    let sandbox = Sandbox::new();
    let id = sandbox.put("hello", b"hi");
    for call in ["hello", &id, &id[..6], &id.to_uppercase()] {
        assert_eq!(sandbox.run(&["cat", call]).ok(), "hi", "{call}");
    }
    sandbox.run(&["cat", "nothing"]).fails(3, &["nothing", "plasma ls"]);
    sandbox.run(&["cat", &"0".repeat(40)]).fails(3, &["no object"]);
    sandbox.run(&["put", "-", "--id", &"ab".repeat(20)]).ok();
    sandbox.run(&["put", "-", "--id", &format!("abab{}", "0".repeat(36))]).ok();
    sandbox.run(&["cat", "abab"]).fails(2, &["2 objects", "more digits"]);
    // Ambiguous digits are not a missing object.
    sandbox.run(&["rm", "-f", "abab"]).fails(2, &["more digits"]);
}

#[test]
fn an_object_whose_name_looks_like_an_id_is_reached() {
    let sandbox = Sandbox::new();
    let digits = "ab".repeat(20);
    sandbox.put(&digits, b"by its name");
    assert_eq!(sandbox.run(&["cat", &digits]).ok(), "by its name");
    assert_eq!(sandbox.run(&["cat", &format!("name:{digits}")]).ok(), "by its name");
    sandbox.run(&["cat", &format!("id:{digits}")]).fails(3, &["no object has the id"]);
    assert_eq!(sandbox.json(&["info", &digits])["name"], digits);
    sandbox.run(&["wait", &digits]).ok();
    sandbox.run(&["get", &digits, "-t", "1m"]).ok();
    sandbox.run(&["put", "-", "-n", &digits]).fails(8, &[&format!("rm name:{digits} ")]);

    // One object's name, another's id: neither is guessed.
    sandbox.run_with(&["put", "-", "--id", &digits], b"by its id").ok();
    for command in ["cat", "get", "info", "rm", "wait"] {
        let ways = [format!("id:{digits}"), format!("name:{digits}")];
        sandbox.run(&[command, &digits]).fails(2, &[&ways[0], &ways[1]]);
    }
    assert_eq!(sandbox.run(&["cat", &format!("id:{digits}")]).ok(), "by its id");
    assert_eq!(sandbox.run(&["cat", &format!("name:{digits}")]).ok(), "by its name");
    sandbox.run(&["rm", &format!("name:{digits}")]).ok();
    assert_eq!(sandbox.run(&["cat", &digits]).ok(), "by its id");
    sandbox.run(&["rm", &format!("id:{}", &digits[..5])]).ok();
    assert_eq!(sandbox.run(&["ls", "-q", "--state", "sealed"]).ok(), "");
}

#[test]
fn an_object_whose_name_looks_like_a_prefix_or_an_option_is_reached() {
    let sandbox = Sandbox::new();
    for name in ["id:x", "name:y", "-n", "name:", "id:abcd"] {
        sandbox.run_with(&["put", "-", &format!("--name={name}")], name.as_bytes()).ok();
        assert_eq!(sandbox.run(&["cat", &format!("name:{name}")]).ok(), name);
    }
    sandbox.run(&["cat", "id:x"]).fails(2, &["hexadecimal digits", "name:id:x"]);
    sandbox.run(&["cat", "name:nothing"]).fails(3, &["no object has the name nothing"]);
    sandbox.run(&["cat", "id:abcd"]).fails(3, &["begins with abcd"]);
    // The digits of an existing id are not taken for the name of a future object.
    let id = sandbox.put("x", b"1");
    assert_eq!(sandbox.run(&["get", &id[..8], "-t", "1m"]).ok(), "1");
    sandbox.run(&["wait", &id[..8], &format!("id:{}", &id[..8])]).ok();
    let man = sandbox.run(&["cat", "--help"]).ok();
    assert!(man.contains("id:DIGITS") && man.contains("name:NAME"), "{man}");
}

#[test]
fn names_are_given_and_taken() {
    let sandbox = Sandbox::new();
    let (one, two) = (sandbox.file("one", b"1"), sandbox.file("two", b"22"));
    let ids = sandbox.run(&["put", &one, &two, "--names"]).ok();
    assert_eq!(ids.lines().count(), 2);
    assert_eq!(sandbox.run(&["cat", "two", "one"]).ok(), "221");
    sandbox.run(&["put", &one, "-n", "two"]).fails(8, &["the name two is taken", "plasma rm two"]);
    sandbox.run(&["put", &one, &two, "-n", "x"]).fails(2, &["--names"]);
    let id = ids.lines().next().unwrap();
    sandbox.run(&["put", &two, "--id", id]).fails(8, &["the id is taken"]);
    sandbox.run(&["put", &two, "--id", "12"]).fails(2, &["40 digits"]);
    sandbox.run(&["rm", "one", "two"]).ok();
    sandbox.run(&["rm", "one"]).fails(3, &["one"]);
    sandbox.run(&["rm", "-f", "one"]).ok();
    assert_eq!(sandbox.run(&["ls", "--state", "sealed"]).ok(), "");
}

#[test]
fn metadata_is_put_and_shown() {
    let sandbox = Sandbox::new();
    let args = ["put", "-", "-n", "x", "-m", "format=text", "-m", "empty=", "--meta", "k=a=b"];
    sandbox.run_with(&args, b"1").ok();
    let info = sandbox.json(&["info", "x"]);
    assert_eq!(info["metadata"], json!({ "format": "text", "empty": "", "k": "a=b" }));
    assert_eq!(info["name"], "x");
    assert_eq!(info["state"], "sealed");
    let text = sandbox.run(&["info", "x"]).ok();
    assert!(text.contains("metadata  format=text\n") && text.contains("k=a=b\n"), "{text}");
    sandbox.run(&["put", "-", "-m", "nothing"]).fails(2, &["KEY=VALUE"]);
    sandbox.run(&["info", "y"]).fails(3, &["y"]);
}

#[test]
fn ls_filters_and_sorts() {
    let sandbox = Sandbox::new();
    for (name, len) in [("b.bin", 300), ("a.bin", 100), ("c.txt", 200)] {
        sandbox.put(name, &pattern(len));
    }
    let names = |args: &[&str]| -> Vec<String> {
        let list = sandbox.json(&[&["ls"], args].concat());
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
    let ids = sandbox.run(&["ls", "-q"]).ok();
    assert!(ids.lines().all(|id| id.len() == 40) && ids.lines().count() == 3, "{ids}");
    let table = sandbox.run(&["ls"]).ok();
    assert!(table.starts_with("ID ") && table.lines().count() == 4, "{table}");
    let pinned = sandbox.run_with(&["put", "-", "--pin"], b"1").ok();
    assert_eq!(sandbox.run(&["ls", "--state", "pinned", "-q"]).ok(), pinned);
}

#[test]
fn ls_and_info_show_who_holds_an_object() {
    let sandbox = Sandbox::new();
    // More than a pipe takes: cat holds it until the pipe is read.
    sandbox.put("held", &pattern(4 << 20));
    let reader = sandbox.start(&["cat", "held"]);
    let list = sandbox.until(&["ls", "--held"], |list| list[0]["lease_count"] == 1);
    assert_eq!(list[0]["holders"][0]["pid"], reader.pid());
    assert_eq!(list[0]["holders"][0]["comm"], "plasma");
    let holder = format!("{} plasma", reader.pid());
    assert!(sandbox.run(&["ls"]).ok().contains(&holder));
    assert!(sandbox.run(&["info", "held"]).ok().contains(&holder));

    sandbox.run(&["rm", "held"]).ok();
    let list = sandbox.json(&["ls", "--state", "deleted"]);
    assert_eq!(list[0]["holders"][0]["pid"], reader.pid());
    assert_eq!(reader.end().output.stdout.len(), 4 << 20);
}

#[test]
fn a_failure_tells_its_message_and_is_removed() {
    let sandbox = Sandbox::new();
    let client = Client::connect(Some(&sandbox.store()), &ConnectOptions::default()).unwrap();
    let named = CreateOptions::default().name(Some("prices"));
    let writer = client.create(&ObjectId::random().unwrap(), 100, &named).unwrap();
    writer.fail("no such table").unwrap();
    for command in ["get", "cat"] {
        sandbox.run(&[command, "prices"]).fails(1, &["prices", "no such table"]);
    }
    assert_eq!(sandbox.json(&["info", "prices"])["state"], "failed");
    assert_eq!(sandbox.json(&["ls", "--state", "failed"])[0]["name"], "prices");
    assert_eq!(sandbox.json(&["stat"])["objects_failed"], 1);
    assert!(sandbox.run(&["stat"]).ok().contains("1 failed"));
    sandbox.run(&["rm", "prices"]).ok();
    assert_eq!(sandbox.json(&["stat"])["objects_failed"], 0);
}

#[test]
fn an_object_that_is_being_written_is_neither_read_nor_removed() {
    let sandbox = Sandbox::new();
    let mut writer = sandbox.start(&["put", "-", "-n", "half"]);
    writer.write(b"first");
    sandbox.until(&["ls"], |list| list[0]["state"] == "writing");
    sandbox.run(&["get", "half"]).fails(3, &["being written", "--timeout"]);
    sandbox.run(&["rm", "half"]).fails(1, &["half", "not sealed"]);
    writer.write(b", last");
    writer.end().ok();
    assert_eq!(sandbox.run(&["get", "half"]).ok(), "first, last");
}

#[test]
fn control_characters_do_not_reach_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.put("a\u{1b}[31mred\nline", b"1");
    let text = sandbox.run(&["ls"]).ok();
    assert!(text.contains("a\\u{1b}[31mred\\nline") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn interrupted_put_leaves_no_object() {
    for signal in ["INT", "TERM", "HUP"] {
        let sandbox = Sandbox::new();
        let mut writer = sandbox.start(&["put", "-", "-n", "half"]);
        writer.write(&pattern(100_000));
        sandbox.until(&["stat"], |stat| stat["objects_writing"] == 1);
        writer.signal(signal);
        let ran = writer.ended();
        assert!(matches!(signal_of(&ran), Some(1 | 2 | 15)), "{:?}", ran.output.status);
        assert_eq!(ran.stderr(), "plasma: interrupted\n");
        // Not even for a reaper.
        let stat = sandbox.json(&["stat"]);
        assert_eq!((&stat["objects_writing"], &stat["clients"]), (&json!(0), &json!([])));
        assert_eq!(stat["used"], 0);
    }
}

#[test]
fn interrupted_get_leaves_no_file() {
    let sandbox = Sandbox::new();
    let fifo = sandbox.path("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    sandbox.put("x", &pattern(4 << 20));
    // A pipe that is not read keeps it at work.
    let held = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let reader = sandbox.start(&["get", "x", "-o", &fifo]);
    sandbox.until(&["ls", "--held"], |list| list[0]["lease_count"] == 1);
    reader.signal("INT");
    let ran = reader.end();
    assert_eq!(signal_of(&ran), Some(2));
    drop(held);
    assert_eq!(sandbox.names(), ["fifo", "store"]);
    assert_eq!(sandbox.json(&["stat"])["clients"], json!([]));
}

#[test]
fn what_nohup_runs_outlives_the_terminal() {
    let sandbox = Sandbox::new();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("trap '' HUP; exec {} put - -n x", common::PLASMA)]);
    let mut writer = sandbox.start_as(command);
    writer.write(b"before");
    sandbox.until(&["stat"], |stat| stat["objects_writing"] == 1);
    writer.signal("HUP");
    writer.write(b", after");
    writer.end().ok();
    assert_eq!(sandbox.run(&["get", "x", "-o", "-"]).ok(), "before, after");
}

#[test]
fn an_interrupted_copy_leaves_the_whole_file_or_none() {
    let sandbox = Sandbox::with(&["-c", "512M"]);
    let bytes = pattern(200 << 20);
    let file = sandbox.file("in", &bytes);
    sandbox.run(&["put", &file, "-n", "x"]).ok();
    std::fs::remove_file(&file).unwrap();
    let out = sandbox.path("out");
    let getter = sandbox.start(&["get", "x", "-o", &out]);
    // It is at work as soon as there is a file beside its target.
    while sandbox.names() == ["store"] {
        std::thread::yield_now();
    }
    getter.signal("INT");
    let ran = getter.ended();
    match ran.code() {
        // It was faster.
        Some(0) => assert!(std::fs::read(&out).unwrap() == bytes),
        _ => assert_eq!((signal_of(&ran), sandbox.names()), (Some(2), vec!["store".to_owned()])),
    }
}
