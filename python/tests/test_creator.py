"""Objects are created, sealed and aborted."""

from __future__ import annotations

import threading

import pytest

import plasma
from plasma import State


def test_a_with_block_seals(client: plasma.Client) -> None:
    with client.create(None, 5, "it", {"schema": b"none"}) as writer:
        assert client.state("it") is State.WRITING and "it" not in client and not writer.sealed
        memoryview(writer)[:] = b"hello"
    assert writer.sealed and "it" in client and writer.id in client
    with client.get("it", 0) as buffer:
        assert bytes(buffer) == b"hello" and buffer.name == "it" and buffer.id == writer.id
        assert buffer.metadata == {"schema": b"none"}
        assert buffer.get_metadata("schema") == b"none" and buffer.get_metadata("no") is None


def test_a_with_block_that_raises_gives_up(client: plasma.Client) -> None:
    with pytest.raises(RuntimeError):
        with client.create(None, 5, "it") as writer:
            raise RuntimeError
    assert client.state("it") is State.ABSENT and writer.sealed
    assert client.stats().used == 0


def test_a_writer_that_is_collected_is_given_up(client: plasma.Client) -> None:
    writer = client.create(None, 5, "it")
    assert client.state("it") is State.WRITING
    del writer
    assert client.state("it") is State.ABSENT


def test_a_writer_with_a_view_is_given_up_with_the_view(client: plasma.Client) -> None:
    writer = client.create(None, 64, "it")
    view = memoryview(writer)
    writer.abort()
    with pytest.raises(plasma.SealedError):
        memoryview(writer)
    del writer
    other = client.create(None, 64)
    view[:] = b"a" * 64  # still no other object's memory
    memoryview(other)[:] = b"b" * 64
    assert bytes(view) == b"a" * 64 and client.state("it") is State.WRITING
    del view
    assert client.state("it") is State.ABSENT
    assert bytes(client.get(other.seal(), 0)) == b"b" * 64


def test_a_view_that_outlives_the_seal_keeps_the_memory(client: plasma.Client) -> None:
    writer = client.create(None, 64)
    view = memoryview(writer)
    key = writer.seal()
    client.delete(key)
    with client.create(None, 64) as other:
        memoryview(other)[:] = b"b" * 64
    view[:] = b"a" * 64
    assert bytes(client.get(other.id, 0)) == b"b" * 64
    assert client.stats().objects_deleted == 1
    del view
    client.reap()
    assert client.stats().objects_deleted == 0


def test_writers_resize_and_take_metadata(client: plasma.Client) -> None:
    writer = client.create(None, 3)
    memoryview(writer)[:] = b"abc"
    view = memoryview(writer)
    with pytest.raises(BufferError):
        writer.resize(6)
    view.release()
    writer.resize(1 << 20)
    assert writer.size == len(writer) == 1 << 20 and bytes(memoryview(writer)[:3]) == b"abc"
    writer.resize(2)
    writer.set_metadata("key", b"one")
    writer.set_metadata("key", b"")
    with pytest.raises(plasma.TooLargeError):
        writer.resize(1 << 40)
    with client.get(writer.seal(), 0) as buffer:
        assert bytes(buffer) == b"ab" and buffer.metadata == {"key": b""}
    for call in writer.seal, writer.abort, lambda: writer.resize(1), lambda: memoryview(writer):
        with pytest.raises(plasma.SealedError):
            call()


def test_zeroed_memory_is_zero(client: plasma.Client) -> None:
    client.delete(client.put_bytes(b"\xff" * 4096))
    writer = client.create(None, 4096, zeroed=True)
    assert bytes(memoryview(writer)) == bytes(4096)


def test_anything_with_a_buffer_can_be_put(client: plasma.Client) -> None:
    import array

    for data in b"abc", bytearray(b"abc"), memoryview(b"abc"), array.array("i", [1, 2, 3]):
        assert bytes(client.get(client.put_bytes(data), 0)) == bytes(data)
    with pytest.raises(TypeError):
        client.put_bytes("text")
    with pytest.raises(BufferError):
        client.put_bytes(memoryview(b"abcdef")[::2])
    with client.get(client.put_bytes(b"abc")) as buffer:
        assert bytes(client.get(client.put_bytes(buffer), 0)) == b"abc"


def test_writers_outlive_their_client(client: plasma.Client, store: str) -> None:
    writer = client.create(None, 3, "late")
    client.close()
    memoryview(writer)[:] = b"abc"
    writer.seal()
    with plasma.connect(store) as other:
        assert bytes(other.get("late", 0)) == b"abc"


def test_one_of_many_creates_and_the_others_get(client: plasma.Client) -> None:
    key = plasma.ObjectID.random()
    created: list[bool] = []

    def work() -> None:
        got = client.get_or_create(key, 3)
        created.append(isinstance(got, plasma.MutableBuffer))
        if isinstance(got, plasma.MutableBuffer):
            memoryview(got)[:] = b"abc"
            got.seal()
        else:
            assert bytes(got) == b"abc"

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created) == [False] * 7 + [True]
