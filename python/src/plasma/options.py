"""plasma_create_options_t and plasma_connect_options_t, made from arguments of Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from plasma._library import ffi, lib, sized
from plasma.sizes import Size, byte_count
from plasma.times import Seconds, milliseconds, seconds

Metadata = Mapping[str, Any]
"""A dictionary from str to bytes, or to any value with the buffer protocol, of up to 64 KiB. By
convention "format" and "schema" describe the data."""

_EVICTION: dict[Optional[str], int] = {
    None: lib.PLASMA_EVICTION_NONE,
    "none": lib.PLASMA_EVICTION_NONE,
    "lru": lib.PLASMA_EVICTION_LRU,
}


class CreateOptions:
    """A plasma_create_options_t and the memory that it points to."""

    __slots__ = ("_keep", "address", "struct")

    address: int
    struct: Any

    def __init__(
        self,
        name: Optional[str] = None,
        metadata: Optional[Metadata] = None,
        *,
        zeroed: bool = False,
        pinned: bool = False,
    ) -> None:
        self.struct = sized("plasma_create_options_t")
        self._keep: list[Any] = []
        if zeroed:
            self.struct.flags |= lib.PLASMA_CREATE_ZEROED
        if pinned:
            self.struct.flags |= lib.PLASMA_CREATE_PINNED
        if name is not None:
            self.struct.name = self._kept(encoded_text(name))
        if metadata:
            entries = self._kept_array("plasma_metadata_t[]", len(metadata))
            for entry, (key, value) in zip(entries, metadata.items()):
                content = contents(value, key)
                entry.key = self._kept(encoded_text(key))
                entry.value = self._kept(content)
                entry.value_size = len(content)
            self.struct.metadata = entries
            self.struct.metadata_count = len(metadata)
        self.address = int(ffi.cast("uintptr_t", self.struct))

    def copy(self) -> CreateOptions:
        """A copy whose struct may be changed."""
        made = CreateOptions()
        made.struct[0] = self.struct[0]
        made._keep.append(self)
        return made

    def _kept(self, content: bytes) -> Any:
        self._keep.append(ffi.new("char[]", content))
        return self._keep[-1]

    def _kept_array(self, kind: str, length: int) -> Any:
        self._keep.append(ffi.new(kind, length))
        return self._keep[-1]


def encoded_text(value: str) -> bytes:
    """A name or a key as an argument of C, where a NUL would end it."""
    encoded = value.encode()
    if b"\0" in encoded:
        raise ValueError(f"{value!r} contains a NUL")
    return encoded


def contents(value: Any, key: str) -> bytes:
    """The bytes of the value of a metadata key: all those of a typed array, too."""
    if isinstance(value, bytes):
        return value
    try:
        return memoryview(value).tobytes()
    except TypeError:
        raise TypeError(f"the metadata {key!r} is {value!r}, and not bytes") from None


def connect_options(
    *,
    create: bool,
    exclusive: bool,
    read_only: bool,
    ephemeral: bool,
    reserve: bool,
    capacity: Optional[Size],
    max_objects: Optional[Size],
    mode: Optional[int],
    eviction: Optional[str],
    huge_pages: bool,
    lock_timeout: Seconds,
    reader_quota: Optional[Size],
    max_readers: Optional[int],
) -> Any:
    """A plasma_connect_options_t."""
    if eviction not in _EVICTION:
        raise ValueError(f'eviction must be "lru", "none" or None, not {eviction!r}')
    options = sized("plasma_connect_options_t")
    for chosen, flag in (
        (not create, lib.PLASMA_CONNECT_EXISTING),
        (exclusive, lib.PLASMA_CONNECT_EXCLUSIVE),
        (read_only, lib.PLASMA_CONNECT_READ_ONLY),
        (ephemeral, lib.PLASMA_CONNECT_EPHEMERAL),
        (reserve, lib.PLASMA_CONNECT_RESERVE),
    ):
        if chosen:
            options.flags |= flag
    options.capacity = byte_count(capacity or 0, "capacity")
    options.max_objects = byte_count(max_objects or 0, "max_objects")
    options.mode = mode or 0
    options.eviction = _EVICTION[eviction]
    options.huge_pages = int(huge_pages)
    # In C 0 waits forever, so the shortest wait is 1 ms.
    options.lock_timeout_ms = milliseconds(seconds(lock_timeout)) or 1
    options.reader_quota = byte_count(reader_quota or 0, "reader_quota")
    options.max_readers = max_readers or 0
    return options
