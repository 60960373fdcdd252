"""Calls into libplasma, retried after signals, and after a fork with a new connection."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Optional, TypeVar, Union

from plasma import _native
from plasma._library import ffi, imported, lib, sized, text
from plasma.errors import DisconnectedError, LimitError, OutOfMemoryError, check, error
from plasma.times import milliseconds

Address = Union[str, "os.PathLike[str]", None]
"""None for $PLASMA_STORE or else "default"; a word; or a path with a "/"."""

# A signal handler may use a client in the midst of a renewal by its own thread.
_renewing = threading.RLock()

on_open: list[Callable[[], None]] = []
"""Called after each connection of this process was made."""

_exiting = False

_R = TypeVar("_R")
_S = TypeVar("_S")
_TIMEOUT: int = lib.PLASMA_ERR_TIMEOUT

_SLICE = 0.1
"""Seconds. A signal ends a wait, except a signal that arrives while libplasma is between two of its
sleeps, each of which takes this time. So the main thread, which runs the handlers, waits in slices.
"""
_FORKED: int = lib.PLASMA_ERR_FORKED
_INTERRUPTED: int = lib.PLASMA_ERR_INTERRUPTED


def warn(message: str) -> None:
    """Log a warning, also where no file can be opened, that of a module included."""
    try:
        import logging

        logging.getLogger("plasma").warning("%s", message)
    except OSError:
        print(message, file=sys.stderr)


def reset_after_fork() -> None:
    """Make a new lock, because another thread of the parent may have held the old one."""
    global _renewing
    _renewing = threading.RLock()


def close_all() -> None:
    """Close every connection, because the process ends.

    Ephemeral stores go with their last client. Views may still be used, by code that runs later or
    by daemon threads: their memory stays mapped.
    """
    global _exiting
    _exiting = True
    for connection in all_open():
        connection.leave_at_exit()


def all_open() -> list[Connection]:
    """The open connections of this process."""
    found = [reference() for reference in _native.open_connections()]
    return [connection for connection in found if connection is not None]


def encoded_address(address: Address) -> Any:
    """The address as an argument of C."""
    if address is None:
        return ffi.NULL
    encoded = os.fsencode(address)
    if b"\0" in encoded:
        raise ValueError(f"the address {address!r} contains a NUL")
    if not isinstance(address, (str, bytes)) and b"/" not in encoded:
        return b"./" + encoded  # it is a path, not a word
    return encoded


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

    __slots__ = (
        "__weakref__", "_ephemeral", "_options", "address", "heaps", "interrupts", "pid", "pointer",
        "read_only",
    )  # fmt: skip

    address: str
    heaps: Any
    """The mappings of the heap, for `plasma.private`."""
    interrupts: int
    """Number of calls of interrupt()."""
    pid: int
    """The process that connected."""
    pointer: Any
    """The plasma_client_t."""
    read_only: bool

    def __init__(self, address: Address, options: Any) -> None:
        self._options = options
        self._ephemeral: Optional[bool] = None
        self.heaps = None
        self.read_only = bool(options.flags & lib.PLASMA_CONNECT_READ_ONLY)
        self.interrupts = 0
        self._adopt_client(open_client(address, options))
        # An absolute path, for children and pickles, which may be in another directory.
        self.address = text(lib.plasma_client_address(self.pointer))

    def _adopt_client(self, pointer: Any) -> None:
        if not self._open(int(ffi.cast("uintptr_t", pointer))):
            lib.plasma_disconnect(pointer)
            raise DisconnectedError("the client is closed")
        self.pointer = pointer
        # Last, because other threads take it as the sign that the rest is new.
        self.pid = os.getpid()
        for callback in on_open:
            callback()

    def renew(self) -> None:
        """Connect again in a forked child. The hooks of a fork call it too: it waits for nothing
        that a thread of the parent may have held."""
        with _renewing:
            if self.pid == os.getpid():
                return
            options = ffi.new("plasma_connect_options_t *", self._options[0])
            options.flags = lib.PLASMA_CONNECT_EXISTING
            if self.read_only:
                options.flags = lib.PLASMA_CONNECT_READ_ONLY
            pointer = open_client(self.address, options)
            if self.pid == os.getpid():  # a signal handler was faster
                lib.plasma_disconnect(pointer)
                return
            self._adopt_client(pointer)

    def tell_of_renewal(self) -> None:
        """Log it, unless the program has not imported logging: in a child an import could wait for
        a thread of the parent that was importing."""
        logging = imported("logging")
        if hasattr(logging, "getLogger"):
            message = "process %d was forked: connected again to %s"
            logging.getLogger("plasma").info(message, self.pid, self.address)

    def is_ephemeral(self) -> bool:
        """Whether the store goes with its last client."""
        if self._ephemeral is None:
            numbers = sized("plasma_stats_t")
            self.call(lib.plasma_stats, numbers)
            self._ephemeral = bool(numbers.flags & lib.PLASMA_CONNECT_EPHEMERAL)
        return self._ephemeral

    def call(self, function: Callable[..., int], *args: object, about: object = None) -> None:
        """Call function(client, *args), which has no timeout."""
        self.run(lambda _: self._call(function, self.pointer, *args), 0, about)

    def sealed_of(self, keys: list[Any]) -> list[Any]:
        """Those of the keys that are sealed."""
        return self.run(lambda _: self.sealed(keys), 0)

    def run(
        self,
        attempt: Callable[[int], Union[_R, int]],
        timeout: Optional[float],
        about: object = None,
    ) -> _R:
        """The result of attempt(timeout_ms); a status other than OK raises its exception.

        The exception says what it is `about`, which may be a function that knows it by then.
        """
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
            self.tell_of_renewal()
        elif self.closed:
            if _exiting and threading.current_thread() is not threading.main_thread():
                raise SystemExit  # of a daemon thread: ends it without a traceback
            raise DisconnectedError("the client is closed")
        elif status == _INTERRUPTED and interrupts == self.interrupts:
            _native.check_signals()
        else:
            raise error(status, about() if callable(about) else about)

    def interrupt(self) -> None:
        """End the waits in flight with InterruptedError."""
        self.interrupts += 1
        self.call(lib.plasma_interrupt)
