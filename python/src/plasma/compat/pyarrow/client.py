"""PlasmaClient, with the calls of the original."""

from __future__ import annotations

import ctypes
import socket
import time
import weakref
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Optional, cast

from plasma._library import ffi, lib, sized
from plasma.buffers import Buffer, MutableBuffer
from plasma.client import Client
from plasma.compat.pyarrow import blobs, serialization
from plasma.compat.pyarrow.address import Named, opened
from plasma.compat.pyarrow.arrow import pa
from plasma.compat.pyarrow.errors import (
    FULL,
    PlasmaObjectNotFound,
    PlasmaStoreFull,
    already_sealed,
    fail,
)
from plasma.compat.pyarrow.ids import ObjectID, ObjectNotAvailable, key_of
from plasma.compat.pyarrow.notifications import Notifications, decoded
from plasma.compat.pyarrow.quota import SHARE, Quota
from plasma.compat.pyarrow.serialization import SerializationContext
from plasma.compat.pyarrow.spill import Spill
from plasma.errors import PlasmaError, UnsupportedError
from plasma.errors import TimeoutError as PlasmaTimeoutError
from plasma.events import EventType
from plasma.ids import MAKING
from plasma.infos import State
from plasma.options import CreateOptions

PlasmaBuffer: Any = pa.Buffer
"""The type of what `PlasmaClient.create` and `get_buffers` return."""

_PLAIN = CreateOptions()
_NO_OPTIONS = _PLAIN.address
_ABSENT = (lib.PLASMA_ERR_NOT_FOUND, lib.PLASMA_ERR_NOT_SEALED, lib.PLASMA_ERR_TIMEOUT)
_NO_ROOM = tuple(kind.status for kind in FULL)
_DELETED = (0, lib.PLASMA_ERR_NOT_FOUND, lib.PLASMA_ERR_NOT_SEALED)
_CAPSULE = b"plasma_client_t"


