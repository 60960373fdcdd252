"""No memory is leaked in many rounds. PLASMA_LONG=1 runs a million."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import run

import plasma

ROUNDS = 1_000_000 if os.environ.get("PLASMA_LONG") else 20_000


def resident() -> int:
    """Private bytes of this process that are in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) << 10
    raise AssertionError("no RssAnon")


def rounds(client: plasma.Client) -> dict[str, Callable[[], object]]:
    key = client.put_bytes(b"x" * 100, name="it")
    listed = client.put([bytearray(200)])

    def view() -> None:
        memoryview(client.get(key))[3:].tobytes()

    def fails() -> None:
        with pytest.raises(KeyError):
            client.get("no", 0)

    def writer() -> None:
        memoryview(client.create(None, 10, "d", {"a": b"b"}))[:] = b"0123456789"

    def put() -> None:
        client.delete(client.put([bytearray(100)]))

    return {
        "get and del": view,
        "get by name": lambda: client.get("it"),
        "get_object": lambda: client.get_object(listed),
        "get_many": lambda: client.get_many([key, "it"]),
        "failures": fails,
        "writers": writer,
        "put and delete": put,
        "information": lambda: (client.list(), client.get(key).metadata, client.stats()),
    }


@pytest.mark.parametrize(
    "what",
    [
        "get and del",
        "get by name",
        "get_object",
        "get_many",
        "failures",
        "writers",
        "put and delete",
        "information",
    ],
)
def test_memory_and_leases_do_not_grow(client: plasma.Client, what: str) -> None:
    call = rounds(client)[what]
    count = ROUNDS if what == "get and del" else ROUNDS // 20
    for _ in range(1000):
        call()
    gc.collect()
    blocks, before = sys.getallocatedblocks(), resident()
    for _ in range(count):
        call()
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 500
    assert resident() - before < 4 << 20
    assert client.stats().leases == 0
    client.reap()
    assert len(client.list()) == 2


def test_clients_and_events_do_not_grow(store: str) -> None:
    def once() -> None:
        with plasma.connect(store) as client, client.events() as events:
            events.fileno()
            client.events()

    keep = plasma.connect(store)
    for _ in range(20):
        once()
    gc.collect()
    files, threads = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    for _ in range(100):
        once()
    gc.collect()
    keep.reap()
    assert len(os.listdir("/proc/self/fd")) <= files
    assert len(os.listdir("/proc/self/task")) == threads
    assert len(keep.clients()) == 1


def test_everything_works_while_garbage_is_collected_at_every_step(store: str) -> None:
    script = """if True:
        import gc, sys, threading
        gc.set_threshold(1)
        import plasma
        client = plasma.connect(sys.argv[1], ephemeral=True)

        class Cycle:
            def __init__(self, number):
                key = client.put([bytearray(b"%d" % number) * 50, {"me": number}])
                self.view = client.get_object(key)[0]
                self.writer = client.create(None, 10)
                self.events = client.events()
                self.me = self
                client.delete(key)

        def work(number):
            for at in range(60):
                cycle = Cycle(number)
                assert bytes(cycle.view) == b"%d" % number * 50
                client.list(), client.get_many([client.put_bytes(b"")])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        gc.collect()
        client.reap()
        stats = client.stats()
        print(stats.leases, stats.objects_writing, stats.objects_deleted, stats.objects_sealed)
    """
    assert run(script, store) == "0 0 0 240\n"
