# SPDX-License-Identifier: Apache-2.0
"""A page in Markdown."""


def write(title, sections):
    """The page: `sections` are (heading, text), the first without a heading."""
    parts = [f"# {title}"]
    for heading, text in sections:
        if heading:
            parts.append(f"## {heading}")
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