class PlasmaClient:
    """A client of a store, made by `connect`."""

    def __init__(self, client: Client, name: str, named: Named) -> None:
        self._client = client
        self._connection = client._connection  # pyright: ignore[reportPrivateUsage]
        self._get_now = self._connection.get
        self._name = name
        self._capacity = named.capacity
        self._unsealed: dict[bytes, MutableBuffer] = {}
        # Sealed objects of which the creator still has a writable buffer.
        self._sealed: weakref.WeakValueDictionary[bytes, MutableBuffer]
        self._sealed = weakref.WeakValueDictionary()
        self._spill = Spill(client, named.spill) if named.spill else None
        self._notifications: Optional[Notifications] = None
        self._quota: Optional[Quota] = None
        self._options = ("", 0)

    @property
    def store_socket_name(self) -> str:
        """The name that was passed to `connect`."""
        return self._name

    def create(self, object_id: ObjectID, data_size: int, metadata: Any = b"") -> Any:
        """A writable pyarrow.Buffer of a new object, until `seal`."""
        key, plan = key_of(object_id), blobs.plan(metadata)
        size = data_size + len(plan.tail)
        self._admit(key, size)
        while True:
            self._refuse_spilled(key)
            try:
                writer = self._client.create(key, size, None, plan.metadata)
                break
            except PlasmaError as error:
                if not (isinstance(error, FULL) and self._spilled(size)):
                    fail(error)
        self._unsealed[key] = writer
        if not plan.tail:
            return pa.py_buffer(writer)
        view = memoryview(writer)
        view[data_size:] = plan.tail
        return pa.py_buffer(view[:data_size])

    def create_and_seal(self, object_id: ObjectID, data: Any, metadata: Any = b"") -> None:
        """A new, sealed object with a copy of some bytes."""
        if not len(metadata):
            return self._put(key_of(object_id), (data,), _NO_OPTIONS)
        key, plan = key_of(object_id), blobs.plan(metadata)
        if plan.tail:
            view = memoryview(data).cast("B")
            buffer = self.create(object_id, view.nbytes, metadata)
            memoryview(buffer).cast("B")[:] = view
            return self.seal(object_id)
        options = CreateOptions(None, plan.metadata)
        return self._put(key, (data,), options.address)

    def _put(self, key: bytes, parts: tuple[Any, ...], options: int) -> None:
        connection = self._connection
        if self._quota is not None:  # sizes take time
            self._admit(key, _size_of(parts))
        while True:
            if self._spill is not None:
                self._refuse_spilled(key)
            status = connection.put(key, options, parts, 0, MAKING)
            if status == 0:
                return
            if status in _NO_ROOM and self._spilled(_size_of(parts)):
                continue
            self._overcome(status)

    def _admit(self, key: bytes, size: int) -> None:
        if self._quota is not None:
            self._quota.admit(key, size)

    def _overcome(self, status: int) -> None:
        """Prepare a retry, or raise the exception of a status."""
        try:
            self._connection.overcome(status, self._connection.interrupts)
        except PlasmaError as error:
            fail(error)

    def _spilled(self, size: int) -> bool:
        return self._spill is not None and self._spill.make_room(size) > 0

    def _refuse_spilled(self, key: bytes) -> None:
        if self._spill is not None and self._spill.has(key):
            from plasma.compat.pyarrow.errors import PlasmaObjectExists

            raise PlasmaObjectExists("object already exists in the external store")

    def seal(self, object_id: ObjectID) -> None:
        """Publish an object that this client created; a second time it is an error."""
        key = key_of(object_id)
        writer = self._unsealed.pop(key, None)
        if writer is None:
            if key in self._sealed:
                raise already_sealed()
            raise PlasmaObjectNotFound("Seal() called on an object without a reference to it")
        try:
            writer.seal()
        except PlasmaError as error:
            fail(error)
        if writer._exports:
            self._sealed[key] = writer

    def _lease(self, key: bytes) -> Optional[Buffer]:
        """A sealed object, if it is there."""
        while True:
            got = self._get_now(key, 0, Buffer)
            if got.__class__ is not int:
                return got  # type: ignore[return-value]
            if got not in _ABSENT:
                self._overcome(cast(int, got))
            elif self._spill is None or not self._spill.restore(key):
                return None

    def _leases(self, object_ids: Iterable[ObjectID], timeout_ms: int) -> list[Optional[Buffer]]:
        keys = [key_of(object_id) for object_id in object_ids]
        found = [self._lease(key) for key in keys]
        if timeout_ms == 0 or None not in found:
            return found
        end = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000
        while True:
            missing = [at for at, lease in enumerate(found) if lease is None]
            left = None if end is None else end - time.monotonic()
            if not missing or (left is not None and left <= 0):
                return found
            self._wait(list({keys[at]: None for at in missing}), left)
            for at in missing:
                found[at] = self._lease(keys[at])

    def _wait(self, keys: list[bytes], left: Optional[float]) -> None:
        # Another client may spill an object while this one waits for it.
        if self._spill is not None:
            left = 0.1 if left is None else min(left, 0.1)
        try:
            self._client.wait(keys, None, left)
        except PlasmaTimeoutError:
            pass
        except PlasmaError as error:
            fail(error)

    def get_buffers(
        self, object_ids: Iterable[ObjectID], timeout_ms: int = -1, with_meta: bool = False
    ) -> list[Any]:
        """The data of objects as pyarrow.Buffer, None in place of each that is not available.

        ``with_meta`` makes it tuples of metadata and data.
        """
        leases = self._leases(object_ids, timeout_ms)
        if not with_meta:
            return [None if lease is None else _data(lease) for lease in leases]
        return [(None, None) if lease is None else _both(lease) for lease in leases]

    def get_metadata(self, object_ids: Iterable[ObjectID], timeout_ms: int = -1) -> list[Any]:
        """The metadata of objects as pyarrow.Buffer, None for each that is not available."""
        leases = self._leases(object_ids, timeout_ms)
        return [None if lease is None else pa.py_buffer(blobs.blob_of(lease)) for lease in leases]

    def put_raw_buffer(
        self,
        value: Any,
        object_id: Optional[ObjectID] = None,
        metadata: Any = b"",
        memcopy_threads: int = 6,
    ) -> ObjectID:
        """Store a copy of bytes, or of any value with the buffer protocol; returns its id."""
        made = object_id or ObjectID.from_random()
        self.create_and_seal(made, value, metadata)
        return made

    def put(
        self,
        value: object,
        object_id: Optional[ObjectID] = None,
        memcopy_threads: int = 6,
        serialization_context: Optional[SerializationContext] = None,
    ) -> ObjectID:
        """Store a value; returns its id."""
        made = object_id or ObjectID.from_random()
        self._put(key_of(made), serialization.parts_of(value, serialization_context), _NO_OPTIONS)
        return made

    def get(
        self,
        object_ids: Any,
        timeout_ms: int = -1,
        serialization_context: Optional[SerializationContext] = None,
    ) -> Any:
        """The value of one id, or a list of the values of many.

        In place of each that is not available it has the class ObjectNotAvailable.
        """
        if isinstance(object_ids, ObjectID):
            lease = self._lease(key_of(object_ids))
            if lease is None:
                (lease,) = self._leases((object_ids,), timeout_ms)
            return _value(lease, serialization_context)
        if not isinstance(object_ids, Sequence):
            raise TypeError(f"an ObjectID or a list of them is expected, not {object_ids!r}")
        leases = self._leases(cast("Sequence[ObjectID]", object_ids), timeout_ms)
        return [_value(lease, serialization_context) for lease in leases]

    def contains(self, object_id: ObjectID) -> bool:
        """Whether there is an object, sealed or being written by this client."""
        key = key_of(object_id)
        if key in self._unsealed:
            return True
        while True:
            sealed = self._connection.sealed([key])  # type: ignore[list-item]
            if sealed.__class__ is list:
                return bool(sealed) or (self._spill is not None and self._spill.has(key))
            self._overcome(cast(int, sealed))

    def hash(self, object_id: ObjectID) -> bytes:
        """A digest of 8 bytes of data and metadata."""
        lease = self._lease(key_of(object_id))
        if lease is None:
            raise PlasmaObjectNotFound("Object not found")
        blob, tail = blobs.both_of(lease)
        digest = blake2b((len(lease) - tail).to_bytes(8, "little"), digest_size=8)
        digest.update(lease)
        if not tail:
            digest.update(blob)
        return digest.digest()

    def delete(self, object_ids: Iterable[ObjectID]) -> None:
        """Delete objects; those that do not exist or are not sealed are left out."""
        keys = [key_of(object_id) for object_id in object_ids]
        if self._spill is not None:
            for key in keys:
                self._spill.remove(key)
        connection, count = self._connection, len(keys)
        ids = ffi.from_buffer("plasma_id_t[]", b"".join(keys))
        statuses = ffi.new("plasma_status_t[]", count)
        while True:
            first = connection._call(
                lib.plasma_delete_many, connection.pointer, ids, count, statuses
            )
            failed = [each for each in (first, *statuses) if each not in _DELETED]
            if not failed:
                break
            self._overcome(failed[0])

    def evict(self, num_bytes: int) -> int:
        """Evict at least so many bytes of objects that nobody holds, if there are as many.

        Returns the bytes of data and metadata that were evicted.
        """
        if self._spill is not None:
            return self._spill.make_room(num_bytes) if num_bytes > 0 else 0
        subscription = ffi.new("plasma_subscription_t **")
        try:
            self._connection.call(lib.plasma_subscribe, subscription)
            try:
                return self._evict(num_bytes, subscription[0])
            finally:
                lib.plasma_unsubscribe(subscription[0])
        except UnsupportedError:
            return 0
        except PlasmaError as error:
            fail(error)

    def _evict(self, num_bytes: int, subscription: Any) -> int:
        # The number that plasma_evict() gives has the keys of metadata in it.
        evicted, number, event = 0, ffi.new("uint64_t *"), sized("plasma_event_t")
        while evicted < num_bytes:
            self._connection.call(lib.plasma_evict, num_bytes - evicted, number)
            before = evicted
            while self._connection._call(lib.plasma_next_event, subscription, 0, event) == 0:
                if event.type == EventType.EVICTED:
                    evicted += blobs.total(event.data_size, event.metadata_size)
                elif event.type == EventType.LOST:
                    return max(evicted, num_bytes)
            if evicted == before:
                break
        return evicted

    def subscribe(self) -> None:
        """Begin to queue notifications about sealed and deleted objects."""
        if self._notifications is not None:
            self._notifications.close()
        self._notifications = Notifications(self._client)
        weakref.finalize(self, self._notifications.close)

    def get_notification_socket(self) -> socket.socket:
        """A socket from which notifications can be read, each after its length in 8 bytes."""
        return self._subscribed().socket.dup()

    def get_next_notification(self) -> tuple[ObjectID, int, int]:
        """The next notification: id, bytes of data and of metadata, both -1 if it was deleted."""
        ids, sizes, metadata_sizes = decoded(self._subscribed().next())
        return ids[0], sizes[0], metadata_sizes[0]

    def decode_notifications(self, buf: bytes) -> tuple[list[ObjectID], list[int], list[int]]:
        """Ids, and bytes of data and metadata, of a notification without its length."""
        return decoded(buf)

    def _subscribed(self) -> Notifications:
        if self._notifications is None:
            raise OSError("call subscribe() first")
        return self._notifications

    def to_capsule(self) -> Any:
        """A capsule with the plasma_client_t of the C API; its name is "plasma_client_t"."""
        make = ctypes.pythonapi.PyCapsule_New
        make.restype = ctypes.py_object
        make.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
        return make(int(ffi.cast("uintptr_t", self._connection.pointer)), _CAPSULE, None)

    def set_client_options(self, client_name: str, limit_output_memory: int) -> None:
        """Name the client, and limit the memory of objects that it makes from now on.

        When they exceed the limit, the oldest that nobody holds are deleted. A second limit is
        refused, and one beyond 70 % of the store.
        """
        client_name.encode()
        limit = int(limit_output_memory)
        if self._quota is not None or limit > SHARE * self.store_capacity():
            raise PlasmaStoreFull("object does not fit in the plasma store")
        self._options = (client_name, limit)
        self._quota = Quota(self._client, limit)

    def debug_string(self) -> str:
        """The state of the store in lines of text."""
        stats = self._client.stats()
        name, limit = self._options
        return (
            f"allocated bytes: {stats.used}\nallocation limit: {self.store_capacity()}\n"
            f"objects: {stats.objects_sealed} sealed, {stats.objects_writing} being written\n"
            f"clients: {stats.clients}\nclient name: {name}\nquota of this client: {limit}\n"
        )

    def list(self) -> dict[ObjectID, dict[str, Any]]:
        """The objects of the store: sizes, number of holders, times in seconds, and state."""
        listed: dict[ObjectID, dict[str, Any]] = {}
        for info in self._client.list():
            if info.state is State.DELETED:
                continue
            size, metadata_size = self._sizes(info.id, info.size, info.metadata_size)
            sealed = info.state is State.SEALED
            listed[ObjectID(bytes(info.id))] = {
                "data_size": size,
                "metadata_size": metadata_size,
                "ref_count": info.lease_count if sealed else 1,
                "create_time": int(info.create_time),
                "construct_duration": int(info.construct_duration or 0) if sealed else -1,
                "state": "sealed" if sealed else "created",
            }
        return listed

    def _sizes(self, key: bytes, size: int, metadata_size: int) -> tuple[int, int]:
        if metadata_size != blobs.TAIL_METADATA:
            return size, blobs.small_size(metadata_size)
        lease = self._lease(key)
        tail = 0 if lease is None else blobs.tail_size(lease)
        return size - tail, tail

    def store_capacity(self) -> int:
        """The capacity that was asked for when the store was made."""
        return self._capacity or self._client.stats().capacity

    def disconnect(self) -> None:
        """Leave the store; buffers stay valid."""
        if self._notifications is not None:
            self._notifications.close()
        self._unsealed.clear()
        self._client.close()


