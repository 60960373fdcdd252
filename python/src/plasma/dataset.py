"""A dataset whose items live once for all workers of a DataLoader.

Items are pickled into chunks, each an object of the store:

    number of items, number of parts, for each item its first part and in the end the number of
    parts, for each part its offset and then its size, all of 64 bits; then the parts

The first part of an item is its pickle, the others are the buffers beside it.
"""

from __future__ import annotations

import glob
import operator
import os
import pickle
import struct
import weakref
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Optional

from plasma.buffers import Buffer
from plasma.client import Client, connect
from plasma.errors import LimitError, OutOfMemoryError, PlasmaError, TooLargeError
from plasma.ids import ObjectID
from plasma.objects import aligned
from plasma.pickling import dump
from plasma.private import private
from plasma.sizes import readable
from plasma.times import Seconds

CHUNK = 64 << 20
"""Bytes after which a chunk ends."""

_FORMAT = b"plasma-dataset-1"
_LARGE = 1024
"""Bytes from which on a buffer begins at a multiple of 64."""


class SharedDataset:
    """A list or map-style dataset whose items are stored once, for all processes.

    Every item of `dataset` is read once and pickled into the store of `client`, or without one into
    a store of its own, which goes with the last process that uses it. Indexing gives a fresh item:
    writing to its tensors and arrays changes neither the store nor what the next access gives.
    Workers of a DataLoader, forked or spawned, map the same memory.

    The process that made it deletes the items when the dataset is collected or closed. With a
    `name`, other processes get the same dataset by `attach`.
    """

    def __init__(
        self, dataset: Any, client: Optional[Client] = None, *, name: Optional[str] = None
    ) -> None:
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise TypeError(
                f"{type(dataset).__name__} has no length or no items by index: "
                "give a list or a map-style dataset"
            )
        own = client is None
        store = _own_store() if client is None else client
        ids: list[bytes] = []
        self._close: Any = weakref.finalize(self, _clean_up, store, own, ids, os.getpid())
        try:
            index = _write(store, dataset, ids)
            if name is not None:
                store.put(tuple(index), name=name)
                ids.append(store.lookup(name))
        except (OutOfMemoryError, TooLargeError, LimitError) as error:
            self._close()
            raise type(error)(_advice(error, store, own)) from None
        except BaseException:
            self._close()
            raise
        self._begin(store, index)
        for number in range(len(index.ids)):
            self._chunk(number)  # so that no store drops it

    @classmethod
    def attach(cls, client: Client, name: str, timeout: Seconds = None) -> SharedDataset:
        """The dataset that a process made with this name; waits until it is there."""
        return cls._attached(client, _Index(*client.get_object(name, timeout)))

    @classmethod
    def _attached(cls, client: Client, index: _Index) -> SharedDataset:
        made = cls.__new__(cls)
        made._close = lambda: None
        made._begin(client, index)
        return made

    def close(self) -> None:
        """Delete the items, in the process that made it. Items that were got stay valid."""
        self._chunks = [None] * len(self._chunks)
        self._close()

    def _begin(self, client: Client, index: _Index) -> None:
        self._client, self._index = client, index
        self._chunks: list[Optional[_Chunk]] = [None] * len(index.ids)

    def _chunk(self, number: int) -> _Chunk:
        chunk = self._chunks[number]
        if chunk is None:
            chunk = self._chunks[number] = _Chunk(self._client.get(self._index.ids[number], 0))
        return chunk

    def __len__(self) -> int:
        return self._index.length

    def __getitem__(self, index: Any) -> Any:
        at, length = operator.index(index), self._index.length
        if at < 0:
            at += length
        if not 0 <= at < length:
            raise IndexError(f"the index is {index}, and the dataset has {length} items")
        number = bisect_right(self._index.firsts, at) - 1
        return self._chunk(number).item(at - self._index.firsts[number])

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedDataset._attached, (self._client, self._index)

    def __repr__(self) -> str:
        return f"<plasma.torch.SharedDataset of {len(self)} items in {self._client.address}>"


