"""Backends of joblib that pass large values by a store. To import this module registers them.

``joblib.parallel_config("plasma")`` is the backend "loky"; ``"plasma-multiprocessing"`` stands for
"multiprocessing", with the workers of plasma.Pool. A batch of calls is packed by this process and
unpacked by a worker; its results go the other way. So only bytes and references are passed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import multiprocessing
import os
import pickle
import select
import threading
from typing import Any, NamedTuple, Optional, cast

from plasma.exchange import MINIMUM, Exchange, Parcel, Unchanged, client_of
from plasma.pickling import PICKLER, Pickler
from plasma.sizes import Size, byte_count
from plasma.temporary import temporary_store
from plasma.workers import Workers

_joblib: Any = importlib.import_module("joblib")
_backends: Any = importlib.import_module("joblib._parallel_backends")


class Answer(NamedTuple):
    """The results of a batch, packed."""

    number: int
    parcel: Parcel


class Batch:
    """A packed batch of calls, which a worker runs."""

    def __init__(self, number: int, parcel: Parcel, address: str, minimum: int) -> None:
        self.number = number
        self.parcel = parcel
        self.address = address
        self.minimum = minimum

    def __call__(self) -> Answer:
        exchange = _exchange_with(self.address, self.minimum)
        results = exchange.unpack(self.parcel)()
        among = self.parcel.references()
        return Answer(self.number, exchange.pack_result(results, among, dump))


class Sender:
    """The store of a backend in this process, and the batches that have not ended."""

    def __init__(self, capacity: Optional[Size], minimum: Size) -> None:
        self._capacity = capacity
        self._minimum = byte_count(minimum, "minimum")
        self._exchange: Optional[Exchange] = None
        self._pid = 0
        self._numbers = itertools.count()
        self._packed: dict[int, Parcel] = {}
        self._unchanged = Unchanged()
        self._lock = threading.Lock()

    def exchange(self) -> Exchange:
        """The store is made at the first use, and in a forked child again."""
        with self._lock:
            if self._exchange is None or self._pid != os.getpid():
                self._exchange = Exchange(temporary_store(self._capacity), self._minimum)
                self._pid = os.getpid()
            return self._exchange

    def pack(self, calls: Any) -> Batch:
        """Pack a batch. An array that does not change during a call of Parallel is stored once."""
        exchange = self.exchange()
        number = next(self._numbers)
        parcel = exchange.pack(calls, dump, unchanged=self._unchanged)
        self._packed[number] = parcel
        return Batch(number, parcel, exchange.client.address, self._minimum)

    def unpack(self, answer: Answer) -> Any:
        """The results of a batch."""
        results: Any = self.exchange().unpack(answer.parcel, result=True)
        self._packed.pop(answer.number, None)
        return results

    def end(self) -> None:
        """A call of Parallel has ended: let go of what it passed."""
        self._packed.clear()
        self._unchanged = Unchanged()
        if self._exchange is not None and self._pid == os.getpid():
            self._exchange.drop_unclaimed()


class _Passing:
    """Part of a backend."""

    def __init__(
        self, *args: Any, capacity: Optional[Size] = None, minimum: Size = MINIMUM, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._sender = Sender(capacity, minimum)

    def submit(self, func: Any, callback: Any = None) -> Any:
        """Run a batch in a worker."""
        submit: Any = cast(Any, super()).submit
        return submit(self._sender.pack(func), callback)

    def retrieve_result_callback(self, out: Any) -> Any:
        """The results of a batch that has ended."""
        retrieve: Any = cast(Any, super()).retrieve_result_callback
        return self._sender.unpack(retrieve(out))

    def terminate(self) -> None:
        """The end of a call of Parallel."""
        terminate: Any = cast(Any, super()).terminate
        terminate()
        self._sender.end()


class LokyBackend(_Passing, _backends.LokyBackend):
    """The backend "plasma"."""


class _Processes(_backends.MultiprocessingBackend):
    """The backend "multiprocessing" without multiprocessing.Pool.

    The workers of that share a lock: when one that has it is ended, as an abort does, all others
    wait forever.
    """

    _workers: Optional[Workers] = None
    _sender: Sender

    def configure(
        self, n_jobs: int = 1, parallel: Any = None, context: Any = None, **options: Any
    ) -> int:
        """Start the workers."""
        count: int = self.effective_n_jobs(n_jobs)
        if count == 1:
            alone = _backends.SequentialBackend(nesting_level=self.nesting_level)
            raise _backends.FallbackToBackend(alone)
        context = context or multiprocessing.get_context()
        self._workers = Workers(self._sender.exchange(), count, context, None, (), None)
        self.parallel = parallel
        return count

    def submit(self, func: Any, callback: Any = None) -> Any:
        """Run a batch, which is packed already, in a worker."""
        assert self._workers is not None
        call: Any = func, (), {}
        future = self._workers.submit(self._sender.exchange().pack(call))
        future.add_done_callback(callback or (lambda _: None))
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """The result of a batch, still packed."""
        return out.result()

    def terminate(self) -> None:
        """End the workers now."""
        workers, self._workers = self._workers, None
        if workers is not None:
            workers.terminate()
        self.reset_batch_stats()


class MultiprocessingBackend(_Passing, _Processes):
    """The backend "plasma-multiprocessing"."""


_of_parent: dict[str, Exchange] = {}
"""In a worker: the store of its parent."""


def _exchange_with(address: str, minimum: int) -> Exchange:
    exchange = _of_parent.get(address)
    if exchange is None:
        if not _of_parent:
            threading.Thread(target=_watch_parent, name="plasma-parent", daemon=True).start()
        _of_parent.clear()
        exchange = _of_parent[address] = Exchange(client_of(address), minimum, quiet=True)
    return exchange


def _watch_parent() -> None:
    """End this worker when its parent was killed: it would keep the memory of the store."""
    with contextlib.suppress(OSError):  # before Linux 5.3
        parent = os.pidfd_open(os.getppid())
        select.select([parent], [], [])
        os._exit(1)


def _cloudpickler() -> Any:
    """The pickler of loky, where there is one."""
    for name in ("cloudpickle", "joblib.externals.cloudpickle"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name).CloudPickler
    return pickle.Pickler


class _Pickler(_cloudpickler()):
    def __init__(self, stream: io.BytesIO, take: Any) -> None:
        started: Any = super()
        started.__init__(stream, protocol=PICKLER, buffer_callback=take)
        self._ours = Pickler(io.BytesIO(), take)

    def reducer_override(self, obj: Any) -> Any:
        found = self._ours.reducer_override(obj)
        override: Any = getattr(super(), "reducer_override", None)
        return override(obj) if found is NotImplemented and override else found


def dump(value: object) -> tuple[bytes, list[pickle.PickleBuffer]]:
    """The pickle of a value and the buffers beside it, as loky pickles."""
    buffers: list[pickle.PickleBuffer] = []
    stream = io.BytesIO()
    _Pickler(stream, buffers.append).dump(value)
    return stream.getvalue(), buffers


_joblib.register_parallel_backend("plasma", LokyBackend)
_joblib.register_parallel_backend("plasma-multiprocessing", MultiprocessingBackend)
