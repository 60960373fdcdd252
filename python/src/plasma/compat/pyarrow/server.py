"""start_plasma_store(): a store that goes when a block ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Optional

_PATIENCE = 10.0
SERVER: Path = Path(__file__).parent / "plasma-store-server"
"""The program, which the wheel brings."""


@contextlib.contextmanager
def start_plasma_store(
    plasma_store_memory: int,
    use_valgrind: bool = False,
    use_profiler: bool = False,
    plasma_directory: Optional[str] = None,
    use_hugepages: bool = False,
    external_store: Optional[str] = None,
) -> Generator[tuple[str, subprocess.Popen[bytes]], None, None]:
    """Run `plasma_store` during a block: a name for `connect`, and the process."""
    if use_valgrind and use_profiler:
        raise Exception("Cannot use valgrind and profiler at the same time.")
    directory = tempfile.mkdtemp(prefix="test_plasma-")
    name = os.path.join(directory, "plasma.sock")
    command = [str(SERVER), "-s", name, "-m", str(plasma_store_memory)]
    if plasma_directory:
        command += ["-d", plasma_directory]
    if use_hugepages:
        command.append("-h")
    if external_store is not None:
        command += ["-e", external_store]
    if use_valgrind:
        command = ["valgrind", "--leak-check=full", "--error-exitcode=1", *command]
    if use_profiler:
        command = ["valgrind", "--tool=callgrind", *command]
    process: Optional[subprocess.Popen[bytes]] = None
    try:
        process = subprocess.Popen(command)
        _wait_for(name, process)
        yield name, process
    finally:
        if process is not None:
            _end(process)
        shutil.rmtree(directory, ignore_errors=True)


def _wait_for(name: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while not os.path.exists(name) and time.monotonic() < end:
        code = process.poll()
        if code is not None:
            raise RuntimeError(f"plasma_store exited unexpectedly with code {code}")
        time.sleep(0.002)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
