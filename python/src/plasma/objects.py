"""Any Python object, pickled with its buffers beside the pickle: see docs/format.md."""

from __future__ import annotations

import functools
import pickle
import struct
import sys
from typing import Any, Optional

from plasma.buffers import Buffer
from plasma.creator import Creator
from plasma.errors import FormatError
from plasma.ids import Key, ObjectID
from plasma.options import CreateOptions, Metadata
from plasma.pickling import dump
from plasma.reader import Reader
from plasma.tables import FORMAT as ARROW
from plasma.tables import table_of
from plasma.times import Seconds

FORMAT = b"python-pickle-1"
"""The value of the metadata key "format"; its number is the version of the layout."""

ALIGNMENT = 64
_WORD = struct.Struct("<Q")
_PICKLED = CreateOptions(metadata={"format": FORMAT})


class Objects(Reader, Creator):
    """Part of `plasma.Client`."""

    def put(
        self,
        value: object,
        id: Optional[bytes] = None,
        name: Optional[str] = None,
        metadata: Optional[Metadata] = None,
        *,
        pinned: bool = False,
        timeout: Seconds = 0,
    ) -> ObjectID:
        """Store any object that can be pickled.

        Large buffers in it (of NumPy arrays, pandas frames, Arrow tables, a pickle.PickleBuffer)
        are copied once, into memory of which `get_object` makes views.
        """
        options = _PICKLED
        if name is not None or metadata or pinned:
            options = CreateOptions(name, {**(metadata or {}), "format": FORMAT}, pinned=pinned)
        return self._put_parts(parts_of(value), id, options, timeout, name)

    def get_object(self, key: Key, timeout: Seconds = None) -> Any:
        """The value that `put`, `put_arrow` or `empty` stored, as read-only views of shared memory.

        The memory is held until the last view is collected. Unpickling can run any code that the
        object names: read only stores whose writers you trust.
        """
        return load(self.get(key, timeout))


def parts_of(value: Any) -> tuple[Any, ...]:
    """The parts of the layout: index, pickle, and each buffer."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and type(value) is numpy.ndarray:
        return _parts_of_array(value)
    return _parts_of_any(value)


def _parts_of_array(array: Any) -> tuple[Any, ...]:
    if not array.flags.c_contiguous or array.dtype.hasobject:
        return _parts_of_any(array)
    stream = stream_of(array.dtype, array.shape, "C")
    # NumPy does not export the memory of every type.
    data = array if array.dtype.kind in "biufc" else array.reshape(-1).view("u1")
    return index_of(len(stream), [array.nbytes]), stream, data


def stream_of(dtype: Any, shape: tuple[int, ...], order: str) -> bytes:
    """The pickle of an array, whose one buffer is its memory: a call of numpy.ndarray."""
    if dtype.kind in "biufcmM" and dtype.metadata is None:
        return _kept_stream_of(dtype, shape, order)
    return _stream_of(dtype, shape, order)


def _stream_of(dtype: Any, shape: tuple[int, ...], order: str) -> bytes:
    return pickle.dumps(_Array(dtype, shape, order), protocol=5, buffer_callback=lambda _: None)


# This takes most of the time of put().
_kept_stream_of = functools.lru_cache(256)(_stream_of)


class _Array:
    """Pickles like an array, without the array."""

    def __init__(self, *kind: Any) -> None:
        self.kind = kind

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        dtype, shape, order = self.kind
        memory = pickle.PickleBuffer(b"")
        return sys.modules["numpy"].ndarray, (shape, dtype, memory, 0, None, order)


def _parts_of_any(value: object) -> tuple[Any, ...]:
    stream, buffers = dump(value)
    raw = [buffer.raw() for buffer in buffers]
    return index_of(len(stream), [len(part) for part in raw]), stream, *raw


def index_of(stream_size: int, sizes: list[int]) -> bytes:
    """The first part: the number of buffers and the size of each part."""
    return struct.pack(f"<{len(sizes) + 2}Q", len(sizes), stream_size, *sizes)


def aligned(offset: int) -> int:
    """The next multiple of the alignment."""
    return -offset % ALIGNMENT + offset


def load(buffer: Buffer) -> Any:
    """The value that a buffer holds."""
    found = buffer.get_metadata("format")
    if found == FORMAT:
        return _unpickle(buffer)
    if found == ARROW:
        return table_of(buffer)
    raise FormatError(
        f'the metadata "format" of the object is {found!r}, not {FORMAT!r} or b"arrow": use get()'
    )


def _unpickle(buffer: Buffer) -> Any:
    view = memoryview(buffer)
    try:
        (count,) = _WORD.unpack_from(view)
        stream_size, *sizes = struct.unpack_from(f"<{count + 1}Q", view, _WORD.size)
    except (struct.error, MemoryError) as broken:
        raise FormatError(f"the index of the object is broken: {broken}") from None
    parts: list[memoryview] = []
    at = aligned(_WORD.size * (count + 2))
    for size in (stream_size, *sizes):
        if at + size > len(view):
            raise FormatError("the object is shorter than its index states")
        parts.append(view[at : at + size])
        at = aligned(at + size)
    return pickle.loads(parts[0], buffers=parts[1:])
