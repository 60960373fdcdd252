"""Stores of their own for the tests, and children that use them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import plasma

HANG = 120.0
"""Seconds after which a child hangs: a watchdog, which no test waits for."""


@pytest.fixture
def store() -> Iterator[str]:
    """The address of a store that is not there yet; nothing of it is left afterwards."""
    parent = Path(f"/dev/shm/plasma-test-python-{uuid.uuid4().hex}")
    parent.mkdir()
    yield str(parent / "store")
    if (parent / "store").exists():
        plasma.remove(str(parent / "store"))
    parent.rmdir()


@pytest.fixture
def client(store: str) -> Iterator[plasma.Client]:
    with plasma.connect(store, capacity=64 << 20, max_objects=4096) as made:
        yield made


def start(script: str, *args: object) -> subprocess.Popen[str]:
    """A Python process that runs the script."""
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", script, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What a process said; it has to end well, and not to complain."""
    try:
        said, complaints = process.communicate(timeout=HANG)
    except subprocess.TimeoutExpired:
        process.kill()
        said, complaints = process.communicate()
        raise AssertionError(f"the child hangs: {said}{complaints}") from None
    assert process.returncode == 0 and not complaints, (process.returncode, said, complaints)
    return said


def run(script: str, *args: object) -> str:
    """What a process that runs the script says."""
    return finish(start(script, *args))


def wait_until_blocked(pid: int, thread: int = 0) -> None:
    """Until a thread of a process waits in libplasma, which sleeps in futex_waitv."""
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        number = Path(f"/proc/{pid}/task/{thread or pid}/syscall").read_text().split()[0]
        if number in ("449", "202"):
            return
        time.sleep(0.001)
    raise AssertionError(f"process {pid} does not wait")


def eventually(condition: object) -> None:
    """Until the condition holds."""
    end = time.monotonic() + HANG
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.001)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What is left out is told to CI."""
    if report.skipped and isinstance(report.longrepr, tuple):
        name = report.nodeid.split("::")[-1]
        line = f"SKIP {name}: {report.longrepr[2].removeprefix('Skipped: ')}"
        print(f"\n{line}")
        if "PLASMA_SKIPS" in os.environ:
            with open(os.environ["PLASMA_SKIPS"], "a") as skips:
                skips.write(line + "\n")
