//! `include/plasma.h` is generated from `src/ffi` and declares what the library exports;
//! `include/plasma.hpp` includes all of `include/plasma`, from the bottom up.
//!
//! `bindings/plasma.json` says the same for programs that generate bindings, and the C compiler
//! agrees with it.
//!
//! `make header` writes both: it runs this test with PLASMA_UPDATE_HEADER=1.
#![cfg(not(loom))]

#[path = "common/comments.rs"]
mod comments;
#[path = "header/description.rs"]
mod description;
#[path = "common/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::{env, fs};

/// The groups of the header in the order in which a program needs them, and the files of `src/ffi`
/// that each shows. The last file names the group.
const GROUPS: &[&[&str]] = &[
    &["version"],
    &["status"],
    &["error"],
    &["id"],
    &["connect_options", "client"],
    &["buffer"],
    &["create_options", "write"],
    &["write_many"],
    &["read"],
    &["read_many"],
    &["metadata"],
    &["info"],
    &["manage"],
    &["list"],
    &["event"],
    &["check"],
];

/// Files of `src/ffi` that the header does not show.
const HELPERS: &[&str] = &["mod", "raw", "tests"];

/// Structs that begin with `struct_size`, and the other fields of their initializers.
const INIT: &[(&str, &str)] = &[
    ("plasma_connect_options_t", "0, 0, 0, 0, 0, 0, 0, -1, 0, 0"),
    ("plasma_create_options_t", "0, NULL, NULL, 0, 0"),
    ("plasma_object_info_t", "{{0}}, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}"),
    ("plasma_client_info_t", "0, 0, 0, 0, {0}, 0, 0, 0, {0}, 0, 0, 0, 0"),
    (
        "plasma_stats_t",
        "0, \\\n      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, \\\n      0, 0, 0, 0, 0",
    ),
    ("plasma_event_t", "0, 0, 0, {{0}}, 0, 0, 0, 0"),
    ("plasma_check_report_t", "0, 0, 0, 0, 0, 0, 0, 0, {0}"),
];

/// The text before the name of a function that C calls.
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

/// Returns the macros of the version.
fn version() -> String {
    let parts: Vec<u32> =
        env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap()).collect();
    let mut out = String::new();
    for (name, value) in ["MAJOR", "MINOR", "PATCH"].iter().zip(&parts) {
        let _ = writeln!(out, "/** The {} version of this header. */", name.to_lowercase());
        let _ = writeln!(out, "#define PLASMA_VERSION_{name} {value}");
    }
    let number = (parts[0] << 16) | (parts[1] << 8) | parts[2];
    out += "/** The version of this header as 0xMMmmpp; see plasma_version(). */\n";
    let _ = writeln!(out, "#define PLASMA_VERSION_NUM 0x{number:06x}\n");
    out
}

/// Returns the macro that initializes a struct, if it has one.
fn initializer(name: &str) -> Option<String> {
    let (_, fields) = INIT.iter().find(|(of, _)| *of == name)?;
    let upper = name.strip_suffix("_t").unwrap().to_uppercase();
    let comment = format!("/** Initializer for {name}. */\n");
    let value = format!("#define {upper}_INIT \\\n    {{ sizeof({name}), {fields} }}\n\n");
    Some(comment + &value)
}

/// Returns where the items begin in the output of cbindgen.
const ITEMS: &str = "/* items */\n";

fn generate() -> String {
    let mut config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    config.header = Some(manual());
    config.after_includes = Some(ITEMS.into());
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in GROUPS.iter().copied().flatten() {
        builder = builder.with_src(root().join(format!("src/ffi/{file}.rs")));
    }
    let mut out = Vec::new();
    builder.generate().unwrap().write(&mut out);
    let out = String::from_utf8(out).unwrap();
    let (head, rest) = out.split_once(ITEMS).unwrap();
    let mut header = format!("{head}\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n");
    let mut items = items(rest);
    for group in GROUPS {
        header += &shown(group, &mut items);
    }
    assert!(items.is_empty(), "in no file of src/ffi: {:?}", items.keys());
    header += "#ifdef __cplusplus\n}  // extern \"C\"\n#endif\n\n#endif  /* PLASMA_H */\n";
    // Every struct has a typedef, so the word struct is needed only in the typedef.
    let header = short_comments(&header).replace("struct plasma_", "plasma_");
    narrow(&header.replace("typedef plasma_", "typedef struct plasma_"))
}

