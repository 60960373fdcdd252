"""Each status is an exception, and the builtin that fits it."""

from __future__ import annotations

import os

import pytest

import plasma
from plasma import _library


def test_each_status_has_its_exception() -> None:
    kinds = {kind.status: kind for kind in plasma.PlasmaError.__subclasses__()}
    enum = _library.ffi.typeof("enum plasma_status").elements
    for number, name in enum.items():
        if number < 0:
            assert kinds[number].__name__.upper().removesuffix("ERROR") in (
                name.removeprefix("PLASMA_ERR_").replace("_", ""),
                {"PLASMA_ERR_PERMISSION": "ACCESS", "PLASMA_ERR_SYSTEM": "SYSTEMCALL"}.get(name),
            )
            assert kinds[number].__name__ in plasma.__all__
    assert set(enum) <= {0, *kinds}


def test_exceptions_are_the_builtins_that_fit(client: plasma.Client, store: str) -> None:
    key = client.put_bytes(b"", name="taken")
    other = store + "-other"
    os.mkdir(other)
    try:
        for call, kind, builtin in (
            (lambda: client.get("no", 0), plasma.NotFoundError, KeyError),
            (lambda: client.delete("no"), plasma.NotFoundError, KeyError),
            (lambda: client.info("no"), plasma.NotFoundError, KeyError),
            (lambda: client.put_bytes(b"", id=key), plasma.ExistsError, FileExistsError),
            (lambda: client.put_bytes(b"", name="taken"), plasma.NameExistsError, FileExistsError),
            (lambda: client.get("no", 0.001), plasma.TimeoutError, TimeoutError),
            (lambda: client.create(None, 1 << 40), plasma.TooLargeError, MemoryError),
            (lambda: client.evict(), plasma.UnsupportedError, NotImplementedError),
            (
                lambda: client.put_bytes(b"", metadata={"k": bytes(1 << 17)}),
                plasma.LimitError,
                MemoryError,
            ),
            (lambda: plasma.connect(""), plasma.InvalidArgumentError, ValueError),
            (
                lambda: plasma.connect(store + "/no", create=False),
                plasma.StoreNotFoundError,
                FileNotFoundError,
            ),
            (
                lambda: plasma.connect(store, exclusive=True),
                plasma.StoreExistsError,
                FileExistsError,
            ),
            (lambda: plasma.connect(store, capacity=1 << 20), plasma.MismatchError, ValueError),
            (lambda: plasma.connect(store, reader_quota=4096), plasma.MismatchError, ValueError),
            (lambda: plasma.connect(store, max_readers=7), plasma.MismatchError, ValueError),
            (lambda: plasma.connect(other), plasma.NotAStoreError, ValueError),
            (lambda: plasma.connect(store, eviction="fifo"), ValueError, ValueError),
        ):
            with pytest.raises(kind) as raised:
                call()
            assert isinstance(raised.value, builtin)
            assert len(str(raised.value)) > 5 and not str(raised.value).startswith("'")
    finally:
        os.rmdir(other)


def test_messages_are_those_of_the_library(client: plasma.Client) -> None:
    with pytest.raises(plasma.TooLargeError, match=str(1 << 40)):
        client.create(None, 1 << 40)
    with pytest.raises(plasma.NotFoundError, match="'nobody'"):
        client.get("nobody", 0)


def test_failures_say_what_they_are_about(client: plasma.Client) -> None:
    there, missing = client.put_bytes(b"", name="taken"), plasma.ObjectID.random()
    gone = str(missing)
    for call, kind, about in (
        (lambda: client.put_bytes(b"", name="taken"), plasma.NameExistsError, "'taken'"),
        (lambda: client.put([], name="taken"), plasma.NameExistsError, "'taken'"),
        (lambda: client.create(None, 1, "taken"), plasma.NameExistsError, "'taken'"),
        (lambda: client.get_or_create(missing, 1, "taken"), plasma.NameExistsError, "'taken'"),
        (lambda: client.put([], there, "taken"), plasma.ExistsError, str(there)),
        (lambda: client.create(there, 1, "other"), plasma.ExistsError, str(there)),
        (lambda: client.get_many([there, missing], 0), plasma.NotFoundError, gone),
        (lambda: client.get_many([there, missing], 0.001), plasma.TimeoutError, gone),
        (lambda: client.get_many([there, "no"], 0), plasma.NotFoundError, "'no'"),
        (lambda: client.delete_many([missing, there]), plasma.NotFoundError, gone),
        (lambda: client.delete_many(["no"]), plasma.NotFoundError, "'no'"),
        (lambda: client.put_bytes(bytes(65 << 20), name="big"), plasma.TooLargeError, "'big'"),
    ):
        with pytest.raises(kind) as raised:
            call()
        assert about in str(raised.value)
    assert there not in client


def test_a_closed_client_says_so(client: plasma.Client) -> None:
    client.close()
    client.close()
    assert client.closed and "closed" in repr(client)
    for call in (
        lambda: client.get("x", 0),
        lambda: client.get("x"),
        lambda: client.put_bytes(b""),
        lambda: client.put(1),
        lambda: client.create(None, 1),
        lambda: client.list(),
        lambda: len(client),
        lambda: client.events(),
        lambda: client.interrupt(),
        lambda: client.get_many([plasma.ObjectID.random()]),
    ):
        with pytest.raises(plasma.DisconnectedError, match="closed"):
            call()


def test_a_removed_store_is_gone(client: plasma.Client, store: str) -> None:
    held = client.get(client.put_bytes(b"held"))
    plasma.remove(store)
    with pytest.raises(plasma.StoreGoneError) as raised:
        client.put_bytes(b"")
    assert isinstance(raised.value, ConnectionError) and bytes(held) == b"held"
    with pytest.raises(plasma.StoreNotFoundError):
        plasma.remove(store)
