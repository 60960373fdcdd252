"""Stores that last as long as the process that makes them, however it ends.

An ephemeral store goes when its last client leaves. If its owner is killed, its guard removes it: a
small process that waits until the owner has ended. If the guard is killed, too, the next process
that makes such a store removes the old one.
"""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from typing import Any, Optional

from plasma import _library
from plasma.client import Client, connect
from plasma.errors import PlasmaError, StoreExistsError
from plasma.sizes import Size

PREFIX = "temporary-"

_guard: Optional[int] = None
"""The pipe to the guard of this process."""


def temporary_store(capacity: Optional[Size] = None) -> Client:
    """A client of a new store, which is gone when this process has ended.

    By default its capacity is half of what is free in /dev/shm, which it takes only as it is used.
    When it is full, it evicts objects that nobody holds.
    """
    if capacity is None:
        room = os.statvfs("/dev/shm")
        capacity = room.f_bavail * room.f_frsize // 2
    while True:
        name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        with suppress(StoreExistsError):
            client = connect(
                name, exclusive=True, ephemeral=True, capacity=capacity, eviction="lru"
            )
            break
    _watch(client.address)
    sweep(client.address, PREFIX)
    return client


def _watch(address: str) -> None:
    """Tell the guard of this process about a store."""
    global _guard
    if _guard is None and sys.executable:
        _guard = _start_guard()
    if _guard is not None:
        os.write(_guard, os.fsencode(address) + b"\n")


def _start_guard() -> int:
    reading, writing = os.pipe()
    script = os.path.join(os.path.dirname(__file__), "guard.py")
    quiet = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    actions: Any = [(os.POSIX_SPAWN_DUP2, reading, 0), quiet, (os.POSIX_SPAWN_DUP2, 1, 2)]
    command = [sys.executable, "-I", "-S", script, _library.path]
    try:
        # Its own group: no signal of a terminal reaches it.
        os.posix_spawn(sys.executable, command, os.environ, file_actions=actions, setpgroup=0)
    finally:
        os.close(reading)
    return writing


def _forget_guard() -> None:
    """In a forked child: the guard waits for its parent alone."""
    global _guard
    if _guard is not None:
        os.close(_guard)
        _guard = None


def sweep(own: str, prefix: str) -> None:
    """Remove the stores whose owner and guard were killed: to connect to one removes it."""
    directory, name = os.path.split(own)
    for other in os.listdir(directory):
        if other.startswith(prefix) and other != name:
            with suppress(PlasmaError, OSError):
                connect(os.path.join(directory, other), create=False).close()


os.register_at_fork(after_in_child=_forget_guard)
