"""A bar for puts that take long, if tqdm is installed and standard error is a terminal."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Optional

PIECE = 64 << 20
"""Bytes between two changes of the bar."""

shown: Optional[bool] = None
"""Whether long puts show a bar; None asks whether standard error is a terminal."""


def is_shown() -> bool:
    """Whether a long put shows its progress."""
    if shown is False:
        return False
    if shown is None and not (sys.stderr is not None and sys.stderr.isatty()):
        return False
    try:
        importlib.import_module("tqdm")
    except ImportError:
        return False
    return True


def copy(into: memoryview, parts: list[tuple[int, memoryview]]) -> None:
    """Copy parts to their offsets, with a bar; the gaps become zeros."""
    tqdm: Any = importlib.import_module("tqdm").tqdm
    with tqdm(total=len(into), unit="B", unit_scale=True, desc="put", leave=False) as bar:
        done = 0
        for offset, part in parts:
            into[done:offset] = bytes(offset - done)
            for begin in range(0, len(part), PIECE):
                piece = part[begin : begin + PIECE]
                into[offset + begin : offset + begin + len(piece)] = piece
                bar.update(len(piece))
            done = offset + len(part)
