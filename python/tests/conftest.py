"""Stores for the tests, and child processes that use them."""

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
"""Seconds after which a child counts as hung; no test waits that long."""


@pytest.fixture
def store() -> Iterator[str]:
    """The address of a store that does not exist yet; the fixture checks that nothing is left."""
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
    """The output of a process, which must succeed and write nothing to stderr."""
    try:
        said, complaints = process.communicate(timeout=HANG)
    except subprocess.TimeoutExpired:
        process.kill()
        said, complaints = process.communicate()
        raise AssertionError(f"the child hangs: {said}{complaints}") from None
    assert process.returncode == 0 and not complaints, (process.returncode, said, complaints)
    return said


def run(script: str, *args: object) -> str:
    """The output of a process that runs the script."""
    return finish(start(script, *args))


def wait_until_blocked(pid: int, thread: int = 0) -> None:
    """Wait until a thread of a process waits in libplasma, which sleeps in futex_waitv."""
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        number = Path(f"/proc/{pid}/task/{thread or pid}/syscall").read_text().split()[0]
        if number in ("449", "202"):
            return
        time.sleep(0.001)
    raise AssertionError(f"process {pid} does not wait")


def eventually(condition: object) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + HANG
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "the condition was never true"
        time.sleep(0.001)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Report skipped tests to CI."""
    if report.skipped and isinstance(report.longrepr, tuple):
        name = report.nodeid.split("::")[-1]
        line = f"SKIP {name}: {report.longrepr[2].removeprefix('Skipped: ')}"
        print(f"\n{line}")
        if "PLASMA_SKIPS" in os.environ:
            with open(os.environ["PLASMA_SKIPS"], "a") as skips:
                skips.write(line + "\n")
