"""The view that a worker has of its arguments."""

from __future__ import annotations

from typing import Any

import numpy as np


def id_of(array: Any) -> Any:
    """The object that an array is a view of."""
    while isinstance(array, np.ndarray):
        array = array.base
    return getattr(array.obj, "id", None) if isinstance(array, memoryview) else None


def seen(array: Any, *_: Any) -> Any:
    """The object, whether the array is writable, and its sum."""
    return id_of(array), array.flags.writeable, float(array.sum())


def same(value: Any) -> Any:
    """The argument."""
    return value