def _size_of(parts: tuple[Any, ...]) -> int:
    return sum(memoryview(part).nbytes for part in parts)


def _data(lease: Buffer) -> Any:
    """The data of an object in a pyarrow.Buffer, which holds the lease."""
    tail = blobs.tail_size(lease)
    if tail:
        return pa.py_buffer(memoryview(lease)[: len(lease) - tail])
    return pa.py_buffer(lease)


def _both(lease: Buffer) -> tuple[bytes, Any]:
    """Metadata and data of an object."""
    blob, tail = blobs.both_of(lease)
    view = memoryview(lease)[: len(lease) - tail] if tail else lease
    return blob, pa.py_buffer(view)


def _value(lease: Optional[Buffer], context: Optional[SerializationContext]) -> Any:
    if lease is None or not len(lease):
        return ObjectNotAvailable
    return serialization.value_of(lease, context)


def connect(
    store_socket_name: str,
    manager_socket_name: Any = None,
    release_delay: int = 0,
    num_retries: int = -1,
) -> PlasmaClient:
    """A client of the store that `plasma_store -s store_socket_name` made, or of any store.

    It tries ``num_retries`` times, 100 ms apart; -1 tries 80 times. The second argument may be
    ``num_retries`` or, as long ago, the name of a manager, which is ignored.
    """
    if isinstance(manager_socket_name, int):
        num_retries = manager_socket_name
    client, named = opened(str(store_socket_name), num_retries)
    return PlasmaClient(client, str(store_socket_name), named)
