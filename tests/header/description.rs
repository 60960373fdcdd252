//! What does plasma.h declare, for a program that generates a binding? The answer is
//! `bindings/plasma.json`: constants, layouts, functions and their errors, from the text of the
//! header.

use super::comments::paragraphs;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Sizes of the types of C where `long` and pointers have 64 bits; each is its own alignment.
const SIZES: &[(&str, usize)] = &[
    ("char", 1),
    ("uint8_t", 1),
    ("int", 4),
    ("int32_t", 4),
    ("uint32_t", 4),
    ("int64_t", 8),
    ("uint64_t", 8),
    ("size_t", 8),
];

/// Returns a text of JSON. The header is ASCII.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns a type and the name that it gives, of a field or a parameter.
fn typed(text: &str) -> (String, String) {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let at = text.rfind([' ', '*']).map_or(0, |at| at + 1);
    (text[..at].trim().to_owned(), text[at..].to_owned())
}

/// A struct while its fields are read.
struct Struct {
    name: String,
    doc: String,
    /// JSON of each field without its braces, and its name.
    fields: Vec<(String, String)>,
    size: usize,
    align: usize,
}

/// The header as far as it is read.
#[derive(Default)]
struct Description {
    group: String,
    /// Size and alignment of the types of the header.
    layouts: BTreeMap<String, (usize, usize)>,
    constants: Vec<String>,
    aliases: Vec<String>,
    handles: Vec<String>,
    enums: Vec<(String, Vec<String>)>,
    structs: Vec<Struct>,
    functions: Vec<String>,
}

impl Description {
    fn layout(&self, kind: &str) -> (usize, usize) {
        let word = SIZES.iter().find(|(name, _)| *name == kind).map(|it| (it.1, it.1));
        let word = word.or_else(|| kind.ends_with('*').then_some((8, 8)));
        word.unwrap_or_else(|| *self.layouts.get(kind).unwrap_or_else(|| panic!("type {kind:?}")))
    }

    fn constant(&mut self, code: &str, doc: &str) {
        let line = code.lines().next().unwrap();
        let Some((name, value)) = line.strip_prefix("#define ").unwrap().split_once(' ') else {
            panic!("{line:?}")
        };
        if name.ends_with("_INIT") {
            return self.initializer(code);
        }
        let hex = value.strip_prefix("0x").map(|digits| i64::from_str_radix(digits, 16).unwrap());
        let number = hex.unwrap_or_else(|| value.parse().unwrap());
        let (name, doc) = (quoted(name), quoted(doc));
        self.constants.push(format!("\"name\": {name}, \"value\": {number}, \"doc\": {doc}"));
    }

    /// Adds to the fields of the last struct the initial values that are not zero.
    fn initializer(&mut self, code: &str) {
        let (_, values) = code.split_once('{').unwrap();
        let (values, _) = values.rsplit_once('}').unwrap();
        let values = values.replace("{{0}}", "0").replace("{0}", "0").replace('\\', "");
        let fields = &mut self.structs.last_mut().unwrap().fields;
        let values: Vec<_> = values.split(',').map(str::trim).collect();
        assert_eq!(values.len(), fields.len(), "{code}");
        for ((_, field), value) in fields.iter_mut().zip(values) {
            if value.starts_with("sizeof") {
                *field += ", \"initial\": \"sizeof\"";
            } else if !["0", "NULL"].contains(&value) {
                let _ = write!(field, ", \"initial\": {value}");
            }
        }
    }

    fn field(&mut self, code: &str, doc: &str) {
        let (kind, name) = typed(code.split_once(';').unwrap().0);
        let array = name.strip_suffix(']').and_then(|name| name.split_once('['));
        let (name, count) = array.map_or((name.as_str(), None), |(name, n)| (name, Some(n)));
        let (size, align) = self.layout(&kind);
        let number = count.map_or(1, |count| count.parse().unwrap());
        let open = self.structs.last_mut().unwrap();
        let offset = open.size.next_multiple_of(align);
        open.size = offset + size * number;
        open.align = open.align.max(align);
        let mut text = format!("\"name\": {}, \"type\": {}", quoted(name), quoted(&kind));
        if let Some(count) = count {
            let _ = write!(text, ", \"count\": {count}");
        }
        let _ = write!(text, ", \"offset\": {offset}, \"doc\": {}", quoted(doc));
        open.fields.push((name.to_owned(), text));
    }

    fn function(&mut self, prototype: &str, doc: &[String]) {
        let (head, parameters) = prototype.split_once('(').unwrap();
        let (result, name) = typed(head);
        let said = |command: &str| -> Vec<(String, String)> {
            let lines = doc.iter().filter_map(|part| part.strip_prefix(command));
            let split = lines.map(|line| line.trim().split_once(' ').unwrap_or((line.trim(), "")));
            split.map(|(word, rest)| (word.to_owned(), rest.trim().to_owned())).collect()
        };
        let mut out = format!("\"name\": {}, \"group\": {},\n", quoted(&name), quoted(&self.group));
        let _ = writeln!(out, "      \"result\": {},", quoted(&result));
        let _ = writeln!(out, "      \"doc\": {},", quoted(&doc[0]));
        let docs = said("@param ");
        let parameters = parameters.split(',').map(typed).filter(|it| it.1 != "void");
        let parameters = parameters.zip(docs).map(|((kind, name), (_, doc))| {
            let (kind, name, doc) = (quoted(&kind), quoted(&name), quoted(&doc));
            format!("\"name\": {name}, \"type\": {kind}, \"doc\": {doc}")
        });
        let _ = writeln!(out, "      \"parameters\": {},", list(parameters, 8));
        let errors = said("@retval ").into_iter().filter(|(status, _)| status != "PLASMA_OK");
        let errors = errors.map(|(status, when)| {
            format!("\"status\": {}, \"when\": {}", quoted(&status), quoted(&when))
        });
        let _ = write!(out, "      \"errors\": {}", list(errors, 8));
        self.functions.push(out);
    }

