"""Values that processes pass to each other with their memory in a store.

A value is packed into a parcel, which is sent, and unpacked by the other process. An object lives
as long as a process holds a lease on it: the sender holds its own until the receiver has another,
or pins the object and leaves that to the receiver. The process that ends the last lease deletes the
object.
"""

from __future__ import annotations

import bisect
import io
import os
import pickle
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Optional, Union, cast
from weakref import WeakValueDictionary

from plasma._library import ffi
from plasma.buffers import Buffer
from plasma.client import Client, connect, connection_of
from plasma.errors import LimitError, OutOfMemoryError, PlasmaError, TooLargeError
from plasma.objects import aligned, put_parts
from plasma.options import CreateOptions
from plasma.pickling import PICKLER, Pickler

MINIMUM = 64 << 10
"""Bytes from which on memory goes through the store."""

_PINNED = CreateOptions(pinned=True)


class Reference(NamedTuple):
    """A part of an object."""

    address: str
    id: bytes
    offset: int
    size: int


class Held(Buffer):
    """The lease of this process on an object, which is deleted when nobody has one."""

    __slots__ = ("begin", "client")

    client: Client
    begin: int
    """Where its memory is."""

    def __del__(self) -> None:
        try:
            id = self.id
            with _lock:
                self.release()
            info = self.client.info(id)
            if not info.lease_count and not info.pinned:
                self.client.delete(id)
        except (PlasmaError, AttributeError):
            pass  # the store is gone, or the lease was never whole
        except BufferError:
            pass  # another thread has found it in the meantime


class Sent:
    """Memory that was copied into the store: while parcels use it, it is not copied again."""

    __slots__ = ("__weakref__", "copy", "id", "memory")

    def __init__(self, id: bytes, copy: memoryview, memory: memoryview) -> None:
        self.id: bytes = id
        self.copy: memoryview = copy
        self.memory: memoryview = memory
        """Keeps the memory from becoming that of another value."""


class Unchanged:
    """What a call has sent of memory that does not change during the call.

    It keeps what the latest parcel sent, and all that was sent twice.
    """

    def __init__(self) -> None:
        self.latest: list[Any] = []
        self._sent: WeakValueDictionary[tuple[int, int], Sent] = WeakValueDictionary()
        self._again: set[Sent] = set()

    def find(self, key: tuple[int, int]) -> Optional[Sent]:
        """The copy of some memory."""
        sent = self._sent.get(key)
        if sent is not None:
            self._again.add(sent)
        return sent

    def add(self, key: tuple[int, int], sent: Sent) -> None:
        """Remember a copy."""
        self._sent[key] = sent


class Parcel:
    """A pickle and the buffers beside it, each as bytes or as a reference."""

    __slots__ = ("buffers", "keep", "refused", "stream")

    def __init__(self, stream: Any, buffers: tuple[Any, ...], refused: Optional[str]) -> None:
        self.stream: Union[bytes, Reference] = stream
        self.buffers: tuple[Any, ...] = buffers
        self.refused: Optional[str] = refused
        """Why the store took less than it should."""
        self.keep: list[Any] = []
        """The leases of this process."""

    def references(self) -> set[bytes]:
        """The ids of the objects it refers to."""
        return {part.id for part in (self.stream, *self.buffers) if isinstance(part, Reference)}

    def __reduce__(self) -> tuple[Any, ...]:
        return Parcel, (self.stream, self.buffers, self.refused)


