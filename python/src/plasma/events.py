"""The events of a store: an iterator and an asynchronous iterator."""

from __future__ import annotations

import asyncio
import enum
import os
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional

from plasma._library import ffi, lib, sized
from plasma.connection import Connection
from plasma.errors import DisconnectedError, ForkedError, error
from plasma.errors import TimeoutError as PlasmaTimeoutError
from plasma.ids import ObjectID
from plasma.infos import object_id
from plasma.times import Seconds, seconds


class EventType(enum.IntEnum):
    """The type of an event."""

    SEALED = 1
    DELETED = 2
    EVICTED = 3
    ABORTED = 4
    """An unsealed object was aborted by its creator, or the creator died."""
    LOST = 5
    """Events were lost: list the objects again."""


@dataclass(frozen=True)
class Event:
    """An event of a store."""

    type: EventType
    sequence: int
    time: float
    """Seconds since the Unix epoch."""
    id: ObjectID
    """Id of the object; all zeros for LOST."""
    size: int
    lost_count: int
    """For LOST the number of lost events, else 0."""
    metadata_size: int


class Events:
    """A reader of the events of a store, with a position of its own.

    It is an iterator, also for ``async for``, that waits for events forever and ends when it or its
    client is closed. Threads may share one: each event goes to one of them. A reader that is too
    slow gets one LOST event in place of the events that were overwritten.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()  # held during calls with the subscription
        self._subscription: Any = None
        subscription = ffi.new("plasma_subscription_t **")
        connection.call(lib.plasma_subscribe, subscription)
        self._subscription = subscription[0]
        self._pid = os.getpid()

    def next(self, timeout: Seconds = None) -> Event:
        """The next event; raises TimeoutError if no event arrives in time."""
        event = sized("plasma_event_t")
        # Not under the lock, which a thread of the parent may have held.
        self._check_process()
        with self._lock:

            def attempt(ms: int) -> int:
                if self._subscription is None:
                    return lib.PLASMA_ERR_DISCONNECTED
                status: int = self._connection._call(
                    lib.plasma_next_event, self._subscription, ms, event
                )
                return status

            try:
                self._connection.run(attempt, seconds(timeout))
            except DisconnectedError:
                raise DisconnectedError("the events or their client are closed") from None
        return Event(
            type=EventType(event.type),
            sequence=event.sequence,
            time=event.time_us / 1e6,
            id=object_id(event.id),
            size=event.data_size,
            lost_count=event.lost_count,
            metadata_size=event.metadata_size,
        )

    def fileno(self) -> int:
        """A file descriptor, for select and poll, that is readable while there are events.

        Do not read from it: call `next` with timeout 0 until it raises TimeoutError.
        """
        fd = ffi.new("int *")
        self._check_process()
        with self._lock:
            if self._subscription is None:
                raise DisconnectedError("the events are closed")
            status = lib.plasma_event_fd(self._subscription, fd)
            if status != 0:
                raise error(status)
        return fd[0]

    def close(self) -> None:
        """End the subscription, and the iterations of other threads."""
        subscription, self._subscription = self._subscription, None
        if subscription is None or self._pid != os.getpid():
            return
        while not self._lock.acquire(timeout=0.001):
            lib_interrupt(self._connection)
        try:
            lib.plasma_unsubscribe(subscription)
        finally:
            self._lock.release()

    def _check_process(self) -> None:
        if self._pid != os.getpid():
            raise ForkedError("the events belong to the parent process: call client.events() again")

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        try:
            return self.next()
        except DisconnectedError:
            raise StopIteration from None

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        loop = asyncio.get_running_loop()
        while True:
            try:
                return self.next(0)
            except PlasmaTimeoutError:
                await readable(loop, self.fileno())
            except DisconnectedError:
                raise StopAsyncIteration from None

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        exception: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._subscription is not None:
            self.close()


def lib_interrupt(connection: Connection) -> None:
    """Wake the waits of a connection, so that they retry; only interrupt() ends them."""
    if not connection.closed:
        connection._call(lib.plasma_interrupt, connection.pointer)


async def readable(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    """Wait until a file descriptor is readable."""
    ready = loop.create_future()
    loop.add_reader(fd, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(fd)
