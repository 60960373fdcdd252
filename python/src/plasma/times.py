"""Timeouts: seconds, or a timedelta; None waits forever."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Optional, Union

Seconds = Union[float, timedelta, None]
"""Seconds (int or float) or a timedelta; 0 does not wait, None waits forever."""

_FOREVER_MS = -1
_LONGEST_MS = 2**62


def seconds(timeout: Seconds) -> Optional[float]:
    """A timeout in seconds; None waits forever."""
    if timeout is None:
        return None
    plain = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
    if not plain >= 0:
        raise ValueError(f"timeout is {timeout!r}; 0 does not wait, None waits forever")
    return None if plain == math.inf else plain


def milliseconds(plain: Optional[float]) -> int:
    """A timeout for C, rounded up, so that a short wait does not become 0."""
    return _FOREVER_MS if plain is None else min(math.ceil(plain * 1000), _LONGEST_MS)
