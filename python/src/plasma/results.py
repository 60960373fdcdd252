"""The results of the calls of a pool: one by one, or all of a call."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Optional

from plasma.exchange import Unchanged

if TYPE_CHECKING:
    from plasma.executor import Executor


class AsyncResult:
    """A result that may not be there yet, as that of multiprocessing.Pool."""

    def __init__(
        self,
        future: Future[Any],
        callback: Optional[Callable[[Any], object]] = None,
        error_callback: Optional[Callable[[BaseException], object]] = None,
    ) -> None:
        self._future = future

        def done(future: Future[Any]) -> None:
            error = future.exception()
            if error is None and callback is not None:
                callback(future.result())
            elif error is not None and error_callback is not None:
                error_callback(error)

        if callback is not None or error_callback is not None:
            future.add_done_callback(done)

    def get(self, timeout: Optional[float] = None) -> Any:
        """The result; multiprocessing.TimeoutError if it is not there in time."""
        self.wait(timeout)
        if not self.ready():
            raise multiprocessing.TimeoutError
        return self._future.result()

    def wait(self, timeout: Optional[float] = None) -> None:
        """Wait until it is there."""
        with suppress(FutureTimeoutError):
            self._future.exception(timeout)

    def ready(self) -> bool:
        """Whether it is there."""
        return self._future.done()

    def successful(self) -> bool:
        """Whether the call raised no exception."""
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._future.exception() is None


class Flow:
    """The tasks of one call, of which only some are packed at a time."""

    def __init__(
        self,
        executor: Executor,
        processes: int,
        function: Any,
        run: Callable[..., Any],
        *,
        unchanged: Optional[Unchanged] = None,
    ) -> None:
        self.room: int = 2 * processes + 1
        self.permits: threading.Semaphore = threading.Semaphore(self.room)
        self.failed: bool = False
        self._executor = executor
        self._function = function
        self._run = run
        self._unchanged = unchanged

    def submit(self, chunk: list[Any]) -> Future[Any]:
        """Pack and submit a task, as soon as there is room."""
        self.permits.acquire()
        try:
            task: tuple[Any, ...] = self._run, (self._function, chunk), {}
            parcel = self._executor.exchange.pack(task, unchanged=self._unchanged)
            future = self._executor.send(parcel)
        except BaseException:
            self.permits.release()
            raise
        future.add_done_callback(self._done)
        return future

    def _done(self, future: Future[Any]) -> None:
        self.failed = self.failed or future.cancelled() or future.exception() is not None
        self.permits.release()


class Results:
    """The results of `imap`, as an iterator."""

    def __init__(self, flow: Flow, chunks: Iterator[list[Any]], *, ordered: bool) -> None:
        self._futures: SimpleQueue[Optional[Future[Any]]] = SimpleQueue()
        self._ready: deque[Any] = deque()
        self._next: Optional[Future[Any]] = None
        arguments = (flow, chunks, self._futures, ordered)
        threading.Thread(target=_feed, args=arguments, name="plasma-imap", daemon=True).start()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.next()

    def next(self, timeout: Optional[float] = None) -> Any:
        """The next result; multiprocessing.TimeoutError if it is not there in time."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self._ready:
            try:
                future = self._next or self._futures.get(timeout=timeout)
                self._next = future
                if future is None:
                    self._futures.put(None)
                    raise StopIteration
                if end is not None:
                    timeout = max(0.0, end - time.monotonic())
                if not future.done():
                    future.exception(timeout)
            except (Empty, FutureTimeoutError):
                raise multiprocessing.TimeoutError from None
            self._next = None
            self._ready.extend(future.result())
        return self._ready.popleft()


def _feed(
    flow: Flow,
    chunks: Iterator[list[Any]],
    futures: SimpleQueue[Optional[Future[Any]]],
    ordered: bool,
) -> None:
    """The thread that takes the items of `imap`."""
    try:
        for chunk in chunks:
            future = flow.submit(chunk)
            if ordered:
                futures.put(future)
            else:
                future.add_done_callback(futures.put)
    except BaseException as error:
        failed: Future[Any] = Future()
        failed.set_exception(error)
        futures.put(failed)
    for _ in range(flow.room):
        flow.permits.acquire()
    futures.put(None)


def chunks_of(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The items in lists."""
    if size < 1:
        raise ValueError(f"Chunksize must be 1+, not {size}")
    iterator = iter(items)
    return iter(lambda: list(itertools.islice(iterator, size)), [])
