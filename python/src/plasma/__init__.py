"""Plasma: immutable objects in memory that processes share.

>>> import plasma
>>> client = plasma.connect(ephemeral=True)
>>> id = client.put({"answer": 42})
>>> client.get_object(id)  # in any process
{'answer': 42}
"""

from typing import TYPE_CHECKING, Any

from plasma import exits, foreign, forks
from plasma._library import lib, packages, text
from plasma.buffers import Buffer, MutableBuffer
from plasma.client import Client, connect, remove
from plasma.connection import Address
from plasma.errors import (
    AbortedError,
    AccessError,
    CorruptError,
    DisconnectedError,
    ExistsError,
    FailedError,
    ForkedError,
    FormatError,
    InternalError,
    InterruptedError,
    InvalidArgumentError,
    LimitError,
    MismatchError,
    NameExistsError,
    NotAStoreError,
    NotFoundError,
    NotSealedError,
    OutOfMemoryError,
    PlasmaError,
    ReadOnlyError,
    SealedError,
    StoreExistsError,
    StoreGoneError,
    StoreNotFoundError,
    SystemCallError,
    TimeoutError,
    TooLargeError,
    UnsupportedError,
    VersionError,
)
from plasma.events import Event, Events, EventType
from plasma.ids import Key, ObjectID
from plasma.infos import ClientInfo, ObjectInfo, State, Stats
from plasma.options import Metadata
from plasma.sizes import Size
from plasma.times import Seconds

if TYPE_CHECKING:
    from plasma.executor import Executor
    from plasma.pool import Pool
    from plasma.workers import WorkerDiedError

__version__: str = text(lib.plasma_version_string())

__all__ = [
    "AbortedError",
    "AccessError",
    "Address",
    "Buffer",
    "Client",
    "ClientInfo",
    "CorruptError",
    "DisconnectedError",
    "Event",
    "EventType",
    "Events",
    "Executor",
    "ExistsError",
    "FailedError",
    "ForkedError",
    "FormatError",
    "InternalError",
    "InterruptedError",
    "InvalidArgumentError",
    "Key",
    "LimitError",
    "Metadata",
    "MismatchError",
    "MutableBuffer",
    "NameExistsError",
    "NotAStoreError",
    "NotFoundError",
    "NotSealedError",
    "ObjectID",
    "ObjectInfo",
    "OutOfMemoryError",
    "PlasmaError",
    "Pool",
    "ReadOnlyError",
    "SealedError",
    "Seconds",
    "Size",
    "State",
    "Stats",
    "StoreExistsError",
    "StoreGoneError",
    "StoreNotFoundError",
    "SystemCallError",
    "TimeoutError",
    "TooLargeError",
    "UnsupportedError",
    "VersionError",
    "WorkerDiedError",
    "connect",
    "remove",
]

_LATER = {"Executor": "executor", "Pool": "pool", "WorkerDiedError": "workers"}


def __getattr__(name: str) -> Any:
    # These import multiprocessing.
    if name not in _LATER:
        raise AttributeError(f"module 'plasma' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"plasma.{_LATER[name]}"), name)
    globals()[name] = value
    return value


foreign.warn(packages)
exits.install()
forks.install()
