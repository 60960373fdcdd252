"""Workers of Dask on one machine pass references to arrays, frames and tables, and no bytes.

A worker that asks another for data says in the handshake of the connection which machine it is on.
If it is the same, the other puts the value into its store, which is its own, and answers with
references; else, and in all other messages, Dask's own serialization goes on.
"""

from __future__ import annotations

import functools
import importlib
import os
import pickle
import threading
import weakref
from pathlib import Path
from typing import Any, Optional, cast

import plasma
from plasma.errors import PlasmaError
from plasma.exchange import Exchange, Held, Parcel
from plasma.sizes import Size, byte_count
from plasma.temporary import temporary_store

_distributed: Any = importlib.import_module("distributed")
_serialize: Any = importlib.import_module("distributed.protocol.serialize")
_sizes: Any = importlib.import_module("dask.sizeof")

KEY = "plasma"
"""The key of the handshake, and of the header of a value that was passed by reference."""
MINIMUM = 1 << 20
"""Bytes from which on a value goes by reference."""


class PlasmaPlugin(_distributed.WorkerPlugin):
    """Lets a worker pass and take references; see `install`."""

    name = KEY

    def __init__(self, capacity: Optional[Size] = None, minimum: Size = MINIMUM) -> None:
        self.capacity = capacity
        self.minimum = byte_count(minimum, "minimum")

    def setup(self, worker: Any) -> None:
        """Called by Dask in each worker, also in later ones."""
        _begin(worker.rpc, self.capacity, self.minimum)

    def teardown(self, worker: Any) -> None:
        """The worker asks for bytes again."""
        worker.rpc.connection_args.get("handshake_overrides", {}).pop(KEY, None)


def install(client: Any, capacity: Optional[Size] = None, minimum: Size = MINIMUM) -> None:
    """Let all workers of a cluster, and later ones, pass values of `minimum` bytes by reference.

    :param capacity: bytes that the store of one worker may take; by default half of what is free
        in /dev/shm. Memory is taken as it is used.

    A client with ``direct_to_workers=True`` gets its results by reference, too.
    """
    client.register_plugin(PlasmaPlugin(capacity, minimum))
    _begin(client.rpc, capacity, byte_count(minimum, "minimum"))


@functools.cache
def machine() -> str:
    """The same for processes that can use each other's stores."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.stat('/dev/shm').st_dev} {os.getuid()} {plasma.__version__}"


def _begin(rpc: Any, capacity: Optional[Size], minimum: int) -> None:
    global _passing
    _passing = _Passing(capacity, minimum)
    _serialize.register_serialization_family("dask", _dumps, _loads)
    arguments: dict[str, Any] = rpc.connection_args
    overrides: dict[str, Any] = arguments.get("handshake_overrides", {})
    arguments["handshake_overrides"] = {**overrides, KEY: machine()}


class _Passing:
    """The values that this process has passed by its own store."""

    def __init__(self, capacity: Optional[Size], minimum: int) -> None:
        self.minimum = minimum
        self._capacity = capacity
        self._lock = threading.RLock()
        self._exchange: Optional[Exchange] = None
        self._passed: dict[int, Parcel] = {}

    def exchange(self) -> Exchange:
        """The store is made at the first use."""
        with self._lock:
            if self._exchange is None:
                self._exchange = Exchange(temporary_store(self._capacity), self.minimum)
            return self._exchange

    def parcel(self, value: Any) -> Optional[Parcel]:
        """The value as references, which hold until the value is collected here."""
        if _sizes.sizeof(value) < self.minimum:
            return None
        with self._lock:
            parcel = self._passed.get(id(value))
            if parcel is not None and all(map(_is_there, parcel.keep)):
                return parcel
        try:
            finalizer = weakref.finalize(value, self._forget, id(value))
        except TypeError:  # it has no weak references
            return None
        finalizer.atexit = False
        parcel = self.exchange().pack(value)
        if not parcel.references() or parcel.refused:
            finalizer.detach()
            return None
        # The objects, and not the value, of which they are copies.
        parcel.keep = [getattr(kept, "copy", kept) for kept in parcel.keep]
        with self._lock:
            self._passed[id(value)] = parcel
        return parcel

    def _forget(self, value: int) -> None:
        self._passed.pop(value, None)


_passing: Optional[_Passing] = None


def _is_there(kept: memoryview) -> bool:
    """Whether the store of an object is still there: it goes with its worker."""
    held = cast(Held, kept.obj)
    try:
        return held.client.contains(held.id)
    except PlasmaError:
        return False


def _dumps(x: Any, context: Optional[dict[str, Any]] = None) -> tuple[Any, list[Any]]:
    recipient: Any = context and context.get("recipient")
    if _passing is not None and recipient and recipient.get(KEY) == machine():
        parcel = _passing.parcel(x)
        if parcel is not None:
            return {KEY: True}, [pickle.dumps(parcel)]
    return _serialize.dask_dumps(x, context)


def _loads(header: dict[str, Any], frames: list[Any]) -> Any:
    if KEY not in header:
        return _serialize.dask_loads(header, frames)
    assert _passing is not None
    parcel = pickle.loads(b"".join(frames))
    try:
        return _passing.exchange().unpack(parcel)
    except PlasmaError as error:
        # Dask asks again, or computes again, after an OSError.
        raise OSError(f"a worker has ended before its data was taken: {error}") from error
