#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark, or checks its targets. See benches/README.md.

Figures go into target/bench/figures.json, or into the file that --figures names, and from there into
target/bench/tables.md with plots beside it; the verdicts of a check of all targets go into
target/bench/check.txt. Ends with 1 when a subject failed or a target was missed.
"""

import argparse
import dataclasses
import datetime
import pathlib
import shlex
import sys

from harness import check, machine, plotting, report, store, subjects
from harness.cases import CASES, GROUPS, PEERS, QUICK_CASES
from harness.rounds import Progress, by_group, measure
from targets import TARGETS

CHECK_ROUNDS = 9
QUICK_MS = 20
FIGURES = "figures.json"
TABLES = "tables.md"
VERDICTS = "check.txt"
BUSY_LOAD = 0.5


def arguments():
    parser = argparse.ArgumentParser(
        description="Times Plasma, the floors of this machine and peers, in turns."
    )
    parser.add_argument("--peers", action="store_true", help="other libraries, too")
    parser.add_argument("--only", metavar="W1,W3", help="these groups of workloads alone")
    parser.add_argument("--rounds", type=int, metavar="N", help="of each case [3; 9 to check]")
    parser.add_argument(
        "--ms", type=int, metavar="N", default=300, help="of each measurement [300]"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one short round, to try it out, into target/bench/quick",
    )
    parser.add_argument(
        "--figures",
        type=pathlib.Path,
        metavar="FILE",
        help="the figures [target/bench/figures.json]; those of a release: benches/results/VERSION.json",
    )
    parser.add_argument("--no-plots", action="store_true", help="which need matplotlib, of PyPI")
    parser.add_argument(
        "--report", action="store_true", help="only write tables and plots of the figures"
    )
    parser.add_argument(
        "--check", action="store_true", help="judge the targets; with --peers, peers must be there"
    )
    chosen = parser.parse_args()
    chosen.groups = chosen.only.upper().split(",") if chosen.only else list(GROUPS)
    unknown = [group for group in chosen.groups if group not in GROUPS]
    if unknown:
        parser.error(f"no group {', '.join(unknown)}: one of {', '.join(GROUPS)}")
    if chosen.rounds is not None and chosen.rounds < 1 or chosen.ms < 1:
        parser.error("--rounds, --ms: at least 1")
    return chosen


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def describe_run(cases, rounds, ms):
    names = {subject for case in cases for subject in case.subjects}
    return {
        "command": shlex.join(["python3", "benches/run.py", *sys.argv[1:]]),
        "machine": machine.describe(),
        "versions": machine.versions(sorted(names)),
        "rounds": rounds,
        "ms": ms,
    }


def find_absent(cases):
    """The missing subjects, {subject: why}, each of which is reported on stderr."""
    names = dict.fromkeys(subject for case in cases for subject in case.subjects)
    absent = {name: subjects.why_missing(name) for name in names}
    absent = {name: why for name, why in absent.items() if why is not None}
    for name, why in absent.items():
        print(f"MISSING {name}: {why}", file=sys.stderr)
    return absent


def warn_of_load(run):
    load = run["machine"]["load before"]
    if load and float(load.split()[0]) > BUSY_LOAD:
        print(f"this machine is not idle (load {load}): figures suffer", file=sys.stderr)


def failed(records):
    return any(
        record.status == subjects.FAILED for case in records.values() for record in case.values()
    )


def bench(cases, rounds, ms, figures, folder, with_plots):
    """Measure group by group; finished groups are kept when a later one is interrupted."""
    absent = find_absent(cases)
    run = describe_run(cases, rounds, ms)
    warn_of_load(run)
    date, any_failed = now(), "plasma" in absent
    progress = Progress(cases, rounds, absent)
    for group, of_group in by_group(cases).items():
        records = measure(of_group, rounds, ms, absent, progress)
        any_failed |= failed(records)
        data = store.load(figures)
        store.replace_group(data, group, date, run, *store.rows_of(date, of_group, records))
        store.save(figures, data)
    progress.say("")
    write_tables(figures, folder, with_plots)
    return any_failed


def write_tables(figures, folder, with_plots):
    text = folder / TABLES
    plots, note = (), ""
    if with_plots and figures.exists():
        plots, note = plotting.draw(figures, folder)
    if note:
        print(note, file=sys.stderr)
    text.write_text(report.write(store.load(figures), plots, note))
    print(f"{text.relative_to(subjects.ROOT)} is written", file=sys.stderr)


def check_targets(cases, targets, rounds, ms, into, peers_needed):
    cases = [dataclasses.replace(case, subjects=who) for case, who in check.needed(targets, cases)]
    absent = find_absent(cases)
    run = describe_run(cases, rounds, ms)
    warn_of_load(run)
    about = report.run_text(now(), run, {})
    progress = Progress(cases, rounds, absent)
    records = measure(cases, rounds, ms, absent, progress)
    progress.say("")
    lines = check.judge_all(targets, records)
    text = check.report(lines, about)
    if into is not None:
        into.write_text(text)
    print(text, end="")
    return check.fails(lines, peers_needed)


def main():
    chosen = arguments()
    cases = QUICK_CASES if chosen.quick else CASES
    cases = [case for case in cases if case.group in chosen.groups]
    folder, ms = subjects.BUILT, chosen.ms
    rounds = max(chosen.rounds or 0, CHECK_ROUNDS) if chosen.check else chosen.rounds or 3
    if chosen.quick:
        folder, ms, rounds = subjects.BUILT / "quick", QUICK_MS, chosen.rounds or 1
    folder.mkdir(parents=True, exist_ok=True)
    figures = chosen.figures or folder / FIGURES
    if chosen.report:
        write_tables(figures, folder, not chosen.no_plots)
        return False
    if chosen.check:
        names = {case.name for case in cases}
        targets = [target for target in TARGETS if target.figure.case in names]
        # The file must not contain only a part of the targets.
        into = None if chosen.only else folder / VERDICTS
        return check_targets(cases, targets, rounds, ms, into, chosen.peers)
    if not chosen.peers:
        own = [tuple(who for who in case.subjects if who not in PEERS) for case in cases]
        cases = [dataclasses.replace(case, subjects=who) for case, who in zip(cases, own)]
    return bench(cases, rounds, ms, figures, folder, not chosen.no_plots)


if __name__ == "__main__":
    try:
        sys.exit(int(main()))
    except KeyboardInterrupt:
        sys.exit(130)
