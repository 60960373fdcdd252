# SPDX-License-Identifier: Apache-2.0
"""Judges the targets of benches/targets.py by the figures of one run."""

import operator
import statistics
from dataclasses import dataclass
from typing import Optional, Tuple, Union

from harness import figures, page, subjects
from harness.cases import PEERS

MET, FAILED, MISSING, NOT_MET, INFORMATION = "met", "FAILED", "MISSING", "not met", "information"
RELATIONS = {"<": operator.lt, "<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Figure:
    subject: str
    case: str
    result: str
    metric: str = "median_ns"


@dataclass(frozen=True)
class Target:
    """`figure` `relation` `factor` times `base`: a figure, the best of some, or 1 for a constant.

    Without a relation it is there to be looked at. `known` is why it is known not to be met.
    """

    name: str
    figure: Figure
    relation: Optional[str]
    factor: float = 1
    base: Union[Figure, Tuple[Figure, ...], None] = None
    known: str = ""

    def bases(self):
        if self.base is None:
            return ()
        return self.base if isinstance(self.base, tuple) else (self.base,)

    def text(self):
        if self.relation is None:
            return ""
        relation = {"<": "less than", "<=": "at most", ">=": "at least"}[self.relation]
        if self.base is None:
            return f"{relation} {figures.quantity(self.figure.metric, self.factor)}"
        factor = "" if self.factor == 1 else f"{self.factor:g} x "
        return f"{relation} {factor}{self.base_text()}"

    def base_text(self):
        """Its case, only if it differs from the case of the figure."""
        first, *others = self.bases()
        results = " or ".join(figure.result for figure in (first, *others))
        case = "" if first.case == self.figure.case else f" ({first.case})"
        return f"{first.subject} {results}{case}"


class Absent(Exception):
    """A missing figure: args are its subject and the reason."""


def series(records, figure):
    """The values of a figure by round: {round: value}."""
    record = records[figure.case][figure.subject]
    if record.status != subjects.MEASURED:
        raise Absent(figure.subject, record.status, record.reason)
    found = {}
    for number, results in record.rounds.items():
        metrics = results.get(figure.result, {})
        if figure.metric in metrics:
            found[number] = metrics[figure.metric]
    if not found:
        raise Absent(figure.subject, subjects.UNSUPPORTED, f"no {figure.result}")
    return found


def best_series(records, wanted):
    """The best of several in each round; figures that a machine does not have do not count."""
    found, absent = [], None
    for figure in wanted:
        try:
            found.append(series(records, figure))
        except Absent as reason:
            if reason.args[1] == subjects.FAILED:
                raise
            absent = reason
    if not found:
        raise absent
    rounds = set.intersection(*map(set, found))
    metric = wanted[0].metric
    return {number: figures.best(metric, [one[number] for one in found]) for number in rounds}


def judge(target, records):
    """(measured, verdict)"""
    try:
        values = series(records, target.figure)
        bases = best_series(records, target.bases()) if target.base is not None else {}
    except Absent as reason:
        subject, status, why = reason.args
        return f"{subject} {status}: {why}".rstrip(": "), absent_verdict(target, subject, status)
    text = figures.quantity(target.figure.metric, statistics.median(values.values()))
    if bases:
        # The ratio of two figures of the same round: a disturbance is likely to affect both.
        ratios = [values[number] / bases[number] for number in values if bases.get(number)]
        measured = statistics.median(ratios)
        base = figures.quantity(target.bases()[0].metric, statistics.median(bases.values()))
        text = f"{figures.ratio_text(measured)} ({text} / {base})"
    else:
        measured = statistics.median(values.values())
    if target.relation is None:
        return text, INFORMATION
    return text, verdict(RELATIONS[target.relation](measured, target.factor), target.known)


def verdict(holds, known):
    if holds:
        return f"met, though listed as not met: {known}" if known else MET
    return f"{NOT_MET}: {known}" if known else FAILED


def absent_verdict(target, subject, status):
    if status == subjects.FAILED:
        return FAILED
    if subject in PEERS:
        return MISSING
    return f"{NOT_MET}: {target.known}" if target.known else FAILED


def needed(targets, cases):
    """The cases that targets need, each with the subjects that they need, in order."""
    wanted = {}
    for target in targets:
        for figure in (target.figure, *target.bases()):
            wanted.setdefault(figure.case, set()).add(figure.subject)
    return [
        (case, tuple(who for who in case.subjects if who in wanted[case.name]))
        for case in cases
        if case.name in wanted
    ]


def judge_all(targets, records):
    """Lines (name, target, measured, verdict)."""
    return [(target.name, target.text(), *judge(target, records)) for target in targets]


def fails(lines, peers_needed):
    verdicts = [line[3] for line in lines]
    return FAILED in verdicts or (peers_needed and MISSING in verdicts)


def report(lines, about):
    """The verdicts, as text."""
    counts = {}
    for line in lines:
        kind = line[3].split(":")[0]
        counts[kind] = counts.get(kind, 0) + 1
    summary = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    header = ("what", "target", "measured", "verdict")
    return f"{about}\n\n{page.table(header, lines, numbers_from=9)}\n\n{summary}\n"
