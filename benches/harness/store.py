# SPDX-License-Identifier: Apache-2.0
"""A file of figures: each figure with the run that measured it.

{"runs": {date: {"command", "machine", "versions", "rounds", "ms"}},
 "figures": [{"group", "run", "case", "workload", "keys", "title", "subject", "reference",
              "result", "metrics": {metric: {"median", "min", "max"}}}, ...],
 "absent": [{"group", "run", "case", "title", "subject", "status", "reason"}, ...]}
"""

import json

from harness import figures, subjects
from harness.cases import GROUPS


def empty():
    return {"runs": {}, "figures": [], "absent": []}


def load(path):
    return json.loads(path.read_text()) if path.exists() else empty()


def rows_of(date, cases, records):
    """The figures of cases and what is absent from them."""
    measured, absent = [], []
    for case in cases:
        about = {"group": case.group, "run": date, "case": case.name, "title": case.title}
        about["workload"] = case.workload
        for subject in case.subjects:
            record = records[case.name][subject]
            if record.status != subjects.MEASURED:
                state = {"subject": subject, "status": record.status, "reason": record.reason}
                absent.append({**about, **state})
                continue
            about["keys"] = dict(key.split("=") for key in case.keys.split())
            who = {"subject": subject, "reference": case.subjects[0]}
            for result, metrics in figures.summarise(record.rounds.values()).items():
                measured.append({**about, **who, "result": result, "metrics": metrics})
    return measured, absent


def replace_group(data, group, run_date, run, measured, absent):
    """A group is from one run: its old figures are replaced, other groups stay."""
    data["runs"][run_date] = run
    order = list(GROUPS)
    for key, rows in (("figures", measured), ("absent", absent)):
        kept = [row for row in data[key] if row["group"] != group and row["group"] in order]
        data[key] = sorted(kept + rows, key=lambda row: order.index(row["group"]))
    used = {row["run"] for key in ("figures", "absent") for row in data[key]}
    data["runs"] = {date: run for date, run in data["runs"].items() if date in used}


def save(path, data):
    """One figure a line, so that changes can be read."""

    def lines(rows):
        return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"

    path.write_text(
        f'{{\n"runs": {json.dumps(data["runs"], indent=1)},\n'
        f'"figures": {lines(data["figures"])},\n"absent": {lines(data["absent"])}\n}}\n'
    )