/// Indents the parameters of a function by four blanks where they would be too wide below its name.
fn narrow(header: &str) -> String {
    let mut out = String::new();
    for part in header.split_inclusive(";\n") {
        let code = part.rfind(" */\n").map_or(0, |at| at + " */\n".len());
        let is_wide = part[code..].lines().any(|line| line.len() > 80);
        match part[code..].split_once('(').filter(|_| is_wide) {
            Some((name, parameters)) => {
                let _ = writeln!(out, "{}{name}(", &part[..code]);
                for parameter in parameters.lines() {
                    let _ = writeln!(out, "    {}", parameter.trim());
                }
            }
            None => out += part,
        }
    }
    out
}

/// Each item that cbindgen writes, with its comment, by its name.
fn items(mut text: &str) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    while let Some(begin) = text.find("/**\n") {
        text = &text[begin..];
        let code = text.find(" */\n").unwrap() + " */\n".len();
        let end = match &text[code..] {
            define if define.starts_with("#define") => "\n",
            braces if braces.lines().next().unwrap().ends_with('{') => "\n} ",
            _ => ";\n",
        };
        let end = code + text[code..].find(end).unwrap() + end.len();
        let end =
            end + if text[..end].ends_with('\n') { 0 } else { text[end..].find('\n').unwrap() + 1 };
        let name = name(&text[code..end]);
        let old = items.insert(name.clone(), text[..end].to_owned());
        assert!(old.is_none(), "{name} stands twice");
        text = &text[end..];
    }
    items
}

/// Returns the name that a definition or a declaration of C gives.
fn name(code: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before = match code.strip_prefix("#define ") {
        Some(rest) => rest.split(' ').next().unwrap(),
        None => {
            let last = code.rsplit_once("\n} ").map_or(code, |(_, name)| name);
            last.split_once('(').map_or(last.trim_end_matches([';', '\n']), |(head, _)| head)
        }
    };
    before.rsplit(|c| !is_name(c)).next().unwrap().to_owned()
}

/// Returns the items of some files of `src/ffi`, in their order, under a heading: the first
/// sentence of the last file's comment.
fn shown(files: &[&str], items: &mut BTreeMap<String, String>) -> String {
    let group = files.last().unwrap();
    let mut out = String::new();
    for file in files {
        let source = read(&format!("src/ffi/{file}.rs"));
        if file == group {
            let title = source.lines().next().unwrap().trim_start_matches("//! ");
            let title = title.trim_end_matches('.');
            out = format!("/**\n * @defgroup {group} {title}\n * @{{\n */\n\n{out}");
        }
        if *file == "version" {
            out += &version();
        }
        for line in source.lines() {
            let Some(name) = defined(line) else { continue };
            let Some(item) = items.remove(name) else { continue };
            out += &in_hexadecimal(&item, line);
            out += "\n";
            out += &initializer(name).unwrap_or_default();
        }
    }
    out + "/** @} */\n\n"
}

/// Returns the name that a line of Rust makes public.
fn defined(line: &str) -> Option<&str> {
    const KINDS: &[&str] = &["const ", "struct ", "enum ", "type ", "extern \"C\" fn "];
    let line = line.strip_prefix("pub ")?;
    let name = KINDS.iter().find_map(|kind| line.strip_prefix(kind))?;
    name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
}

/// Makes a constant that is hexadecimal in the source, as flags are, hexadecimal in the header.
fn in_hexadecimal(item: &str, line: &str) -> String {
    let Some((_, value)) = line.split_once(" = 0x") else { return item.to_owned() };
    let (head, _) = item.trim_end().rsplit_once(' ').unwrap();
    format!("{head} 0x{}\n", value.trim_end_matches(';'))
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

/// Compares a committed file with what it should be, or writes it.
fn is_current(path: &str, new: &str) {
    let file = root().join(path);
    if env::var_os("PLASMA_UPDATE_HEADER").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, new).unwrap();
        return;
    }
    let old = fs::read_to_string(&file).unwrap_or_default();
    let differs = old.lines().zip(new.lines()).position(|(old, new)| old != new);
    assert!(
        old == new,
        "{path} is not what src/ffi says, from line {} on: run `make header`",
        differs.unwrap_or(old.lines().count().min(new.lines().count())) + 1
    );
}

#[test]
fn the_header_is_current() {
    let header = generate();
    is_current("include/plasma.h", &header);
    let description = description::describe(&header, env!("CARGO_PKG_VERSION"));
    is_current("bindings/plasma.json", &description);
}

