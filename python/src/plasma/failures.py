"""Failures: why an object could not be made, as others are told."""

from __future__ import annotations

import traceback
from typing import Union

_MOST = 512
"""Bytes that libplasma keeps."""


def told(reason: Union[str, BaseException], room: int = _MOST) -> bytes:
    """The text of a reason that fits; of an exception the end of its traceback."""
    most = min(room, _MOST)
    if isinstance(reason, str):
        return _whole(reason.encode("utf-8", "replace")[:most])
    lines = traceback.format_exception(type(reason), reason, reason.__traceback__)
    text = "".join(lines).strip().encode("utf-8", "replace")
    if len(text) > most:
        # The last lines name the exception.
        mark = b"..." if most > 3 else b""
        text = mark + text[len(text) - (most - len(mark)) :]
    return _whole(text)


def _whole(text: bytes) -> bytes:
    """Whole characters, without NULs."""
    return text.decode("utf-8", "ignore").replace("\0", "?").encode()
