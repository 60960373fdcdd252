"""A store for Zarr arrays and groups, for zarr-python 3, which it imports.

Each key of Zarr is the name of an object, so a chunk that is not compressed is read as a view of
shared memory. Objects are immutable. So a key has two names, which alternate: a value that replaces
another gets the name that is free, and then the older object is deleted. A reader looks for both
and takes the newer one. Whoever is killed at any step, there is a value, and it is whole.
"""
# zarr is not installed where types are checked.
# pyright: reportUntypedBaseClass=false, reportUnknownMemberType=false, reportPrivateUsage=false

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import Any, Optional

from plasma._library import lib
from plasma.buffers import Buffer
from plasma.client import Client
from plasma.errors import AbortedError, NameExistsError, NotFoundError
from plasma.errors import TimeoutError as PlasmaTimeoutError
from plasma.infos import State

_abc: Any = importlib.import_module("zarr.abc.store")
_buffers: Any = importlib.import_module("zarr.core.buffer")
_Store: Any = _abc.Store

_FIRST, _SECOND = ":", "~"
"""What follows the prefix in the names of values of odd and of even versions."""
_VERSION = "version"
"""The metadata key of the version, a number of 8 bytes, little-endian; values without it are 1."""
_LONGEST = 255
"""Bytes of a name."""
_ROUNDS = 4
"""How often both names of a key are looked for. To miss a key that exists, its writers would have
to move it once between any two of these looks."""
_PATIENCE = 0.05
"""Seconds after which a wait for another writer looks again."""
_SHORT = 1 << 20
"""Bytes up to which a value is copied in the event loop's thread: about 0.1 ms."""
_MISSING = (lib.PLASMA_ERR_NOT_FOUND, lib.PLASMA_ERR_NOT_SEALED, lib.PLASMA_ERR_ABORTED)


