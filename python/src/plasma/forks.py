"""Forked children take leases of their own before the parent continues.

A view in a forked child reads the mapping of the parent, which no code can detect. So a parent that
holds leases waits after a fork until the child has leases of its own on those objects. A child
cannot take a lease on a deleted object: there, views become views of a private copy, and a buffer
without views raises an exception when it is used.
"""

from __future__ import annotations

import os
import select
import threading
from typing import NamedTuple, Optional

from plasma import _native, connection
from plasma.buffers import Buffer
from plasma.connection import Connection, log
from plasma.errors import PlasmaError
from plasma.infos import ObjectInfo

PATIENCE = 10.0
"""Seconds that a parent waits for the leases of a child. After that it keeps its own forever."""


class _Held(NamedTuple):
    buffer: Buffer
    info: Optional[ObjectInfo]
    """None if the store was removed, or an earlier fork left the buffer without a lease."""


class _Fork(threading.local):
    """The state that the hooks of one fork share; the thread that forks continues in the child."""

    held: list[_Held]
    pipe: Optional[tuple[int, int]]
    """Its second end is closed when the child is ready; None if no descriptor was free."""


_fork = _Fork()
_kept_for_good: list[list[_Held]] = []


def _pipe() -> tuple[int, int]:
    """A pipe apart from the standard streams. If those are closed, a pipe could take their numbers,
    and output of the child would tell the parent that it is ready."""
    low: list[int] = []
    try:
        while True:
            ends = os.pipe2(os.O_CLOEXEC)
            if min(ends) > 2:
                return ends
            low += ends
    finally:
        for end in low:
            os.close(end)


def _before() -> None:
    _fork.held, _fork.pipe = [], None
    for lease in _native.leases():
        if isinstance(lease, Buffer):
            try:
                info = lease.info
            except PlasmaError:
                info = None
            _fork.held.append(_Held(lease, info))
    if _fork.held:
        try:
            _fork.pipe = _pipe()
        except OSError as error:
            log.warning("a fork has no pipe to its parent: %s", error)


def _in_parent() -> None:
    if not _fork.held:
        return
    ready = False
    if _fork.pipe:
        done, child_end = _fork.pipe
        os.close(child_end)
        # The child closes its end when it is ready, or by dying.
        poll = select.poll()
        poll.register(done, select.POLLIN)
        ready = bool(poll.poll(PATIENCE * 1000))
        os.close(done)
    if not ready:
        log.warning("a forked child has not connected: the buffers it may use are kept forever")
        _kept_for_good.append(_fork.held)
    _fork.held = []


def _in_child() -> None:
    _native.forked()
    connection.reset_after_fork()
    if not _fork.held:
        return
    for held in _fork.held:
        if not _renewed(held) and held.buffer._exports:  # pyright: ignore[reportPrivateUsage]
            held.buffer._copy_pages()  # pyright: ignore[reportPrivateUsage]
    for end in _fork.pipe or ():
        os.close(end)
    _fork.held = []


def _renewed(held: _Held) -> bool:
    info = held.info
    if info is None:
        return False
    owner: Connection = held.buffer._connection  # pyright: ignore[reportPrivateUsage]
    try:
        own = owner.run(lambda _: owner.get(info.id, 0, Buffer), 0)
        if own.info.create_time != info.create_time:
            return False  # another object has the id now
    except PlasmaError:
        return False
    held.buffer._renew(own)  # pyright: ignore[reportPrivateUsage]
    return True


def install() -> None:
    """Register the hooks."""
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
