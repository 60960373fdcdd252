"""Threads that share clients, buffers, writers and events: stress_threads.py ADDRESS STEPS SEED

Each thread takes so many random steps. Every value read must be the one written, every exception
one that the documents promise, and at the end no lease is left. It prints the number of steps of
each kind.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
import warnings
from collections import Counter
from typing import Any, Callable, Optional

import plasma

THREADS = 8
KEYS = [plasma.ObjectID.from_int(number) for number in range(40)]
FORKS = 3
"""Each thread forks at most so often."""
PROMISED = (
    plasma.NotFoundError,
    plasma.NotSealedError,
    plasma.ExistsError,
    plasma.DisconnectedError,
    plasma.SealedError,
    plasma.TimeoutError,
    plasma.AbortedError,
    plasma.InterruptedError,
    plasma.InvalidArgumentError,  # of a buffer that was released
    BufferError,  # release() or resize() with views
)


def content(key: bytes) -> bytes:
    return key * (50 + key[0])


class Shared:
    """What all threads use, and replace under each other."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = plasma.connect(address)
        self.buffer: Optional[plasma.Buffer] = None
        self.writer: Optional[plasma.MutableBuffer] = None
        self.events = self.client.events()
        self.steps: Counter[str] = Counter()
        self.failures: list[BaseException] = []


class Worker(threading.Thread):
    def __init__(self, shared: Shared, steps: int, seed: int) -> None:
        super().__init__()
        self.shared = shared
        self.steps = steps
        self.random = random.Random(seed)
        self.forks = 0
        self.done: Counter[str] = Counter()

    def run(self) -> None:
        actions: list[Callable[[], Any]] = [
            self.put, self.put, self.get, self.get, self.get_object, self.get_many, self.delete,
            self.delete_many, self.look, self.share, self.release, self.view, self.describe,
            self.begin, self.write, self.end, self.next_event, self.wait, self.interrupt,
        ]  # fmt: skip
        rare = [self.reconnect, self.resubscribe, self.fork]
        for _ in range(self.steps):
            action = self.random.choice(actions if self.random.random() < 0.97 else rare)
            self.done[action.__name__] += 1
            try:
                action()
            except PROMISED:
                pass
            except ValueError as error:
                if "released" not in str(error):
                    self.fail(error)
            except RuntimeError as error:
                if "another thread is in a call" not in str(error):
                    self.fail(error)
            except BaseException as error:
                self.fail(error)

    def fail(self, error: BaseException) -> None:
        self.shared.failures.append(error)

    def key(self) -> plasma.ObjectID:
        return self.random.choice(KEYS)

    def check(self, key: bytes, view: Any) -> None:
        if bytes(view) != content(key):
            raise AssertionError(f"{key!r} has other bytes")

    def put(self) -> None:
        key = self.key()
        self.shared.client.put_bytes(content(key), key, metadata={"of": key})

    def get(self) -> None:
        key = self.key()
        with self.shared.client.get(key, self.random.choice((0, 0.001))) as buffer:
            self.check(key, buffer)
            if buffer.id != key or buffer.get_metadata("of") != key:
                raise AssertionError("an object has the id or the metadata of another")

    def get_object(self) -> None:
        value = [self.key(), bytearray(100)]
        made = self.shared.client.put(value)
        if self.shared.client.get_object(made) != value:
            raise AssertionError("an object changed")
        self.shared.client.delete(made)

    def get_many(self) -> None:
        keys = [self.key() for _ in range(5)]
        for key, buffer in zip(keys, self.shared.client.get_many(keys, 0, on_missing="none")):
            if buffer is not None:
                self.check(key, buffer)

    def delete(self) -> None:
        self.shared.client.delete(self.key())

    def delete_many(self) -> None:
        self.shared.client.delete_many([self.key(), self.key()])

    def look(self) -> None:
        client = self.shared.client
        _ = self.key() in client, client.state(self.key()), len(client), client.list()

    def share(self) -> None:
        self.shared.buffer = self.shared.client.get(self.key(), 0)

    def release(self) -> None:
        buffer = self.shared.buffer
        if buffer is not None:
            buffer.release() if self.random.random() < 0.5 else buffer.__exit__(None, None, None)

    def view(self) -> None:
        buffer = self.shared.buffer
        if buffer is not None:
            with memoryview(buffer) as view:
                self.check(buffer.id, view)

    def describe(self) -> None:
        buffer = self.shared.buffer
        if buffer is not None:
            if buffer.metadata not in ({"of": bytes(buffer.id)}, {}):
                raise AssertionError("metadata is that of another object")
            _ = repr(buffer), buffer.size, buffer.released, buffer.info, buffer.name

    def begin(self) -> None:
        self.shared.writer = self.shared.client.create(None, 1000)

    def write(self) -> None:
        writer = self.shared.writer
        if writer is not None:
            with memoryview(writer) as view:
                view[:10] = b"0123456789"
            writer.set_metadata("a", b"b")

    def end(self) -> None:
        writer = self.shared.writer
        if writer is not None:
            action = self.random.choice((writer.seal, writer.abort, lambda: writer.resize(2000)))
            action()

    def next_event(self) -> None:
        self.shared.events.next(self.random.choice((0, 0.001)))

    def wait(self) -> None:
        self.shared.client.wait([self.key(), self.key()], count=1, timeout=0.001)

    def interrupt(self) -> None:
        self.shared.client.interrupt()

    def reconnect(self) -> None:
        old, self.shared.client = self.shared.client, plasma.connect(self.shared.address)
        old.close()

    def resubscribe(self) -> None:
        old, self.shared.events = self.shared.events, self.shared.client.events()
        old.close()

    def fork(self) -> None:
        if self.forks >= FORKS:
            return
        self.forks += 1
        key = plasma.ObjectID.random()
        client = plasma.connect(self.shared.address)
        client.put_bytes(content(key), key)
        held = client.get(key)
        child = os.fork()
        if child == 0:
            right = bytes(held) == content(key) and bytes(client.get(key)) == content(key)
            os._exit(0 if right else 1)
        _, status = os.waitpid(child, 0)
        if status != 0:
            raise AssertionError(f"a forked child ended with {status}")
        client.close()


def main(address: str, steps: int, seed: int) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads
    sys.setswitchinterval(1e-5)
    shared = Shared(address)
    workers = [Worker(shared, steps, seed + number) for number in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if shared.failures:
        raise shared.failures[0]
    shared.buffer = shared.writer = None
    shared.client.close()
    gc.collect()  # what is in the tracebacks of exceptions
    with plasma.connect(address) as client:
        client.reap()
        assert client.stats().leases == 0, client.list()
        assert len(client.clients()) == 1, client.clients()
        for info in client.list():
            if info.id in KEYS:
                assert bytes(client.get(info.id)) == content(info.id)
    print(sum((worker.done for worker in workers), Counter()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