/// Runs the generator of the bindings.
fn generate_bindings(arguments: &[&str]) -> Output {
    let script = root().join("bindings/generate.py");
    Command::new("python3").arg(script).args(arguments).output().expect("python3")
}

#[test]
fn the_tables_of_the_bindings_are_current() {
    let output = generate_bindings(&["--check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles a program that asserts each size, offset, constant and signature of a description.
/// Returns the errors of the compiler.
fn compile_description(name: &str, description: &str) -> String {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (json, program) =
        (directory.join(format!("{name}.json")), directory.join(format!("{name}.c")));
    fs::write(&json, description).unwrap();
    let output = generate_bindings(&["--c", json.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::write(&program, output.stdout).unwrap();
    let output = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-S", "-o", "-"])
        .arg("-I")
        .arg(root().join("include"))
        .arg(&program)
        .output()
        .expect("a compiler named cc");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.success(), errors.is_empty(), "{errors}");
    errors
}

#[test]
fn the_c_compiler_agrees_with_the_description() {
    let errors = compile_description("description", &read("bindings/plasma.json"));
    assert!(errors.is_empty(), "{errors}");
}

#[test]
fn the_c_compiler_finds_each_kind_of_fault_in_a_description() {
    let right = read("bindings/plasma.json");
    for (number, (old, new)) in [
        (
            "\"name\": \"PLASMA_CONNECT_RESERVE\", \"value\": 16",
            "\"name\": \"PLASMA_CONNECT_RESERVE\", \"value\": 32",
        ),
        (
            "\"name\": \"PLASMA_ERR_LIMIT\", \"value\": -11",
            "\"name\": \"PLASMA_ERR_LIMIT\", \"value\": -12",
        ),
        ("\"name\": \"plasma_id_t\", \"size\": 20", "\"name\": \"plasma_id_t\", \"size\": 24"),
        (
            "\"name\": \"lock_timeout_ms\", \"type\": \"int64_t\", \"offset\": 40",
            "\"name\": \"lock_timeout_ms\", \"type\": \"int64_t\", \"offset\": 36",
        ),
        (
            "\"name\": \"lock_timeout_ms\", \"type\": \"int64_t\"",
            "\"name\": \"lock_timeout_ms\", \"type\": \"uint64_t\"",
        ),
        ("\"initial\": -1", "\"initial\": -2"),
        (
            "\"type\": \"int64_t\", \"doc\": \"in milliseconds",
            "\"type\": \"int32_t\", \"doc\": \"in milliseconds",
        ),
        (
            "\"name\": \"state\", \"type\": \"plasma_state_t *\"",
            "\"name\": \"state\", \"type\": \"uint32_t *\"",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(right.contains(old), "{old}");
        let errors = compile_description(&format!("wrong-{number}"), &right.replacen(old, new, 1));
        assert!(!errors.is_empty(), "compiles with {new}");
    }
}

#[test]
fn the_headers_are_manuals_of_plain_lines() {
    let parts = sources::named("include/plasma", "hpp");
    let parts = parts.iter().map(|name| (format!("include/plasma/{name}.hpp"), 600));
    let pages = [("include/plasma.h".into(), 2300), ("include/plasma.hpp".into(), 600)];
    for (path, lines) in pages.into_iter().chain(parts) {
        let header = read(&path);
        assert!(header.is_ascii(), "{path}");
        assert!(header.lines().count() < lines, "{path}: {} lines", header.lines().count());
        for line in header.lines() {
            assert!(line.len() <= 80 && line.trim_end() == line, "{path}: {line:?}");
        }
    }
}

/// Returns the headers of include/plasma that a header includes, in its order.
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

/// Returns the names that follow each `marker` in `text`.
fn names(text: &str, marker: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(marker)
        .map(|(at, _)| text[at + marker.len()..].chars().take_while(|&c| is_name(c)).collect())
        .collect()
}

/// Returns the functions that the header declares.
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
    let shown: BTreeSet<_> =
        GROUPS.iter().copied().flatten().chain(HELPERS).map(|file| format!("{file}.rs")).collect();
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
    assert_eq!(files, shown, "files of src/ffi, and GROUPS and HELPERS of this test");
    let once: BTreeSet<_> = defined.iter().cloned().collect();
    assert_eq!(once.len(), defined.len(), "defined twice: {defined:?}");
    assert_eq!(once, declared());
}
