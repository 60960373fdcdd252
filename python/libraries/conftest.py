"""The sources of other projects, which scripts/test-python-libraries.sh fetches, and what several
tests use."""

from __future__ import annotations

import importlib.util
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import plasma

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # seen.py
SOURCES = Path(os.environ.get("PLASMA_SOURCES", "."))


def module_of(path: str) -> Any:
    """One file of a project as a module, without the rest of the project."""
    found = SOURCES / path
    if not found.exists():
        pytest.skip(f"{path} was not fetched")
    spec = importlib.util.spec_from_file_location(found.stem, found)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[found.stem] = module  # so that its classes can be pickled
    spec.loader.exec_module(module)
    return module


def is_shared(address: int) -> bool:
    """Whether an address lies in the mapping of a store."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        begin, end = (int(part, 16) for part in line.split()[0].split("-"))
        if begin <= address < end:
            return line.endswith("/heap")
    return False


@pytest.fixture
def client() -> Iterator[plasma.Client]:
    """A client of a store of its own."""
    with plasma.connect(f"libraries-{uuid.uuid4().hex}", capacity="256M", ephemeral=True) as made:
        yield made


@pytest.fixture
def store() -> Iterator[str]:
    """The path of a store, as of a socket."""
    from pyarrow import plasma

    with plasma.start_plasma_store(10**8) as (name, _):
        yield name
