# SPDX-License-Identifier: Apache-2.0
"""A page in Markdown that is written anew, but for what people wrote in it.

Text between the two markers belongs to the section whose heading is above it, and comes back
below that heading.
"""

BEGIN = "<!-- by hand: begin -->"
END = "<!-- by hand: end -->"


def by_hand(text):
    """{heading: text between the markers} of a page; the heading is "" before the first."""
    found, heading, inside = {}, "", None
    for line in text.splitlines():
        if line.strip() == BEGIN:
            inside = []
        elif line.strip() == END and inside is not None:
            found[heading] = "\n\n".join(filter(None, (found.get(heading), "\n".join(inside))))
            inside = None
        elif inside is not None:
            inside.append(line)
        elif line.startswith("## "):
            heading = line[3:].strip()
    if inside is not None:
        raise ValueError(f"{BEGIN} without {END} in section {heading!r}")
    return found


def write(title, sections, hand):
    """The page: `sections` are (heading, text), `hand` what by_hand() found in the last one.

    Each section has room for text by hand. What belongs to a section that is no more is kept in one
    of its name at the end.
    """
    headings = [heading for heading, _ in sections]
    lost = [(heading, "") for heading, text in hand.items() if heading not in headings and text]
    parts = [f"# {title}"]
    for heading, text in (*sections, *lost):
        if heading:
            parts.append(f"## {heading}")
        parts.append("\n".join(filter(None, (BEGIN, hand.get(heading, "").strip("\n"), END))))
        if text:
            parts.append(text.strip("\n"))
    return "\n\n".join(parts) + "\n"


def table(header, rows, numbers_from=1):
    """A table whose columns from `numbers_from` on are aligned to the right."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(3, *(len(row[at]) for row in cells)) for at in range(len(header))]

    def line(row):
        padded = (
            text.ljust(width) if at < numbers_from else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths))
        )
        return "| " + " | ".join(padded) + " |"

    rule = "|".join(
        "-" * (width + 2) if at < numbers_from else "-" * (width + 1) + ":"
        for at, width in enumerate(widths)
    )
    return "\n".join([line(cells[0]), f"|{rule}|", *(line(row) for row in cells[1:])])
