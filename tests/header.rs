//! `include/plasma.h` is what `src/ffi` says, and what the library exports; `include/plasma.hpp` is
//! all of `include/plasma`, from the bottom up.
//!
//! `make header` writes plasma.h: this test with PLASMA_UPDATE_HEADER=1.
#![cfg(not(loom))]

#[path = "common/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

/// The files of `src/ffi` in the order of a user's life, which is that of the header.
const FILES: &[&str] = &[
    "version",
    "status",
    "error",
    "id",
    "options",
    "client",
    "buffer",
    "write",
    "write_many",
    "read",
    "read_many",
    "metadata",
    "info",
    "manage",
    "list",
    "event",
    "check",
];

/// Files of `src/ffi` that the header does not show.
const HELPERS: &[&str] = &["mod", "raw", "tests"];

/// Structs that begin with `struct_size`, and how a program begins them.
const INIT: &[(&str, &str)] = &[
    ("plasma_connect_options_t", "0, 0, 0, 0, 0, 0, 0, -1, 0, 0"),
    ("plasma_create_options_t", "0, NULL, NULL, 0, 0"),
    ("plasma_object_info_t", "{{0}}, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}"),
    ("plasma_client_info_t", "0, 0, 0, 0, {0}, 0, 0, 0, {0}, 0, 0, 0, 0"),
    (
        "plasma_stats_t",
        "0, \\\n      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, \\\n      0, 0, 0, 0",
    ),
    ("plasma_event_t", "0, 0, 0, {{0}}, 0, 0, 0, 0"),
    ("plasma_check_report_t", "0, 0, 0, 0, 0, 0, 0, 0, {0}"),
];

/// What stands before the name of a function that C calls.
const EXPORTED: &str = "#[unsafe(no_mangle)]\npub extern \"C\" fn ";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// docs/guide/caveats.md as the first comment of the header.
fn manual() -> String {
    let mut out = String::from("/*\n * SPDX-License-Identifier: ");
    let _ = writeln!(out, "{}\n *", env!("CARGO_PKG_LICENSE"));
    let mut code = false;
    for line in read("docs/guide/caveats.md").lines() {
        if line.starts_with("```") {
            code = !code;
            continue;
        }
        let heading = line.strip_prefix("## ").or(line.strip_prefix("# ")).filter(|_| !code);
        let text = match heading {
            Some(heading) => format!("{heading}\n * {}", "-".repeat(heading.len())),
            None if code && !line.is_empty() => format!("    {line}"),
            None => line.replace("**", "").replace('`', ""),
        };
        let _ = writeln!(out, "{}", format!(" * {text}").trim_end());
    }
    out + " */\n\n/**\n * @file\n * The C API of Plasma: types, constants and functions.\n */"
}

/// The version and the macros that begin structs.
fn macros() -> String {
    let parts: Vec<u32> =
        env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap()).collect();
    let mut out = String::from("\n");
    for (name, value) in ["MAJOR", "MINOR", "PATCH"].iter().zip(&parts) {
        let _ = writeln!(out, "/** The {} version of this header. */", name.to_lowercase());
        let _ = writeln!(out, "#define PLASMA_VERSION_{name} {value}");
    }
    let number = (parts[0] << 16) | (parts[1] << 8) | parts[2];
    out += "/** The version of this header as 0xMMmmpp; see plasma_version(). */\n";
    let _ = writeln!(out, "#define PLASMA_VERSION_NUM 0x{number:06x}\n");
    for (name, fields) in INIT {
        let upper = name.strip_suffix("_t").unwrap().to_uppercase();
        let _ = writeln!(out, "/** What a {name} is begun with. */");
        let _ = writeln!(out, "#define {upper}_INIT \\\n    {{ sizeof({name}), {fields} }}");
    }
    out
}

fn generate() -> String {
    let mut config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    config.header = Some(manual());
    config.after_includes = Some(macros());
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in FILES {
        builder = builder.with_src(root().join(format!("src/ffi/{file}.rs")));
    }
    let mut out = Vec::new();
    builder.generate().unwrap().write(&mut out);
    let header = grouped(short_comments(&String::from_utf8(out).unwrap()));
    // Every struct has a typedef, so the word struct is needed there only.
    header.replace("struct plasma_", "plasma_").replace("typedef plasma_", "typedef struct plasma_")
}

/// The functions of each file of `src/ffi` under a heading: what the file says it is about.
fn grouped(mut header: String) -> String {
    for file in FILES {
        let source = read(&format!("src/ffi/{file}.rs"));
        let functions = names(&source, EXPORTED);
        let (Some(first), Some(last)) = (functions.first(), functions.last()) else { continue };
        let title = source.lines().next().unwrap();
        let title = title.trim_start_matches("//! ").trim_end_matches('.');
        let heading = format!("/**\n * @defgroup {file} {title}\n * @{{\n */\n\n");
        let end = declaration(&header, last);
        let end = end + header[end..].find(");\n").unwrap() + ");\n".len();
        header.insert_str(end, "\n/** @} */\n");
        let begin = header[..declaration(&header, first)].rfind("/**\n").unwrap();
        header.insert_str(begin, &heading);
    }
    header
}