class _Index(NamedTuple):
    """Where the items are."""

    ids: list[bytes]
    """Of the chunks."""
    firsts: list[int]
    """The first item of each chunk."""
    length: int


def _own_store() -> Client:
    for left in glob.glob(f"/dev/shm/plasma-{os.getuid()}/torch-*"):
        # Whoever connects removes the store of a process that was killed.
        with suppress(PlasmaError):
            connect(left, create=False).close()
    stat = os.statvfs("/dev/shm")
    free = stat.f_bavail * stat.f_frsize
    name = f"torch-{os.getpid()}-{os.urandom(4).hex()}"
    capacity = max(free - free // 16, 1 << 20)
    return connect(name, exclusive=True, ephemeral=True, capacity=capacity, max_objects=1 << 16)


def _clean_up(client: Client, own: bool, ids: list[bytes], pid: int) -> None:
    if os.getpid() != pid:
        return
    for id in ids:
        with suppress(PlasmaError):
            client.delete(id)
    if own:
        client.close()


def _advice(error: Exception, client: Client, own: bool) -> str:
    if own:
        stat = os.statvfs("/dev/shm")
        room = readable(stat.f_blocks * stat.f_frsize)
        return (
            f"{error}: the items do not fit into /dev/shm, which has {room}: enlarge it (Docker: "
            "--shm-size), or give a client of a store in another place"
        )
    return f"{error}: the items do not fit into {client.address}: give a client of a larger store"


def _write(client: Client, dataset: Any, ids: list[bytes]) -> _Index:
    """Put all items; `ids` has those of the chunks that are there, also after a failure."""
    firsts: list[int] = []
    parts = _Parts()
    length = len(dataset)
    for at in range(length):
        if not parts.items:
            firsts.append(at)
        parts.add(dataset[at])
        if len(parts.data) >= CHUNK:
            ids.append(parts.put(client))
            parts = _Parts()
    if parts.items:
        ids.append(parts.put(client))
    return _Index(list(ids), firsts, length)


class _Parts:
    """The items of one chunk."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.places: list[int] = []
        self.data = bytearray()

    def add(self, item: object) -> None:
        """Append an item. Its memory is copied at once, as the dataset may use it again."""
        self.items.append(len(self.places) // 2)
        stream, buffers = dump(item)
        for part in (stream, *(buffer.raw() for buffer in buffers)):
            if len(part) >= _LARGE:
                self.data += bytes(-len(self.data) % 64)
            self.places += (len(self.data), len(part))
            self.data += part

    def put(self, client: Client) -> ObjectID:
        """Store the chunk."""
        count = len(self.places) // 2
        numbers = (len(self.items), count, *self.items, count, *self.places)
        index = struct.pack(f"<{len(numbers)}Q", *numbers)
        begin = aligned(len(index))
        size = begin + len(self.data)
        with client.create(None, size, metadata={"format": _FORMAT}) as writer:
            with memoryview(writer) as view:
                view[:begin] = index.ljust(begin, b"\0")
                view[begin:] = self.data
        return writer.id


class _Chunk:
    """A chunk that was got."""

    def __init__(self, buffer: Buffer) -> None:
        view = memoryview(buffer)
        items, parts = struct.unpack_from("<QQ", view)
        ends = 16 + 8 * (items + 1)
        data = ends + 16 * parts
        self._items: Sequence[int] = view[16:ends].cast("Q")
        self._places: Sequence[int] = view[ends:data].cast("Q")
        self._data = view[aligned(data) :]

    def item(self, number: int) -> Any:
        """A fresh item."""
        first, last = self._items[number], self._items[number + 1]
        stream = self._part(first)
        if last == first + 1:
            return pickle.loads(stream)
        return pickle.loads(stream, buffers=map(private, map(self._part, range(first + 1, last))))

    def _part(self, number: int) -> memoryview:
        begin = self._places[2 * number]
        return self._data[begin : begin + self._places[2 * number + 1]]
