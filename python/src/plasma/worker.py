"""The program of a worker process: unpacks tasks, runs them, packs their results."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable
from multiprocessing import pool
from multiprocessing.connection import Connection, wait
from multiprocessing.process import parent_process
from typing import Any, NamedTuple, Optional

from plasma.client import Client
from plasma.exchange import Exchange

READY, BROKEN, DONE, FAILED = range(4)
"""A message says that the worker is ready, that its initializer failed, or how a task ended."""
STOP = b""
"""The message that ends a worker."""
_pool: Any = pool


class Setup(NamedTuple):
    """The part that all workers of a pool have in common."""

    client: Client
    minimum: int
    initializer: Optional[Callable[..., object]]
    initargs: tuple[Any, ...]


def work(pipe: Connection, setup: Setup, inherited: list[Connection]) -> None:
    """Run tasks until the owner says stop."""
    for other in inherited:
        other.close()
    threading.Thread(target=_watch_owner, name="plasma-owner", daemon=True).start()
    exchange = Exchange(setup.client, setup.minimum, quiet=True)  # the owner warns
    try:
        if setup.initializer is not None:
            setup.initializer(*setup.initargs)
    except BaseException as error:
        _answer(pipe, exchange, BROKEN, error, set())
        raise
    pipe.send_bytes(pickle.dumps((READY, None)))
    try:
        while True:
            message = pipe.recv_bytes()
            if message == STOP:
                return
            _run(pipe, exchange, message)
            del message
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the owner has ended


def _run(pipe: Connection, exchange: Exchange, message: bytes) -> None:
    parcel = pickle.loads(message)
    try:
        function, args, keywords = exchange.unpack(parcel)
        tag, value = DONE, function(*args, **keywords)
    except Exception as error:
        tag, value = FAILED, error
    _answer(pipe, exchange, tag, value, parcel.references())


def _answer(pipe: Connection, exchange: Exchange, tag: int, value: Any, among: set[bytes]) -> None:
    try:
        sent = value if tag == DONE else _with_traceback(value)
        parcel = exchange.pack_result(sent, among)
        message = pickle.dumps((tag, parcel))
    except Exception as error:
        encoding = _pool.MaybeEncodingError(error, value)
        message = pickle.dumps((FAILED, exchange.pack_result(encoding, among)))
    pipe.send_bytes(message)


def _with_traceback(error: BaseException) -> Any:
    return _pool.ExceptionWithTraceback(error, error.__traceback__)


def _watch_owner() -> None:
    """End this process when its owner has ended, whatever it is doing."""
    owner = parent_process()
    if owner is not None:
        wait([owner.sentinel])
        os._exit(1)


def run_chunk(function: Callable[..., Any], items: Any) -> list[Any]:
    """The task of a part of `map`."""
    return [function(item) for item in items]


def run_star_chunk(function: Callable[..., Any], items: Any) -> list[Any]:
    """The task of a part of `starmap`."""
    return [function(*item) for item in items]
