//! Every name of plasma.h is in `docs/symbols-in-versions`, and every function in `capi/plasma.map`, in
//! the node of the release that brought it; the library exports these and nothing else.

#[path = "common/skip.rs"]
mod skip;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const EXPERIMENTAL: &str = "PLASMA_EXPERIMENTAL";

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn name_at(text: &str) -> &str {
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    &text[..end.unwrap_or(text.len())]
}

/// Returns the functions that the header declares, with the node that their documentation asks for.
fn functions() -> BTreeMap<String, String> {
    let header = read("include/plasma.h");
    let mut found = BTreeMap::new();
    for block in header.split("\n/**\n").skip(1) {
        let (words, code) = block.split_once(" */\n").unwrap();
        let declared = code.split('(').next().unwrap();
        let name = declared.rsplit([' ', '*', '\n']).next().unwrap();
        if !name.starts_with("plasma_") || declared.contains(['{', ';', '#']) {
            continue;
        }
        let since = words.split("Since: ").nth(1).unwrap_or_else(|| panic!("{name}: no Since"));
        let node = match words.contains("Experimental: ") {
            true => EXPERIMENTAL.to_owned(),
            false => format!("PLASMA_{}", since.split_whitespace().next().unwrap()),
        };
        found.insert(name.to_owned(), node);
    }
    found
}

/// Returns all names of the header: functions, types, macros and the members of enums.
fn names() -> BTreeSet<String> {
    let mut found: BTreeSet<_> = functions().into_keys().collect();
    for line in read("include/plasma.h").lines() {
        let name = if let Some(name) = line.strip_prefix("#define PLASMA_") {
            format!("PLASMA_{}", name_at(name))
        } else if let Some(name) = line.strip_prefix("    PLASMA_").filter(|l| l.contains(" = ")) {
            format!("PLASMA_{}", name_at(name))
        } else if line.starts_with("typedef ") || line.starts_with("} plasma_") {
            let words = line.trim_end_matches([';', ' ', '{']);
            words.rsplit(' ').next().unwrap().to_owned()
        } else {
            continue;
        };
        found.insert(name);
    }
    found.remove("PLASMA_H");
    found
}

/// Returns the names in plasma.map and their nodes.
fn map() -> BTreeMap<String, String> {
    let (mut found, mut node) = (BTreeMap::new(), String::new());
    for line in read("capi/plasma.map").lines() {
        if let Some(name) = line.strip_suffix(" {") {
            node = name.to_owned();
        } else if let Some(name) =
            line.trim().strip_suffix(';').filter(|n| n.starts_with("plasma_"))
        {
            let before = found.insert(name.to_owned(), node.clone());
            assert_eq!(before, None, "{name} is in two nodes");
        }
    }
    found
}

#[test]
fn each_function_is_in_the_node_of_the_release_that_brought_it() {
    let functions = functions();
    assert!(functions.len() > 50, "{functions:?}");
    assert_eq!(map(), functions, "plasma.map and include/plasma.h differ");
}

#[test]
fn each_name_is_listed_with_its_release() {
    let list = read("docs/symbols-in-versions");
    let listed: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    let mut sorted = listed.clone();
    sorted.sort_by_key(|line| line.to_lowercase());
    assert_eq!(listed, sorted, "docs/symbols-in-versions is not sorted");

    let functions = functions();
    let mut found = BTreeSet::new();
    for line in listed {
        let (name, since) = line.split_once(' ').unwrap();
        let since = since.split_whitespace().next().unwrap();
        if let Some(node) = functions.get(name).filter(|node| *node != EXPERIMENTAL) {
            assert_eq!(&format!("PLASMA_{since}"), node, "{name}");
        }
        assert!(found.insert(name.to_owned()), "{name} is listed twice");
    }
    assert_eq!(found, names(), "docs/symbols-in-versions and include/plasma.h differ");
}

/// With PLASMA_LIB_DIR: the directory of the libraries as `make build` leaves them.
#[test]
fn the_library_exports_what_the_header_declares() {
    let Some(directory) = env::var_os("PLASMA_LIB_DIR").map(PathBuf::from) else {
        let test = "the_library_exports_what_the_header_declares";
        return skip::skip(test, "PLASMA_LIB_DIR is not set");
    };
    let nm = |file: &str, flags: &[&str]| {
        let output = Command::new("nm").args(flags).arg(directory.join(file)).output().unwrap();
        assert!(output.status.success(), "nm {file}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let symbol = |line: &str| Some(line.split_whitespace().nth(2)?.to_owned());
        text.lines().filter_map(symbol).collect::<BTreeSet<_>>()
    };
    let functions = functions();
    let nodes = functions.values().cloned();
    let versioned = functions.iter().map(|(name, node)| format!("{name}@@{node}"));
    let exported = nm("libplasma.so", &["-D", "--defined-only", "--with-symbol-versions"]);
    assert_eq!(exported, versioned.chain(nodes).collect());

    // Builds with sanitizers have only a libplasma.so.
    if directory.join("libplasma.a").exists() {
        let global = nm("libplasma.a", &["-g", "--defined-only"]);
        assert_eq!(global, functions.into_keys().collect());
    }
}