class Exchange:
    """The values that one process passes by one store, and those that it received."""

    def __init__(self, client: Client, minimum: int, *, quiet: bool = False) -> None:
        self.client = client
        self.minimum = minimum
        self._warned = quiet
        self._sent: WeakValueDictionary[tuple[int, int], Sent] = WeakValueDictionary()

    def pack(
        self,
        value: object,
        dump: Optional[Callable[..., tuple[bytes, list[pickle.PickleBuffer]]]] = None,
        *,
        unchanged: Optional[Unchanged] = None,
    ) -> Parcel:
        """A parcel, which is kept until the receiver has unpacked it."""
        parcel = self._packed(value, dump or dumped, _Way(self, unchanged))
        if unchanged is not None:
            unchanged.latest = parcel.keep
        self.notice(parcel)
        return parcel

    def pack_result(
        self, value: object, among: set[bytes], dump: Optional[Callable[..., Any]] = None
    ) -> Parcel:
        """A parcel whose objects only the receiver keeps. Until then they are pinned.

        `among` are the objects that the receiver holds on to until then.
        """
        return self._packed(value, dump or dumped, _WayBack(self, among))

    def _packed(self, value: object, dump: Callable[..., Any], way: _Way) -> Parcel:
        stream, buffers = dump(value)
        raw: list[Any] = [buffer.raw() for buffer in buffers]
        places = [place for place, part in enumerate(raw) if part.nbytes < self.minimum]
        small: list[Any] = [stream, *(raw[place] for place in places)]
        for place, part in enumerate(raw):
            if part.nbytes >= self.minimum:
                raw[place] = way.send(part)
        stream, *packed = way.send_together(small)
        for place, part in zip(places, packed):
            raw[place] = part
        parcel = Parcel(stream, tuple(raw), way.refused)
        parcel.keep = way.keep
        return parcel

    def unpack(self, parcel: Parcel, *, result: bool = False) -> Any:
        """The value of a parcel; memory in the store as read-only views."""
        self.notice(parcel)
        views: dict[bytes, memoryview] = {}

        def memory(part: Any) -> Any:
            if not isinstance(part, Reference):
                return part
            if part.id not in views:
                client = self._client_of(part.address)
                views[part.id] = _hold(client, part.id)
                if result:
                    with suppress(PlasmaError):
                        client.unpin(part.id)
            return views[part.id][part.offset : part.offset + part.size]

        buffers = [memory(part) for part in parcel.buffers]
        return pickle.loads(memory(parcel.stream), buffers=buffers)

    def share(self, value: Any) -> Any:
        """The same value with its memory in the store."""
        return self.unpack(self.pack(value))

    def drop_unclaimed(self, pid: Optional[int] = None) -> None:
        """Delete the results that nobody has unpacked: of one process, or of all others."""
        with suppress(PlasmaError):
            for info in self.client.list():
                is_of = info.creator_pid == pid if pid else info.creator_pid != os.getpid()
                if is_of and info.pinned and not info.lease_count:
                    with suppress(PlasmaError):
                        self.client.delete(info.id)
            self.client.evict()

    def put(self, parts: tuple[Any, ...]) -> bytes:
        """A new object, pinned."""
        return put_parts(self.client, parts, _PINNED)

    def notice(self, parcel: Parcel) -> None:
        """Warn, once, if the store had no room for some of a parcel."""
        if parcel.refused and not self._warned:
            self._warned = True
            warnings.warn(
                f"the store has no room ({parcel.refused}): values are pickled through pipes, "
                "which is slow. Use a larger capacity=, or let go of results earlier.",
                RuntimeWarning,
                stacklevel=5,
            )

    def known(self, key: tuple[int, int], memory: memoryview) -> Optional[Sent]:
        """The copy of some memory, if it is there and is still the same."""
        sent = self._sent.get(key)
        return sent if sent is not None and _is_equal(sent.copy, memory) else None

    def remember(self, key: tuple[int, int], sent: Sent) -> None:
        """Keep a copy in mind while a parcel keeps it."""
        self._sent[key] = sent

    def _client_of(self, address: str) -> Client:
        return self.client if address == self.client.address else client_of(address)


class _Way:
    """How memory is sent: this process keeps the objects."""

    def __init__(self, exchange: Exchange, unchanged: Optional[Unchanged] = None) -> None:
        self.exchange = exchange
        self.keep: list[Any] = []
        self.refused: Optional[str] = None
        self._unchanged = unchanged

    def send(self, memory: memoryview) -> Any:
        """A reference to some memory, or its bytes."""
        address = _address_of(memory)
        view = _view_of(address, memory.nbytes)
        if view is not None:
            held = cast(Held, view.obj)
            if self.may_refer_to(held):
                self.keep.append(view)
                at = address - held.begin
                return Reference(held.client.address, held.id, at, memory.nbytes)
        return self.copy(address, memory)

    def may_refer_to(self, held: Held) -> bool:
        """Whether the receiver can get an object that this process holds."""
        try:
            return held.client.contains(held.id)
        except PlasmaError:
            return False

    def copy(self, address: int, memory: memoryview) -> Any:
        """A reference to a copy."""
        exchange, key, unchanged = self.exchange, (address, memory.nbytes), self._unchanged
        sent = unchanged.find(key) if unchanged is not None else None
        if sent is None:
            sent = exchange.known(key, memory)
        if sent is None:
            made = self.put((memory,))
            if made is None:
                return _plain(memory)
            sent = Sent(made, _hold(exchange.client, made), memory)
            exchange.client.unpin(made)
            exchange.remember(key, sent)
        if unchanged is not None:
            unchanged.add(key, sent)
        self.keep.append(sent)
        return Reference(exchange.client.address, sent.id, 0, memory.nbytes)

    def send_together(self, parts: list[Any]) -> list[Any]:
        """References to parts of one object, or the bytes of the parts if those are few."""
        made = None
        if sum(_size_of(part) for part in parts) >= self.exchange.minimum:
            made = self.put(tuple(parts))
        if made is None:
            return [_plain(part) for part in parts]
        self.keep_group(made)
        references: list[Any] = []
        at = 0
        for part in parts:
            size = _size_of(part)
            references.append(Reference(self.exchange.client.address, made, at, size))
            at = aligned(at + size)
        return references

    def keep_group(self, made: bytes) -> None:
        """Keep an object of several parts."""
        self.keep.append(_hold(self.exchange.client, made))
        self.exchange.client.unpin(made)

    def put(self, parts: tuple[Any, ...]) -> Optional[bytes]:
        """A new object; None if the store has no room."""
        try:
            return self.exchange.put(parts)
        except (OutOfMemoryError, TooLargeError, LimitError) as error:
            self.refused = str(error)
            return None


