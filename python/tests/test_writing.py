"""Objects are made, sealed and given up."""

from __future__ import annotations

import threading

import pytest

import plasma
from plasma import State


def test_a_with_block_seals(client: plasma.Client) -> None:
    with client.create(None, 5, "it", {"schema": b"none"}) as draft:
        assert client.state("it") is State.WRITING and "it" not in client and not draft.sealed
        memoryview(draft)[:] = b"hello"
    assert draft.sealed and "it" in client and draft.id in client
    with client.get("it", 0) as buffer:
        assert bytes(buffer) == b"hello" and buffer.name == "it" and buffer.id == draft.id
        assert buffer.metadata == {"schema": b"none"}
        assert buffer.get_metadata("schema") == b"none" and buffer.get_metadata("no") is None


def test_a_with_block_that_raises_gives_up(client: plasma.Client) -> None:
    with pytest.raises(RuntimeError):
        with client.create(None, 5, "it") as draft:
            raise RuntimeError
    assert client.state("it") is State.ABSENT and draft.sealed
    assert client.stats().used == 0


def test_a_draft_that_is_collected_is_given_up(client: plasma.Client) -> None:
    draft = client.create(None, 5, "it")
    assert client.state("it") is State.WRITING
    del draft
    assert client.state("it") is State.ABSENT


def test_a_draft_with_a_view_is_given_up_with_the_view(client: plasma.Client) -> None:
    draft = client.create(None, 64, "it")
    view = memoryview(draft)
    draft.abort()
    with pytest.raises(plasma.SealedError):
        memoryview(draft)
    del draft
    other = client.create(None, 64)
    view[:] = b"a" * 64  # still no other object's memory
    memoryview(other)[:] = b"b" * 64
    assert bytes(view) == b"a" * 64 and client.state("it") is State.WRITING
    del view
    assert client.state("it") is State.ABSENT
    assert bytes(client.get(other.seal(), 0)) == b"b" * 64


def test_a_view_that_outlives_the_seal_keeps_the_memory(client: plasma.Client) -> None:
    draft = client.create(None, 64)
    view = memoryview(draft)
    key = draft.seal()
    client.delete(key)
    with client.create(None, 64) as other:
        memoryview(other)[:] = b"b" * 64
    view[:] = b"a" * 64
    assert bytes(client.get(other.id, 0)) == b"b" * 64
    assert client.stats().objects_deleted == 1
    del view
    client.reap()
    assert client.stats().objects_deleted == 0


def test_drafts_resize_and_take_metadata(client: plasma.Client) -> None:
    draft = client.create(None, 3)
    memoryview(draft)[:] = b"abc"
    view = memoryview(draft)
    with pytest.raises(BufferError):
        draft.resize(6)
    view.release()
    draft.resize(1 << 20)
    assert draft.size == len(draft) == 1 << 20 and bytes(memoryview(draft)[:3]) == b"abc"
    draft.resize(2)
    draft.set_metadata("key", b"one")
    draft.set_metadata("key", b"")
    with pytest.raises(plasma.TooLargeError):
        draft.resize(1 << 40)
    with client.get(draft.seal(), 0) as buffer:
        assert bytes(buffer) == b"ab" and buffer.metadata == {"key": b""}
    for call in draft.seal, draft.abort, lambda: draft.resize(1), lambda: memoryview(draft):
        with pytest.raises(plasma.SealedError):
            call()


def test_zeroed_memory_is_zero(client: plasma.Client) -> None:
    client.delete(client.put_bytes(b"\xff" * 4096))
    draft = client.create(None, 4096, zeroed=True)
    assert bytes(memoryview(draft)) == bytes(4096)


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


def test_drafts_outlive_their_client(client: plasma.Client, store: str) -> None:
    draft = client.create(None, 3, "late")
    client.close()
    memoryview(draft)[:] = b"abc"
    draft.seal()
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
