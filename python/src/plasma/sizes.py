"""Sizes in bytes: an int, a float, or text such as "1G"."""

from __future__ import annotations

import math
import operator
from typing import Any, SupportsIndex, Union

Size = Union[SupportsIndex, float, str]
"""Bytes as an int or float, or text: "64M" and "64 MiB" are 64 * 2**20, "64MB" is 64 * 10**6."""

_TEXT = r"([0-9]+\.?[0-9]*|\.[0-9]+) *(?:([kmgt])(ib|b)?|b)?"
_LARGEST = 2**63 - 1
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def byte_count(value: Size, what: str = "size") -> int:
    """A number of bytes; `what` names it in exceptions."""
    if value.__class__ is int:
        count: Any = value
    elif isinstance(value, str):
        count = _of_text(value, what)
    elif isinstance(value, float):
        if not 0 <= value < math.inf:
            raise ValueError(f"{what} is {value!r}")
        count = int(value)
    elif isinstance(value, (bytes, bytearray)):
        raise TypeError(f"{what} is {value!r}: give a number, or a str such as '1G'")
    else:
        try:
            count = operator.index(value)
        except TypeError:
            raise TypeError(f"{what} is {value!r}: give a number, or a str such as '1G'") from None
    if not 0 <= count <= _LARGEST:
        raise ValueError(f"{what} is {value!r}")
    return count


def _of_text(value: str, what: str) -> int:
    import re

    found = re.fullmatch(_TEXT, value.strip(), re.IGNORECASE)
    if found is None:
        raise ValueError(f"{what} is {value!r}: write a number, with K, M, G or T if needed: '64M'")
    number, unit, form = found.groups()
    if unit is None:
        return int(float(number))
    base = 1000 if (form or "").lower() == "b" else 1024
    return int(float(number) * base ** ("kmgt".index(unit.lower()) + 1))


def count_of_bytes(count: int) -> str:
    """A number of bytes, and if it is large also for people: "1048576 bytes (1.0 MiB)"."""
    return f"{count} bytes" if count < 10240 else f"{count} bytes ({readable(count)})"


def readable(count: int) -> str:
    """A number of bytes for people: "1.5 KiB"."""
    if count < 1024:
        return f"{count} B"
    amount, unit = count / 1024, 0
    while amount >= 999.95 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}"
