//! plasma.h and plasma.hpp document all that a caller must know about each function. The pages of
//! Markdown are short, and the files that they name exist.
#![cfg(not(loom))]

#[path = "common/comments.rs"]
mod comments;
#[path = "common/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A comment and what it documents.
struct Documented {
    /// Its paragraphs and commands, each on one line.
    parts: Vec<String>,
    /// The lines that follow, up to the next comment.
    code: String,
}

/// Returns the comments of a header that begin with two stars, each with the code after it.
fn documented(header: &str) -> Vec<Documented> {
    let blocks = header.split("/**").skip(1).filter_map(|block| block.split_once("*/"));
    blocks
        .map(|(comment, code)| Documented {
            parts: comments::paragraphs(comment),
            code: code.to_owned(),
        })
        .collect()
}

impl Documented {
    /// Returns the text after `command word` for each word.
    fn said(&self, command: &str) -> Vec<(&str, &str)> {
        let lines = self.parts.iter().filter_map(|part| part.strip_prefix(command));
        lines.map(|line| line.trim().split_once(' ').unwrap_or((line.trim(), ""))).collect()
    }

    fn statuses(&self) -> BTreeSet<&str> {
        self.said("@retval ").into_iter().map(|(status, _)| status).collect()
    }

    /// Returns the line "Threads: .. Cost: .. Since: ..".
    fn manners(&self) -> Option<&str> {
        self.parts.iter().find(|part| part.starts_with("Threads: ")).map(String::as_str)
    }
}

struct Function {
    name: String,
    result: String,
    /// Type and name.
    parameters: Vec<(String, String)>,
    doc: Documented,
}

/// Returns the functions that plasma.h declares.
fn functions() -> Vec<Function> {
    let header = read("include/plasma.h");
    let (_, prototypes) = header.split_once("extern \"C\" {").unwrap();
    let parse = |doc: Documented| {
        let (prototype, _) = doc.code.split_once(");")?;
        let (head, parameters) = prototype.split_once('(')?;
        let split = |text: &str| {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let at = text.rfind([' ', '*']).map_or(0, |at| at + 1);
            (text[..at].trim().to_owned(), text[at..].to_owned())
        };
        let (result, name) = split(head);
        let parameters = parameters.split(',').map(split).filter(|it| it.1 != "void").collect();
        Some(Function { name, result, parameters, doc })
    };
    let functions: Vec<_> = documented(prototypes).into_iter().filter_map(parse).collect();
    assert!(functions.len() > 50, "{} functions", functions.len());
    functions
}

/// Returns the names of all statuses.
fn statuses() -> BTreeSet<String> {
    let header = read("include/plasma.h");
    let (_, rest) = header.split_once("typedef enum plasma_status {").unwrap();
    let (body, _) = rest.split_once('}').unwrap();
    let members = body.lines().filter_map(|line| line.trim().split_once(" = "));
    members.map(|(name, _)| name.to_owned()).collect()
}

/// Returns what is missing in the comment of a function of plasma.h.
fn lacks(function: &Function, statuses: &BTreeSet<String>) -> Vec<String> {
    let (doc, mut lacks) = (&function.doc, Vec::new());
    let mut need = |condition: bool, what: String| {
        if !condition {
            lacks.push(format!("{}: {what}", function.name));
        }
    };
    let purpose = &doc.parts[0];
    need(purpose.ends_with('.') && !purpose.starts_with('@'), "its purpose, a sentence".into());

    let described = doc.said("@param ");
    let names: Vec<_> = described.iter().map(|it| it.0).collect();
    let wanted: Vec<_> = function.parameters.iter().map(|it| it.1.as_str()).collect();
    need(names == wanted, format!("@param for {wanted:?}, in order, not {names:?}"));
    for ((kind, name), (_, text)) in function.parameters.iter().zip(&described) {
        need(text.trim().ends_with('.'), format!("a sentence for {name}"));
        let owned = ["borrowed", "written", "consumed", "changed"];
        let says = owned.iter().any(|word| text.trim().starts_with(word));
        need(!kind.contains('*') || says, format!("{name} is one of {owned:?}"));
    }

    let returns = doc.parts.iter().any(|part| part.starts_with("@return "));
    match function.result.as_str() {
        "void" => need(!returns && doc.statuses().is_empty(), "no result".into()),
        "plasma_status_t" => {
            need(returns != doc.statuses().contains("PLASMA_OK"), "@return or @retvals".into());
            for (status, when) in doc.said("@retval ") {
                need(statuses.contains(status), format!("{status} is a status"));
                need(status == "PLASMA_OK" || !when.is_empty(), format!("{status}: when?"));
            }
        }
        _ => need(returns, "@return".into()),
    }

    let manners = doc.manners().unwrap_or_default();
    let facts: Vec<_> = ["Threads: ", "Cost: ", "Since: 0."]
        .iter()
        .map(|fact| manners.find(fact).unwrap_or(usize::MAX))
        .collect();
    need(facts.is_sorted() && facts[2] < usize::MAX, "Threads, Cost and Since, in order".into());
    need(doc.parts.last().map(String::as_str) == Some(manners), "which are its end".into());
    lacks
}

