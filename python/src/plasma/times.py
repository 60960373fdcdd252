"""Timeouts: seconds, or a timedelta; None waits forever."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Optional, Union, cast

from plasma._library import imported

if TYPE_CHECKING:
    from datetime import timedelta

Seconds = Union[float, "timedelta", None]
"""Seconds (int or float) or a timedelta; 0 does not wait, None waits forever."""

_FOREVER = 1e9
"""Seconds, which are 31 years: no clock that they are added to overflows."""

_FOREVER_MS = -1


def seconds(timeout: Seconds) -> Optional[float]:
    """A timeout in seconds; None waits forever."""
    if timeout is None:
        return None
    plain: float
    datetime = imported("datetime")
    try:
        if datetime is not None and isinstance(timeout, datetime.timedelta):
            plain = cast("timedelta", timeout).total_seconds()
        else:
            plain = float(timeout)  # type: ignore[arg-type]
    except OverflowError:  # of an int
        plain = math.inf if timeout > 0 else -math.inf  # type: ignore[operator]
    if not plain >= 0:
        raise ValueError(f"timeout is {timeout!r}; 0 does not wait, None waits forever")
    return None if plain >= _FOREVER else plain


def milliseconds(plain: Optional[float]) -> int:
    """A timeout for C, rounded up, so that a short wait does not become 0."""
    return _FOREVER_MS if plain is None else math.ceil(plain * 1000)
