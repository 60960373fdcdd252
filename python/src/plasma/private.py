"""Memory of sealed objects as memory that may be written to: a write stays in this process.

A view is mapped once more, copy-on-write. So it costs no memory, and a page that is written to
becomes a page of this process; the object stays as it is. Where that does not work, and for small
views, which are cheaper to copy, the result is a copy. Both look the same.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, NamedTuple, Optional, Union

from plasma import _native
from plasma._library import ffi

SMALL = 128 << 10
"""Bytes below which a view is copied: a mapping costs about as much as such a copy."""

Memory = Union[bytearray, memoryview, _native.Private]


class _File:
    """A descriptor that is closed when nobody needs it."""

    def __init__(self, path: bytes) -> None:
        self.descriptor: int = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def is_it(self, identity: tuple[int, int]) -> bool:
        """Whether the file is the one with this device and number."""
        stat = os.fstat(self.descriptor)
        return (stat.st_dev, stat.st_ino) == identity

    def __del__(self, close: Any = os.close) -> None:
        if hasattr(self, "descriptor"):
            close(self.descriptor)


class _Mapping(NamedTuple):
    """A mapping of a heap."""

    begin: int
    end: int
    offset: int
    """Of its first byte in the file."""
    file: _File
    pid: int


def private(view: memoryview) -> Memory:
    """The memory of a view of a buffer, to be written to by this process alone."""
    lease: Any = view.obj
    size = view.nbytes
    if not isinstance(lease, _native.Lease):
        return bytearray(view) if view.readonly else view
    if size >= SMALL:
        at = int(ffi.cast("uintptr_t", ffi.from_buffer(view)))
        mapping = _mapping_of(lease._connection, at, at + size)
        if mapping is not None:
            offset = mapping.offset + at - mapping.begin
            # No more mappings, for example.
            with suppress(OSError):
                return _native.Private(lease, view, mapping.file.descriptor, offset)
    return bytearray(view)


def _mapping_of(connection: Any, begin: int, end: int) -> Optional[_Mapping]:
    """The mapping of a heap that has these addresses; None if it cannot be found."""
    pid = os.getpid()
    for mapping in connection.heaps or ():
        if mapping.begin <= begin and end <= mapping.end and mapping.pid == pid:
            return mapping
    try:
        found = _find_mapping(begin, end, pid)
    except OSError:
        return None
    if found is not None:
        # A forked child may have other mappings at the addresses of its parent.
        known = [mapping for mapping in connection.heaps or () if mapping.pid == pid]
        connection.heaps = (*known, found)
    return found


def _find_mapping(begin: int, end: int, pid: int) -> Optional[_Mapping]:
    with open("/proc/self/maps", "rb") as maps:
        for line in maps:
            fields = line.rstrip(b"\n").split(None, 5)
            first, last = (int(address, 16) for address in fields[0].split(b"-"))
            if not first <= begin < last:
                continue
            major, minor = (int(number, 16) for number in fields[3].split(b":"))
            identity = os.makedev(major, minor), int(fields[4])
            if end > last or identity[1] == 0:
                return None  # no file: a forked child has copies of deleted objects
            file = _opened(fields[5], identity)
            return file and _Mapping(first, last, int(fields[2], 16), file, pid)
    return None


def _opened(path: bytes, identity: tuple[int, int]) -> Optional[_File]:
    """The file of a mapping, which libplasma keeps open, should the path be gone."""
    paths = [path, *(b"/proc/self/fd/" + name for name in os.listdir(b"/proc/self/fd"))]
    for each in paths:
        with suppress(OSError):
            stat = os.stat(each)
            if (stat.st_dev, stat.st_ino) == identity:
                file = _File(each)
                if file.is_it(identity):
                    return file
    return None
