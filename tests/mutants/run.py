#!/usr/bin/env python3
"""Break each ordering in a scratch copy; the models have to notice.

    run.py [-l] [WORD...]     all mutants of mutants.toml, or those that contain a word

The copy is in target/mutants, and is built in target/loom. See mutants.toml for what a mutant is.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = ROOT / "target" / "mutants"
COPY = SCRATCH / "source"
# A model that takes longer says nothing. One that hangs fails: loom counts its steps.
LIMIT_S = 600


def copy_source():
    leave_out = shutil.ignore_patterns("target", ".git")
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(ROOT, COPY, ignore=leave_out, symlinks=True)


def environment(preemptions=2):
    settings = {
        "RUSTFLAGS": "--cfg loom",
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        "CARGO_PROFILE_RELEASE_DEBUG": "0",
        "CARGO_INCREMENTAL": "1",
        "LOOM_MAX_PREEMPTIONS": str(preemptions),
    }
    return os.environ | settings


def build():
    command = ["cargo", "test", "--locked", "-p", "plasma-store", "--lib", "--release", "--no-run"]
    # With the models, whose dependencies are the same.
    command += ["--target-dir", str(ROOT / "target" / "loom")]
    done = subprocess.run(command, cwd=COPY, env=environment(), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"does not build:\n{done.stderr[-3000:]}")
    found = re.search(r"Executable .*\((.*)\)", done.stderr)
    return COPY / found.group(1)


def models(program, words):
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    names = [line[: -len(": test")] for line in listed.stdout.splitlines() if line.endswith(": test")]
    return [name for name in names if any(word in name for word in words)]


def fails(program, name, preemptions):
    """Whether the model fails."""
    command = [program, "--exact", name]
    try:
        done = subprocess.run(command, env=environment(preemptions), capture_output=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        print(f"{name}: not done in {LIMIT_S} s")
        return False
    return done.returncode != 0


def mutate(mutant):
    path = COPY / mutant["file"]
    text = (ROOT / mutant["file"]).read_text()
    at = text.find(mutant["at"])
    start = text.find(mutant["from"], at)
    if at < 0 or start < 0:
        sys.exit(f"{mutant['file']}: no {mutant['from']!r} after {mutant['at']!r}")
    path.write_text(text[:start] + mutant["to"] + text[start + len(mutant["from"]) :])


def restore(mutant):
    (COPY / mutant["file"]).write_text((ROOT / mutant["file"]).read_text())


def main():
    words = [word for word in sys.argv[1:] if word != "-l"]
    table = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text())
    chosen = [it for it in table["mutant"] if not words or any(word in str(it) for word in words)]
    if "-l" in sys.argv:
        for mutant in chosen:
            print(f"{mutant['sync']:14} {mutant['what']}")
        return
    copy_source()
    killed, known, survived = 0, 0, []
    for mutant in chosen:
        began = time.monotonic()
        mutate(mutant)
        program = build()
        found = None
        names = models(program, mutant["models"])
        if not names:
            sys.exit(f"no models for {mutant['what']}")
        # Most are noticed with one preemption, which is soon tried.
        bounds = range(1, mutant.get("preemptions", 2) + 1)
        for preemptions, name in [(n, name) for n in bounds for name in names]:
            if fails(program, name, preemptions):
                found = f"{name} fails"
                break
        restore(mutant)
        took = time.monotonic() - began
        if found:
            killed += 1
        elif "known" in mutant:
            known += 1
            found = f"survives: {mutant['known']}"
        else:
            survived.append(mutant["what"])
            found = "SURVIVES"
        print(f"{mutant['sync']:14} {mutant['what']}: {found} ({took:.0f} s)", flush=True)
    kept = len(table["kept"])
    print(f"{len(chosen)} mutants: {killed} killed, {known} known to survive, {len(survived)} not killed;"
          f" {kept} orderings kept for a written reason")
    sys.exit(1 if survived else 0)


main()
