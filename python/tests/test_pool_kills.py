"""Nothing is left of a pool after any of its processes is killed."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import eventually, start

import plasma
from plasma import temporary

pytest.importorskip("numpy")
OWNER = """
import os, sys, time
import numpy as np
import plasma
sys.path.insert(0, sys.argv[2])
from test_pool import hold
if __name__ == "__main__":
    pool = plasma.Pool(2, context=sys.argv[1])
    kept = pool.share(np.ones(1_000_000))
    tasks = [pool.submit(hold, kept, f"{sys.argv[3]}/{number}") for number in range(2)]
    while len(os.listdir(sys.argv[3])) < 2:
        time.sleep(0.001)
    print(pool._executor.exchange.client.address, *pool.pids(), flush=True)
    time.sleep(1000)
"""


def begin(method: str, path: Path) -> tuple[subprocess.Popen[str], Path, list[int]]:
    """A process that owns a pool, whose workers run."""
    process = start(OWNER, method, os.path.dirname(__file__), path)
    assert process.stdout is not None
    address, *pids = process.stdout.readline().split()
    return process, Path(address), [int(pid) for pid in pids]


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def guards_of(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [
        int(child)
        for child in children
        if b"guard.py" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


@pytest.mark.parametrize("method", ("fork", "spawn", "forkserver"))
def test_a_killed_owner_leaves_neither_store_nor_workers(method: str, tmp_path: Path) -> None:
    process, store, pids = begin(method, tmp_path)
    assert store.exists() and not any(map(is_gone, pids))
    end(process)
    eventually(lambda: not store.exists())
    eventually(lambda: all(map(is_gone, pids)))


def test_the_next_store_removes_what_is_left_when_all_are_killed(tmp_path: Path) -> None:
    process, store, pids = begin("spawn", tmp_path)
    (guard,) = guards_of(process)
    for pid in (guard, process.pid, *pids):
        os.kill(pid, signal.SIGSTOP)
    for pid in (guard, process.pid, *pids):
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    eventually(lambda: all(map(is_gone, [guard, *pids])))
    assert store.exists()
    with temporary.temporary_store("1M") as client:
        assert not store.exists()
        assert Path(client.address).exists()
    assert not Path(client.address).exists()


def test_the_guard_ends_with_its_process(tmp_path: Path) -> None:
    process, store, pids = begin("fork", tmp_path)
    (guard,) = guards_of(process)
    os.kill(guard, signal.SIGTERM)
    end(process)
    eventually(lambda: is_gone(guard) and not store.exists() and all(map(is_gone, pids)))


class Deadly:
    """Kills the worker when it sends the result that it has packed."""

    loads = staticmethod(pickle.loads)

    @staticmethod
    def dumps(_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def die_after_packing(count: int) -> Any:
    plasma.worker.pickle = Deadly  # type: ignore[attr-defined]
    return bytearray(count)


def test_a_killed_worker_leaves_no_result() -> None:
    with plasma.Pool(1, context="fork") as pool:
        client: Any = pool._executor.exchange.client
        with pytest.raises(plasma.WorkerDiedError):
            pool.apply(die_after_packing, (200_000,))
        eventually(lambda: not client.list())
