//! The files of the command use each other in one direction, except for small circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The most files that may use each other.
const LARGEST_CIRCLE: usize = 3;

/// The text of each module below `directory`, by its path, such as `commands::top::draw`.
fn modules(directory: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
        if path.is_dir() {
            modules(&path, &full, found);
            continue;
        }
        let module = if name == "mod" { prefix.to_owned() } else { full };
        found.insert(module, fs::read_to_string(&path).unwrap());
    }
}

/// The modules that the text of a module names.
fn used(module: &str, text: &str, all: &BTreeSet<&str>) -> BTreeSet<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    // Names are relative to the crate, to the module, and to a module whose names are all imported.
    let mut roots = vec![String::new(), format!("{module}::")];
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("::") {
        let name = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
        let begin = code[..at].rfind(name).map_or(0, |end| end + 1);
        let rest = &code[at + 2..];
        let head = code[begin..at].trim_start_matches("crate::");
        let head = match head.strip_prefix("super") {
            Some(rest) => format!("{parent}{rest}"),
            None => head.trim_start_matches("self").to_owned(),
        };
        if rest.starts_with('*') {
            roots.push(format!("{head}::"));
        }
        match rest.strip_prefix('{').and_then(|group| group.split_once('}')) {
            Some((group, _)) => {
                paths.extend(group.split(',').map(|name| format!("{head}::{}", name.trim())))
            }
            None => paths.push(format!("{head}::{}", rest.split(name).next().unwrap_or_default())),
        }
    }
    let mut used = BTreeSet::new();
    for (root, path) in roots.iter().flat_map(|root| paths.iter().map(move |path| (root, path))) {
        let path = format!("{root}{}", path.trim_start_matches("crate::"));
        let prefixes = path.match_indices("::").map(|(at, _)| &path[..at]).chain([path.as_str()]);
        used.extend(prefixes.filter(|prefix| all.contains(prefix)).map(str::to_owned).last());
    }
    used.remove(module);
    used
}

/// All modules that `from` reaches.
fn reached(from: &str, uses: &BTreeMap<&str, BTreeSet<String>>) -> BTreeSet<String> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(module) = next.pop() {
        let new = uses[module.as_str()].iter().filter(|used| reached.insert((*used).clone()));
        next.extend(new.cloned());
    }
    reached
}

#[test]
fn no_circle_of_files_is_large() {
    let mut texts = BTreeMap::new();
    modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut texts);
    let all: BTreeSet<&str> = texts.keys().map(String::as_str).collect();
    let uses: BTreeMap<&str, _> =
        texts.iter().map(|(module, text)| (module.as_str(), used(module, text, &all))).collect();
    assert!(uses["args"].contains("commands::top"), "{:?}", uses["args"]);
    assert!(uses["commands::top"].contains("store"), "{:?}", uses["commands::top"]);
    let reached: BTreeMap<&str, _> =
        uses.keys().map(|module| (*module, reached(module, &uses))).collect();
    for (module, from) in &reached {
        let circle: Vec<_> =
            from.iter().filter(|to| reached[to.as_str()].contains(*module)).collect();
        assert!(circle.len() <= LARGEST_CIRCLE, "these files use each other: {circle:?}");
    }
}
