"""Buffers keep their bytes while there are views of them, whatever ends first."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import pytest
from conftest import run

import plasma

TEXT = b"some bytes that stay" * 100


def leases(client: plasma.Client) -> int:
    return client.stats().leases


def test_a_buffer_is_a_view_without_a_copy(client: plasma.Client) -> None:
    key = client.put_bytes(TEXT)
    first, second = client.get(key), client.get(key)
    assert bytes(first) == TEXT and len(first) == first.size == len(TEXT)
    assert memoryview(first) == memoryview(second) == TEXT
    maps = Path("/proc/self/maps").read_text().splitlines()
    assert [line for line in maps if line.endswith("store/heap")]


def test_an_empty_object_is_an_object(client: plasma.Client) -> None:
    key = client.put_bytes(b"")
    assert bytes(client.get(key)) == b"" and memoryview(client.get(key)).nbytes == 0


def test_a_view_outlives_buffer_client_object_and_store(store: str) -> None:
    client = plasma.connect(store)
    key = client.put_bytes(TEXT)
    view = memoryview(client.get(key))[10:20]
    client.delete(key)
    client.close()
    plasma.remove(store)
    gc.collect()
    assert view == TEXT[10:20]


def test_a_deleted_object_keeps_its_memory_until_the_last_view_goes(client: plasma.Client) -> None:
    key = client.put_bytes(TEXT)
    view = memoryview(client.get(key))
    client.delete(key)
    for _ in range(100):
        client.delete(client.put_bytes(b"x" * len(TEXT)))
    assert view == TEXT and leases(client) == 1
    del view
    assert leases(client) == 0


def test_the_lease_ends_with_the_last_of_buffer_and_views(client: plasma.Client) -> None:
    key = client.put_bytes(TEXT)
    buffer = client.get(key)
    view = memoryview(buffer)
    part = view[5:]
    assert leases(client) == 1
    del buffer, view
    assert leases(client) == 1 and part == TEXT[5:]
    part.release()
    del part
    assert leases(client) == 0


def test_release_gives_back_and_refuses_while_there_are_views(client: plasma.Client) -> None:
    buffer = client.get(client.put_bytes(TEXT))
    view = memoryview(buffer)
    with pytest.raises(BufferError):
        buffer.release()
    view.release()
    buffer.release()
    buffer.release()
    assert leases(client) == 0
    with pytest.raises(ValueError, match="released"):
        memoryview(buffer)
    with pytest.raises(ValueError):
        _ = buffer.info


def test_a_with_block_ends_the_lease_or_leaves_it_to_the_views(client: plasma.Client) -> None:
    key = client.put_bytes(TEXT)
    with client.get(key) as buffer:
        assert memoryview(buffer)[0] == TEXT[0]
    assert leases(client) == 0
    with client.get(key) as buffer:
        view = memoryview(buffer)
    assert leases(client) == 1 and view == TEXT
    with pytest.raises(ValueError, match="released"):
        memoryview(buffer)
    del view
    assert leases(client) == 0


def test_an_exception_that_holds_a_view_holds_the_lease(client: plasma.Client) -> None:
    key = client.put_bytes(TEXT)

    def fails() -> None:
        view = memoryview(client.get(key))
        raise RuntimeError(len(view))

    try:
        fails()
    except RuntimeError as error:
        kept = error
    assert leases(client) == 1
    del kept
    gc.collect()
    assert leases(client) == 0


def test_a_cycle_that_holds_a_view_is_collected(client: plasma.Client) -> None:
    class Node:
        def __init__(self, view: memoryview) -> None:
            self.view, self.me = view, self

    gc.collect()
    gc.disable()
    try:
        node = weakref.ref(Node(memoryview(client.get(client.put_bytes(TEXT)))))
        assert leases(client) == 1 and node() is not None
        gc.collect()
        assert leases(client) == 0 and node() is None
    finally:
        gc.enable()


def test_a_client_that_holds_its_own_buffer_is_collected(store: str) -> None:
    client = plasma.connect(store)
    client.mine = client.get(client.put_bytes(TEXT))  # type: ignore[attr-defined]
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    with plasma.connect(store) as other:
        assert leases(other) == 0 and other.stats().clients == 1


def test_buffers_may_move_between_threads(client: plasma.Client) -> None:
    key = client.put_bytes(TEXT)
    views = [memoryview(client.get(key)) for _ in range(8)]

    def check() -> None:
        for _ in range(200):
            views.append(memoryview(client.get(key)))
            assert views.pop(0) == TEXT

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert leases(client) == 8
    views.clear()
    assert leases(client) == 0


def test_views_at_interpreter_exit_do_no_harm(store: str) -> None:
    script = """if True:
        import atexit, os, plasma, sys
        client = plasma.connect(sys.argv[1])
        view = memoryview(client.get(client.put_bytes(b"abc", name="abc")))
        def later(view=view):
            os.write(1, bytes(view))
        class Last:
            def __del__(self, view=view, write=os.write):
                write(1, bytes(view))
        last = Last()
        atexit.register(later)
        cycle = globals()
    """
    assert run(script, store) == "abcabc"
    with plasma.connect(store) as client:
        client.reap()
        assert client.stats().leases == 0 and bytes(client.get("abc", 0)) == b"abc"


def test_buffers_and_writers_cannot_be_pickled(client: plasma.Client) -> None:
    import pickle

    for thing in client.get(client.put_bytes(TEXT)), client.create(None, 1):
        with pytest.raises(TypeError):
            pickle.dumps(thing)


def test_buffers_come_from_a_client_only() -> None:
    with pytest.raises(TypeError):
        plasma.Buffer()
