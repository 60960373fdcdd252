"""Arrow tables in buffers. Imports pyarrow when it is used."""

from __future__ import annotations

import importlib
from typing import Any

from plasma.buffers import Buffer


def pyarrow() -> Any:
    """The module."""
    return importlib.import_module("pyarrow")


def table_of(buffer: Buffer) -> Any:
    """The table that a buffer holds."""
    pa = pyarrow()
    return pa.ipc.open_stream(pa.py_buffer(buffer)).read_all()
