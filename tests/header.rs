//! `include/plasma.h` is what `src/ffi` says, and every C and C++ compiler takes it.
//!
//! `make header` writes it: this test with PLASMA_UPDATE_HEADER=1.
#![cfg(not(loom))]

#[path = "common/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
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
    ("plasma_connect_options_t", "0, 0, 0, 0, 0, 0, 0, -1"),
    ("plasma_create_options_t", "0, NULL, NULL, 0, 0"),
    ("plasma_object_info_t", "{{0}}, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}"),
    ("plasma_client_info_t", "0, 0, 0, 0, {0}, 0, 0, 0, {0}, 0, 0, 0, 0"),
    ("plasma_stats_t", "0, \\\n      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}"),
    ("plasma_event_t", "0, 0, 0, {{0}}, 0, 0, 0"),
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

/// docs/caveats.md as the first comment of the header.
fn manual() -> String {
    let mut out = String::from("/*\n * SPDX-License-Identifier: ");
    let _ = writeln!(out, "{}\n *", env!("CARGO_PKG_LICENSE"));
    let mut code = false;
    for line in read("docs/caveats.md").lines() {
        if line.starts_with("```") {
            code = !code;
            continue;
        }
        let heading = line.strip_prefix("## ").or(line.strip_prefix("# ")).filter(|_| !code);
        let text = match heading {
            Some(heading) => format!("{heading}\n * {}", "-".repeat(heading.len())),
            None if code && !line.is_empty() => format!("    {line}"),
            None => line.replace('`', ""),
        };
        let _ = writeln!(out, "{}", format!(" * {text}").trim_end());
    }
    out + " */"
}

