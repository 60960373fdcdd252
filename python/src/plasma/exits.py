"""Every process that ends regularly closes its connections: ephemeral stores go with the last."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import Any

from plasma import _native, connection
from plasma._library import imported

_watched = 0
"""The process whose end is watched beside atexit."""


def watch() -> None:
    """Close all connections when a process of multiprocessing ends, which does not run atexit."""
    global _watched
    util, process = imported("multiprocessing.util"), imported("multiprocessing.process")
    if util is None or process is None or _watched == os.getpid():
        return
    _watched = os.getpid()
    # A child that was just forked forgets its finalizers before it runs these hooks.
    util.register_after_fork(watch, _add_finalizer)
    if process.parent_process() is not None:
        _add_finalizer(None)


def _add_finalizer(_: object) -> None:
    util: Any = sys.modules["multiprocessing.util"]
    # After all others, which may use a store.
    util.Finalize(None, _end, exitpriority=-1000)


def _end() -> None:
    """The end of a process by os._exit."""
    current = threading.current_thread()
    if any(thread is not current and not thread.daemon for thread in threading.enumerate()):
        # Waits for them, as multiprocessing does next.
        threading._shutdown()  # type: ignore[attr-defined]
    connection.close_all()
    _native.end()


def install() -> None:
    """Register the end of this process, and of its children by os.fork."""
    atexit.register(connection.close_all)
    connection.on_open.append(watch)
