"""The events of a store: an iterator and an asynchronous iterator."""

from __future__ import annotations

import enum
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from plasma._library import ffi, lib, sized
from plasma.connection import Connection
from plasma.errors import DisconnectedError, ForkedError, StoreGoneError, error
from plasma.errors import TimeoutError as PlasmaTimeoutError
from plasma.ids import ObjectID
from plasma.infos import object_id
from plasma.options import encoded_text
from plasma.times import Seconds, seconds

if TYPE_CHECKING:
    import asyncio

    from plasma.watch import Watch


class EventType(enum.IntEnum):
    """The type of an event."""

    SEALED = 1
    DELETED = 2
    EVICTED = 3
    ABORTED = 4
    """An unsealed object was aborted by its creator, or the creator died."""
    LOST = 5
    """Events were lost: list the objects again."""
    FAILED = 6
    """The creator of an object failed."""


class Event(NamedTuple):
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
    client is closed or the store is removed. Threads and tasks may share one: each event goes to
    one of them. A reader that is too slow gets one LOST event in place of the events that were
    overwritten. A signal handler may use or close it.
    """

    def __init__(self, connection: Connection, matching: Optional[str] = None) -> None:
        self._connection = connection
        self._closed = True
        self._subscription: Any = None
        # Held during calls with the subscription. A signal handler of the thread that holds it may
        # take it again, so that `_calls` can be more than 1.
        self._lock = threading.RLock()
        self._calls = 0
        self._watches: dict[asyncio.AbstractEventLoop, Watch] = {}
        subscription = ffi.new("plasma_subscription_t **")
        if matching is None:
            connection.call(lib.plasma_subscribe, subscription)
        else:
            pattern = encoded_text(matching)
            connection.call(lib.plasma_subscribe_matching, pattern, subscription, about=matching)
        self._subscription = subscription[0]
        self._pid = os.getpid()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def next(self, timeout: Seconds = None) -> Event:
        """The next event; raises TimeoutError if no event arrives in time."""
        event = sized("plasma_event_t")
        # Not under the lock, which a thread of the parent may have held.
        self._check_process()

        def attempt(ms: int) -> int:
            if self._closed:
                return lib.PLASMA_ERR_DISCONNECTED
            status: int = self._connection._call(
                lib.plasma_next_event, self._subscription, ms, event
            )
            return status

        with self._lock:
            self._calls += 1
            try:
                self._connection.run(attempt, seconds(timeout))
            except DisconnectedError:
                raise DisconnectedError("the events or their client are closed") from None
            finally:
                self._calls -= 1
                self._end()
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

        Do not read from it: call `next` with timeout 0 until it raises TimeoutError. `close` closes
        it.
        """
        return self._descriptor(lambda fd: fd)

    def duplicate(self) -> int:
        """A duplicate of the descriptor, which belongs to the caller."""
        return self._descriptor(os.dup)

    def _descriptor(self, use: Callable[[int], int]) -> int:
        fd = ffi.new("int *")
        self._check_process()
        with self._lock:
            if self._closed:
                raise DisconnectedError("the events are closed")
            self._calls += 1
            try:
                status = lib.plasma_event_fd(self._subscription, fd)
                if status != 0:
                    raise error(status)
                return use(fd[0])
            finally:
                self._calls -= 1
                self._end()

    def close(self) -> None:
        """End the subscription, and the iterations of other threads and tasks."""
        if self._subscription is None or self._pid != os.getpid():
            return
        self._closed = True
        for watch in list(self._watches.values()):
            watch.end()
        while not self._lock.acquire(timeout=0.001):
            lib_interrupt(self._connection)
        try:
            self._end()
        finally:
            self._lock.release()

    def _end(self) -> None:
        """Under the lock: end the subscription if it is closed and no call uses it. A call uses it
        when a signal handler interrupted that call."""
        if self._closed and self._calls == 0:
            subscription, self._subscription = self._subscription, None
            if subscription is not None:
                lib.plasma_unsubscribe(subscription)

    def _check_process(self) -> None:
        if self._pid != os.getpid():
            raise ForkedError("the events belong to the parent process: call client.events() again")

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        try:
            return self.next()
        except (DisconnectedError, StoreGoneError):
            raise StopIteration from None

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while True:
            try:
                return self.next(0)
            except PlasmaTimeoutError:
                pass
            except (DisconnectedError, StoreGoneError):
                raise StopAsyncIteration from None
            try:
                await self.watch().wait()
            except DisconnectedError:
                raise StopAsyncIteration from None

    def watch(self) -> Watch:
        """The watch of the running event loop, which its tasks share."""
        import asyncio

        from plasma.watch import Watch

        loop = asyncio.get_running_loop()
        watch = self._watches.get(loop)
        if watch is None:
            watch = Watch(self, loop)
            # Those of loops that were closed in the midst of a wait.
            for other in list(self._watches):
                ended = self._watches.pop(other, None) if other.is_closed() else None
                if ended is not None:
                    ended.end()
            self._watches[loop] = watch
            if self._closed:  # by another thread, which has not seen this watch
                watch.end()
        return watch

    def forget(self, watch: Watch) -> None:
        """Drop a watch that has ended."""
        if self._watches.get(watch.loop) is watch:
            del self._watches[watch.loop]

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

    def __repr__(self) -> str:
        state = ", closed" if self._closed else ""
        return f"<plasma.Events of {self._connection.address}{state}>"


def lib_interrupt(connection: Connection) -> None:
    """Wake the waits of a connection, so that they retry; only interrupt() ends them."""
    if not connection.closed:
        connection._call(lib.plasma_interrupt, connection.pointer)