/// The version and the macros that begin structs.
fn macros() -> String {
    let parts: Vec<u32> =
        env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap()).collect();
    let mut out = String::from("\n/** The version of this header; see plasma_version(). */\n");
    for (name, value) in ["MAJOR", "MINOR", "PATCH"].iter().zip(&parts) {
        let _ = writeln!(out, "#define PLASMA_VERSION_{name} {value}");
    }
    let number = (parts[0] << 16) | (parts[1] << 8) | parts[2];
    let _ = writeln!(out, "#define PLASMA_VERSION_NUM 0x{number:06x}\n");
    out += "/** How a struct that grows begins: plasma_stats_t s = PLASMA_STATS_INIT; */\n";
    for (name, fields) in INIT {
        let upper = name.strip_suffix("_t").unwrap().to_uppercase();
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
fn the_header_is_a_manual_of_plain_lines() {
    let header = read("include/plasma.h");
    assert!(header.is_ascii());
    assert!(header.lines().count() < 1800, "{} lines", header.lines().count());
    for line in header.lines() {
        assert!(line.len() <= 80 && line.trim_end() == line, "{line:?}");
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

#[test]
fn each_function_says_who_may_call_it_and_since_when() {
    let header = read("include/plasma.h");
    for name in declared() {
        let call = format!("{name}(");
        let documented = header.match_indices(&call).any(|(at, _)| {
            let start = header[..at].rfind('\n').map_or(0, |end| end + 1);
            let before = header[..start].strip_suffix(" */\n");
            let comment = before.and_then(|text| text.rsplit("/**").next());
            comment.is_some_and(|text| text.contains("Threads: ") && text.contains("Since: "))
        });
        assert!(documented, "{name} has no line with Threads and Since");
    }
}

/// What the header promises for ever, for a compiler to check.
fn assertions() -> String {
    let mut out = String::new();
    let mut check = |name: &str, fact: String| {
        let _ = writeln!(out, "typedef char check_{name}[({fact}) ? 1 : -1];");
    };
    for (name, size) in [
        ("plasma_id_t", 20),
        ("plasma_buffer_t", 64),
        ("plasma_mutable_buffer_t", 64),
        ("plasma_metadata_t", 24),
        ("plasma_connect_options_t", 48),
        ("plasma_create_options_t", 40),
        ("plasma_object_info_t", 464),
        ("plasma_client_info_t", 80),
        ("plasma_stats_t", 168),
        ("plasma_event_t", 64),
        ("plasma_check_report_t", 320),
        ("plasma_status_t", 4),
        ("plasma_state_t", 4),
    ] {
        check(name, format!("sizeof({name}) == {size}"));
    }
    for (name, field, offset) in [
        ("plasma_buffer", "size", 8),
        ("plasma_mutable_buffer", "reserved", 16),
        ("plasma_connect_options", "lock_timeout_ms", 40),
        ("plasma_create_options", "timeout_ms", 32),
        ("plasma_object_info", "id", 4),
        ("plasma_object_info", "name", 80),
        ("plasma_object_info", "creator_address", 336),
        ("plasma_client_info", "connect_time_us", 48),
        ("plasma_stats", "file_system", 136),
        ("plasma_event", "lost_count", 56),
        ("plasma_check_report", "first_problem", 64),
    ] {
        check(&format!("{name}_{field}"), format!("offsetof({name}_t, {field}) == {offset}"));
    }
    for status in plasma::error::Status::ALL {
        let (name, number) = (status.c_name(), *status as i32);
        check(name, format!("{name} == {number}"));
    }
    for (name, number) in [
        ("PLASMA_STATE_DELETED", 3),
        ("PLASMA_EVENT_LOST", 5),
        ("PLASMA_EVICTION_LRU", 1),
        ("PLASMA_CONNECT_RESERVE", 0x10),
        ("PLASMA_CREATE_ZEROED", 0x10000),
        ("PLASMA_CREATE_PINNED", 0x20000),
        ("PLASMA_OBJECT_NAMED", 0x2),
        ("PLASMA_ID_SIZE", 20),
        ("PLASMA_NAME_MAX", 255),
    ] {
        check(name, format!("{name} == {number}"));
    }
    out
}

/// A program that begins every struct.
fn beginnings() -> String {
    let mut out = assertions() + "int main(void)\n{\n    uint32_t sizes = 0;\n";
    for (at, (name, _)) in INIT.iter().enumerate() {
        let macro_name = name.strip_suffix("_t").unwrap().to_uppercase() + "_INIT";
        let _ = writeln!(out, "    {name} s{at} = {macro_name};\n    sizes += s{at}.struct_size;");
    }
    out + "    return PLASMA_VERSION_NUM > 0 && sizes == 1184 ? 0 : 1;\n}\n"
}

fn example() -> String {
    let caveats = read("docs/caveats.md");
    let (_, code) = caveats.split_once("```c\n").unwrap();
    String::from(code.split_once("```").unwrap().0)
}

/// Compiles a source with every warning; without that compiler there is nothing to check.
fn compile(compiler: &str, flags: &[&str], file: &str, source: &str) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file);
    fs::write(&path, source).unwrap();
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]).args(flags);
    let output = match command.arg("-I").arg(root().join("include")).arg(&path).output() {
        Ok(output) => output,
        Err(error) => return skip::skip("the_header_compiles", &format!("{compiler}: {error}")),
    };
    assert!(
        output.status.success(),
        "{compiler} {flags:?} {file}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn c_takes_the_header() {
    let source = format!("#include <plasma.h>\n#include <plasma.h>\n{}", beginnings());
    let compiler = env::var("CC").unwrap_or_else(|_| String::from("gcc"));
    for standard in ["-std=c99", "-std=c11", "-std=c17"] {
        let flags = [standard, "-Wstrict-prototypes", "-Wconversion"];
        compile(&compiler, &flags, "header.c", &source);
        compile(&compiler, &flags, "example.c", &example());
    }
}

#[test]
fn cpp_takes_the_header() {
    let source = format!("#include <plasma.h>\n#include <plasma.h>\n{}", beginnings());
    let compiler = env::var("CXX").unwrap_or_else(|_| String::from("g++"));
    for standard in ["-std=c++11", "-std=c++17"] {
        compile(&compiler, &[standard, "-Wconversion"], "header.cpp", &source);
    }
}

/// With PLASMA_LIB_DIR: the directory of the libraries as `cargo build --release` leaves them.
#[test]
fn the_library_exports_what_the_header_declares() {
    let Some(directory) = env::var_os("PLASMA_LIB_DIR") else {
        let test = "the_library_exports_what_the_header_declares";
        return skip::skip(test, "PLASMA_LIB_DIR is not set");
    };
    let library = PathBuf::from(directory).join("libplasma.so");
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(&library).output().unwrap();
    assert!(output.status.success(), "nm {}", library.display());
    let symbols = String::from_utf8(output.stdout).unwrap();
    let exported = symbols.lines().filter_map(|line| line.split_whitespace().nth(2));
    assert_eq!(exported.map(String::from).collect::<BTreeSet<_>>(), declared());
}
