"""Timeouts are seconds or timedeltas; None waits forever."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from conftest import eventually

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


@pytest.mark.parametrize("long", [None, float("inf"), 1e30, timedelta.max])
def test_a_wait_ends_with_the_seal(client: plasma.Client, long: plasma.Seconds) -> None:
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(bytes(client.get("late", long))))
    reader.start()
    client.put_bytes(b"came", name="late")
    reader.join()
    assert got == [b"came"]


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
