"""A store lists its objects and clients, and can be managed."""

from __future__ import annotations

import os
import time

import pytest

import plasma
from plasma import ObjectID, State


def test_a_store_is_a_collection_of_sealed_objects(client: plasma.Client) -> None:
    assert len(client) == 0 and list(client) == [] and client
    keys = {client.put_bytes(bytes(3)) for _ in range(10)}
    writer = client.create(None, 1, "writer")
    assert len(client) == 10 and set(client) == keys
    assert all(key in client for key in keys) and writer.id not in client and "writer" not in client
    assert ObjectID.random() not in client and 5 not in client and None not in client
    assert client.contains(keys.pop()) and not client.contains("no")


def test_info_tells_who_when_and_how_large(client: plasma.Client) -> None:
    began = time.time()
    key = client.put_bytes(b"abc", name="it", metadata={"k": b"v"}, pinned=True)
    info = client.info("it")
    assert info == client.info(key)
    assert (info.id, info.name, info.state, info.size) == (key, "it", State.SEALED, 3)
    assert info.metadata_size > 0 and info.pinned and info.creator_pid == os.getpid()
    assert began - 1 < info.create_time < time.time() + 1
    assert info.construct_duration is not None and 0 <= info.construct_duration < 100
    assert f"/{os.getpid()}@" in info.creator_address
    writer = client.create(None, 1)
    assert client.info(writer.id).construct_duration is None
    assert client.info(writer.id).name is None


def test_list_shows_deleted_objects_that_are_held(client: plasma.Client) -> None:
    buffer = client.get(client.put_bytes(b"abc"))
    client.delete(buffer.id)
    (info,) = client.list()
    assert info.state is State.DELETED and info.lease_count == 1
    assert client.state(info.id) is State.ABSENT and list(client) == []


def test_clients_and_holders_are_told(client: plasma.Client, store: str) -> None:
    key = client.put_bytes(b"abc")
    with plasma.connect(store, read_only=True) as other:
        buffer = other.get(key)
        assert sorted(told.read_only for told in client.clients()) == [False, True]
        (holder,) = client.holders(key)
        assert holder.pid == os.getpid() and holder.read_only and holder.leased_bytes == 3
        buffer.release()
    assert client.holders(key) == [] and len(client.clients()) == 1


def test_many_are_got_and_deleted_together(client: plasma.Client) -> None:
    keys = [client.put_bytes(b"%d" % number, name=f"n{number}") for number in range(5)]
    buffers = client.get_many([*keys, "n3", keys[0]])
    assert [bytes(buffer) for buffer in buffers] == [b"0", b"1", b"2", b"3", b"4", b"3", b"0"]
    assert client.stats().leases == 7
    with pytest.raises(plasma.NotFoundError):
        client.get_many([keys[0], ObjectID.random()], 0)
    with pytest.raises(plasma.TimeoutError):
        client.get_many([keys[0], ObjectID.random()], 0.01)
    del buffers
    assert client.stats().leases == 0
    client.delete_many(keys[:3])
    with pytest.raises(plasma.NotFoundError):
        client.delete_many(keys)
    assert len(client) == 0 and client.get_many([]) == []


def test_wait_tells_which_are_ready(client: plasma.Client) -> None:
    ready, missing = client.put_bytes(b"", name="ready"), ObjectID.random()
    assert client.wait([ready, missing], 1) == ([ready], [missing])
    assert client.wait([missing, "ready"], timeout=0.01) == (["ready"], [missing])
    assert client.wait(["ready"]) == (["ready"], []) and client.wait([]) == ([], [])
    for wrong in 0, 3, -1:
        with pytest.raises(ValueError):
            client.wait([ready, missing], wrong)


def test_eviction_makes_room_but_not_of_what_is_pinned_or_held(store: str) -> None:
    with plasma.connect(store, capacity=1 << 20, eviction="lru") as client:
        pinned = client.put_bytes(bytes(1000), pinned=True)
        held = client.get(client.put_bytes(bytes(1000)))
        first = client.put_bytes(bytes(1000))
        for _ in range(30):
            client.put_bytes(bytes(100 << 10))
        assert first not in client and pinned in client and held.id in client
        assert client.stats().evictions > 0
        client.unpin(pinned)
        client.pin(held.id)
        assert client.evict() > 0 and pinned not in client and held.id in client
        held.release()
        client.evict(1)
        assert len(client) == 1
        client.delete(next(iter(client)))
        assert client.trim(keep=1 << 30) == 0 and client.trim() > 0


def test_a_name_is_free_again_after_delete(client: plasma.Client) -> None:
    for number in range(3):
        client.put_bytes(b"%d" % number, name="it")
        assert bytes(client.get("it", 0)) == b"%d" % number
        client.delete("it")


def test_an_ephemeral_store_goes_with_its_last_client(store: str) -> None:
    with plasma.connect(store, ephemeral=True) as client:
        client.put_bytes(b"")
        assert os.path.isdir(client.address) and client.address == store
    assert not os.path.exists(store)
