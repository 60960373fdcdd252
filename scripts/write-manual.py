"""write-manual.py HEADER DIRECTORY: manual pages of section 3 from a header: plasma(3), and one for
each function, struct, handle and enum."""

import re
import sys
from pathlib import Path

# A comment, of one line or several, and the code up to the next one.
ITEM = r"^/\*\*(?: (.*) \*/|\n((?: \*(?!/).*\n)+) \*/)\n((?:(?!/\*\*|\n).*\n)+?)(?=\n|/\*\*|#)"
FIELD = r"^    /\*\*(?: (.*) \*/|\n((?:     \*(?!/).*\n)+)     \*/)\n    (.*?)[;,]$"

SECTIONS = {
    "param": "PARAMETERS",
    "return": "RETURN VALUE",
    "retval": "RETURN VALUE",
}


def roff(text):
    """Text escaped for troff."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def comment_lines(comment):
    return [re.sub(r"^ *\* ?", "", line) for line in comment.strip("\n").split("\n")]


def head(name, version):
    return f'.TH {name} 3 "" "Plasma {version}" "Plasma"\n'


def declaration(code):
    """A declaration on the lines that it has in the header."""
    return ".nf\n" + roff(code.strip()) + "\n.fi\n"


def paragraphs(lines):
    return roff("\n".join(lines).strip()).replace("\n\n", "\n.PP\n") + "\n"


def entry(term, lines):
    """A term and its description."""
    return f".TP\n.B {roff(term)}\n" + (paragraphs(lines).strip() or "\\&") + "\n"


def opening(name, summary, code, version):
    out = head(name, version) + f".SH NAME\n{name} \\- {roff(summary)}\n"
    return out + ".SH SYNOPSIS\n.nf\n.B #include <plasma.h>\n.fi\n.PP\n" + declaration(code)


def see_also(names):
    references = ["plasma (3)"] + [f"{name} (3)" for name in names]
    return ".SH SEE ALSO\n" + " ,\n".join(f".BR {name}" for name in references) + "\n"


class Item:
    """A type, a constant or a function of the header, with its comment."""

    def __init__(self, short, long, code):
        self.lines = [short] if short else comment_lines(long)
        self.code = code.strip("\n")

    @property
    def name(self):
        define = re.match(r"#define (\w+)", self.code)
        if define:
            return define.group(1)
        before = self.code.rsplit("\n} ", 1)[-1].split("(")[0]
        return re.findall(r"\w+", before)[-1]

    @property
    def kind(self):
        if self.code.startswith("#define"):
            return "constant"
        if self.code.startswith(("typedef struct", "typedef enum")):
            return self.code.split()[1] if "{" in self.code else "handle"
        return "function" if self.code.endswith(");") else "other"

    @property
    def summary(self):
        sentence = " ".join(self.lines).split(". ")[0]
        return self.lines[0].rstrip(".") if self.kind == "function" else sentence.rstrip(".")

    def members(self):
        """The fields or values: name, comment and declaration."""
        found = re.findall(FIELD, self.code, flags=re.M)
        return [(Item(short, long, code), code) for short, long, code in found]


def tags(lines):
    """The lines before the first tag, the tags as [kind, words, ...], the last line of facts."""
    before, found, facts = [], [], []
    for line in lines:
        tag = re.match(r"@(param|return|retval)\s+(.*)", line)
        if line.startswith("Threads:"):
            facts.append(line)
        elif facts:
            facts.append(line)
        elif tag:
            found.append([tag.group(1), tag.group(2)])
        elif found and line.strip():
            found[-1][1] += " " + line.strip()
        elif not found:
            before.append(line)
    return before, found, facts


def page(item, version):
    """The page of a function."""
    before, found, facts = tags(item.lines)
    out = opening(item.name, item.summary, item.code, version)
    out += ".SH DESCRIPTION\n" + paragraphs(before)
    section = None
    for kind, words in found:
        if SECTIONS[kind] != section:
            section = SECTIONS[kind]
            out += f".SH {section}\n"
        if kind == "return":
            out += roff(words) + "\n"
        else:
            term, _, rest = words.partition(" ")
            out += entry(term, [rest.strip()])
    facts = re.split(r"\s+(?=(?:Cost|Since): )", " ".join(facts))
    out += ".SH NOTES\n" + "".join(f"{roff(fact)}\n.br\n" for fact in facts if fact)
    types = dict.fromkeys(re.findall(r"\bplasma_\w+_t\b", item.code))
    return out + see_also([name for name in types if not name.startswith("plasma_sta")])


def without_comments(code):
    return re.sub(r"^ +/\*\*.*?\*/\n", "", code, flags=re.M | re.S)


def constants_of(item, items):
    """The constants that the comments of a struct's fields name."""
    named = re.findall(r"PLASMA_\w+\*?", " ".join(" ".join(m.lines) for m, _ in item.members()))
    found = {}
    for word in named:
        for other in items:
            name = other.name
            matches = name.startswith(word[:-1]) if word.endswith("*") else name == word
            if other.kind == "constant" and matches and not name.endswith("_INIT"):
                found[name] = other
            if other.kind == "enum":
                for value, code in other.members():
                    name = code.split()[0]
                    if name.startswith(word[:-1]) if word.endswith("*") else name == word:
                        found[name] = Item(" ".join(value.lines), "", f"#define {code}")
    return found.values()


