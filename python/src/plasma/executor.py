"""An executor of concurrent.futures whose processes share memory."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor as BaseExecutor
from concurrent.futures import Future
from multiprocessing.util import Finalize
from typing import Any, Optional

from plasma.exchange import MINIMUM, Exchange, Parcel
from plasma.sizes import Size, byte_count
from plasma.temporary import temporary_store
from plasma.worker import run_star_chunk
from plasma.workers import Workers


class Executor(BaseExecutor):
    """Like concurrent.futures.ProcessPoolExecutor, with large values in a store of its own.

    :param max_workers: number of processes; by default that of processors.
    :param mp_context: a context of multiprocessing, or the name of a start method.
    :param initializer: called with `initargs` in each process first.
    :param max_tasks_per_child: number of tasks after which a process is replaced.
    :param capacity: bytes that the store may take at most; by default half of what is free in
        /dev/shm. Memory is taken as it is used.
    :param minimum: bytes from which on memory goes through the store and not through a pipe.
    """

    def __init__(
        self,
        max_workers: Optional[int] = None,
        mp_context: Any = None,
        initializer: Optional[Callable[..., object]] = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: Optional[int] = None,
        capacity: Optional[Size] = None,
        minimum: Size = MINIMUM,
    ) -> None:
        count = usable_processors() if max_workers is None else max_workers
        if count < 1:
            raise ValueError("Number of processes must be at least 1")
        if max_tasks_per_child is not None and max_tasks_per_child < 1:
            raise ValueError("a process must run at least 1 task")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if mp_context is None or isinstance(mp_context, str):
            mp_context = multiprocessing.get_context(mp_context)
        exchange = Exchange(temporary_store(capacity), byte_count(minimum, "minimum"))
        self._exchange: Optional[Exchange] = exchange
        self._workers = Workers(
            exchange, count, mp_context, initializer, tuple(initargs), max_tasks_per_child
        )
        # Also at exit, before multiprocessing ends the processes.
        self._finalize = Finalize(self, self._workers.terminate, exitpriority=15)

    @property
    def exchange(self) -> Exchange:
        """How values are passed; an exception after the end."""
        self.check_open()
        assert self._exchange is not None
        return self._exchange

    def check_open(self) -> None:
        """Raise an exception if it takes no more tasks."""
        self._workers.check_open()
        if self._exchange is None:
            raise RuntimeError("the pool is closed")

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function in another process; its arguments are packed before this returns."""
        return self.send(self.exchange.pack((fn, args, kwargs)))

    def send(self, parcel: Parcel) -> Future[Any]:
        """Run a packed call in another process."""
        return self._workers.submit(parcel)

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: Optional[float] = None,
        chunksize: int = 1,
        **options: Any,
    ) -> Iterator[Any]:
        """As that of ProcessPoolExecutor."""
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        items = zip(*iterables)
        chunks = iter(lambda: list(itertools.islice(items, chunksize)), [])
        results = super().map(_Chunk(fn), chunks, timeout=timeout, **options)
        return itertools.chain.from_iterable(results)

    def share(self, value: Any) -> Any:
        """The same value with its memory in the store: tasks get it without another copy."""
        return self.exchange.share(value)

    def pids(self) -> list[int]:
        """The numbers of the processes."""
        return self._workers.pids()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks, and end the processes after the last."""
        if cancel_futures:
            self._workers.cancel()
        self._exchange = None
        self._workers.close()
        if wait:
            self._workers.join()

    def terminate(self) -> None:
        """End the processes now; tasks that have not ended fail."""
        self._exchange = None
        self._finalize()


class _Chunk:
    """The function of a part of a map."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, items: list[Any]) -> list[Any]:
        return run_star_chunk(self.function, items)


def usable_processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0))