class _WayBack(_Way):
    """How a result is sent: the objects are pinned, and the receiver keeps them."""

    def __init__(self, exchange: Exchange, among: set[bytes]) -> None:
        super().__init__(exchange)
        self._among = among

    def may_refer_to(self, held: Held) -> bool:
        return held.id in self._among

    def copy(self, address: int, memory: memoryview) -> Any:
        made = self.put((memory,))
        if made is None:
            return _plain(memory)
        return Reference(self.exchange.client.address, made, 0, memory.nbytes)

    def keep_group(self, made: bytes) -> None:
        pass


def dumped(value: object) -> tuple[bytes, list[pickle.PickleBuffer]]:
    """The pickle of a value and the buffers beside it, as multiprocessing pickles."""
    from multiprocessing.reduction import ForkingPickler

    buffers: list[pickle.PickleBuffer] = []
    stream = io.BytesIO()
    pickler = Pickler(stream, buffers.append)
    # With what is registered for processes: connections, sockets, tensors.
    pickler.dispatch_table = cast(Any, ForkingPickler(io.BytesIO(), PICKLER)).dispatch_table
    pickler.dump(value)
    return stream.getvalue(), buffers


_clients: WeakValueDictionary[str, Client] = WeakValueDictionary()
_held: WeakValueDictionary[bytes, Held] = WeakValueDictionary()
_by_begin: WeakValueDictionary[int, Held] = WeakValueDictionary()
_begins: list[int] = []
"""Sorted; the leases of some have ended."""
# The collector may end a lease in the midst of these functions.
_lock = threading.RLock()


def client_of(address: str) -> Client:
    """A client of the store of another process."""
    client = _clients.get(address)
    if client is None:
        client = _clients[address] = connect(address, create=False)
    return client


def _hold(client: Client, id: bytes) -> memoryview:
    """A view of an object, by the lease of this process."""
    connection = connection_of(client)
    with _lock:
        held = _held.get(id)
        if held is not None:
            return memoryview(held)
        held = connection.run(lambda ms: connection.get(id, ms, Held), 0, id)
        held.client = client
        view = memoryview(held)
        held.begin = _address_of(view)
        _held[id] = held
        if held.begin not in _by_begin:
            bisect.insort(_begins, held.begin)
        _by_begin[held.begin] = held
        if len(_begins) > 2 * len(_by_begin) + 64:
            _begins[:] = sorted(_by_begin)
        return view


def _view_of(address: int, size: int) -> Optional[memoryview]:
    """A view of the object that some memory is a part of."""
    with _lock:
        at = bisect.bisect_right(_begins, address) - 1
        while at >= 0:
            held = _by_begin.get(_begins[at])
            if held is not None:
                return memoryview(held) if address + size <= held.begin + len(held) else None
            del _begins[at]
            at -= 1
        return None


def _address_of(memory: memoryview) -> int:
    return int(ffi.cast("uintptr_t", ffi.from_buffer(memory)))


def _size_of(part: Any) -> int:
    return len(part) if isinstance(part, bytes) else part.nbytes


def _plain(part: Any) -> Any:
    """Bytes for the pipe; an array is writable in the other process if it is here."""
    if isinstance(part, bytes):
        return part
    return bytes(part) if part.readonly else bytearray(part)


def _is_equal(copy: memoryview, memory: memoryview) -> bool:
    import ctypes

    compare = ctypes.CDLL(None).memcmp
    compare.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    return compare(_address_of(copy), _address_of(memory), memory.nbytes) == 0


def _after_fork() -> None:
    """In a forked child: it has leases of its own, whose memory is mapped elsewhere."""
    global _lock
    _lock = threading.RLock()  # another thread of the parent may have held it
    _by_begin.clear()
    for held in list(_held.values()):
        with suppress(PlasmaError):
            held.begin = _address_of(memoryview(held))
            _by_begin[held.begin] = held
    _begins[:] = sorted(_by_begin)


os.register_at_fork(after_in_child=_after_fork)
