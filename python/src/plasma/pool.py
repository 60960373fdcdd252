"""A pool of processes that share memory, with the calls of multiprocessing.Pool."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Optional

from plasma.exchange import MINIMUM, Unchanged
from plasma.executor import Executor, usable_processors
from plasma.results import AsyncResult, Flow, Results, chunks_of
from plasma.sizes import Size
from plasma.worker import run_chunk, run_star_chunk
from plasma.workers import WorkerDiedError

__all__ = ["AsyncResult", "Pool", "Results", "WorkerDiedError"]


class Pool:
    """Like multiprocessing.Pool, with large values in a store of its own.

    Arguments and results are passed by views of the store, which are read-only; smaller ones are
    pickled. A value that several tasks use is stored once. If a process is killed, its task fails
    with WorkerDiedError, and another process takes its place.

    :param processes: number of processes; by default that of processors.
    :param initializer: called with `initargs` in each process first.
    :param maxtasksperchild: number of tasks after which a process is replaced.
    :param context: a context of multiprocessing, or the name of a start method.
    :param capacity: bytes that the store may take at most; by default half of what is free in
        /dev/shm. Memory is taken as it is used.
    :param minimum: bytes from which on memory goes through the store and not through a pipe.
    """

    def __init__(
        self,
        processes: Optional[int] = None,
        initializer: Optional[Callable[..., object]] = None,
        initargs: tuple[Any, ...] = (),
        maxtasksperchild: Optional[int] = None,
        context: Any = None,
        *,
        capacity: Optional[Size] = None,
        minimum: Size = MINIMUM,
    ) -> None:
        self._processes = usable_processors() if processes is None else processes
        self._executor = Executor(
            self._processes,
            context,
            initializer,
            initargs,
            max_tasks_per_child=maxtasksperchild,
            capacity=capacity,
            minimum=minimum,
        )

    def submit(self, func: Callable[..., Any], /, *args: Any, **kwds: Any) -> Future[Any]:
        """Call a function in another process; its arguments are packed before this returns."""
        return self._executor.submit(func, *args, **kwds)

    def share(self, value: Any) -> Any:
        """The same value with its memory in the store: tasks get it without another copy."""
        return self._executor.share(value)

    def apply(
        self, func: Callable[..., Any], args: Iterable[Any] = (), kwds: Optional[Any] = None
    ) -> Any:
        """The result of a call in another process."""
        return self.submit(func, *args, **(kwds or {})).result()

    def apply_async(
        self,
        func: Callable[..., Any],
        args: Iterable[Any] = (),
        kwds: Optional[Any] = None,
        callback: Optional[Callable[[Any], object]] = None,
        error_callback: Optional[Callable[[BaseException], object]] = None,
    ) -> AsyncResult:
        """Like `apply`, without a wait for the result."""
        future = self.submit(func, *args, **(kwds or {}))
        return AsyncResult(future, callback, error_callback)

    def map(
        self,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: Optional[int] = None,
    ) -> list[Any]:
        """The results for all items, in order."""
        return self._map(func, iterable, chunksize, run_chunk)

    def starmap(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: Optional[int] = None,
    ) -> list[Any]:
        """Like `map`; each item has the arguments of one call."""
        return self._map(func, iterable, chunksize, run_star_chunk)

    def map_async(
        self,
        func: Callable[[Any], Any],
        iterable: Iterable[Any],
        chunksize: Optional[int] = None,
        callback: Optional[Callable[[Any], object]] = None,
        error_callback: Optional[Callable[[BaseException], object]] = None,
    ) -> AsyncResult:
        """Like `map`, without a wait for the results."""
        future = self._in_thread(self.map, func, iterable, chunksize)
        return AsyncResult(future, callback, error_callback)

    def starmap_async(
        self,
        func: Callable[..., Any],
        iterable: Iterable[Iterable[Any]],
        chunksize: Optional[int] = None,
        callback: Optional[Callable[[Any], object]] = None,
        error_callback: Optional[Callable[[BaseException], object]] = None,
    ) -> AsyncResult:
        """Like `starmap`, without a wait for the results."""
        future = self._in_thread(self.starmap, func, iterable, chunksize)
        return AsyncResult(future, callback, error_callback)

    def imap(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> Results:
        """The results as an iterator, in order. Items are taken as tasks end."""
        return self._imap(func, iterable, chunksize, ordered=True)

    def imap_unordered(
        self, func: Callable[[Any], Any], iterable: Iterable[Any], chunksize: int = 1
    ) -> Results:
        """Like `imap`, in the order in which the results are there."""
        return self._imap(func, iterable, chunksize, ordered=False)

    def close(self) -> None:
        """Take no more tasks; the processes end after the last."""
        self._executor.shutdown(wait=False)

    def terminate(self) -> None:
        """End the processes now; tasks that have not ended fail."""
        self._executor.terminate()

    def join(self) -> None:
        """Wait until the processes have ended, after `close` or `terminate`."""
        self._executor.shutdown()

    def pids(self) -> list[int]:
        """The numbers of the processes."""
        return self._executor.pids()

    def __enter__(self) -> Pool:
        self._executor.check_open()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        exception: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.terminate()

    def _map(
        self, func: Any, iterable: Iterable[Any], chunksize: Optional[int], run: Any
    ) -> list[Any]:
        items: Any = iterable if hasattr(iterable, "__len__") else list(iterable)
        if chunksize is None:
            chunksize = max(1, -(-len(items) // (4 * self._processes)))
        # Nothing changes them during this call.
        flow = Flow(self._executor, self._processes, func, run, unchanged=Unchanged())
        futures: list[Future[Any]] = []
        for chunk in chunks_of(items, chunksize):
            if flow.failed:
                break
            futures.append(flow.submit(chunk))
        return list(itertools.chain.from_iterable(future.result() for future in futures))

    def _imap(
        self, func: Any, iterable: Iterable[Any], chunksize: int, *, ordered: bool
    ) -> Results:
        self._executor.check_open()
        flow = Flow(self._executor, self._processes, func, run_chunk)
        return Results(flow, chunks_of(iterable, chunksize), ordered=ordered)

    def _in_thread(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        self._executor.check_open()
        thread = ThreadPoolExecutor(1, "plasma-map")
        future = thread.submit(function, *args)
        thread.shutdown(wait=False)
        return future
