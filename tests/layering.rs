//! The rules of the source tree that the compiler does not know, checked by reading the source.

#[path = "common/rust_lines.rs"]
mod rust_lines;

use rust_lines::{code, words};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Modules and their layers: each may use its own layer and the layers below it.
const LAYERS: &[(u32, &[&str])] = &[
    (0, &["error", "id", "options", "support", "sync", "sys"]),
    (1, &["layout"]),
    (2, PROTOCOLS),
    (3, &["segment", "models"]),
    (4, &["store", "client", "buffer", "mutable_buffer", "subscription", "info"]),
    (5, &["ffi"]),
];

/// Modules that run under loom and miri: no kernel, no mappings, none of the other modules.
const PROTOCOLS: &[&str] = &[
    "alloc",
    "events",
    "index",
    "lease",
    "lifecycle",
    "members",
    "order",
    "protocols",
    "wake",
    "writer_lock",
];

const PROTOCOLS_MAY_USE: &[&str] = &["layout", "sync", "error", "id", "support"];

const LAYOUT_MAY_USE: &[&str] = &["sync", "error", "id"];

/// The C layer uses only what a Rust user sees.
const FFI_MAY_USE: &[&str] = &[
    "client",
    "buffer",
    "mutable_buffer",
    "subscription",
    "info",
    "options",
    "error",
    "id",
    "support",
];

/// Files that may contain unsafe blocks, impls and functions.
const UNSAFE: &[&str] = &[
    "src/buffer.rs",
    "src/ffi/check.rs",
    "src/ffi/event.rs",
    "src/ffi/info.rs",
    "src/ffi/connect_options.rs",
    "src/ffi/create_options.rs",
    "src/ffi/raw.rs",
    "src/ffi/tests.rs",
    "src/layout/mod.rs",
    "src/protocols/lease/entry/loom.rs",
    "src/protocols/lease/loom.rs",
    "src/protocols/lease/threads.rs",
    "src/protocols/members/loom.rs",
    "src/protocols/writer_lock/threads.rs",
    "src/mutable_buffer.rs",
    "src/sync/once.rs",
    "src/segment/cast.rs",
    "src/segment/copy.rs",
    "src/segment/heap.rs",
    "src/store/handles/writers.rs",
    "src/store/handles/table.rs",
    "src/sys/access.rs",
    "src/sys/clock.rs",
    "src/sys/descriptor.rs",
    "src/sys/dir.rs",
    "src/sys/event_fd.rs",
    "src/sys/file.rs",
    "src/sys/file_copy.rs",
    "src/sys/file_limit.rs",
    "src/sys/file_lock.rs",
    "src/sys/fork.rs",
    "src/sys/fs.rs",
    "src/sys/futex.rs",
    "src/sys/map.rs",
    "src/sys/membarrier.rs",
    "src/sys/process.rs",
    "src/sys/random.rs",
    "src/sys/testing.rs",
    "src/sys/thread.rs",
    "src/sys/verified_fd.rs",
];

/// Also allowed: `#[unsafe(no_mangle)]` in all of `src/ffi`.
const NO_MANGLE: &str = "src/ffi/mod.rs";

const MAX_LINES: usize = 600;

/// Maximum number of lines from a SYNC comment to its ordering.
const SYNC_LINES: usize = 4;
/// Maximum number of lines from a SAFETY comment to its unsafe block.
const SAFETY_LINES: usize = 6;

struct Source {
    path: String,
    text: String,
}

struct Line<'a> {
    number: usize,
    text: &'a str,
    /// Without comments and string literals.
    code: String,
}

impl Source {
    /// Returns the directory or file of src, or of src/protocols, that contains this file.
    fn module(&self) -> &str {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let inner = inner.strip_prefix("protocols/").filter(|it| *it != "mod").unwrap_or(inner);
        inner.split('/').next().unwrap()
    }