#[test]
fn each_function_says_what_a_caller_has_to_know() {
    let statuses = statuses();
    let lacks: Vec<_> = functions().iter().flat_map(|it| lacks(it, &statuses)).collect();
    assert!(lacks.is_empty(), "{lacks:#?}");
}

/// plasma.hpp with all its parts.
fn cpp_headers() -> String {
    let parts = sources::named("include/plasma", "hpp");
    let parts = parts.iter().map(|name| read(&format!("include/plasma/{name}.hpp")));
    read("include/plasma.hpp") + &parts.collect::<String>()
}

/// Returns a method of plasma.hpp and the function that it calls.
fn methods() -> Vec<(String, Documented)> {
    let calls = |doc: Documented| {
        let inside = doc.code.split("plasma_").skip(1).find_map(|rest| {
            let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
            let called = rest[name.len()..].starts_with('(');
            (called && !name.ends_with("_t")).then(|| format!("plasma_{name}"))
        })?;
        Some((inside, doc))
    };
    documented(&cpp_headers()).into_iter().filter_map(calls).collect()
}

#[test]
fn the_methods_reach_every_function() {
    let header = cpp_headers();
    let is_called = |name: &&String| {
        header.contains(&format!("{name}("))
            || header.contains(&format!("{name},"))
            || header.contains(&format!("{name}>"))
    };
    let all: Vec<_> = functions().into_iter().map(|function| function.name).collect();
    let reached: BTreeSet<_> = all.iter().filter(is_called).collect();
    let missing: Vec<_> = all.iter().filter(|name| !reached.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn each_method_says_what_the_function_says_that_it_calls() {
    let functions: BTreeMap<_, _> =
        functions().into_iter().map(|function| (function.name.clone(), function)).collect();
    let mut compared = 0;
    for (name, method) in methods() {
        let function = functions.get(&name).unwrap_or_else(|| panic!("{name} is not declared"));
        let Some(manners) = method.manners() else { continue };
        let (purpose, c) = (method.parts.join(" "), &function.doc);
        assert!(purpose.contains(&format!("{name}()")), "{purpose:?} does not name {name}()");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(manners), words(c.manners().unwrap()), "{name}");
        if !method.parts.iter().any(|part| part.starts_with("@return ")) {
            assert_eq!(method.statuses(), c.statuses(), "{name}");
        }
        compared += 1;
    }
    assert!(compared > 40, "{compared} methods");
}

/// Returns all Markdown files, relative to the root.
fn pages() -> Vec<PathBuf> {
    fn walk(dir: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let ours =
                !["target", "vendor", "build"].contains(&name.as_str()) && !name.starts_with('.');
            if path.is_dir() && !path.is_symlink() && ours {
                walk(&path, into);
            } else if name.ends_with(".md") && path.is_file() {
                into.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    let mut pages = Vec::new();
    walk(root(), &mut pages);
    pages.sort();
    assert!(pages.len() > 20, "{pages:?}");
    pages
}

/// Returns the text of a page without its blocks of code.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// Returns the anchor that a heading has on the page.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(kept)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn the_links_of_pages_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = prose(&read(page.to_str().unwrap()));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let outside = link.contains("://") || link.starts_with("mailto:");
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let made = page.starts_with("docs/doxygen") && file.ends_with(".html");
            if outside || made || link.contains("::") {
                continue;
            }
            let target = match file {
                "" => page.clone(),
                _ => page.parent().unwrap().join(file),
            };
            if !root().join(&target).exists() {
                wrong.push(format!("{}: {link}: there is no such file", page.display()));
            } else if !fragment.is_empty() {
                let text = read(target.to_str().unwrap());
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                if !headings.any(|line| anchor(line.trim_start_matches('#')) == fragment) {
                    wrong.push(format!("{}: {link}: there is no such heading", page.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Returns whether a path exists; a `*` in it stands for any characters and `**` for directories.
fn is_there(base: &Path, path: &str) -> bool {
    let Some((before, after)) = path.split_once('*') else { return base.join(path).exists() };
    let (dir, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let suffix = after.trim_start_matches('*').trim_start_matches('/');
    let entries = fs::read_dir(base.join(dir)).into_iter().flatten();
    let deep = after.starts_with('*');
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let fits = name.starts_with(prefix) && name.ends_with(suffix);
        fits || (deep && path.is_dir() && is_there(&path, &format!("**/{suffix}")))
    })
}

#[test]
fn the_files_that_pages_name_are_there() {
    let top: BTreeSet<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
        .filter(|name| name != "target" && !name.starts_with('.'))
        .collect();
    let mut wrong = Vec::new();
    let mut named = 0;
    for page in pages().iter().filter(|page| page.as_os_str() != "CHANGELOG.md") {
        let text = read(page.to_str().unwrap());
        let is_path = |c: char| c.is_ascii_alphanumeric() || "_./*-".contains(c);
        for word in text.split(|c| !is_path(c)) {
            let word = word.trim_end_matches(['.', '-']).trim_end_matches("::");
            let first = word.split('/').next().unwrap();
            let placeholder = word
                .split(['/', '.'])
                .any(|part| part.len() > 3 && part.chars().all(|c| c.is_ascii_uppercase()));
            let is_page = word.ends_with(".md") && first != "target";
            let in_tree = word.contains('/') && top.contains(first) && !placeholder;
            if !is_page && !in_tree {
                continue;
            }
            named += 1;
            let own = root().join(page.parent().unwrap());
            if ![root(), &own, own.parent().unwrap()].iter().any(|base| is_there(base, word)) {
                wrong.push(format!("{}: {word}", page.display()));
            }
        }
    }
    assert!(named > 100, "{named} names");
    assert!(wrong.is_empty(), "named and not there: {wrong:#?}");
}

/// The maximum number of words of all pages together. CHANGELOG.md is excluded, because it only
/// grows.
const WORDS: usize = 32_200;

#[test]
fn the_pages_stay_short() {
    // Bars and rules of tables do not count as words.
    let is_word = |word: &&str| word.contains(|c: char| c.is_alphanumeric());
    let counted =
        pages().into_iter().filter(|page| page.as_os_str() != "CHANGELOG.md").map(|page| {
            let text = read(page.to_str().unwrap());
            (text.split_whitespace().filter(is_word).count(), page)
        });
    let counted: Vec<_> = counted.collect();
    let words: usize = counted.iter().map(|it| it.0).sum();
    assert!(words <= WORDS, "{words} words, and {WORDS} is the bound: {counted:#?}");
}

/// Returns a text on one line, without the marks of comments, code and links.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = line.trim_start();
        let line = line.strip_prefix("//!").or(line.strip_prefix("* ")).unwrap_or(line);
        out += &format!("{line} ");
    }
    let parts = out.split("](").enumerate().map(|(at, part)| match part.split_once(')') {
        Some((_, rest)) if at > 0 => rest,
        _ => part,
    });
    let out = parts.collect::<String>().replace(['[', ']', '`'], "");
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_plasma_is_is_said_in_the_same_words_everywhere() {
    let readme = read("README.md");
    let paragraph = plain(readme.split("\n\n").nth(1).unwrap());
    assert_eq!(paragraph.matches(". ").count(), 2, "three sentences: {paragraph}");
    for file in [
        "docs/guide/caveats.md",
        "docs/doxygen/main.md",
        "include/plasma.h",
        "src/lib.rs",
        "cmake/deb.cmake",
    ] {
        assert!(plain(&read(file)).contains(&paragraph), "{file} does not say: {paragraph}");
    }
}
