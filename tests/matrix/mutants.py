#!/usr/bin/env python3
"""Seed each fault of mutants.toml into a scratch copy; the matrix has to find it.

    mutants.py [-l] [WORD...]     all of them, or those that contain a word

The copy and its build are in target/matrix-mutants.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = ROOT / "target" / "matrix-mutants"
COPY = SCRATCH / "source"
# A run that takes longer hangs, which is a failure too.
LIMIT_S = 900
BUILD = ["cargo", "test", "--locked", "--no-run", "--features", "kill-points", "--test", "matrix"]
BUILD += ["--target-dir", str(SCRATCH / "target"), "--config", "profile.dev.package.plasma-store.opt-level=2"]
CELLS = "harness::every_pair_and_some_triples_end_as_written"


def copy_source():
    leave_out = shutil.ignore_patterns("target", ".git")
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(ROOT, COPY, ignore=leave_out, symlinks=True)


def build():
    settings = os.environ | {"CARGO_PROFILE_DEV_DEBUG": "line-tables-only"}
    done = subprocess.run(BUILD, cwd=COPY, env=settings, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"does not build:\n{done.stderr[-3000:]}")
    return re.search(r"Executable .*\((.*)\)", done.stderr).group(1)


def failure(program, mutant):
    """The first cell that fails; None if none does."""
    settings = {"PLASMA_MATRIX_ONLY": mutant["only"], "PLASMA_MATRIX_FIRST": "1", "RUST_BACKTRACE": "0"}
    if mutant.get("full"):
        settings["PLASMA_MATRIX_FULL"] = "1"
    command = [str(COPY / program), "--exact", CELLS, "--nocapture"]
    log = SCRATCH / "run.log"
    with log.open("w") as output:
        # In a session of its own, all of which ends with it.
        running = subprocess.Popen(
            command, cwd=COPY, env=os.environ | settings, stdout=output, stderr=output,
            start_new_session=True,
        )
    try:
        status = running.wait(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        status = None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    if status is None:
        running.wait()
        return f"hangs for {LIMIT_S} s"
    if status == 0:
        return None
    found = re.search(r"^FAILED (.*)$", log.read_text(errors="replace"), re.M)
    return found.group(1) if found else f"ends with {status}"


def mutate(mutant):
    """Seed the fault; the text as it was."""
    path = COPY / mutant["file"]
    text = path.read_text()
    at = text.find(mutant["at"])
    start = text.find(mutant["from"], at)
    if at < 0 or start < 0:
        sys.exit(f"{mutant['file']}: no {mutant['from']!r} after {mutant['at']!r}")
    path.write_text(text[:start] + mutant["to"] + text[start + len(mutant["from"]) :])
    return text


def main():
    words = [word for word in sys.argv[1:] if word != "-l"]
    table = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text())
    chosen = [it for it in table["mutant"] if not words or any(word in str(it) for word in words)]
    if "-l" in sys.argv:
        for mutant in chosen:
            print(f"{mutant['file']:24} {mutant['what']}")
        return
    copy_source()
    survived = []
    for mutant in chosen:
        began = time.monotonic()
        text = mutate(mutant)
        found = failure(build(), mutant)
        (COPY / mutant["file"]).write_text(text)
        if found is None:
            survived.append(mutant["what"])
        took = time.monotonic() - began
        print(f"{mutant['what']}: {found or 'SURVIVES'} ({took:.0f} s)", flush=True)
    print(f"{len(chosen)} mutants, {len(survived)} not found")
    sys.exit(1 if survived else 0)


main()
