"""Calls into libplasma, retried after signals, and after a fork with a new connection."""

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

Address = Union[str, "os.PathLike[str]", None]
"""None for $PLASMA_STORE or else "default"; a word; or a path with a "/"."""

log: logging.Logger = logging.getLogger("plasma")

_renewing = threading.Lock()

_R = TypeVar("_R")
_S = TypeVar("_S")
_TIMEOUT: int = lib.PLASMA_ERR_TIMEOUT

_SLICE = 0.1
"""Seconds. A signal ends a wait, except a signal that arrives while libplasma is between two of its
sleeps, each of which takes this time. So the main thread, which runs the handlers, waits in slices.
"""
_FORKED: int = lib.PLASMA_ERR_FORKED
_INTERRUPTED: int = lib.PLASMA_ERR_INTERRUPTED


def reset_after_fork() -> None:
    """Make a new lock, because another thread of the parent may have held the old one."""
    global _renewing
    _renewing = threading.Lock()


def encoded_address(address: Address) -> Any:
    """The address as an argument of C."""
    return ffi.NULL if address is None else os.fsencode(address)


def open_client(address: Address, options: Any) -> Any:
    """A new plasma_client_t."""
    client = ffi.new("plasma_client_t **")
    check(lib.plasma_connect(encoded_address(address), options, client))
    return client[0]


def _is_long(timeout: Optional[float]) -> bool:
    """Whether to wait in slices."""
    if timeout is not None and timeout <= _SLICE:
        return False
    return threading.get_ident() == threading.main_thread().ident


class Connection(_native.Connection):
    """The connection by which a client and its buffers call libplasma."""

    __slots__ = ("_options", "address", "interrupts", "pid", "pointer", "read_only")

    address: str
    interrupts: int
    """Number of calls of interrupt()."""
    pid: int
    """The process that connected."""
    pointer: Any
    """The plasma_client_t."""
    read_only: bool

    def __init__(self, address: Address, options: Any) -> None:
        self._options = options
        self.read_only = bool(options.flags & lib.PLASMA_CONNECT_READ_ONLY)
        self.interrupts = 0
        self._adopt_client(open_client(address, options))
        # An absolute path, for children and pickles, which may be in another directory.
        self.address = os.path.join(os.getcwd(), text(lib.plasma_client_address(self.pointer)))

    def _adopt_client(self, pointer: Any) -> None:
        self.pid = os.getpid()
        self.pointer = pointer
        self._open(int(ffi.cast("uintptr_t", pointer)))

    def renew(self) -> None:
        """Connect again in a forked child."""
        with _renewing:
            if self.pid == os.getpid():
                return
            options = ffi.new("plasma_connect_options_t *", self._options[0])
            options.flags = lib.PLASMA_CONNECT_EXISTING
            if self.read_only:
                options.flags = lib.PLASMA_CONNECT_READ_ONLY
            self._adopt_client(open_client(self.address, options))
        log.info("process %d was forked: connected again to %s", self.pid, self.address)

    def call(self, function: Callable[..., int], *args: object, about: object = None) -> None:
        """Call function(client, *args), which has no timeout."""
        self.run(lambda _: self._call(function, self.pointer, *args), 0, about)

    def run(
        self,
        attempt: Callable[[int], Union[_R, int]],
        timeout: Optional[float],
        about: object = None,
    ) -> _R:
        """The result of attempt(timeout_ms); a status other than OK raises its exception."""
        deadline = time.monotonic() + timeout if timeout else None
        interrupts = self.interrupts
        while True:
            cut = _is_long(timeout)
            result = attempt(milliseconds(_SLICE if cut else timeout))
            if result.__class__ is not int or result == 0:
                return result  # type: ignore[return-value]
            if cut and result == _TIMEOUT:
                _native.check_signals()
            else:
                self.overcome(result, interrupts, about)  # type: ignore[arg-type]
            if deadline is not None:
                # 0 would not wait, which gives other statuses.
                timeout = max(0.001, deadline - time.monotonic())

    def run_for_room(
        self, attempt: Callable[[int], _S], timeout: Optional[float], about: object = None
    ) -> _S:
        """Like run(), for calls that wait for room and fail without room after the timeout."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            cut = _is_long(timeout)
            began = time.monotonic()
            try:
                return self.run(attempt, _SLICE if cut else timeout, about)
            except (OutOfMemoryError, LimitError):
                if not cut or time.monotonic() - began < _SLICE:
                    raise
            _native.check_signals()
            if deadline is not None:
                timeout = max(0.0, deadline - time.monotonic())

    def overcome(self, status: int, interrupts: int, about: object = None) -> None:
        """Prepare a retry of the call, or raise the exception of the status."""
        if status == _FORKED:
            self.renew()
        elif self.closed:
            raise DisconnectedError("the client is closed")
        elif status == _INTERRUPTED and interrupts == self.interrupts:
            _native.check_signals()
        else:
            raise error(status, about)

    def interrupt(self) -> None:
        """End the waits in flight with InterruptedError."""
        self.interrupts += 1
        self.call(lib.plasma_interrupt)
