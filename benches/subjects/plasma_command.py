#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The plasma command beside cp: a file into a default store and out again, processes included."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import SPEND, now, number, print_latency, run_workload

ROOT = Path(__file__).resolve().parents[2]
PLASMA = ROOT / "target" / "release" / "plasma"
FILES = Path("/dev/shm") / f"bench-command-{os.getpid()}"
NAME = "object"


def call(*command):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)


def measure(between, **commands):
    """Times the commands in turns, after `between` each time."""
    samples, end = {name: [] for name in commands}, now() + 6 * SPEND
    while now() < end or len(samples[next(iter(commands))]) < 3:
        for name, command in commands.items():
            between()
            start = now()
            call(*command)
            samples[name].append(now() - start)
    for name, times in samples.items():
        print_latency(name, times)


def with_store(work):
    size = number("size", 1 << 30)
    os.environ["PLASMA_STORE"] = f"bench-command-{os.getpid()}"
    source, target = FILES / "source", FILES / "target"
    FILES.mkdir()
    try:
        source.write_bytes(b"x" * size)
        call(PLASMA, "create", "--capacity", max(2 * size, 1 << 30))
        work(source, target)
    finally:
        subprocess.run([str(PLASMA), "destroy", "--yes"], check=False)
        for path in (source, target):
            path.unlink(missing_ok=True)
        FILES.rmdir()


def command_put():
    """Into memory that was never touched, as cp writes to a new file."""

    def work(source, target):
        def between():
            target.unlink(missing_ok=True)
            call(PLASMA, "rm", "--force", NAME)
            call(PLASMA, "trim")

        put = [PLASMA, "put", "--name", NAME, source]
        measure(between, command_put=put, cp=["cp", source, target])

    with_store(work)


def command_get():
    """Over a file of the same size."""

    def work(source, target):
        call(PLASMA, "put", "--name", NAME, source)
        call("cp", source, target)
        get = [PLASMA, "get", NAME, "--output", target]
        measure(lambda: None, command_get=get, cp=["cp", source, target])

    with_store(work)


run_workload({"command_put": command_put, "command_get": command_get})
