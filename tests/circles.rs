//! Circles among the files of `src/store`: files that need each other cannot be read, or changed, one
//! after the other.
//!
//! A file needs another when it names it in a path or calls a method that the other defines. The test
//! reads the source: an edge of a method call goes to the file that defines the method for the type of
//! the receiver, where that type is known, and otherwise to each file that defines a method of this name
//! for a type that the caller names.

#[path = "common/rust_lines.rs"]
mod rust_lines;

use rust_lines::{code, words};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The largest circle.
const BOUND: usize = 3;

/// Types whose receivers are known by their names: of variables, of fields, and of functions that
/// return them.
const RECEIVERS: &[(&str, &str)] = &[
    ("session", "Session"),
    ("call", "Call"),
    ("for_side_task", "Call"),
    ("locked", "Locked"),
    ("lock", "Locked"),
    ("handles", "HandleTable"),
];

struct Source {
    /// Below `src/store`, without `.rs`: `objects/get`.
    name: String,
    /// Each line of code with the type of the impl block that it is in.
    lines: Vec<(String, String)>,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the type of an impl block that begins on this line.
fn implemented(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("unsafe ").unwrap_or(line).strip_prefix("impl")?;
    let rest = if rest.starts_with('<') { rest.split_once("> ")?.1 } else { rest.trim_start() };
    let named = rest.split(" for ").last()?;
    named.split(|c| !is_word(c) && c != ':').next()?.rsplit("::").next()
}

fn parse(name: &str, text: &str) -> Source {
    let shipped = text.lines().take_while(|line| *line != "mod tests {");
    let (mut lines, mut block) = (Vec::new(), String::new());
    for line in shipped {
        if let Some(name) = implemented(line) {
            block = name.to_owned();
        }
        lines.push((block.clone(), code(line)));
        if line == "}" {
            block.clear();
        }
    }
    Source { name: name.to_owned(), lines }
}

/// Returns the files below `root`.
fn read(root: &Path) -> Vec<Source> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<Source>) {
        let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                walk(&path, root, found);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().with_extension("");
            found.push(parse(name.to_str().unwrap(), &fs::read_to_string(&path).unwrap()));
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found
}

/// Returns the file that a path names: `objects::get::Held` is in `objects/get`.
fn file_of(path: &str, files: &BTreeSet<String>) -> Option<String> {
    let mut name = path.split("::").map(str::trim).collect::<Vec<_>>();
    while !name.is_empty() {
        let file = name.join("/");
        let in_module = format!("{file}/mod");
        for file in [file, in_module] {
            if files.contains(&file) {
                return Some(file);
            }
        }
        name.pop();
    }
    files.contains("mod").then(|| "mod".to_owned())
}

/// Returns the modules that the paths of a file go through, from the root of the store on.
fn paths(source: &Source) -> Vec<String> {
    let mut home: Vec<&str> = source.name.split('/').collect();
    home.pop();
    if source.name.ends_with("/mod") || source.name == "mod" {
        // A module's own declarations and exports are not dependencies.
        return Vec::new();
    }
    let text = source.lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for (start, base) in [("crate::store::", Vec::new()), ("super::", home)] {
        for (at, _) in text.match_indices(start) {
            if text[..at].ends_with("super::") {
                continue;
            }
            let (mut rest, mut base) = (&text[at + start.len()..], base.clone());
            while let Some(up) = rest.strip_prefix("super::") {
                base.pop();
                rest = up;
            }
            let end = rest.find(|c| !is_word(c) && c != ':').unwrap_or(rest.len());
            let stem = rest[..end].trim_end_matches(':');
            let joined = |last: &str| {
                let parts = base.iter().copied().chain([stem, last]);
                parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("::")
            };
            match rest[end..].strip_prefix('{') {
                Some(group) => {
                    let group = group.split('}').next().unwrap();
                    found.extend(group.split(',').map(|part| joined(part.trim())));
                }
                None => found.push(joined("")),
            }
        }
    }
    found
}

/// Where each method of each type is defined.
type Methods<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>;

fn methods(sources: &[Source]) -> Methods<'_> {
    let mut methods = Methods::new();
    for source in sources {
        for (block, line) in source.lines.iter().filter(|(block, _)| !block.is_empty()) {
            // In an impl block, and in no function.
            let Some((_, rest)) = line.split_once("fn ") else { continue };
            if line.starts_with("    ") && !line.starts_with("     ") {
                let name = words(rest).next().unwrap();
                methods.entry(name).or_default().insert(block, &source.name);
            }
        }
    }
    methods
}

fn last_word(code: &str) -> &str {
    code.rsplit(|c| !is_word(c)).next().unwrap()
}

/// Returns the type of the value that an expression ends with, where its name says so.
fn type_of<'a>(path: &'a str, block: &'a str) -> Option<&'a str> {
    let path = path.trim_end_matches('?');
    if path == "self" || path.ends_with(['(', ' ']) || path.is_empty() {
        return (path == "self").then_some(block);
    }
    // The result of a call has the name of its function.
    let open = path.ends_with(')').then(|| {
        let mut depth = 0;
        path.rfind(|c| {
            depth += i32::from(c == ')') - i32::from(c == '(');
            depth == 0
        })
    });
    let path = open.flatten().map_or(path, |open| &path[..open]);
    let of = last_word(path);
    match of {
        "self" => Some(block),
        // `self.segment.lock()` is a word of the header.
        "lock" if !path.ends_with("self.lock") => None,
        of => RECEIVERS.iter().find(|(name, _)| *name == of).map(|(_, known)| *known),
    }
}

