# SPDX-License-Identifier: Apache-2.0
"""The tables of a file of figures, as a page in Markdown."""

from harness import figures, page, subjects
from harness.cases import FLOOR, GROUPS

NAMES = {
    "plasma": "Plasma",
    "recovery": "Plasma",
    "plasma_cpp": "Plasma, C++",
    "plasma_py": "Plasma, Python",
    "plasma_command": "Plasma, command",
    "lmdb": "LMDB",
    "boost": "Boost.Interprocess",
    "redis": "Redis",
    "arrow": "Arrow Plasma",
    "iceoryx2": "iceoryx2",
    "shm": "Python shared_memory",
}
# Columns of the second table; other metrics come last, with their names.
DETAILS = (("p99_ns", "p99"), ("p999_ns", "p99.9"), ("ops_s", "operations"), ("gb_s", "GB/s"))
PLOTS = {
    "W1": (("latency-objects.svg", "get of a random object against the number of objects"),),
    "W2": (("latency-size.svg", "get, create and put against the size"),),
}
ABOUT = """\
Written by `benches/run.py`. Figures are medians over the rounds of a run; in brackets, how many
times Plasma's. docs/performance.md explains the method and reads the results."""


def name_of(subject):
    return NAMES.get(subject, subject)


def heading_of(column):
    subject, result = column
    return f"{name_of(subject)}: {result}" if result else name_of(subject)


def label(result, title):
    return ", ".join(filter(None, (result.replace("_", " "), title)))


def arrange(rows):
    """Lines (case, title, result) and columns (subject, result) in order, {(line, column): row}.

    A result of the floor that has a name of its own stands in a column of its own, in the line of
    the case's first result of others.
    """
    lines, columns, cells, others = [], [], {}, {}
    for row in sorted(rows, key=lambda row: row["subject"] == FLOOR):
        results = others.setdefault(row["case"], [])
        result, own_name = row["result"], ""
        if row["subject"] != FLOOR:
            results.append(result)
        elif result not in results:
            result, own_name = (*results, row["workload"])[0], result
        line, column = (row["case"], row["title"], result), (row["subject"], own_name)
        if line not in lines:
            lines.append(line)
        if column not in columns:
            columns.append(column)
        cells[line, column] = row
    cases = list(dict.fromkeys(row["case"] for row in rows))
    lines.sort(key=lambda line: cases.index(line[0]))
    reference = rows[0]["reference"]
    columns.sort(key=lambda column: (column[0] != reference, column[0] == FLOOR))
    return lines, columns, cells


def median_of(row, metric):
    return row["metrics"][metric]["median"]


def comparison(rows):
    """The table of one workload: a line for each case, a column for each subject."""
    lines, columns, cells = arrange(rows)
    reference = (rows[0]["reference"], "")
    body = []
    for line in lines:
        ours = cells.get((line, reference))
        texts = [label(line[2], line[1])]
        for column in columns:
            compared = None if column == reference else ours
            texts.append(cell_text(cells.get((line, column)), compared))
        if any(texts[1:]):
            body.append(texts)
    return page.table(["case", *map(heading_of, columns)], body)


def cell_text(row, ours):
    metric = row and figures.primary(row["metrics"])
    if not metric:
        return ""
    text = figures.quantity(metric, median_of(row, metric))
    if ours and metric in ours["metrics"]:
        compared = figures.ratio(median_of(row, metric), median_of(ours, metric))
        text += f" ({figures.ratio_text(compared)})" if compared is not None else ""
    return text


def details(rows):
    """The second table: a line for each result of each subject."""
    body = [details_line(row) for row in rows]
    header = ["case", "subject", "rounds", *(text for _, text in DETAILS), "further"]
    used = [at for at in range(len(header)) if at < 3 or any(line[at] for line in body)]
    picked = [[line[at] for at in used] for line in body]
    return page.table([header[at] for at in used], picked, numbers_from=2)


def details_line(row):
    metrics = row["metrics"]
    metric = figures.primary(metrics)
    ends = [metrics[metric][end] for end in ("min", "max")] if metric else []
    texts = [
        label(row["result"], row["title"]),
        name_of(row["subject"]),
        " .. ".join(figures.quantity(metric, end) for end in ends),
    ]
    for key, _ in DETAILS:
        text = figures.quantity(key, median_of(row, key)) if key in metrics else ""
        texts.append(text.replace(" GB/s", ""))
    shown = (metric, *(key for key, _ in DETAILS))
    rest = [key for key in metrics if key not in shown]
    texts.append(", ".join(f"{key} {figures.quantity(key, median_of(row, key))}" for key in rest))
    return texts


def absences(rows):
    """The subjects that failed, with their cases, or are missing; each reason once."""
    said = {}
    for row in rows:
        if row["status"] != subjects.UNSUPPORTED:
            what = f"{name_of(row['subject'])} {row['status']}: {' '.join(row['reason'].split())}"
            said.setdefault(what, [])
            if row["status"] == subjects.FAILED:
                said[what].append(f"`{row['case']}`")
    return "\n".join(
        f" * {what}" + (f" ({', '.join(where)})" if where else "") for what, where in said.items()
    )


def section(group, data, plots):
    rows = [row for row in data["figures"] if row["group"] == group]
    absent = [row for row in data["absent"] if row["group"] == group]
    if not rows and not absent:
        return "Not measured yet."
    date = (rows or absent)[0]["run"]
    run = data["runs"][date]
    load = run["machine"]["load before"]
    parts = [f"Run of {date}, rounds: {run['rounds']}, load before: {load}."]
    for workload in dict.fromkeys(row["workload"] for row in rows):
        parts.append(comparison([row for row in rows if row["workload"] == workload]))
    if absences(absent):
        parts.append(absences(absent))
    parts += [f"![{text}]({file})" for file, text in PLOTS.get(group, ()) if file in plots]
    if rows:
        summary = "<summary>Spread over the rounds, tails and rates</summary>"
        parts.append(f"<details>{summary}\n\n{details(rows)}\n\n</details>")
    return "\n\n".join(parts)


def run_text(date, run, about):
    """A run as a block of text: its machine, its command, `about` and versions."""
    rounds = f"{run['rounds']}, each measurement {run['ms']} ms"
    lines = {"date": date, "command": run["command"], "rounds": rounds, **about}
    lines.update(run["machine"])
    lines.update(run["versions"])
    width = max(map(len, lines))
    return "\n".join(f"    {key.ljust(width)}  {value}" for key, value in lines.items())


def machine_section(data):
    parts = []
    for date, run in data["runs"].items():
        rows = (*data["figures"], *data["absent"])
        of_it = {row["group"] for row in rows if row["run"] == date}
        groups = ", ".join(group for group in GROUPS if group in of_it)
        parts.append(run_text(date, run, {"groups": groups}))
    return "\n\n---\n\n".join(parts) or "Not measured yet."


def write(data, plots, note=""):
    """The page; `plots` are the files that are drawn."""
    sections = [("", "\n\n".join(filter(None, (ABOUT, note))))]
    sections.append(("Machine", machine_section(data)))
    for group, title in GROUPS.items():
        sections.append((f"{group}: {title}", section(group, data, plots)))
    return page.write("Benchmark tables", sections)
