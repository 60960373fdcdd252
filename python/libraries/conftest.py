"""The sources of other projects, which scripts/test-python-libraries.sh fetches."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture
def store() -> Iterator[str]:
    """The path of a store, as of a socket."""
    from pyarrow import plasma

    with plasma.start_plasma_store(10**8) as (name, _):
        yield name