    /// Returns whether the file contains only tests or models.
    fn is_test(&self) -> bool {
        if self.path.starts_with("src/models/") {
            return true;
        }
        let name = Path::new(&self.path).file_stem().unwrap().to_str().unwrap();
        const TESTS: &[&str] = &[
            "tests", "loom", "model", "fixture", "testing", "golden", "modelled", "explore",
            "threads",
        ];
        TESTS.contains(&name)
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.text.lines().enumerate().map(|(i, text)| Line {
            number: i + 1,
            text,
            code: code(text),
        })
    }

    /// Returns the lines before the unit tests at the end of the file.
    fn shipped(&self) -> impl Iterator<Item = Line<'_>> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines.windows(2).position(|pair| {
            pair[0].starts_with("#[cfg(") && pair[0].contains("test") && pair[1] == "mod tests {"
        });
        let end = if self.is_test() { 0 } else { tests.unwrap_or(lines.len()) };
        self.lines().take(end)
    }

    fn above(&self, number: usize, lines: usize) -> Vec<&str> {
        let end = number - 1;
        self.text.lines().skip(end.saturating_sub(lines)).take(lines.min(end)).collect()
    }
}

fn sources() -> Vec<Source> {
    fn read(dir: &Path, into: &mut Vec<Source>) {
        let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                read(&path, into);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let root = Path::new(env!("CARGO_MANIFEST_DIR"));
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                into.push(Source { path: name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    let mut all = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    assert!(all.len() > 50, "the source is not where this test looks for it");
    all
}

fn report(what: &str, wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{what}:\n  {}\n", wrong.join("\n  "));
}

fn layer(module: &str) -> Option<u32> {
    LAYERS.iter().find(|(_, modules)| modules.contains(&module)).map(|(layer, _)| *layer)
}

/// Returns the modules named by `crate::` paths in a file, with `crate::{a, b}` split.
fn used(source: &Source) -> BTreeSet<(usize, String)> {
    let mut found = BTreeSet::new();
    for line in source.lines() {
        for (at, _) in line.code.match_indices("crate::") {
            // `$crate::` and paths into another crate's macro do not occur, nor does
            // `plasma_crate::`.
            let rest = &line.code[at + "crate::".len()..];
            let rest = rest.strip_prefix("protocols::").unwrap_or(rest);
            let group = rest.strip_prefix('{');
            let names = group.map_or(rest, |group| group.split('}').next().unwrap());
            let parts: Vec<&str> = match group {
                Some(_) => names.split(',').collect(),
                None => vec![names],
            };
            for part in parts {
                if let Some(name) = words(part).next() {
                    found.insert((line.number, name.to_owned()));
                }
            }
        }
    }
    found
}

#[test]
fn modules_use_what_lies_below_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.module();
        if module == "lib" {
            continue;
        }
        let Some(own) = layer(module) else {
            wrong.push(format!("{}: `{module}` has no layer in LAYERS", source.path));
            continue;
        };
        // Tests may import anything except the C layer.
        for (number, name) in used(&source) {
            let fine = match layer(&name) {
                _ if name == module => true,
                None => false,
                Some(5) => false,
                Some(_) if source.is_test() => true,
                Some(_) if module == "layout" => LAYOUT_MAY_USE.contains(&name.as_str()),
                Some(_) if PROTOCOLS.contains(&module) => {
                    PROTOCOLS_MAY_USE.contains(&name.as_str())
                }
                Some(_) if module == "ffi" => FFI_MAY_USE.contains(&name.as_str()),
                Some(layer) => layer <= own,
            };
            if !fine {
                wrong.push(format!("{}:{number}: {module} uses {name}", source.path));
            }
        }
    }
    report("Paths that point the wrong way", wrong);
}

#[test]
fn the_table_of_layers_in_the_architecture_is_this_list() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## Layers\n").expect("a section on layers");
    let rows = section.split("\n## ").next().unwrap().lines().filter_map(|line| {
        let (layer, modules) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
        let modules: Vec<&str> = modules.split(", ").collect();
        Some((layer.parse::<u32>().ok()?, modules))
    });
    let listed: Vec<(u32, Vec<&str>)> =
        LAYERS.iter().map(|(layer, modules)| (*layer, modules.to_vec())).collect();
    assert_eq!(rows.collect::<Vec<_>>(), listed, "ARCHITECTURE.md and LAYERS differ");
}

