"""unlisted.py CHANGELOG: reads a report of abidiff, and fails with each change that stands in it and
not under "ABI" of what is unreleased."""

import re
import sys
from pathlib import Path


def listed(changelog):
    unreleased = changelog.split("\n## Unreleased\n")[1].split("\n## ")[0]
    abi = unreleased.split("\n### ABI\n")[1].split("\n### ")[0]
    return set(re.findall(r"`(\w+)(?:\(\))?`", abi))


def changed(report):
    """The names that abidiff says were added, deleted or changed."""
    for line in re.findall(r"^ *(?:\[[ACD]\] )?'(.*)", report, flags=re.M):
        name = (
            re.match(r"(?:function|method) [^(]*?(\w+)\(", line)
            or re.match(r"\w+::(\w+)' ", line)
            or re.match(r"(?:struct|enum|union|typedef|\w[\w ]*\*?) (\w+)[ ']", line)
        )
        yield name.group(1) if name else line


def main(changelog):
    report = sys.stdin.read()
    names = set(re.sub("^enum_", "", name) for name in changed(report))
    unlisted = names - listed(Path(changelog).read_text())
    if unlisted or not names:
        print(report)
        sys.exit(f"not under ABI in {changelog}: {', '.join(sorted(unlisted)) or 'the above'}")
    print(f"changed, as {changelog} says: {', '.join(sorted(names))}")


if __name__ == "__main__":
    main(sys.argv[1])
