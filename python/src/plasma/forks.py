"""Forked children take leases of their own before the parent continues.

A view in a forked child reads the mapping of the parent, which no code can detect. So a parent that
holds leases waits after a fork until the child has leases of its own on those objects. A child
cannot take a lease on a deleted object: there, views become views of a private copy, and a buffer
without views raises an exception when it is used.

A child of a client of an ephemeral store connects before the parent continues, too: otherwise the
store would be gone when the parent exits, as the parents of a daemon do at once.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import suppress
from typing import Any, Optional

from plasma import _native, connection
from plasma.connection import Connection, warn
from plasma.errors import PlasmaError

PATIENCE = 10.0
"""Seconds that a parent waits for the leases of a child. After that it goes on, and keeps its own
until the child has its leases or ends."""


class _Fork(threading.local):
    """The state that the hooks of one fork share; the thread that forks continues in the child."""

    kept: Any = None
    """A capsule that keeps the leases of the parent; None without leases."""
    joins: list[Connection]
    """Those to ephemeral stores."""
    pipe: Optional[tuple[int, int]] = None
    """Its second end is closed when the child is ready; None if there is no need of it, or no
    descriptor was free."""
    executes: bool = False
    """The child only runs a function before it executes a program."""


_fork = _Fork()
_kept_for_good: list[Any] = []


class _Late:
    """Leases that are kept until their children are ready, execute a program, or end."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.kept: dict[int, Any] = {}

    def keep(self, done: int, kept: Any) -> None:
        """Keep leases until the other end of a pipe is closed."""
        with self.lock:
            begin = not self.kept
            self.kept[done] = kept
        if begin:
            threading.Thread(target=self._watch, name="plasma-forks", daemon=True).start()

    def _watch(self) -> None:
        while True:
            with self.lock:
                waiting = list(self.kept)
            poll = select.poll()
            for done in waiting:
                poll.register(done, select.POLLIN)
            # Later ones are noticed after this time.
            for done, _ in poll.poll(100):
                with self.lock:
                    del self.kept[done]
                os.close(done)
            with self.lock:
                if not self.kept:
                    return

    def drop_in_child(self) -> None:
        """The leases and the thread are the parent's."""
        for done in self.kept:
            os.close(done)
        self.__init__()


_late = _Late()


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


def _is_of_subprocess() -> bool:
    """Whether the hooks run for Popen(preexec_fn=...)."""
    hook = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    return hook.f_back is not None and hook.f_back.f_globals.get("__name__") == "subprocess"


def _before() -> None:
    _fork.kept, _fork.joins, _fork.pipe = _native.keep_leases(), [], None
    _fork.executes = _is_of_subprocess()
    if not _fork.executes:
        for each in connection.all_open():
            with suppress(PlasmaError):
                if each.is_ephemeral():
                    _fork.joins.append(each)
    if _fork.kept is not None or _fork.joins:
        try:
            _fork.pipe = _pipe()
        except OSError as error:
            warn(f"a fork has no pipe to its parent: {error}")


def _in_parent() -> None:
    kept, joins, pipe = _fork.kept, _fork.joins, _fork.pipe
    _fork.kept, _fork.joins, _fork.pipe = None, [], None
    if kept is None and not joins:
        return
    if pipe is None:
        _kept_for_good.append(kept)
        warn("a forked child cannot tell when it is ready: its buffers are kept forever")
        return
    done, child_end = pipe
    os.close(child_end)
    # The child closes its end when it is ready, executes a program, or dies.
    if not _fork.executes:
        poll = select.poll()
        poll.register(done, select.POLLIN)
        if poll.poll(PATIENCE * 1000):
            os.close(done)
            return
        warn("a forked child is not ready: the buffers it may use are kept until it is")
    _late.keep(done, kept)


def _in_child() -> None:
    executes, joins, pipe = _fork.executes, _fork.joins, _fork.pipe
    _fork.kept, _fork.joins, _fork.pipe = None, [], None
    _late.drop_in_child()
    _native.forked(executes)
    connection.reset_after_fork()
    if executes:
        return  # the parent keeps its leases until then
    for owner in {*_native.inherited_connections(), *joins}:
        with suppress(PlasmaError):
            if not owner.closed:
                owner.renew()
    try:
        _native.renew_leases()
    finally:
        for end in pipe or ():
            os.close(end)


def install() -> None:
    """Register the hooks."""
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