class PlasmaStore(_Store):
    """A store of zarr-python in a store of Plasma.

    :param client: the client that it uses.
    :param prefix: what the names of its objects begin with; stores with different prefixes may
        share a store of Plasma.
    :param read_only: refuse to change anything.

    Processes and threads may use one at once. The values are pinned: they are not evicted.
    """

    supports_writes = True
    supports_deletes = True
    supports_listing = True

    def __init__(self, client: Client, prefix: str = "zarr", *, read_only: bool = False) -> None:
        if not prefix or _FIRST in prefix or _SECOND in prefix:
            raise ValueError(f'a prefix is text without ":" and "~", not {prefix!r}')
        super().__init__(read_only=read_only or client.read_only)
        self.client = client
        self.prefix = prefix

    def with_read_only(self, read_only: bool = False) -> PlasmaStore:
        """The same store, with another `read_only`."""
        return type(self)(self.client, self.prefix, read_only=read_only)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PlasmaStore):
            return False
        mine = (self.client.address, self.prefix, self.read_only)
        return mine == (other.client.address, other.prefix, other.read_only)

    __hash__ = None

    def __str__(self) -> str:
        return f"plasma://{self.client.address}:{self.prefix}"

    def __repr__(self) -> str:
        return f"PlasmaStore('{self}')"

    # Reading

    def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Optional[Any]:
        """The value of a key, or a range of it, as a view of shared memory; None without one.

        It stays valid as long as it is referred to, also when the key is written or deleted.
        """
        self._is_open = True
        part = _part_of(byte_range)
        found = self._newest(key)
        if found is None:
            return None
        if prototype is None:
            prototype = _buffers.default_buffer_prototype()
        return prototype.buffer.from_bytes(part(memoryview(found)))

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Optional[Any]:
        """As `get_sync`, which neither waits nor copies."""
        return self.get_sync(key, prototype=prototype, byte_range=byte_range)

    async def get_partial_values(
        self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]
    ) -> list[Optional[Any]]:
        """Ranges of values."""
        return [
            self.get_sync(key, prototype=prototype, byte_range=part) for key, part in key_ranges
        ]

    async def exists(self, key: str) -> bool:
        """Whether a key has a value."""
        return self._newest(key) is not None

    async def getsize(self, key: str) -> int:
        """The size of a value in bytes."""
        found = self._newest(key)
        if found is None:
            raise FileNotFoundError(key)
        return found.size

    # Writing

    def set_sync(self, key: str, value: Any) -> None:
        """Give a key a value; readers see the old one or the new one, whole."""
        self._set(key, self._checked(key, value), wait=True)

    async def set(self, key: str, value: Any) -> None:
        """As `set_sync`; large values are copied in another thread."""
        await self._aset(key, value, new=False)

    async def set_if_not_exists(self, key: str, value: Any) -> None:
        """Give a key a value if it has none."""
        await self._aset(key, value, new=True)

    def delete_sync(self, key: str) -> None:
        """Remove a key, if it is there."""
        self._check_writable()
        self._is_open = True
        for found in reversed(self._values(key)):
            self._drop(found)

    async def delete(self, key: str) -> None:
        """Remove a key, if it is there."""
        self.delete_sync(key)

    async def delete_dir(self, prefix: str) -> None:
        """Remove all keys below a path."""
        self._check_writable()
        for key in await self._listed(_directory(prefix)):
            self.delete_sync(key)

    async def clear(self) -> None:
        """Remove all keys."""
        await self.delete_dir("")

    # Listing

    async def list(self) -> AsyncIterator[str]:
        """All keys."""
        for key in await self._listed(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """All keys that begin with a text."""
        for key in await self._listed(prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """The names directly below a path."""
        prefix = _directory(prefix)
        keys = await self._listed(prefix)
        for name in sorted({key[len(prefix) :].partition("/")[0] for key in keys}):
            yield name

    async def _listed(self, prefix: str) -> list[str]:  # type: ignore[valid-type]
        return await asyncio.to_thread(self._keys, prefix)

    def _keys(self, prefix: str) -> Any:
        begins = tuple(self.prefix + tag + prefix for tag in (_FIRST, _SECOND))
        skip = len(self.prefix) + 1
        return sorted(
            {
                info.name[skip:]
                for info in self.client.list()
                if info.state is State.SEALED and info.name and info.name.startswith(begins)
            }
        )

    # The two names of a key

    def _names(self, key: str) -> tuple[str, str]:
        return self.prefix + _FIRST + key, self.prefix + _SECOND + key

    def _look(self, name: str) -> Optional[Buffer]:
        """The sealed object with a name."""
        connection = self.client._connection
        while True:
            found: Any = connection.get(name, 0, Buffer)
            if found.__class__ is not int:
                return found
            if found in _MISSING:
                return None
            connection.overcome(found, connection.interrupts, name)

    def _values(self, key: str, rounds: int = _ROUNDS) -> Any:
        """The objects of a key, the newest first: none, one, or two if it is being replaced."""
        names = self._names(key)
        if len(names[0].encode()) > _LONGEST or "\0" in key:
            return []
        for _ in range(rounds):
            found = [each for each in map(self._look, names) if each is not None]
            if found:
                return found if len(found) == 1 else sorted(found, key=_version, reverse=True)
        return []

    def _newest(self, key: str) -> Optional[Buffer]:
        found = self._values(key)
        return found[0] if found else None

    def _drop(self, found: Buffer) -> None:
        """Delete one object, not what has its name by now."""
        with suppress(NotFoundError):
            self.client.delete(found.id)

    def _checked(self, key: str, value: Any) -> Any:
        """The bytes of a value to store."""
        self._check_writable()
        self._is_open = True
        if not isinstance(value, _buffers.Buffer):
            raise TypeError(f"the value of {key!r} is no Buffer of zarr, but {type(value)}")
        name = self._names(key)[0].encode()
        if len(name) > _LONGEST:
            raise ValueError(
                f"the key {key!r} is too long: with the prefix it has {len(name)} bytes, "
                f"and a name has at most {_LONGEST}"
            )
        return value.as_buffer_like()

    async def _aset(self, key: str, value: Any, *, new: bool) -> None:
        data = self._checked(key, value)
        if len(value) > _SHORT or not self._set(key, data, new=new, wait=False):
            await asyncio.to_thread(self._set, key, data, new=new, wait=True)

    def _set(self, key: str, data: Any, *, new: bool = False, wait: bool) -> bool:
        """Whether it was done; without `wait` it may be that another writer is at it."""
        names = self._names(key)
        while True:
            found = self._values(key, 1)
            if found and new:
                return True
            for older in found[1:]:
                self._drop(older)
            version = _version(found[0]) + 1 if found else 1
            name = names[(version - 1) % 2]
            del found
            try:
                self._put(data, name, version)
            except NameExistsError:
                if not wait:
                    return False
                with suppress(AbortedError, PlasmaTimeoutError):
                    self.client.get(name, _PATIENCE)
                continue
            for older in self._values(key, 1)[1:]:  # which may be the one just put
                self._drop(older)
            return True

    def _put(self, data: Any, name: str, version: int) -> None:
        metadata = {_VERSION: version.to_bytes(8, "little")} if version > 1 else None
        self.client.put_bytes(data, name=name, metadata=metadata, pinned=True)


def chunk(array: Any, *place: int) -> Any:
    """A chunk of an array that is not compressed, as a read-only view of shared memory.

    :param array: an array of zarr in a `PlasmaStore`.
    :param place: the indexes of the chunk in the grid of chunks.

    Raises KeyError if the chunk was never written, and ValueError if its bytes are not the
    elements in order, which means that a codec compresses, transposes or shards them.
    """
    numpy: Any = importlib.import_module("numpy")
    store = array.store_path.store
    if not isinstance(store, PlasmaStore):
        raise TypeError(f"the array is in a {type(store).__name__}, not in a PlasmaStore")
    dtype, order = _plain_form(array)
    if len(place) != array.ndim:
        raise ValueError(f"a chunk of this array has {array.ndim} indexes, not {len(place)}")
    path = array.store_path / array.metadata.encode_chunk_key(place)
    found = store.get_sync(path.path)
    if found is None:
        raise KeyError(f"the chunk {place} of {array.path or 'the array'} was never written")
    view = found.as_numpy_array().view(dtype).reshape(array.chunks, order=order)
    inside = zip(place, array.chunks, array.shape)
    return numpy.asarray(view[tuple(slice(max(0, end - at * step)) for at, step, end in inside)])


def _plain_form(array: Any) -> tuple[Any, Any]:
    """The dtype and the order of the elements in a chunk that holds nothing else."""
    metadata = array.metadata
    numpy: Any = importlib.import_module("numpy")
    dtype = numpy.dtype(array.dtype)
    if metadata.zarr_format == 2:
        if metadata.filters or metadata.compressor is not None or dtype.hasobject:
            raise ValueError("the chunks are compressed or filtered: read array[...]")
        return dtype, metadata.order
    codecs = [codec.to_dict() for codec in metadata.codecs]
    if len(codecs) != 1 or codecs[0]["name"] != "bytes":
        named = ", ".join(codec["name"] for codec in codecs)
        raise ValueError(f"the chunks are stored by {named}: read array[...]")
    endian = codecs[0].get("configuration", {}).get("endian", "little")
    return dtype.newbyteorder(endian), "C"


def _version(found: Buffer) -> int:
    return int.from_bytes(found.get_metadata(_VERSION) or b"\x01", "little")


def _directory(prefix: str) -> str:
    prefix = prefix.rstrip("/")
    return prefix and prefix + "/"


def _part_of(byte_range: Any) -> Callable[[memoryview], memoryview]:
    """What takes a range of a value."""
    if byte_range is None:
        return lambda view: view
    if isinstance(byte_range, _abc.RangeByteRequest):
        return lambda view: view[byte_range.start : byte_range.end]
    if isinstance(byte_range, _abc.OffsetByteRequest):
        return lambda view: view[byte_range.offset :]
    if isinstance(byte_range, _abc.SuffixByteRequest):
        return lambda view: view[max(0, len(view) - byte_range.suffix) :]
    raise TypeError(f"Unexpected byte_range, got {byte_range}.")
