"""Getting objects without blocking an event loop: fed by the store's events, no polling."""

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
from plasma.reading import Reading
from plasma.times import Seconds, seconds


class Awaiting(Reading):
    """Part of `plasma.Client`."""

    _arrivals: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals]

    def events(self) -> Events:
        """The events of the store from now on. Subscribe first and list then: nothing is missed."""
        return Events(self._connection)

    async def aget(self, key: Key, timeout: Seconds = None) -> Buffer:
        """As `get`, without blocking the event loop.

        When the creator dies meanwhile it waits on, for another that may make the object.
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
    """Those of one event loop who wait for objects of one store."""

    def __init__(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._expected: dict[Key, set[asyncio.Future[None]]] = {}
        self._events: Optional[Events] = None
        self._fd = -1

    def expect(self, key: Key) -> asyncio.Future[None]:
        """A future that is done when the object may have come."""
        if self._events is None:
            self._events = Events(self._connection)
            self._fd = self._events.fileno()
            self._loop.add_reader(self._fd, self._drain)
        arrival: asyncio.Future[None] = self._loop.create_future()
        self._expected.setdefault(key, set()).add(arrival)
        return arrival

    def forget(self, key: Key, arrival: asyncio.Future[None]) -> None:
        """The future is not needed any more."""
        waiting = self._expected.get(key, set())
        waiting.discard(arrival)
        if not waiting:
            self._expected.pop(key, None)
        if not self._expected and self._events is not None:
            self._loop.remove_reader(self._fd)
            self._events.close()
            self._events = None

    def _drain(self) -> None:
        news: set[Any] = set()
        everything = False
        while self._events is not None:
            try:
                event = self._events.next(0)
            except PlasmaTimeoutError:
                break
            except DisconnectedError:
                everything = True  # they find out for themselves
                self._loop.remove_reader(self._fd)
                break
            everything = everything or event.type is EventType.LOST
            if event.type is EventType.SEALED:
                news.add(event.id)
        for key, waiting in self._expected.items():
            # Events do not tell names.
            if everything or key in news or (news and isinstance(key, str)):
                for arrival in waiting:
                    if not arrival.done():
                        arrival.set_result(None)