#[test]
fn atomics_come_through_the_facade() {
    let mut wrong = Vec::new();
    for source in sources() {
        let free = ["sync", "sys"].contains(&source.module()) || source.is_test();
        for line in source.lines().filter(|_| !free) {
            if line.code.contains("sync::atomic") {
                wrong.push(format!("{}:{}: {}", source.path, line.number, line.text.trim()));
            }
        }
    }
    report("Atomics named outside src/sync/mod.rs and src/sys", wrong);
}

#[test]
fn descriptors_are_opened_by_the_wrappers_alone() {
    // They could get the number of a closed stdin, stdout or stderr: see src/sys/descriptor.rs.
    let opens = ["fs::read", "fs::write", "File::open", "File::create", "OpenOptions"];
    let mut wrong = Vec::new();
    for source in sources() {
        let home = source.path == "src/sys/descriptor.rs";
        for line in source.shipped() {
            let owns = line.code.contains("from_raw_fd(") && !home;
            if owns || opens.iter().any(|open| line.code.contains(open)) {
                wrong.push(format!("{}:{}: {}", source.path, line.number, line.text.trim()));
            }
        }
    }
    report("Files that may become a standard stream", wrong);
}

#[test]
fn unsafe_code_is_where_it_is_listed() {
    let allow = "#![allow(unsafe_code)]";
    let mut wrong = Vec::new();
    let mut listed: BTreeSet<&str> = UNSAFE.iter().copied().collect();
    for source in sources() {
        let path = source.path.as_str();
        let uses = source.lines().any(|line| {
            let code = line.code.replace("#[unsafe(no_mangle)]", "");
            words(&code).any(|word| word == "unsafe")
        });
        let known = listed.remove(path);
        if uses && !known {
            wrong.push(format!("{path}: unsafe code, but it is not in UNSAFE"));
        }
        if !uses && known {
            wrong.push(format!("{path}: in UNSAFE, but it has no unsafe code"));
        }
        let mut head = source.text.lines().skip_while(|line| line.starts_with("//!"));
        let mut attributes = head.by_ref().take_while(|line| line.starts_with("#!["));
        let says = attributes.any(|line| {
            line.strip_prefix(allow).and_then(|rest| rest.strip_prefix(" // ")).is_some()
        });
        if known && !says {
            wrong.push(format!("{path}: does not begin with `{allow} // why`"));
        }
        if !known && path != NO_MANGLE && source.lines().any(|line| line.code.contains(allow)) {
            wrong.push(format!("{path}: allows what it does not need"));
        }
        let mangled = source.lines().any(|line| line.code.contains("#[unsafe("));
        if mangled && source.module() != "ffi" {
            wrong.push(format!("{path}: C symbols are defined in src/ffi alone"));
        }
    }
    wrong.extend(listed.iter().map(|path| format!("{path}: in UNSAFE, but not there")));
    report("Unsafe code", wrong);
}

#[test]
fn each_unsafe_block_says_why_it_is_sound() {
    let mut wrong = Vec::new();
    for source in sources() {
        for line in source.lines() {
            let block = ["unsafe {", "unsafe impl"].iter().any(|it| line.code.contains(it));
            let said = |line: &&str| line.contains("SAFETY:");
            if block && !source.above(line.number, SAFETY_LINES).iter().any(said) {
                wrong.push(format!("{}:{}: {}", source.path, line.number, line.text.trim()));
            }
            let open = line.code.contains("unsafe fn") || line.code.contains("unsafe trait");
            if open && !source.above(line.number, 12).iter().any(|it| it.contains("# Safety")) {
                wrong.push(format!("{}:{}: no `# Safety`", source.path, line.number));
            }
        }
    }
    report("Unsafe code without its reason above it", wrong);
}

