# SPDX-License-Identifier: Apache-2.0
"""The locations of subjects, and one run of one of them."""

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness.cases import PEERS

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "target" / "bench"

MEASURED, FAILED, MISSING, UNSUPPORTED = "measured", "failed", "missing", "unsupported"
EXIT_UNSUPPORTED = 3  # as in bench.h

# The slowest subjects first create a million objects.
LIMIT_S = 600


@dataclass
class Outcome:
    status: str
    reason: str = ""
    results: dict = field(default_factory=dict)  # {result: {metric: value}}
    seconds: float = 0.0


def program(subject):
    return (BUILT / "peers" if subject in PEERS else BUILT) / subject


def why_missing(subject):
    """Why it is missing, or None. The reason of a peer is in a file beside it."""
    path = program(subject)
    note = path.with_name(path.name + ".missing")
    if note.exists():
        return " ".join(note.read_text(errors="replace").split()) or "no reason given"
    return None if os.access(path, os.X_OK) else "not built"


def version(subject):
    """The text that a peer's build wrote beside it, if it did."""
    path = program(subject)
    note = path.with_name(path.name + ".version")
    return note.read_text(errors="replace").strip() if note.exists() else ""


def parse(output):
    """The results in the lines that a subject printed."""
    results = {}
    for line in output.splitlines():
        values = json.loads(line)
        name = values.pop("name")
        results[name] = {
            metric: value for metric, value in values.items() if isinstance(value, (int, float))
        }
    if not results:
        raise ValueError("no result")
    return results


def judge(code, output, errors):
    """The outcome of a run that ended with this code."""
    if code == EXIT_UNSUPPORTED:
        return Outcome(UNSUPPORTED)
    errors = errors.replace(f"{ROOT}/", "").strip()[-1000:]
    if code != 0:
        how = f"exit code {code}" if code > 0 else signal.Signals(-code).name
        return Outcome(FAILED, f"{how}: {errors}" if errors else how)
    try:
        return Outcome(MEASURED, results=parse(output))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        return Outcome(FAILED, f"cannot read what it printed: {error}: {output[:200]!r}")


def run(subject, case, ms):
    command = [str(program(subject)), case.workload, *case.keys.split(), f"ms={ms}"]
    start = time.monotonic()
    try:
        # A session of its own, so that the processes that it starts can be ended with it.
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=ROOT,
            start_new_session=True,
        )
    except OSError as error:
        return Outcome(FAILED, error.strerror)
    try:
        output, errors = child.communicate(timeout=LIMIT_S)
        outcome = judge(child.returncode, output, errors)
    except subprocess.TimeoutExpired:
        outcome = Outcome(FAILED, f"not done in {LIMIT_S} s")
    finally:
        end_group(child)
    outcome.seconds = time.monotonic() - start
    return outcome


def end_group(child):
    """End a subject and the servers it may have left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
