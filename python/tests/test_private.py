"""Memory of sealed objects that may be written to: what is written stays in the process."""

from __future__ import annotations

import os
import uuid

import pytest

import plasma
from plasma import _native, private
from plasma.private import SMALL

SIZE = SMALL * 3


def read(path: str) -> str:
    with open(path) as file:
        return file.read()


def content_of(buffer: plasma.Buffer) -> memoryview:
    return memoryview(private.private(memoryview(buffer)[100:]))


@pytest.mark.parametrize("size", [SMALL // 2, SIZE])
def test_a_write_changes_only_this_view(client: plasma.Client, size: int) -> None:
    client.put_bytes(b"neighbour" * 1000)
    id = client.put_bytes(bytes(range(250)) * (size // 250))
    client.put_bytes(b"neighbour" * 1000)
    sealed = bytes(client.get(id))
    first, second = content_of(client.get(id)), content_of(client.get(id))
    assert bytes(first) == sealed[100:] and not first.readonly
    first[0], first[-1] = 255, 254
    assert (first[0], first[-1]) == (255, 254)
    assert bytes(second) == sealed[100:] and bytes(client.get(id)) == sealed


def test_a_large_view_is_mapped_and_holds_the_object(client: plasma.Client) -> None:
    id = client.put_bytes(b"x" * SIZE)
    view = private.private(memoryview(client.get(id)))
    assert type(view) is _native.Private and len(view) == SIZE
    assert client.info(id).lease_count == 1
    buffer = client.get(id)
    other = private.private(memoryview(buffer))
    with pytest.raises(BufferError):
        buffer.release()
    del other
    buffer.release()
    del view
    assert client.info(id).lease_count == 0


def test_mappings_and_descriptors_go(client: plasma.Client) -> None:
    id = client.put_bytes(b"x" * SIZE)
    content_of(client.get(id))
    maps, files = read("/proc/self/maps").count("\n"), len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        content_of(client.get(id))
    assert read("/proc/self/maps").count("\n") <= maps + 2
    assert len(os.listdir("/proc/self/fd")) == files


def test_what_is_no_view_of_a_buffer(client: plasma.Client) -> None:
    for value in (b"bytes", bytearray(b"bytes")):
        assert bytes(private.private(memoryview(value))) == b"bytes"
    one, other = client.get(client.put_bytes(b"a" * 10)), client.get(client.put_bytes(b"b" * 10))
    with pytest.raises(ValueError):
        _native.Private(one, memoryview(other), 0, 0)
    with pytest.raises(ValueError):
        _native.Private(one, memoryview(b"bytes"), 0, 0)
    with pytest.raises(OSError):
        _native.Private(one, memoryview(one), -1, 0)


def test_a_reader_of_a_store_that_is_gone_and_closed(store: str) -> None:
    client = plasma.connect(store, capacity="64M")
    id = client.put_bytes(b"x" * SIZE)
    reader = plasma.connect(store, read_only=True)
    buffer = reader.get(id)
    reader.close()
    client.close()
    plasma.remove(store)
    view = private.private(memoryview(buffer))
    assert type(view) is _native.Private and bytes(view) == b"x" * SIZE
    # Another store at the address is another store.
    with plasma.connect(store, capacity="64M") as again:
        again.put_bytes(b"y" * SIZE)
        buffer = None
        assert bytes(view) == b"x" * SIZE
        assert bytes(content_of(again.get(next(iter(again)))))[:1] == b"y"


@pytest.mark.parametrize("deleted", [False, True])
def test_a_forked_child_keeps_what_it_has(client: plasma.Client, deleted: bool) -> None:
    id = client.put_bytes(b"x" * SIZE)
    buffer = client.get(id)
    view = content_of(buffer)
    view[0] = 1
    if deleted:
        client.delete(id)
    go_on, told = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(told)
            os.read(go_on, 1)
            wanted = b"x" * (SIZE - 100)
            later = content_of(buffer)
            if bytes(view[1:]) == wanted[1:] and view[0] == 1 and bytes(later) == wanted:
                view[1] = 2
                code = 0
        finally:
            os._exit(code)
    os.close(go_on)
    assert view[1] == ord("x")
    del view, buffer
    if not deleted:
        client.delete(id)
    for _ in range(60):
        with client.create(None, SIZE) as writer:
            memoryview(writer)[:] = b"z" * SIZE
    os.close(told)
    assert os.waitpid(child, 0)[1] == 0


def test_a_fork_with_a_view_of_an_empty_deleted_object(client: plasma.Client) -> None:
    # It failed in the child: there are no pages to copy.
    name = uuid.uuid4().hex
    client.put_bytes(b"", name=name)
    view = memoryview(client.get(name))
    client.delete(name)
    child = os.fork()
    if child == 0:
        os._exit(0 if bytes(view) == b"" else 1)
    assert os.waitpid(child, 0)[1] == 0