#[test]
fn each_ordering_says_what_it_pairs_with() {
    let orders = ["Acquire", "Release", "AcqRel", "SeqCst"];
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.module() != "sync") {
        let mut importing = false;
        for line in source.shipped() {
            let start = line.code.trim_start();
            importing |= start.starts_with("use ") || start.starts_with("pub use ");
            // `Release` is also a type of the layout: an entry of the ring of releases.
            let code = line.code.replace("<Release>", "").replace("client::Release", "");
            let code = code.replace("struct Release", "");
            let named = words(&code).any(|word| orders.contains(&word));
            if named && !importing {
                let near = source.above(line.number, SYNC_LINES);
                let said =
                    line.text.contains("SYNC ") || near.iter().any(|it| it.contains("SYNC "));
                if !said {
                    wrong.push(format!("{}:{}: {}", source.path, line.number, start));
                }
            }
            importing &= !line.code.contains(';');
        }
    }
    report("Orderings without `// SYNC name: ...` above them", wrong);
}

#[test]
fn each_sync_has_its_partner() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources() {
        for line in source.lines() {
            let Some((_, rest)) = line.text.split_once("// SYNC ") else { continue };
            let Some((names, _)) = rest.split_once(':') else {
                panic!("{}:{}: `// SYNC name: ...` has no colon", source.path, line.number)
            };
            for name in names.split(", ") {
                let place = format!("{}:{}", source.path, line.number);
                places.entry(name.to_owned()).or_default().push(place);
            }
        }
    }
    let design = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/internals/invariants.md");
    let design = fs::read_to_string(design).unwrap_or_default();
    let lonely = places
        .iter()
        .filter(|(name, places)| places.len() < 2 && !design.contains(&format!("`{name}`")))
        .map(|(name, places)| format!("{}: {name}", places[0]));
    report(
        "SYNC names that occur once and are not in docs/internals/invariants.md",
        lonely.collect(),
    );
}

#[test]
fn each_sync_is_broken_by_a_mutant_or_kept_for_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let mutants = read("tests/mutants/mutants.toml");
    let listed = |name: &str| mutants.contains(&format!("sync = \"{name}\""));
    let mut names = BTreeSet::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        for line in source.lines() {
            let said = line.text.split_once("// SYNC ").and_then(|(_, rest)| rest.split_once(':'));
            names.extend(said.into_iter().flat_map(|(all, _)| all.split(", ")).map(str::to_owned));
        }
    }
    let design = read("docs/internals/invariants.md");
    let section = design.split("\n## Synchronisation\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let rows: BTreeSet<String> = rows.filter(|row| *row != "name").map(str::to_owned).collect();
    let lost = names.iter().chain(&rows).filter(|name| !listed(name)).cloned();
    report("SYNC names that are not in tests/mutants/mutants.toml", lost.collect());
    let unlike = names.symmetric_difference(&rows).cloned();
    report(
        "SYNC names in the source or in docs/internals/invariants.md, not in both",
        unlike.collect(),
    );
}

#[test]
fn each_mutant_names_a_place_of_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(root.join("tests/mutants/mutants.toml")).unwrap();
    let mut wrong = Vec::new();
    for mutant in list.split("[[mutant]]\n").skip(1) {
        // A value is in quotes on one line; a line break in it is written \n.
        let value = |key: &str| {
            let line = mutant.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
            line.and_then(|line| line.strip_suffix('"')).unwrap_or_default().replace("\\n", "\n")
        };
        let source = fs::read_to_string(root.join(value("file"))).unwrap_or_default();
        let place = source.find(&value("at")).map(|at| &source[at..]);
        if !place.is_some_and(|place| place.contains(&value("from"))) || value("from").is_empty() {
            wrong.push(format!("{}: {}", value("file"), value("what")));
        }
    }
    report("Mutants that change nothing", wrong);
}

#[test]
fn files_are_short_and_plain() {
    let mut wrong = Vec::new();
    for source in sources() {
        let count = source.lines().count();
        if count > MAX_LINES {
            wrong.push(format!("{}: {count} lines", source.path));
        }
        for line in source.lines() {
            if !line.text.is_ascii() {
                wrong.push(format!("{}:{}: not ASCII", source.path, line.number));
            }
        }
    }
    report(&format!("Files above {MAX_LINES} lines, or not ASCII"), wrong);
}
