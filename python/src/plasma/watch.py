"""How an event loop of asyncio learns that there are events."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from plasma.events import Events


class Watch:
    """The tasks of one event loop that wait for the same events.

    A loop has one callback for each descriptor, so the tasks share this one. The loop watches a
    duplicate of the descriptor: nobody else registers it, and the loop's own thread closes it after
    the loop has stopped watching it. So its number is not that of another file before.
    """

    def __init__(self, events: Events, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.fd: int = events.duplicate()
        self._events = events
        self._pid = os.getpid()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._callback: Optional[Callable[[], None]] = None
        loop.add_reader(self.fd, self._readable)

    async def wait(self) -> None:
        """Wait until there may be an event for this task, or the events have ended."""
        if self.fd < 0:
            return
        ready: asyncio.Future[None] = self.loop.create_future()
        self._waiting.append(ready)
        try:
            await ready
        finally:
            with suppress(ValueError):
                self._waiting.remove(ready)
            if not self._waiting and self._callback is None:
                self._stop()

    def call(self, callback: Callable[[], None]) -> None:
        """Call a function whenever there may be events, and when they have ended."""
        self._callback = callback

    def _readable(self) -> None:
        if self._callback is not None:
            self._callback()
        # One task for each round of the loop: it takes one event, and the descriptor stays readable
        # while there are more.
        while self._waiting:
            ready = self._waiting.popleft()
            if not ready.done():
                ready.set_result(None)
                return

    def end(self) -> None:
        """Wake all tasks and stop watching; from any thread, or a signal handler."""
        if self._pid != os.getpid():
            return
        try:
            self.loop.call_soon_threadsafe(self._stop)
        except RuntimeError:  # the loop is closed
            self._close()

    def stop(self) -> None:
        """Stop watching; in the thread of the loop."""
        self._callback = None
        self._stop()

    def _stop(self) -> None:
        if self.fd >= 0:
            self.loop.remove_reader(self.fd)
            self._close()
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()
        for ready in self._waiting:
            if not ready.done():
                ready.set_result(None)

    def _close(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)
        self._events.forget(self)
