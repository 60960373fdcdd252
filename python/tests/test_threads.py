"""Threads share clients, buffers, writers and events, with and without the interpreter's lock."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from conftest import HANG, run

FREE = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
STEPS = 4000 if "PLASMA_LONG" in os.environ else 400


@pytest.mark.parametrize("seed", range(3 if FREE else 1))
def test_threads_share_what_they_use(store: str, seed: int) -> None:
    script = Path(__file__).parent / "stress_threads.py"
    done = subprocess.run(
        [sys.executable, script, store, str(STEPS), str(1000 * seed)],
        capture_output=True, text=True, timeout=10 * HANG,
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, (done.returncode, done.stderr)
    assert "Counter" in done.stdout


def test_the_import_leaves_the_interpreters_lock_off() -> None:
    said = run("import plasma, sys; print(getattr(sys, '_is_gil_enabled', lambda: True)())")
    assert said == f"{not FREE}\n"


def test_one_buffer_is_released_once(store: str) -> None:
    run(
        """
import sys, threading
import plasma
client = plasma.connect(sys.argv[1])
sys.setswitchinterval(1e-6)
for _ in range(200):
    id = client.put_bytes(b"x" * 100)
    buffer = client.get(id)
    gate = threading.Barrier(4)

    def end(how):
        gate.wait()
        try:
            how()
        except (BufferError, ValueError, plasma.InvalidArgumentError):
            pass

    look, describe = lambda: bytes(memoryview(buffer)), lambda: buffer.metadata
    ways = (buffer.release, look, describe, buffer.release)
    threads = [threading.Thread(target=end, args=(way,)) for way in ways]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    buffer.release()
    assert buffer.released and client.stats().leases == 0
    client.delete(id)
assert len(client.list()) == 0
""",
        store,
    )


@pytest.mark.parametrize("kind", ["isolated", "legacy"])
def test_subinterpreters_are_refused_clearly(store: str, kind: str) -> None:
    said = run(
        """
import sys
import plasma
address, kind = sys.argv[1:]
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    create, execute = lambda: interpreters.create(kind), interpreters.exec
else:
    import _xxsubinterpreters as interpreters
    options = {"isolated": kind == "isolated"} if sys.version_info >= (3, 10) else {}
    create = lambda: interpreters.create(**options)
    execute = interpreters.run_string
client = plasma.connect(address)
key = client.put([1, 2])
code = '''
try:
    import plasma
    print("imported")
except ImportError as error:
    print(error)
'''
for _ in range(3):
    other = create()
    execute(other, code)
    assert client.get_object(key) == [1, 2]
    interpreters.destroy(other)
assert client.get_object(client.put("it works on")) == "it works on"
""",
        store,
        kind,
    )
    lines = said.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert "subinterpreters" in line and "plasma" in line
