# SPDX-License-Identifier: Apache-2.0
"""python3 -m unittest discover benches/tests: the parts of the harness that measure nothing."""

import io
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bench
from harness import cases, check, figures, page, report, rounds, store, subjects
from targets import TARGETS

CASE = cases.Case("W1", "get", "size=100", "100 B", ("plasma", "lmdb", "arrow", "floor"))
RUN = {
    "command": "python3 benches/run.py",
    "machine": {"cpu": "a", "load before": "0.10 0.20 0.30"},
    "versions": {"plasma": "0.1.0"},
    "rounds": 3,
    "ms": 20,
}


def measured(**values):
    """A record of rounds in which get (for the floor: hash) took the given times."""
    ((result, times),) = values.items()
    found = {at: {result: {"median_ns": time, "p99_ns": 2 * time}} for at, time in enumerate(times)}
    return rounds.Record(rounds=found)


def records():
    return {
        CASE.name: {
            "plasma": measured(get=[40, 50, 45]),
            "lmdb": measured(get=[90, 80, 100]),
            "arrow": rounds.Record(subjects.MISSING, "no network"),
            "floor": measured(hash=[15, 15, 15]),
        }
    }


def filled():
    data = store.empty()
    store.replace_group(data, "W1", "monday", RUN, *store.rows_of("monday", [CASE], records()))
    return data


class Figures(unittest.TestCase):
    def test_summary_over_rounds(self):
        spread = figures.summarise([{"get": {"median_ns": value}} for value in (3, 1, 2, 10)])
        self.assertEqual(spread, {"get": {"median_ns": {"median": 2.5, "min": 1, "max": 10}}})

    def test_a_result_of_some_rounds_only(self):
        spread = figures.summarise([{"a": {"ops_s": 1}}, {"a": {"ops_s": 3}, "b": {"ops_s": 7}}])
        self.assertEqual(spread["a"]["ops_s"]["median"], 2)
        self.assertEqual(spread["b"]["ops_s"]["median"], 7)

    def test_units(self):
        for metric, value, text in (
            ("median_ns", 41.26, "41.3 ns"),
            ("median_ns", 999.7, "1.00 us"),
            ("median_ns", 62100, "62.1 us"),
            ("p99_ns", 8.1226e6, "8.12 ms"),
            ("ns_per_object", 210, "210 ns"),
            ("ops_s", 24.3e6, "24.3 M/s"),
            ("ops_s", 12, "12.0 /s"),
            ("all_s", 1.5e6, "1.50 M/s"),
            ("gb_s", 11.24, "11.2 GB/s"),
            ("bytes_per_object", 176.2, "176 B"),
            ("utilisation", 0.8712, "0.871"),
        ):
            self.assertEqual(figures.quantity(metric, value), text)

    def test_ratios(self):
        self.assertEqual(figures.ratio_text(figures.ratio(62000, 40)), "1550x")
        self.assertEqual(figures.ratio_text(figures.ratio(1, 3)), "0.333x")
        self.assertEqual(figures.ratio_text(figures.ratio(1, 1000)), "0.001x")
        self.assertEqual(figures.ratio_text(figures.ratio(1, 0)), "")

    def test_best(self):
        self.assertEqual(figures.best("median_ns", [2, 1]), 1)
        self.assertEqual(figures.best("ops_s", [2, 1]), 2)


class Pages(unittest.TestCase):
    def test_table(self):
        text = page.table(("case", "n"), [("get", "1"), ("create", "22")])
        self.assertEqual(
            text.splitlines(),
            ["| case   |   n |", "|--------|----:|", "| get    |   1 |", "| create |  22 |"],
        )

    def test_sections_follow_the_title(self):
        text = page.write("T", [("", "intro"), ("A", "1"), ("B", "")])
        self.assertEqual(text, "# T\n\nintro\n\n## A\n\n1\n\n## B\n")