/// Returns the files whose methods a file calls.
fn calls<'a>(source: &Source, methods: &Methods<'a>) -> BTreeSet<&'a str> {
    let named: BTreeSet<&str> = source.lines.iter().flat_map(|(_, line)| words(line)).collect();
    let mut found = BTreeSet::new();
    // A chain of calls goes on at the beginning of the next line.
    let mut before = "";
    for (block, line) in &source.lines {
        for (at, _) in line.match_indices('(') {
            let head = &line[..at];
            let name = head.rsplit(|c| !is_word(c)).next().unwrap();
            let Some(types) = methods.get(name) else { continue };
            let path = &head[..head.len() - name.len()];
            let known = if let Some(path) = path.strip_suffix("::") {
                let of = last_word(path);
                Some(if of == "Self" { block.as_str() } else { of })
            } else if let Some(path) = path.strip_suffix('.') {
                type_of(if path.trim().is_empty() { before } else { path }, block)
            } else {
                continue;
            };
            match known {
                Some(known) => found.extend(types.get(known)),
                None => {
                    let possible = types.iter().filter(|(known, _)| {
                        named.contains(**known) && !RECEIVERS.iter().any(|(_, it)| it == *known)
                    });
                    found.extend(possible.map(|(_, file)| *file));
                }
            }
        }
        if !line.trim().is_empty() {
            before = line.trim_end();
        }
    }
    found
}

/// Which files each file needs.
fn needs(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let files: BTreeSet<String> = sources.iter().map(|source| source.name.clone()).collect();
    let methods = methods(sources);
    let mut needs = BTreeMap::new();
    for source in sources {
        let by_path = paths(source);
        let by_path = by_path.iter().filter_map(|path| file_of(path, &files));
        let by_call = calls(source, &methods).into_iter().map(str::to_owned);
        let mut all: BTreeSet<String> = by_path.chain(by_call).collect();
        all.remove(&source.name);
        needs.insert(source.name.clone(), all);
    }
    needs
}

/// Returns all that a file reaches.
fn reached<'a>(from: &'a str, needs: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a str> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        for file in needs.get(file).into_iter().flatten() {
            if found.insert(file.as_str()) {
                next.push(file);
            }
        }
    }
    found
}

/// Returns the circles, largest first: files that reach each other.
fn circles(needs: &BTreeMap<String, BTreeSet<String>>) -> Vec<BTreeSet<&str>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        needs.keys().map(|file| (file.as_str(), reached(file, needs))).collect();
    let mut found: Vec<BTreeSet<&str>> = Vec::new();
    for (file, reached) in reach.iter().filter(|(file, reached)| reached.contains(*file)) {
        if found.iter().any(|circle| circle.contains(file)) {
            continue;
        }
        found.push(reached.iter().copied().filter(|other| reach[other].contains(file)).collect());
    }
    found.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    found
}

#[test]
fn no_circle_of_files_is_large() {
    let sources = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"));
    assert!(sources.len() > 20, "the store is not where this test looks for it");
    let needs = needs(&sources);
    let edges: usize = needs.values().map(BTreeSet::len).sum();
    assert!(edges > 2 * needs.len(), "the test no longer understands the source");
    let circles = circles(&needs);
    println!("{} files, {edges} needs", needs.len());
    for circle in &circles {
        println!("{} files need each other:", circle.len());
        for file in circle {
            let others: Vec<&str> =
                needs[*file].iter().map(String::as_str).filter(|it| circle.contains(it)).collect();
            println!("  {file}: {}", others.join(" "));
        }
    }
    let largest = circles.first().map_or(0, BTreeSet::len);
    assert!(largest <= BOUND, "{largest} files of src/store need each other, at most {BOUND} may");
}

#[test]
fn a_circle_through_a_path_a_method_and_a_lock_is_found() {
    let file = |name: &str, use_: &str, block: &str, line: &str| {
        let text = format!(
            "{use_}\n\nimpl {block} {{\n    pub fn {name}(&self) {{\n        {line}\n    }}\n}}\n"
        );
        parse(&format!("room/{name}"), &text)
    };
    let sources = [
        file("first", "use crate::store::room::second::Second;", "Session", ""),
        file("second", "", "Session", "self.lock(call)?.third();"),
        file("third", "", "Locked<'_>", "self.session.fourth(); // self.first()"),
        file("fourth", "", "Session", "self.first();"),
        file("lock", "", "Session", "word.lock();"),
    ];
    let needs = needs(&sources);
    let circles = circles(&needs);
    let circle: Vec<&str> = circles[0].iter().copied().collect();
    assert_eq!(circle, ["room/first", "room/fourth", "room/second", "room/third"]);
    assert_eq!(circles.len(), 1);
}
