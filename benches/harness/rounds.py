# SPDX-License-Identifier: Apache-2.0
"""Runs subjects in turns, round by round, so that drift of the machine affects all of them alike."""

import sys
from collections import Counter
from dataclasses import dataclass, field

from harness import subjects


@dataclass
class Record:
    """The result of one subject in one case."""

    status: str = subjects.MEASURED
    reason: str = ""
    rounds: dict = field(default_factory=dict)  # {round: {result: {metric: value}}}


def turns(names, round_number):
    """Each round begins with another subject."""
    shift = round_number % len(names)
    return (*names[shift:], *names[:shift])


def by_group(cases):
    groups = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    return groups


class Progress:
    """Prints progress and the remaining time on stderr."""

    FIRST_GUESS_S = 1.5

    def __init__(self, cases, rounds, absent, out=sys.stderr):
        self.out = out
        self.rounds = rounds
        self.cases = [case.name for case in cases]
        self.left = Counter()
        self.seconds = {}
        for case in cases:
            for subject in case.subjects:
                if subject not in absent:
                    self.left[case.name, subject] = rounds

    def remaining(self):
        """The last time of each run; runs that are new count as the mean of all others."""
        known = list(self.seconds.values())
        guess = sum(known) / len(known) if known else self.FIRST_GUESS_S
        return sum(left * self.seconds.get(who, guess) for who, left in self.left.items())

    def begin(self, case, round_number, subject):
        minutes, seconds = divmod(round(self.remaining()), 60)
        line = (
            f"case {self.cases.index(case.name) + 1} of {len(self.cases)}, "
            f"round {round_number + 1} of {self.rounds}, {minutes}:{seconds:02} left: "
            f"{subject} {case.name}"
        )
        end = "" if self.out.isatty() else "\n"
        print(("\r\033[K" if self.out.isatty() else "") + line, end=end, file=self.out, flush=True)

    def done(self, case, subject, outcome):
        self.seconds[case.name, subject] = outcome.seconds
        self.left[case.name, subject] -= 1
        if outcome.status != subjects.MEASURED:
            del self.left[case.name, subject]
        if outcome.status == subjects.FAILED:
            self.say(f"FAILED {subject} {case.name}: {outcome.reason}")

    def say(self, text):
        print(("\r\033[K" if self.out.isatty() else "") + text, file=self.out, flush=True)


def measure(cases, rounds, ms, absent, progress, run=subjects.run):
    """{case name: {subject: Record}}; `absent` has subjects that are missing, and why.

    A whole group in each round: cases of a group are compared with each other as well. Who fails
    or does not have the workload is not asked again.
    """
    records = {case.name: {} for case in cases}
    for case in cases:
        for subject in case.subjects:
            missing = subject in absent
            records[case.name][subject] = (
                Record(subjects.MISSING, absent[subject]) if missing else Record()
            )
    for round_number in range(rounds):
        for case in cases:
            for subject in turns(case.subjects, round_number):
                record = records[case.name][subject]
                if record.status != subjects.MEASURED:
                    continue
                progress.begin(case, round_number, subject)
                outcome = run(subject, case, ms)
                progress.done(case, subject, outcome)
                record.status, record.reason = outcome.status, outcome.reason
                if outcome.status == subjects.MEASURED:
                    record.rounds[round_number] = outcome.results
    return records
