"""The worker processes of a pool: each has a pipe of its own to its owner, and one task at a time.

There is no lock or queue that workers share, so that a worker may be killed at any time: the task
that it ran fails, another worker takes its place, and all others go on.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Optional

from plasma.exchange import Exchange, Parcel
from plasma.worker import BROKEN, DONE, READY, STOP, Setup, work

PATIENCE = 5.0
"""Seconds that a worker has to end after SIGTERM."""
_TRIES = 3
"""Number of workers that may end, one after the other, before they can run tasks."""


class WorkerDiedError(RuntimeError):
    """The process that ran the task ended before the task did."""


class Task:
    """A call that waits for a worker, or that a worker runs."""

    __slots__ = ("future", "parcel")

    def __init__(self, parcel: Parcel) -> None:
        self.parcel: Parcel = parcel
        self.future: Future[Any] = Future()


class Worker:
    """One process."""

    def __init__(self, context: Any, setup: Setup, tasks: Optional[int], others: Any) -> None:
        pipe, theirs = context.Pipe()
        self.pipe: Any = pipe
        self.task: Optional[Task] = None
        self.is_ready: bool = False
        self.has_begun: bool = True
        """Whether it read its task."""
        self.tasks_left: Optional[int] = tasks
        inherited = [*others, self.pipe] if context.get_start_method() == "fork" else []
        self.process: Any = context.Process(
            target=work, args=(theirs, setup, inherited), daemon=True
        )
        try:
            self.process.start()
        finally:
            theirs.close()
        self.pid: int = self.process.pid

    def close(self) -> None:
        """After its end."""
        self.pipe.close()
        self.process.join()
        self.process.close()


class Workers:
    """A number of processes that run tasks in the order of their submission."""

    def __init__(
        self,
        exchange: Exchange,
        count: int,
        context: Any,
        initializer: Optional[Callable[..., object]],
        initargs: tuple[Any, ...],
        tasks_per_worker: Optional[int],
    ) -> None:
        self.exchange: Optional[Exchange] = exchange
        self.count = count
        self._context = context
        self._setup = Setup(exchange.client, exchange.minimum, initializer, initargs)
        self._tasks_per_worker = tasks_per_worker
        self._lock = threading.Lock()
        self._waiting: deque[Task] = deque()
        self._all: set[Worker] = set()
        self._hearing: set[Worker] = set()
        """Those whose pipe may have messages."""
        self._idle: list[Worker] = []
        self._closed = self._terminated = False
        self._broken: Optional[BaseException] = None
        self._stillborn = 0
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake_end = os.pipe()
        self._selector.register(self._woken, selectors.EVENT_READ)
        for _ in range(count):
            self._start()
        self._thread = threading.Thread(target=self._serve, name="plasma-pool", daemon=True)
        self._thread.start()

    def submit(self, parcel: Parcel) -> Future[Any]:
        """Run a packed call."""
        task = Task(parcel)
        with self._lock:
            self.check_open()
            self._waiting.append(task)
            self._feed()
        return task.future

    def check_open(self) -> None:
        """Raise an exception if there can be no more tasks."""
        if self._broken is not None:
            raise WorkerDiedError("the initializer of the workers failed") from self._broken
        if self._closed:
            raise RuntimeError("the pool is closed")

    def close(self) -> None:
        """Take no more tasks; the workers end after the last."""
        with self._lock:
            self._closed = True
        self._wake()

    def terminate(self) -> None:
        """End all workers now."""
        with self._lock:
            self._closed = self._terminated = True
        self._wake()
        self.join()

    def cancel(self) -> None:
        """Cancel the tasks that wait for a worker."""
        with self._lock:
            tasks = list(self._waiting)
            self._waiting.clear()
        for task in tasks:
            task.future.cancel()
            task.future.set_running_or_notify_cancel()

    def join(self) -> None:
        """Wait until all workers have ended."""
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def pids(self) -> list[int]:
        """The processes."""
        with self._lock:
            return sorted(worker.pid for worker in self._all)

    def _wake(self) -> None:
        with self._lock:
            if self._wake_end >= 0:
                os.write(self._wake_end, b"\0")

    def _start(self) -> None:
        others = [worker.pipe for worker in self._all]
        worker = Worker(self._context, self._setup, self._tasks_per_worker, others)
        self._all.add(worker)
        self._hearing.add(worker)
        self._selector.register(worker.pipe, selectors.EVENT_READ, worker)
        self._selector.register(worker.process.sentinel, selectors.EVENT_READ, worker)

    def _feed(self) -> None:
        """Give waiting tasks to idle workers; with the lock."""
        while self._waiting and self._idle:
            task = self._waiting.popleft()
            if not task.future.running() and not task.future.set_running_or_notify_cancel():
                continue
            worker = self._idle.pop()
            worker.task = task
            try:
                worker.pipe.send_bytes(pickle.dumps(task.parcel, protocol=5))
            except OSError:  # it has died
                worker.has_begun = False

    def _serve(self) -> None:
        """The thread that hears what the workers say."""
        try:
            while self._all:
                for key, _ in self._selector.select():
                    worker = key.data
                    if worker is None:
                        os.read(self._woken, 4096)
                    elif worker in self._all and key.fileobj is worker.pipe:
                        self._hear(worker)
                    elif worker in self._all:
                        self._bury(worker)
                if self._terminated:
                    self._kill()
                elif self._closed:
                    self._dismiss()
        finally:
            self._end()

    def _hear(self, worker: Worker) -> None:
        """Take a message, or notice that there can be no more."""
        try:
            self._take(worker, worker.pipe.recv_bytes())
        except ConnectionResetError:  # it ended before it read all
            worker.has_begun = False
        except (EOFError, OSError):
            pass
        else:
            return
        self._stop_hearing(worker)

    def _stop_hearing(self, worker: Worker) -> None:
        if worker in self._hearing:
            self._hearing.discard(worker)
            self._selector.unregister(worker.pipe)

    def _take(self, worker: Worker, message: bytes) -> None:
        tag, parcel = pickle.loads(message)
        task, worker.task = worker.task, None
        if tag == BROKEN:
            self._break(self._result(parcel))
            return
        if tag != READY and worker.tasks_left is not None:
            worker.tasks_left -= 1
        with self._lock:
            if worker.tasks_left == 0:
                with suppress(OSError):
                    worker.pipe.send_bytes(STOP)
            else:
                worker.is_ready = True
                self._stillborn = 0
                self._idle.append(worker)
                self._feed()
        if task is not None:
            try:
                value = self._result(parcel)
            except Exception as error:
                tag, value = None, error
            if tag == DONE:
                task.future.set_result(value)
            else:
                task.future.set_exception(value)

    def _result(self, parcel: Parcel) -> Any:
        assert self.exchange is not None
        return self.exchange.unpack(parcel, result=True)

    def _bury(self, worker: Worker) -> None:
        """After the end of a worker: its task fails, and another takes its place."""
        while worker in self._hearing and worker.pipe.poll():
            self._hear(worker)
        self._stop_hearing(worker)
        self._selector.unregister(worker.process.sentinel)
        worker.process.join()
        code = worker.process.exitcode
        assert self.exchange is not None
        self.exchange.drop_unclaimed(worker.pid)
        with self._lock:
            self._all.discard(worker)
            if worker in self._idle:
                self._idle.remove(worker)
        task = worker.task
        worker.close()
        if task is not None and worker.has_begun:
            task.future.set_exception(WorkerDiedError(_obituary(worker.pid, code)))
        elif task is not None:
            with self._lock:
                self._waiting.appendleft(task)
        if self._terminated or self._broken is not None:
            return
        if not worker.is_ready:
            self._stillborn += 1
        if self._stillborn >= _TRIES:
            self._break(WorkerDiedError(_obituary(worker.pid, code)))
        elif not self._closed or self._waiting:
            self._start()

    def _break(self, error: BaseException) -> None:
        """Workers cannot start: all tasks fail."""
        self._broken = self._broken or error
        self._terminated = self._closed = True
        self._fail_waiting(error)

    def _fail_waiting(self, error: BaseException) -> None:
        with self._lock:
            tasks = list(self._waiting)
            self._waiting.clear()
        for task in tasks:
            if task.future.running() or task.future.set_running_or_notify_cancel():
                task.future.set_exception(error)

    def _dismiss(self) -> None:
        """Tell workers without a task to end, when none waits."""
        with self._lock:
            if not self._waiting:
                for worker in self._idle:
                    with suppress(OSError):
                        worker.pipe.send_bytes(STOP)
                self._idle.clear()

    def _kill(self) -> None:
        for worker in self._all:
            worker.process.terminate()
        for worker in list(self._all):
            worker.process.join(PATIENCE)
            worker.process.kill()
            self._bury(worker)

    def _end(self) -> None:
        self._closed = True
        self._fail_waiting(self._broken or WorkerDiedError("the pool was terminated"))
        self._selector.close()
        os.close(self._woken)
        with self._lock:
            os.close(self._wake_end)
            self._wake_end = -1
        # The store stays as long as results do.
        self.exchange = None
        self._setup = self._setup._replace(client=None)  # type: ignore[arg-type]


def _obituary(pid: int, code: Optional[int]) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"worker process {pid} was killed by {signal.Signals(-code).name}"
    return f"worker process {pid} ended with code {code}"