/// Where the line that declares a function begins.
fn declaration(header: &str, name: &str) -> usize {
    let is_name = |at: usize| !header[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric());
    let call = format!("{name}(");
    let mut found = header.match_indices(&call).map(|(at, _)| at).filter(|&at| is_name(at));
    let line = |at: usize| header[..at].rfind('\n').map_or(0, |end| end + 1);
    found.find(|&at| header[line(at)..].starts_with(|c: char| c.is_alphabetic())).map(line).unwrap()
}

/// Comments of one line take one line.
fn short_comments(header: &str) -> String {
    let lines: Vec<&str> = header.lines().collect();
    let short = |at: usize| {
        lines.get(at..at + 3).is_some_and(|three| {
            (three[0].trim(), three[2].trim()) == ("/**", "*/")
                && three[1].len() + "/** */".len() - "* ".len() <= 80
        })
    };
    let (mut out, mut at) = (String::new(), 0);
    while at < lines.len() {
        if short(at) {
            let (indent, _) = lines[at].split_at(lines[at].len() - "/**".len());
            let text = lines[at + 1].trim_start().trim_start_matches("* ");
            let _ = writeln!(out, "{indent}/** {text} */");
            at += 3;
        } else if lines[at].is_empty() && lines[at - 1].starts_with("#define") && short(at + 1) {
            at += 1; // no empty line between constants
        } else {
            let _ = writeln!(out, "{}", lines[at]);
            at += 1;
        }
    }
    out
}

#[test]
fn the_header_is_current() {
    let (path, new) = (root().join("include/plasma.h"), generate());
    if env::var_os("PLASMA_UPDATE_HEADER").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, new).unwrap();
        return;
    }
    let old = fs::read_to_string(&path).unwrap_or_default();
    let differs = old.lines().zip(new.lines()).position(|(old, new)| old != new);
    assert!(
        old == new,
        "include/plasma.h is not what src/ffi says, from line {} on: run `make header`",
        differs.unwrap_or(old.lines().count().min(new.lines().count())) + 1
    );
}

#[test]
fn the_headers_are_manuals_of_plain_lines() {
    let parts = sources::named("include/plasma", "hpp");
    let parts = parts.iter().map(|name| (format!("include/plasma/{name}.hpp"), 600));
    let pages = [("include/plasma.h".into(), 1900), ("include/plasma.hpp".into(), 600)];
    for (path, lines) in pages.into_iter().chain(parts) {
        let header = read(&path);
        assert!(header.is_ascii(), "{path}");
        assert!(header.lines().count() < lines, "{path}: {} lines", header.lines().count());
        for line in header.lines() {
            assert!(line.len() <= 80 && line.trim_end() == line, "{path}: {line:?}");
        }
    }
}

/// The headers of include/plasma that a header includes, in its order.
fn parts(path: &str) -> Vec<String> {
    let included = |line: &str| {
        let name = line.strip_prefix("#include <plasma/")?.strip_suffix(".hpp>")?;
        Some(name.to_owned())
    };
    read(path).lines().filter_map(included).collect()
}

#[test]
fn plasma_hpp_includes_all_of_its_parts_and_each_part_only_those_before_it() {
    let order = parts("include/plasma.hpp");
    let mut sorted = order.clone();
    sorted.sort();
    assert_eq!(sorted, sources::named("include/plasma", "hpp"));
    for (at, name) in order.iter().enumerate() {
        for used in parts(&format!("include/plasma/{name}.hpp")) {
            assert!(order[..at].contains(&used), "{name}.hpp includes {used}.hpp");
        }
    }
}

/// The names behind each `marker` in `text`.
fn names(text: &str, marker: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(marker)
        .map(|(at, _)| text[at + marker.len()..].chars().take_while(|&c| is_name(c)).collect())
        .collect()
}

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = read("include/plasma.h");
    let code = header.lines().filter(|line| !line.starts_with([' ', '/', '#', '}']));
    code.filter_map(|line| {
        let (head, _) = line.split_once('(')?;
        head.rsplit([' ', '*']).next().filter(|n| n.starts_with("plasma_")).map(String::from)
    })
    .collect()
}

#[test]
fn each_function_is_declared_and_defined_once() {
    let shown: BTreeSet<_> = FILES.iter().chain(HELPERS).map(|file| format!("{file}.rs")).collect();
    let (mut files, mut defined) = (BTreeSet::new(), Vec::new());
    for entry in fs::read_dir(root().join("src/ffi")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let text = read(&format!("src/ffi/{file}"));
        let exported = names(&text, EXPORTED);
        assert_eq!(exported.len(), text.matches("no_mangle)]\n").count(), "{file}");
        assert_eq!(exported.len(), text.matches("extern \"C\" fn").count(), "{file}");
        defined.extend(exported);
        files.insert(file);
    }
    assert_eq!(files, shown, "files of src/ffi, and FILES and HELPERS of this test");
    let once: BTreeSet<_> = defined.iter().cloned().collect();
    assert_eq!(once.len(), defined.len(), "defined twice: {defined:?}");
    assert_eq!(once, declared());
}
