"""Any Python object, pickled with its buffers beside the pickle: see docs/format.md."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable
from typing import Any, Optional

from plasma._library import imported
from plasma.buffers import Buffer
from plasma.creator import Creator
from plasma.errors import FormatError, error
from plasma.ids import Key, ObjectID
from plasma.options import CreateOptions, Metadata
from plasma.reader import Reader
from plasma.times import Seconds

FORMAT = b"python-pickle-1"
"""The value of the metadata key "format"; its number is the version of the layout."""

ARROW = b"arrow"
"""The value of the metadata key "format" of an Arrow IPC stream."""

ALIGNMENT = 64
PICKLED = CreateOptions(metadata={"format": FORMAT})

_KEPT = 256
_LONGEST = 512
"""Bytes of the longest pickle of an array that is kept."""


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
        options = PICKLED
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
    numpy = imported("numpy")
    if numpy is not None and type(value) is numpy.ndarray and value.flags.c_contiguous:
        dtype = value.dtype
        if dtype.kind in "biufc" and dtype.metadata is None:
            try:
                index, stream = _heads[dtype, value.shape, "C"]
            except KeyError:
                index, stream = head_of(dtype, value.shape, "C")
            return index, stream, value
        if not dtype.hasobject:
            index, stream = head_of(dtype, value.shape, "C")
            # NumPy does not export the memory of every type.
            return index, stream, value.reshape(-1).view("u1")
    from plasma.pickling import dump

    stream, buffers = dump(value)
    raw = [buffer.raw() for buffer in buffers]
    return index_of(len(stream), [len(part) for part in raw]), stream, *raw


def head_of(dtype: Any, shape: tuple[int, ...], order: str) -> tuple[bytes, bytes]:
    """Index and pickle of an array, whose one buffer is its memory: a call of numpy.ndarray."""
    if dtype.kind not in "biufcmM" or dtype.metadata is not None:
        return _made_head_of(dtype, shape, order)
    try:
        return _heads[dtype, shape, order]
    except KeyError:
        if len(_heads) >= _KEPT:
            _heads.clear()
        made = _heads[dtype, shape, order] = _made_head_of(dtype, shape, order)
        return made


# To make them takes most of the time of put().
_heads: dict[tuple[Any, tuple[int, ...], str], tuple[bytes, bytes]] = {}


def _made_head_of(dtype: Any, shape: tuple[int, ...], order: str) -> tuple[bytes, bytes]:
    import pickle

    array = _Array(dtype, shape, order)
    stream = pickle.dumps(array, protocol=5, buffer_callback=lambda _: None)
    return index_of(len(stream), [math.prod(shape) * dtype.itemsize]), stream


class _Array:
    """Pickles like an array, without the array."""

    def __init__(self, *kind: Any) -> None:
        self.kind = kind

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        import pickle

        dtype, shape, order = self.kind
        memory = pickle.PickleBuffer(b"")
        return sys.modules["numpy"].ndarray, (shape, dtype, memory, 0, None, order)


def put_parts(client: Objects, parts: tuple[Any, ...], options: CreateOptions) -> ObjectID:
    """A new object of parts, each at a multiple of 64 bytes."""
    return client._put_parts(parts, None, options, 0, None)  # pyright: ignore[reportPrivateUsage]


def index_of(stream_size: int, sizes: list[int]) -> bytes:
    """The first part: the number of buffers and the size of each part."""
    return struct.pack(f"<{len(sizes) + 2}Q", len(sizes), stream_size, *sizes)


def aligned(offset: int) -> int:
    """The next multiple of the alignment."""
    return -offset % ALIGNMENT + offset


def load(buffer: Buffer, memory_of: Optional[Callable[[memoryview], Any]] = None) -> Any:
    """The value that a buffer holds; `memory_of` gives other memory for each view."""
    parts = buffer._parts(FORMAT)
    if isinstance(parts, tuple):
        status, found = parts
        if status != 0:
            raise error(status)
        if found == ARROW:
            from plasma.tables import table_of

            return table_of(buffer)
        raise FormatError(
            f'the metadata "format" of the object is {found!r}, not {FORMAT!r} or {ARROW!r}: '
            "use get()"
        )
    stream, *buffers = parts
    if memory_of is not None:
        import pickle

        return pickle.loads(stream, buffers=map(memory_of, buffers))
    if len(buffers) == 1 and len(stream) <= _LONGEST:
        return _loaded(bytes(stream), buffers)
    import pickle

    return pickle.loads(stream, buffers=buffers)


_arrays: dict[bytes, tuple[Any, Any, Any, Any]] = {}
"""By the pickle of an array: the class, and what it is called with."""


def _loaded(stream: bytes, buffers: list[memoryview]) -> Any:
    """The value of a pickle that may be the one of an array, which is kept without the memory."""
    try:
        make, shape, dtype, order = _arrays[stream]
    except KeyError:
        pass
    else:
        return make(shape, dtype, buffers[0], 0, None, order)
    import pickle

    value = pickle.loads(stream, buffers=buffers)
    numpy = imported("numpy")
    if numpy is not None and type(value) is numpy.ndarray:
        for order in ("C", "F"):
            if head_of(value.dtype, value.shape, order)[1] == stream:
                if len(_arrays) >= _KEPT:
                    _arrays.clear()
                _arrays[stream] = (numpy.ndarray, value.shape, value.dtype, order)
                break
    return value
