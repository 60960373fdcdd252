"""Timeouts are seconds or timedeltas; None waits forever."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from conftest import eventually, wait_until_blocked

import plasma


@pytest.mark.parametrize("zero", [0, 0.0, timedelta(0)])
def test_zero_does_not_wait(client: plasma.Client, zero: plasma.Seconds) -> None:
    with pytest.raises(plasma.NotFoundError):
        client.get("nothing", zero)
    writer = client.create(None, 1, "writer")
    with pytest.raises(plasma.NotSealedError):
        client.get("writer", zero)
    assert client.wait([writer.id], timeout=zero) == ([], [writer.id])


@pytest.mark.parametrize("short", [0.05, 1e-9, timedelta(milliseconds=50)])
def test_a_time_runs_out(client: plasma.Client, short: plasma.Seconds) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="nothing"):
        client.get("nothing", short)
    if short != 1e-9:
        assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize("wrong", [-1, -0.001, float("nan"), timedelta(days=-1)])
def test_a_negative_time_is_refused(client: plasma.Client, wrong: plasma.Seconds) -> None:
    for call in client.get, client.get_object:
        with pytest.raises(ValueError, match="None waits forever"):
            call("nothing", wrong)


@pytest.mark.parametrize("long", [None, float("inf"), 1e30, 1e306, 10**400, timedelta.max])
def test_a_wait_ends_with_the_seal(client: plasma.Client, long: plasma.Seconds) -> None:
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(bytes(client.get("late", long))))
    reader.start()
    client.put_bytes(b"came", name="late")
    reader.join()
    assert got == [b"came"]


@pytest.mark.parametrize("long", [1e9, 1e306, 10**400, timedelta.max])
def test_every_call_takes_a_long_time(client: plasma.Client, store: str, long: Any) -> None:
    """1e306 s as milliseconds are no number."""
    key = client.put_bytes(b"", name="it")
    events = client.events()
    client.put([1], timeout=long)
    client.create(None, 1, timeout=long)
    client.get_or_create(key, 1, timeout=long)
    for got in client.get("it", long), client.get_many([key, "it"], long), events.next(long):
        assert got is not None
    assert client.wait([key, "it"], timeout=long) == ([key, "it"], [])
    plasma.connect(store, lock_timeout=long).close()

    async def wait() -> plasma.Buffer:
        waiting = asyncio.ensure_future(client.aget("soon", long))
        await asyncio.sleep(0)
        client.put_bytes(b"", name="soon")
        return await waiting

    assert asyncio.run(wait()).name == "soon"


def test_names_that_are_not_there_yet_are_waited_for(client: plasma.Client) -> None:
    """Only get() did; the others said NotFound."""
    there = client.put_bytes(b"there", name="there")
    waits = {
        "many": lambda: [bytes(it) for it in client.get_many(["soon", there, "later"], 60)],
        "all": lambda: client.wait(["soon", there, "later"], timeout=60),
        "one": lambda: client.wait(["soon", "never"], 1),
        "none": lambda: [
            it and bytes(it)
            for it in client.get_many(["soon", "there", "later"], 60, on_missing="none")
        ],
    }
    results: dict[str, object] = {}
    threads = [
        threading.Thread(target=lambda what, call: results.update({what: call()}), args=pair)
        for pair in waits.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        wait_until_blocked(os.getpid(), thread.native_id or 0)
    client.put_bytes(b"1", name="soon")
    client.put_bytes(b"2", name="later")
    for thread in threads:
        thread.join(60)
    assert results == {
        "many": [b"1", b"there", b"2"],
        "all": (["soon", there, "later"], []),
        "one": (["soon"], ["never"]),
        "none": [b"1", b"there", b"2"],
    }
    assert client.wait(["there", "never"], timeout=0.01) == (["there"], ["never"])
    assert client.wait(["never"], timeout=0) == ([], ["never"])
    with pytest.raises(plasma.TimeoutError, match="'never'"):
        client.get_many(["there", "never"], 0.01)
    with pytest.raises(plasma.NotFoundError, match="'never'"):
        client.get_many(["there", "never"], 0)


def test_what_is_missing_may_be_none(client: plasma.Client) -> None:
    there = client.put_bytes(b"x", name="there")
    writer = client.create(None, 1, "unsealed")
    keys = ["there", there, "never", writer.id, "unsealed", bytes(20)]
    for timeout in 0, 0.01:
        got = client.get_many(keys, timeout, on_missing="none")
        assert [it and bytes(it) for it in got] == [b"x", b"x", None, None, None, None]
    assert client.get_many([], on_missing="none") == []
    with pytest.raises(ValueError, match="on_missing"):
        client.get_many([], on_missing="null")  # type: ignore[call-overload]


def test_create_waits_for_room(store: str) -> None:
    with plasma.connect(store, capacity=1 << 20) as client:
        half = client.put_bytes(bytes(600 << 10))
        with pytest.raises(plasma.OutOfMemoryError):
            client.create(None, 600 << 10)
        with pytest.raises(plasma.OutOfMemoryError):
            client.put_bytes(bytes(600 << 10), timeout=0.01)
        made: list[plasma.ObjectID] = []
        writer = threading.Thread(
            target=lambda: made.append(client.put_bytes(bytes(600 << 10), timeout=None))
        )
        writer.start()
        client.delete(half)
        eventually(lambda: made)
        writer.join()
        assert made[0] in client
