"""Notifications: the events of a store as messages in a socket.

Threads move them, because a program may read none for a long time, and a store keeps only the
latest events.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from typing import Optional

from plasma.client import Client
from plasma.compat.pyarrow import blobs
from plasma.compat.pyarrow.ids import ObjectID
from plasma.errors import PlasmaError
from plasma.events import Event, Events, EventType
from plasma.infos import State

_LENGTH = struct.Struct("=Q")
_OBJECT = struct.Struct("=20sqq")


class Notifications:
    """One subscription."""

    def __init__(self, client: Client) -> None:
        self.socket: socket.socket
        self.socket, self._end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._events = client.events()
        self._queue: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        # Those that are there come first, as in the original.
        self._told = _announce(client, self._queue)
        for work in (_read, _write):
            arguments = (client, self._events, self._queue, self._told, self._end)
            threading.Thread(target=work, args=arguments, daemon=True).start()

    def next(self) -> bytes:
        """The next message, without its length."""
        (length,) = _LENGTH.unpack(self._receive(_LENGTH.size))
        return self._receive(length)

    def _receive(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            part = self.socket.recv(size - len(content))
            if not part:
                raise OSError("the store is gone, or the client is disconnected")
            content += part
        return content

    def close(self) -> None:
        """End it; the second time is a no-op."""
        self._events.close()
        self._queue.put(None)
        self.socket.close()


def _message(key: bytes, size: int, metadata_size: int) -> bytes:
    return _LENGTH.pack(_OBJECT.size) + _OBJECT.pack(key, size, metadata_size)


def _announce(client: Client, to: queue.SimpleQueue[Optional[bytes]]) -> set[bytes]:
    """Tell of all sealed objects; returns their ids."""
    told: set[bytes] = set()
    for info in client.list():
        if info.state is State.SEALED:
            told.add(info.id)
            to.put(_message(info.id, *_sizes(client, info.id, info.size, info.metadata_size)))
    return told


def _sizes(client: Client, key: bytes, size: int, metadata_size: int) -> tuple[int, int]:
    if metadata_size != blobs.TAIL_METADATA:
        return size, blobs.small_size(metadata_size)
    try:
        with client.get(key, 0) as lease:
            tail = blobs.tail_size(lease)
    except PlasmaError:
        tail = 0  # it is gone again
    return size - tail, tail


def _read(
    client: Client,
    events: Events,
    to: queue.SimpleQueue[Optional[bytes]],
    told: set[bytes],
    end: socket.socket,
) -> None:
    """Put a message into the queue for each event."""
    try:
        for event in events:
            _take(client, event, to, told)
    except PlasmaError:
        pass
    to.put(None)


def _take(
    client: Client, event: Event, to: queue.SimpleQueue[Optional[bytes]], told: set[bytes]
) -> None:
    if event.type is EventType.SEALED:
        if told and event.id in told:
            told.discard(event.id)
        else:
            to.put(_message(event.id, *_sizes(client, event.id, event.size, event.metadata_size)))
    elif event.type in (EventType.DELETED, EventType.EVICTED):
        told.discard(event.id)
        to.put(_message(event.id, -1, -1))
    elif event.type is EventType.LOST:
        told |= _announce(client, to)


def _write(
    client: Client,
    events: Events,
    from_: queue.SimpleQueue[Optional[bytes]],
    told: set[bytes],
    end: socket.socket,
) -> None:
    """Send the messages of the queue."""
    with end:
        while True:
            message = from_.get()
            if message is None:
                return
            try:
                end.sendall(message)
            except OSError:
                return  # the reader closed its end


def decoded(message: bytes) -> tuple[list[ObjectID], list[int], list[int]]:
    """Ids, and bytes of data and metadata, in a message."""
    objects = list(_OBJECT.iter_unpack(bytes(message)))
    return (
        [ObjectID(key) for key, _, _ in objects],
        [size for _, size, _ in objects],
        [metadata_size for _, _, metadata_size in objects],
    )
