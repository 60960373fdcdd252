#!/usr/bin/env python3
"""Counts turns of phrase that make a native reader stumble.

check-idioms.py [-v] [PATH ...]: looks at comments, strings and prose of the files that git tracks below the
paths; without paths, of all. Prints each place with -v, and a count by kind. Ends with 1 when there are
more than LIMIT in 1,000 words.
"""

import os
import re
import subprocess
import sys

LIMIT = 0.3
ENDINGS = (
    ".rs", ".c", ".h", ".hpp", ".cpp", ".py", ".pyi", ".md", ".sh", ".cmake", ".toml",
)  # fmt: skip
AFTER_WHAT = (
    "is was a the an no it they there others users cannot can may has had people this grows never each "
    "one comes goes makes must some all readers"
)
KINDS = {
    "a clause that begins with a bare who": r"(?:^|[.;:,(]\s+|\bthan |\bof |\bby |\bfor |\bto |\bthat |\bso |\band |\bwhile )"
    r"[Ww]ho (?!(?:is|are|was|has|have|holds|may|can|did|owns|made)\b[^.;]*\?)\w+",
    "a clause that begins with a bare what": r"(?:^|[.;:]\s+)[Ww]hat (?:"
    + AFTER_WHAT.replace(" ", "|")
    + r")\b(?![^.;]*\?)",
    "for ever": r"\bfor ever\b",
    "anew": r"\banew\b",
    "so many, so much": r"\bso (?:many|much) (?!more\b|less\b|that\b)\w+",
    "meanwhile": r"\bmeanwhile\b",
    "by turns": r"\bby turns\b",
    "behind, for after or past": r"\bbehind (?:it|them|the (?:last|end|header|object|text))\b"
    r"|behind (?:our|its|your) back",
    "once more": r"\bonce more\b",
    "need be": r"\bneed be\b",
    "comes to": r"\bc(?:o|a)mes? to\b",
    "any more": r"\bany more\b",
    "of today": r"\bof today\b|\btoday's\b",
    "not at all": r"\b(?:not|none|nothing) at all\b",
    "tells of": r"\btells? (?:of|what|each|how|who)\b",
    "is none": r"\b(?:is|are) none\b",
    "looks after": r"\blooks? after\b",
    "time-out": r"\btime-outs?\b",
    "begun with": r"\bbegun with\b",
}
PATTERNS = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}


def prose(name, line):
    """The part of a line that people read."""
    if name.endswith(".md"):
        return line
    comment = re.match(r"\s*(?://[/!]?|/?\*+/?|#)\s?(.*)", line)
    if comment:
        return comment.group(1)
    trailing = re.search(r"\s(?://|#) (.*)", line)
    strings = re.findall(r'"([^"]{12,})"', line)
    return " ".join(([trailing.group(1)] if trailing else []) + strings)


def files(paths):
    tracked = subprocess.check_output(["git", "ls-files", "--", *paths], text=True).splitlines()
    # Its own patterns are no prose.
    own = os.path.basename(__file__)
    return [
        name
        for name in tracked
        if name.endswith(ENDINGS) and os.path.isfile(name) and not name.endswith(own)
    ]


def main():
    is_verbose = "-v" in sys.argv[1:]
    paths = [word for word in sys.argv[1:] if word != "-v"] or ["."]
    counts, words = dict.fromkeys(PATTERNS, 0), 0
    for name in files(paths):
        with open(name, errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                text = prose(name, line)
                words += len(text.split())
                for kind, pattern in PATTERNS.items():
                    hits = len(pattern.findall(text))
                    counts[kind] += hits
                    if hits and is_verbose:
                        print(f"{name}:{number}: {kind}: {text.strip()[:100]}")
    for kind, count in sorted(counts.items(), key=lambda item: -item[1]):
        if count:
            print(f"{count:6} {kind}")
    rate = 1000 * sum(counts.values()) / max(words, 1)
    print(f"{sum(counts.values())} in {words} words: {rate:.2f} per 1,000; at most {LIMIT}")
    return rate > LIMIT


if __name__ == "__main__":
    sys.exit(main())
