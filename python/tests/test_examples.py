"""The examples do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import plasma

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LIBRARY = str(next(Path(plasma.__file__).parent.glob("libplasma.so*")))

SAYS = {
    "pool.py 8": [
        "8 MB, summed by each of 2 workers",
        "by_plasma",
        "by_shared_memory",
        "by_pickling",
    ],
    "data_loader.py 10": ["10 batches of 3.1 MB"],
    "async_consumer.py 30": ["30 orders, 60 cups"],
    "frames.py": ["4 summaries of 200000 rows"],
    f"plain_ctypes.py {LIBRARY}": ["hello from ctypes"],
}


@pytest.mark.parametrize("example", SAYS, ids=lambda example: example.split(".")[0])
def test_an_example_runs(example: str, tmp_path: Path) -> None:
    for module, users in (("numpy", ("pool", "data_loader", "frames")), ("pandas", ("frames",))):
        if example.startswith(users):
            pytest.importorskip(module)
    script, *args = example.split()
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script), *args],
        capture_output=True, text=True, timeout=300, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done.stderr
    for line, expected in zip(done.stdout.splitlines(), SAYS[example]):
        assert line.startswith(expected)
    assert len(done.stdout.splitlines()) == len(SAYS[example])


def test_every_example_is_run() -> None:
    """Here, or by the tests of the library that it needs."""
    libraries = (EXAMPLES.parent / "libraries").glob("test_*.py")
    run = {said.split()[0] for said in SAYS}
    run |= set(re.findall(r"\w+\.py", "".join(path.read_text() for path in libraries)))
    assert {path.name for path in EXAMPLES.glob("*.py")} - run == set()
