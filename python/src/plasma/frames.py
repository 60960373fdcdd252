"""Frames of pandas and polars as parts of a pickle, for views that behave as these libraries do."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Optional

from plasma.compaction import compacted


class _Store:
    """What shares the memory of a column from pandas' point of view."""


_store = _Store()


def reduced_pandas(value: Any) -> Optional[tuple[Any, ...]]:
    """How to pickle a frame or series of pandas, so that writing to it copies the column first."""
    reduced = value.__reduce_ex__(5)
    if len(reduced) < 3 or reduced[1] != (type(value),):
        return None
    return restored_pandas, (type(value), reduced[2])


def restored_pandas(kind: Any, state: Any) -> Any:
    """A frame or series whose columns cannot be written to.

    pandas copies a column before it writes to it if another owner has a reference to its memory.
    Without that it raises ValueError, because the memory is read-only.
    """
    made = kind.__new__(kind)
    made.__setstate__(state)
    for block in getattr(made._mgr, "blocks", ()):
        flags = getattr(block.values, "flags", None)
        if not getattr(flags, "writeable", False) and hasattr(block, "refs"):
            block.refs.add_index_reference(_store)
    return made


def reduced_polars(value: Any) -> Optional[tuple[Any, ...]]:
    """How to pickle a frame or series of polars as a table of Arrow; None where that changes it."""
    try:
        pa: Any = importlib.import_module("pyarrow")
    except ImportError:
        return None
    polars = sys.modules["polars"]
    series = isinstance(value, polars.Series)
    frame = value.to_frame() if series else value
    try:
        table = frame.to_arrow(compat_level=polars.CompatLevel.newest())
        if polars.from_arrow(table.slice(0, 0)).schema != frame.schema:
            return None
    except (pa.ArrowException, AttributeError):  # a type that pyarrow does not know; old polars
        return None
    return restored_polars, (compacted(table), series)


def restored_polars(table: Any, series: bool) -> Any:
    """A frame or series on the memory of a table."""
    polars = importlib.import_module("polars")
    frame = polars.from_arrow(table, rechunk=False)
    return frame.to_series() if series else frame