class Reports(unittest.TestCase):
    def test_comparison(self):
        text = report.comparison(filled()["figures"])
        head, _, line = text.splitlines()
        self.assertEqual(
            [cell.strip() for cell in head.split("|")],
            ["", "case", "Plasma", "LMDB", "floor: hash", ""],
        )
        self.assertEqual(
            [cell.strip() for cell in line.split("|")],
            ["", "get, 100 B", "45.0 ns", "90.0 ns (2.00x)", "15.0 ns (0.333x)", ""],
        )

    def test_a_result_that_the_floor_has_too_stands_beside_the_others(self):
        data = filled()
        more = dict(data["figures"][0], result="put")
        data["figures"] += [more, dict(more, subject="floor")]
        _, _, first, second = report.comparison(data["figures"]).splitlines()
        self.assertIn("15.0 ns (0.333x)", first)
        self.assertEqual(second.split("|")[1:3], [" put, 100 B ", " 45.0 ns "])
        self.assertIn("| 45.0 ns (1.00x) |", second)

    def test_a_missing_subject_is_named(self):
        text = report.write(filled(), ())
        self.assertIn("Arrow Plasma missing: no network", text)
        self.assertIn("Run of monday, rounds: 3, load before: 0.10", text)
        self.assertIn("| get, 100 B  | LMDB    |  80.0 ns .. 100 ns |  180 ns |", text)
        self.assertNotIn(".svg", text)

    def test_other_groups_keep_their_run(self):
        data = filled()
        case = cases.Case("W2", "create", "size=100", "100 B", ("plasma",))
        other = {case.name: {"plasma": measured(create=[200])}}
        store.replace_group(data, "W2", "tuesday", RUN, *store.rows_of("tuesday", [case], other))
        store.replace_group(data, "W2", "friday", RUN, *store.rows_of("friday", [case], other))
        self.assertEqual(set(data["runs"]), {"monday", "friday"})
        text = report.write(data, ())
        self.assertIn("Run of monday", text)
        self.assertIn("Run of friday", text)

    def test_figures_are_read_as_they_were_saved(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "figures.json"
            self.assertEqual(store.load(path), store.empty())
            store.save(path, filled())
            self.assertEqual(store.load(path), filled())


class Batches(unittest.TestCase):
    def test_an_operation_that_is_slow_for_once_does_not_pass_for_a_batch(self):
        """Regression: a first copy that faulted counted as a batch: the median of a single one is 0 ns."""
        clock, cost = [0], iter([50_000])

        def operation():
            clock[0] += next(cost, 100)

        with mock.patch.object(bench, "now", lambda: clock[0]):
            self.assertEqual(bench.batch_of(operation), 256)


class Runs(unittest.TestCase):
    def test_outcomes_of_a_run(self):
        good = subjects.judge(0, '{"name": "get", "median_ns": 41.2}\n', "")
        self.assertEqual(good.results, {"get": {"median_ns": 41.2}})
        self.assertEqual(subjects.judge(3, "", "usage").status, subjects.UNSUPPORTED)
        for code, output, errors, reason in (
            (1, "", "no room\n", "exit code 1: no room"),
            (-11, "", "", "SIGSEGV"),
            (0, "", "", "no result"),
            (0, '{"name": "get", "median_ns": inf}', "", "cannot read"),
            (0, "[]", "", "cannot read"),
        ):
            bad = subjects.judge(code, output, errors)
            self.assertEqual(bad.status, subjects.FAILED)
            self.assertIn(reason, bad.reason)

    def test_turns_rotate(self):
        self.assertEqual(
            [rounds.turns("abc", at) for at in (0, 1, 5)],
            [tuple("abc"), tuple("bca"), tuple("cab")],
        )

    def test_a_subject_that_fails_or_is_missing_does_not_stop_the_others(self):
        asked = []

        def run(subject, case, ms):
            asked.append(subject)
            if subject == "lmdb":
                return subjects.Outcome(subjects.FAILED, "no")
            return subjects.Outcome(subjects.MEASURED, results={"get": {"median_ns": 1}}, seconds=2)

        absent = {"arrow": "no network"}
        progress = rounds.Progress([CASE], 3, absent, out=io.StringIO())
        self.assertEqual(progress.remaining(), 9 * progress.FIRST_GUESS_S)
        found = rounds.measure([CASE], 3, 20, absent, progress, run)[CASE.name]
        self.assertEqual(asked, ["plasma", "lmdb", "floor", "floor", "plasma", "floor", "plasma"])
        self.assertEqual(found["lmdb"].status, subjects.FAILED)
        self.assertEqual(found["arrow"].status, subjects.MISSING)
        self.assertEqual(sorted(found["plasma"].rounds), [0, 1, 2])
        self.assertEqual(progress.remaining(), 0)


def get(subject, result="get"):
    return check.Figure(subject, CASE.name, result)


class Checks(unittest.TestCase):
    def judge(self, *target, **more):
        return check.judge(check.Target("t", *target, **more), records())

    def test_constants_and_ratios(self):
        self.assertEqual(self.judge(get("plasma"), "<=", 45), ("45.0 ns", "met"))
        self.assertEqual(self.judge(get("plasma"), "<=", 44)[1], "FAILED")
        self.assertEqual(
            self.judge(get("lmdb"), ">=", 2, get("plasma")), ("2.22x (90.0 ns / 45.0 ns)", "met")
        )

    def test_ratios_are_taken_within_a_round(self):
        self.assertIn("2.22x", self.judge(get("lmdb"), ">=", 2, get("plasma"))[0])

    def test_the_best_of_some(self):
        bases = (get("lmdb"), get("floor", "hash"), get("floor", "huge"))
        self.assertEqual(self.judge(get("plasma"), "<=", 3, bases)[1], "met")
        self.assertEqual(self.judge(get("plasma"), "<", 3, bases)[1], "FAILED")

    def test_missing_subjects(self):
        target = check.Target("t", get("arrow"), ">=", 1000, get("plasma"))
        lines = check.judge_all([target], records())
        self.assertEqual(lines[0][2:], ("arrow missing: no network", "MISSING"))
        self.assertFalse(check.fails(lines, peers_needed=False))
        self.assertTrue(check.fails(lines, peers_needed=True))
        self.assertEqual(self.judge(get("floor", "huge"), "<", 1)[1], "FAILED")

    def test_known_misses(self):
        self.assertEqual(self.judge(get("plasma"), "<", 1, known="why")[1], "not met: why")
        self.assertIn("met, though", self.judge(get("plasma"), "<", 99, known="why")[1])

    def test_the_table_of_targets_names_cases_that_there_are(self):
        for case, who in check.needed(TARGETS, cases.CASES):
            self.assertTrue(who, case.name)
        named = {figure.case for target in TARGETS for figure in (target.figure, *target.bases())}
        self.assertEqual(named - {case.name for case in cases.CASES}, set())
        who = {case.name: case.subjects for case in cases.CASES}
        for target in TARGETS:
            for figure in (target.figure, *target.bases()):
                self.assertIn(figure.subject, who[figure.case], target.name)

    def test_cases_are_told_apart(self):
        for all_of_them in (cases.CASES, cases.QUICK_CASES):
            names = [case.name for case in all_of_them]
            self.assertEqual(len(names), len(set(names)))

    def test_a_quick_run_tries_every_workload_and_nothing_large(self):
        self.assertEqual(
            {case.workload for case in cases.QUICK_CASES}, {case.workload for case in cases.CASES}
        )
        self.assertFalse(any(cases.is_slow(case.keys) for case in cases.QUICK_CASES))
        for keys in (
            "objects=1000000 size=100",
            "size=1048576 objects=1000",
            "operations=10000000",
        ):
            self.assertTrue(cases.is_slow(keys), keys)
        self.assertFalse(cases.is_slow("by=id mode=asleep waiters=100 objects=one"))


if __name__ == "__main__":
    unittest.main()
