"""Getting objects without blocking an event loop, by the events of the store, without polling."""

from __future__ import annotations

import asyncio
import time
import weakref
from typing import Any, Optional

from plasma.buffers import Buffer
from plasma.connection import Connection
from plasma.errors import DisconnectedError, NotFoundError, NotSealedError
from plasma.errors import TimeoutError as PlasmaTimeoutError
from plasma.events import Events, EventType
from plasma.ids import Key
from plasma.reader import Reader
from plasma.times import Seconds, seconds


class Waiter(Reader):
    """Part of `plasma.Client`."""

    _arrivals: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals]

    def events(self) -> Events:
        """The events of the store from now on. To miss nothing, subscribe first, then list."""
        return Events(self._connection)

    async def aget(self, key: Key, timeout: Seconds = None) -> Buffer:
        """Like `get`, without blocking the event loop.

        If the creator dies during the wait, it keeps waiting, because another process may create
        the object.
        """
        plain = seconds(timeout)
        deadline = None if plain is None else time.monotonic() + plain
        try:
            return self.get(key, 0)
        except (NotFoundError, NotSealedError):
            if plain == 0:
                raise
        loop = asyncio.get_running_loop()
        arrivals = self._arrivals.setdefault(loop, _Arrivals(self._connection, loop))
        while True:
            arrival = arrivals.expect(key)
            try:
                return self.get(key, 0)
            except (NotFoundError, NotSealedError):
                remaining = None if deadline is None else deadline - time.monotonic()
                try:
                    await asyncio.wait_for(arrival, remaining)
                except asyncio.TimeoutError:
                    raise PlasmaTimeoutError(f"{key!r} was not sealed within {plain} s") from None
            finally:
                arrivals.forget(key, arrival)


class _Arrivals:
    """The waits of one event loop for objects of one store."""

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._expected: dict[Key, set[asyncio.Future[None]]] = {}
        self._events: Optional[Events] = None
        self._fd = -1

    def expect(self, key: Key) -> asyncio.Future[None]:
        """A future that is done when the object may have been sealed."""
        if self._events is None:
            self._events = Events(self._connection)
            self._fd = self._events.fileno()
            self._loop.add_reader(self._fd, self._drain)
        arrival: asyncio.Future[None] = self._loop.create_future()
        self._expected.setdefault(key, set()).add(arrival)
        return arrival

    def forget(self, key: Key, arrival: asyncio.Future[None]) -> None:
        """Drop a future."""
        waiting = self._expected.get(key, set())
        waiting.discard(arrival)
        if not waiting:
            self._expected.pop(key, None)
        if not self._expected and self._events is not None:
            self._loop.remove_reader(self._fd)
            self._events.close()
            self._events = None

    def _drain(self) -> None:
        sealed: set[Any] = set()
        everything = False
        while self._events is not None:
            try:
                event = self._events.next(0)
            except PlasmaTimeoutError:
                break
            except DisconnectedError:
                everything = True  # each wait finds out by its own get()
                self._loop.remove_reader(self._fd)
                break
            everything = everything or event.type is EventType.LOST
            if event.type is EventType.SEALED:
                sealed.add(event.id)
        for key, waiting in self._expected.items():
            # Events have no names.
            if everything or key in sealed or (sealed and isinstance(key, str)):
                for arrival in waiting:
                    if not arrival.done():
                        arrival.set_result(None)
