"""Calls into libplasma: retried after signals, and after a fork with a connection of its own."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Optional, TypeVar, Union

from plasma import _native
from plasma._library import ffi, lib, text
from plasma.errors import DisconnectedError, LimitError, OutOfMemoryError, check, error
from plasma.times import milliseconds

log: logging.Logger = logging.getLogger("plasma")

_renewing = threading.Lock()

_R = TypeVar("_R")
_S = TypeVar("_S")
_SECOND = 1.0
_FORKED: int = lib.PLASMA_ERR_FORKED
_INTERRUPTED: int = lib.PLASMA_ERR_INTERRUPTED


def reset_after_fork() -> None:
    """Another thread of the parent may have held the lock."""
    global _renewing
    _renewing = threading.Lock()


def open_client(address: Optional[str], options: Any) -> Any:
    """A new plasma_client_t."""
    client = ffi.new("plasma_client_t **")
    encoded = ffi.NULL if address is None else os.fsencode(address)
    check(lib.plasma_connect(encoded, options, client))
    return client[0]


class Connection(_native.Connection):
    """What a client and its buffers call libplasma through."""

    __slots__ = ("_options", "address", "interrupts", "pid", "pointer", "read_only")

    address: str
    interrupts: int
    """How often interrupt() was called."""
    pid: int
    """The process that connected."""
    pointer: Any
    """The plasma_client_t."""
    read_only: bool

    def __init__(self, address: Optional[str], options: Any) -> None:
        self._options = options
        self.read_only = bool(options.flags & lib.PLASMA_CONNECT_READ_ONLY)
        self.interrupts = 0
        self._adopt_client(open_client(address, options))
        self.address = text(lib.plasma_client_address(self.pointer))

    def _adopt_client(self, pointer: Any) -> None:
        self.pid = os.getpid()
        self.pointer = pointer
        self._open(int(ffi.cast("uintptr_t", pointer)))

    def renew(self) -> None:
        """Connect anew in a forked child."""
        with _renewing:
            if self.pid == os.getpid():
                return
            options = ffi.new("plasma_connect_options_t *", self._options[0])
            options.flags = lib.PLASMA_CONNECT_EXISTING
            if self.read_only:
                options.flags = lib.PLASMA_CONNECT_READ_ONLY
            self._adopt_client(open_client(self.address, options))
        log.info("process %d was forked: connected anew to %s", self.pid, self.address)

    def call(self, function: Callable[..., int], *args: object, about: object = None) -> None:
        """function(client, *args), which takes no time-out of its own."""
        self.run(lambda _: self._call(function, self.pointer, *args), None, about)

    def run(
        self,
        attempt: Callable[[int], Union[_R, int]],
        timeout: Optional[float],
        about: object = None,
    ) -> _R:
        """What attempt(timeout_ms) gives; if that is a status that is not OK, its exception."""
        deadline = time.monotonic() + timeout if timeout else None
        interrupts = self.interrupts
        while True:
            result = attempt(milliseconds(timeout))
            if result.__class__ is not int or result == 0:
                return result  # type: ignore[return-value]
            self.overcome(result, interrupts, about)  # type: ignore[arg-type]
            if deadline is not None:
                timeout = max(0.001, deadline - time.monotonic())  # 0 would be another question

    def run_for_room(
        self, attempt: Callable[[int], _S], timeout: Optional[float], about: object = None
    ) -> _S:
        """As run(), for what waits for room.

        That wait is a row of short sleeps, and a signal between two of them goes unnoticed: so it
        is looked for once a second. (The wait for an object is asleep all the time.)
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            began = time.monotonic()
            left = _SECOND if deadline is None else max(0.0, deadline - began)
            try:
                return self.run(attempt, min(left, _SECOND), about)
            except (OutOfMemoryError, LimitError):
                waited = time.monotonic() - began >= _SECOND
                if not waited or (deadline is not None and time.monotonic() >= deadline):
                    raise
            _native.check_signals()

    def overcome(self, status: int, interrupts: int, about: object = None) -> None:
        """Do what lets the call be tried again, or raise what the status stands for."""
        if status == _FORKED:
            self.renew()
        elif self.closed:
            raise DisconnectedError("the client is closed")
        elif status == _INTERRUPTED and interrupts == self.interrupts:
            _native.check_signals()
        else:
            raise error(status, about)

    def interrupt(self) -> None:
        """End the waits with InterruptedError."""
        self.interrupts += 1
        self.call(lib.plasma_interrupt)
