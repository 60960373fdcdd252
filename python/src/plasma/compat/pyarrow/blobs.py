"""Where the metadata of the original, one blob of any size, is in an object.

A small blob is the value of one metadata key. A large one follows the data in the memory of the
object, and another key tells its size. That key's value always has the same length, which no small
blob has: so the sizes in events and lists tell which of the two it is.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple, Optional

from plasma.buffers import Buffer

_SMALL = 65_000
_KEY, _TAIL_KEY = b"m", b"t"
_WORD = struct.Struct("<Q")
_TAIL_VALUE = 65_400

TAIL_METADATA: int = len(_TAIL_KEY) + _TAIL_VALUE
"""The bytes of metadata, as events and lists tell them, where the blob follows the data."""


class Plan(NamedTuple):
    """How an object with a blob is made."""

    metadata: Optional[dict[str, bytes]]
    tail: bytes
    """What follows the data."""


def plan(blob: Any) -> Plan:
    """How to keep a blob, any bytes."""
    if isinstance(blob, str):
        raise TypeError("metadata is a str: encode it")
    blob = bytes(memoryview(blob))
    if not blob:
        return Plan(None, b"")
    if len(blob) <= _SMALL:
        return Plan({_KEY.decode(): blob}, b"")
    return Plan({_TAIL_KEY.decode(): _WORD.pack(len(blob)).ljust(_TAIL_VALUE, b"\0")}, blob)


def _value(buffer: Buffer, key: bytes) -> Optional[bytes]:
    value = buffer._metadata(key)
    return None if isinstance(value, int) else value


def tail_size(buffer: Buffer) -> int:
    """The bytes of the blob that follows the data; 0 if none does."""
    value = _value(buffer, _TAIL_KEY)
    return 0 if value is None else min(_WORD.unpack_from(value)[0], len(buffer))


def blob_of(buffer: Buffer) -> bytes:
    """The blob of an object."""
    return both_of(buffer)[0]


def both_of(buffer: Buffer) -> tuple[bytes, int]:
    """The blob of an object, and the bytes of it that follow the data."""
    blob = _value(buffer, _KEY)
    if blob is not None:
        return blob, 0
    tail = tail_size(buffer)
    if not tail:
        return b"", 0
    return bytes(memoryview(buffer)[len(buffer) - tail :]), tail


def total(size: int, metadata_size: int) -> int:
    """The bytes of data and blob of an object, from an event."""
    if metadata_size in (0, TAIL_METADATA):
        return size
    return size + metadata_size - len(_KEY)


def small_size(metadata_size: int) -> int:
    """The bytes of a blob that does not follow the data."""
    return metadata_size - len(_KEY) if metadata_size else 0