    /// Takes one comment and the code after it, up to the next comment.
    fn read(&mut self, comment: &str, code: &str) {
        let (parts, code) = (paragraphs(comment), code.trim());
        let doc = parts.first().cloned().unwrap_or_default();
        if let Some(group) = doc.strip_prefix("@defgroup ") {
            group.split(' ').next().unwrap().clone_into(&mut self.group);
        } else if code.starts_with("#define") {
            self.constant(code, &doc);
        } else if let Some(name) = code.strip_prefix("typedef enum ") {
            let name = name.trim_end_matches([' ', '{']);
            let head = format!("\"name\": {}, \"doc\": {}", quoted(name), quoted(&doc));
            self.enums.push((head, Vec::new()));
        } else if let Some((name, value)) =
            code.split_once(" = ").filter(|(name, _)| name.starts_with("PLASMA_"))
        {
            let value = value.split(',').next().unwrap();
            let (name, doc) = (quoted(name), quoted(&doc));
            let text = format!("\"name\": {name}, \"value\": {value}, \"doc\": {doc}");
            self.enums.last_mut().unwrap().1.push(text);
        } else if let Some(name) =
            code.strip_prefix("typedef struct ").and_then(|code| code.strip_suffix(" {"))
        {
            let name = name.to_owned();
            self.structs.push(Struct { name, doc, fields: Vec::new(), size: 0, align: 1 });
        } else if let Some(names) = code.strip_prefix("typedef struct ") {
            let (name, doc) = (quoted(names.split(' ').next().unwrap()), quoted(&doc));
            self.handles.push(format!("\"name\": {name}, \"doc\": {doc}"));
        } else if let Some(alias) = code.strip_prefix("typedef ") {
            let (kind, name) = typed(alias.split_once(';').unwrap().0);
            self.layouts.insert(name.clone(), self.layout(&kind));
            let (name, kind, doc) = (quoted(&name), quoted(&kind), quoted(&doc));
            self.aliases.push(format!("\"name\": {name}, \"type\": {kind}, \"doc\": {doc}"));
        } else if let Some((prototype, _)) = code.split_once(");") {
            self.function(prototype, &parts);
        } else if code.contains(';') {
            self.field(code, &doc);
            if code.contains('}') {
                let open = self.structs.last_mut().unwrap();
                open.size = open.size.next_multiple_of(open.align);
                self.layouts.insert(open.name.clone(), (open.size, open.align));
            }
        }
    }
}

/// Returns a list of JSON with one object a line.
fn list(items: impl Iterator<Item = String>, indent: usize) -> String {
    let items: Vec<_> = items.map(|item| format!("{:indent$}{{ {item} }}", "")).collect();
    let end = " ".repeat(indent - 2);
    if items.is_empty() { "[]".into() } else { format!("[\n{}\n{end}]", items.join(",\n")) }
}

/// Returns bindings/plasma.json for the text of plasma.h and the version of the library.
pub fn describe(header: &str, version: &str) -> String {
    let mut it = Description::default();
    let (_, code) = header.split_once("#define PLASMA_H\n").unwrap();
    for block in code.split("/**").skip(1) {
        let (comment, code) = block.split_once("*/").unwrap();
        it.read(comment, code);
    }
    let mut parts = version.split('.');
    let (major, minor) = (parts.next().unwrap(), parts.next().unwrap());
    let soname = match major {
        "0" => format!("libplasma.so.0.{minor}"),
        _ => format!("libplasma.so.{major}"),
    };
    let about = "plasma.h for programs that generate bindings; written by `make header`. Sizes and \
                 offsets are those of LP64.";
    let enums = it.enums.into_iter().map(|(head, values)| {
        format!("{head},\n      \"values\": {}", list(values.into_iter(), 8))
    });
    let structs = it.structs.into_iter().map(|it| {
        let (name, doc, size, align) = (quoted(&it.name), quoted(&it.doc), it.size, it.align);
        let fields = list(it.fields.into_iter().map(|field| field.1), 8);
        let head = format!("\"name\": {name}, \"size\": {size}, \"align\": {align}");
        format!("{head},\n      \"doc\": {doc},\n      \"fields\": {fields}")
    });
    let mut out = format!("{{\n  \"about\": {},\n", quoted(about));
    let _ = writeln!(out, "  \"version\": {},\n  \"soname\": \"{soname}\",", quoted(version));
    let _ = writeln!(out, "  \"constants\": {},", list(it.constants.into_iter(), 4));
    let _ = writeln!(out, "  \"enums\": {},", list(enums, 4));
    let _ = writeln!(out, "  \"aliases\": {},", list(it.aliases.into_iter(), 4));
    let _ = writeln!(out, "  \"handles\": {},", list(it.handles.into_iter(), 4));
    let _ = writeln!(out, "  \"structs\": {},", list(structs, 4));
    let _ = writeln!(out, "  \"functions\": {}\n}}", list(it.functions.into_iter(), 4));
    out
}