def type_page(item, items, version):
    """The page of a struct, a handle or an enum."""
    initializer = next((it for it in items if it.name == item.name[:-2].upper() + "_INIT"), None)
    code = without_comments(item.code)
    if initializer:
        code += "\n\n" + f"{item.name} value = {initializer.name};"
    out = opening(item.name, item.summary, code, version)
    facts = r"^(Lifetime|Threads|Fork): +((?:.|\n +)*)\n?"
    text = "\n".join(item.lines)
    out += ".SH DESCRIPTION\n" + paragraphs(re.sub(facts, "", text, flags=re.M).split("\n"))
    for title, words in re.findall(facts, text, flags=re.M):
        sentence = " ".join(words.split())
        out += f".SH {title.upper()}\n{roff(sentence[0].upper() + sentence[1:])}\n"
    if item.kind == "struct":
        out += ".SH FIELDS\n"
        for member, code in item.members():
            out += entry(code, member.lines)
        constants = constants_of(item, items)
        if constants:
            out += ".SH CONSTANTS\n"
        for constant in constants:
            _, name, value = constant.code.split(None, 2)
            out += entry(f"{name} ({value.removeprefix('= ')})", constant.lines)
    if item.kind == "enum":
        out += ".SH VALUES\n"
        for member, code in item.members():
            out += entry(code, member.lines)
    name = item.name + "_t" if item.kind == "enum" else item.name
    users = [it.name for it in items if it.kind == "function" and re.search(rf"\b{name}\b", it.code)]
    return out + see_also(users if name != "plasma_status_t" else [])


def overview(text, items, version):
    """The manual at the top of the header."""
    out = head("plasma", version) + ".SH NAME\n"
    lines = comment_lines(text)
    title = next(at for at, line in enumerate(lines) if line.startswith("Plasma: "))
    out += "plasma \\- " + roff(lines[title].split(": ", 1)[1]) + "\n"
    out += ".SH SYNOPSIS\n.nf\n.B #include <plasma.h>\n.PP\n"
    out += "cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs plasma)\n.fi\n"
    out += ".SH DESCRIPTION\n"
    code, at = False, title + 2
    while at < len(lines):
        line = lines[at]
        if at + 1 < len(lines) and re.fullmatch("-{3,}", lines[at + 1]):
            out += (".fi\n" if code else "") + f".SH {roff(line.upper())}\n"
            code, at = False, at + 2
            continue
        indented = line.startswith("    ")
        if line.strip() and indented != code:
            out += ".nf\n" if indented else ".fi\n.PP\n"
            code = indented
        if line.strip():
            out += roff(line) + "\n"
        else:
            out += "\n" if code else ".PP\n"
        at += 1
    for title, kinds in (("FUNCTIONS", ("function",)), ("TYPES", ("struct", "handle", "enum"))):
        out += f".SH {title}\n"
        for item in items:
            if item.kind in kinds:
                out += f".TP\n.BR {item.name} (3)\n{roff(item.summary)}\n"
    return out


def main(header, directory):
    text = Path(header).read_text()
    version = ".".join(re.findall(r"#define PLASMA_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text))
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    found = re.findall(ITEM, text, flags=re.M)
    items = [Item(*parts) for parts in found if not (parts[0] + parts[1]).lstrip(" *").startswith("@")]
    pages = 0
    for item in items:
        if item.kind == "function":
            made = page(item, version)
        elif item.kind in ("struct", "handle", "enum"):
            made = type_page(item, items, version)
        elif alias := re.match(r"One of enum (\w+)", item.summary):
            made = f".so man3/{alias.group(1)}.3\n"
        else:
            continue
        (directory / f"{item.name}.3").write_text(made)
        pages += 1
    if not pages:
        sys.exit(f"{header}: no functions found")
    manual = re.search(r"/\*\n(.*?)\n \*/", text, flags=re.S).group(1)
    (directory / "plasma.3").write_text(overview(manual, items, version))


if __name__ == "__main__":
    main(*sys.argv[1:])
