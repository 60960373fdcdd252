"""write-manual.py HEADER DIRECTORY: manual pages of section 3, plasma(3) and one for each function."""

import re
import sys
from pathlib import Path

# A comment of several lines, and the declaration of a function right behind it.
FUNCTION = r"^/\*\*\n((?: \*(?!/).*\n)+) \*/\n([a-z][^;{]*\);)"

SECTIONS = {
    "param": "PARAMETERS",
    "return": "RETURN VALUE",
    "retval": "RETURN VALUE",
}


def roff(text):
    """Text that troff does not take for its own."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def comment_lines(comment):
    return [re.sub(r"^ \* ?", "", line) for line in comment.strip("\n").split("\n")]


def head(name, version):
    return f'.TH {name} 3 "" "Plasma {version}" "Plasma"\n'


def declaration(code):
    """A declaration on as few lines as it has in the header."""
    return ".nf\n" + roff(code.strip()) + "\n.fi\n"


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


def page(name, code, lines, version):
    before, found, facts = tags(lines)
    summary = before[0].rstrip(".")
    out = head(name, version)
    out += f".SH NAME\n{name} \\- {roff(summary)}\n"
    out += ".SH SYNOPSIS\n.nf\n.B #include <plasma.h>\n.fi\n.PP\n" + declaration(code)
    out += ".SH DESCRIPTION\n" + roff("\n".join(before).strip()).replace("\n\n", "\n.PP\n") + "\n"
    section = None
    for kind, words in found:
        if SECTIONS[kind] != section:
            section = SECTIONS[kind]
            out += f".SH {section}\n"
        if kind == "return":
            out += roff(words) + "\n"
        else:
            term, _, rest = words.partition(" ")
            out += f".TP\n.B {roff(term)}\n{roff(rest.strip()) or chr(92) + '&'}\n"
    facts = re.split(r"\s{2,}", " ".join(facts))
    out += ".SH NOTES\n" + "".join(f"{roff(fact)}\n.br\n" for fact in facts if fact)
    return out + ".SH SEE ALSO\n.BR plasma (3)\n"


def overview(text, functions, version):
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
    out += ".SH FUNCTIONS\n"
    for name, summary in functions:
        out += f".TP\n.BR {name} (3)\n{roff(summary)}\n"
    return out


def main(header, directory):
    text = Path(header).read_text()
    version = ".".join(re.findall(r"#define PLASMA_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text))
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    functions = []
    for block in re.findall(FUNCTION, text, flags=re.M):
        lines, code = comment_lines(block[0]), block[1]
        name = re.search(r"(plasma_\w+)\(", code).group(1)
        functions.append((name, lines[0]))
        (directory / f"{name}.3").write_text(page(name, code, lines, version))
    if not functions:
        sys.exit(f"{header}: no functions found")
    manual = re.search(r"/\*\n(.*?)\n \*/", text, flags=re.S).group(1)
    (directory / "plasma.3").write_text(overview(manual, functions, version))


if __name__ == "__main__":
    main(*sys.argv[1:])
