"""Getting objects without blocking an event loop, by the events of the store, without polling."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Optional

from plasma.buffers import Buffer
from plasma.connection import Connection
from plasma.errors import NotFoundError, NotSealedError, PlasmaError
from plasma.errors import TimeoutError as PlasmaTimeoutError
from plasma.events import Events, EventType
from plasma.ids import Key
from plasma.reader import Reader
from plasma.times import Seconds, seconds

if TYPE_CHECKING:
    import asyncio
    import weakref

    from plasma.watch import Watch


class Waiter(Reader):
    """Part of `plasma.Client`."""

    _arrivals: Optional[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals]] = None

    def events(self, matching: Optional[str] = None) -> Events:
        """The events of the store from now on. To miss nothing, subscribe first, then list.

        With a pattern, as in `list`, those of objects whose names match. The name is read when the
        event is taken: that an object is gone matches no pattern.
        """
        return Events(self._connection, matching)

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
        import asyncio

        loop = asyncio.get_running_loop()
        if self._arrivals is None:
            import weakref

            # In one step, because event loops run in any number of threads.
            vars(self).setdefault("_arrivals", weakref.WeakKeyDictionary())
        assert self._arrivals is not None
        arrivals = self._arrivals.get(loop)
        if arrivals is None:
            arrivals = self._arrivals[loop] = _Arrivals(self._connection)
        while True:
            arrival = arrivals.expect(key, loop)
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

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_id: dict[Any, set[asyncio.Future[None]]] = {}
        self._by_name: dict[Any, set[asyncio.Future[None]]] = {}
        self._events: Optional[Events] = None
        self._watch: Optional[Watch] = None
        self._failed = False
        """Whether an object failed among the events that were taken last."""

    def _waits(self, key: Key) -> dict[Any, set[asyncio.Future[None]]]:
        return self._by_name if isinstance(key, str) else self._by_id

    def expect(self, key: Key, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """A future that is done when the object may have been sealed, or may have failed."""
        if self._events is None:
            events = Events(self._connection)
            self._watch = events.watch()
            self._watch.call(self._drain)
            self._events = events
        arrival: asyncio.Future[None] = loop.create_future()
        self._waits(key).setdefault(key, set()).add(arrival)
        return arrival

    def forget(self, key: Key, arrival: asyncio.Future[None]) -> None:
        """Drop a future."""
        if arrival.done() and not arrival.cancelled():
            arrival.exception()  # so that asyncio does not miss the one who asks
        waits = self._waits(key)
        waiting = waits.get(key, set())
        waiting.discard(arrival)
        if not waiting:
            waits.pop(key, None)
        if not self._by_id and not self._by_name:
            self._close()

    def _close(self) -> None:
        events, self._events = self._events, None
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
        if events is not None:
            events.close()

    def _drain(self) -> None:
        """Wake those whose objects were sealed; on any failure, all of them, with the failure."""
        sealed: set[Any] = set()
        try:
            lost = self._take(sealed)
            names = list(self._by_name)
            # Events have no names.
            arrived: Any = []
            if names and self._failed:
                arrived = names
            elif names and (sealed or lost):
                arrived = self._connection.sealed_of(names)
        except PlasmaError as failure:
            self._close()
            self._wake(self._by_id, self._by_id, failure)
            self._wake(self._by_name, self._by_name, failure)
            return
        self._wake(self._by_id, self._by_id if lost else sealed)
        self._wake(self._by_name, arrived)

    def _take(self, sealed: set[Any]) -> bool:
        """Take all events; returns whether some were lost."""
        lost = self._failed = False
        while self._events is not None:
            try:
                event = self._events.next(0)
            except PlasmaTimeoutError:
                break
            lost = lost or event.type is EventType.LOST
            self._failed = self._failed or event.type is EventType.FAILED
            if event.type in (EventType.SEALED, EventType.FAILED):
                sealed.add(event.id)
        return lost

    def _wake(
        self,
        waits: dict[Any, set[asyncio.Future[None]]],
        keys: Any,
        failure: Optional[PlasmaError] = None,
    ) -> None:
        for key in keys:
            for arrival in waits.get(key, ()):
                if arrival.done():
                    continue
                if failure is None:
                    arrival.set_result(None)
                else:
                    arrival.set_exception(type(failure)(*failure.args))
