"""Objects that failed."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

import plasma
from plasma import EventType, State


def _raise() -> None:
    raise LookupError("no such table: prices")


def test_waiters_receive_the_traceback(client: plasma.Client) -> None:
    writer = client.create(None, 600, "it")
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            client.get("it")
        except plasma.PlasmaError as failure:
            caught.append(failure)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        _raise()
    except LookupError as error:
        writer.fail(error)
    for thread in threads:
        thread.join()
    assert len(caught) == 3 and writer.sealed
    for failure in caught:
        assert isinstance(failure, plasma.FailedError) and failure.status == -27
        assert str(failure).endswith("LookupError: no such table: prices")
        assert "in _raise" in str(failure)


def test_a_failure_is_an_object_until_it_is_deleted(client: plasma.Client) -> None:
    events = client.events()
    key = plasma.ObjectID.random()
    client.fail(key, "no such table", "prices")
    assert next(events).type is EventType.FAILED
    assert client.state(key) is State.FAILED and key not in client
    assert client.stats().objects_failed == 1
    (info,) = client.list()
    assert (info.state, info.name, info.size) == (State.FAILED, "prices", 13)
    for known in (key, "prices"):
        with pytest.raises(plasma.FailedError, match="no such table"):
            client.get(known, 0)
    with pytest.raises(plasma.ExistsError):
        client.put_bytes(b"x", key)
    with pytest.raises(plasma.FailedError):
        client.get_or_create(key, 10)
    client.delete(key)
    assert client.state(key) is State.ABSENT and client.stats().objects_failed == 0
    client.put_bytes(b"x", key, "prices")


def test_tasks_and_waits_by_name_are_told_too(client: plasma.Client) -> None:
    writers = [client.create(None, 64, name) for name in ("a", "b")]

    async def wait() -> list[object]:
        waits = [client.aget(known) for known in ("a", writers[0].id, "b")]
        tasks = [asyncio.ensure_future(it) for it in waits]
        while any(not task.done() for task in tasks[:2]):
            await asyncio.sleep(0)
            if not writers[0].sealed:
                writers[0].fail("no a")
        writers[1].seal()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(wait())
    assert isinstance(first, plasma.FailedError) and isinstance(second, plasma.FailedError)
    assert isinstance(third, plasma.Buffer)
    ready, missing = client.wait(["a", "b"], timeout=60)
    assert set(ready) == {"a", "b"} and not missing


def test_a_failure_expires(client: plasma.Client) -> None:
    key = plasma.ObjectID.random()
    client.fail(key, "for a moment", expires=0.01)
    until = time.time() + 30
    while client.state(key) is not State.ABSENT:
        assert time.time() < until
        time.sleep(0.005)
    client.put_bytes(b"x", key)
    client.fail(plasma.ObjectID.random(), "later", expires=3600)
    assert client.stats().objects_failed == 1


def test_long_and_odd_reasons(client: plasma.Client) -> None:
    for reason, end in [("\u00e9" * 400, "\u00e9" * 256), ("a\0b", "a?b"), ("", "failed")]:
        key = plasma.ObjectID.random()
        client.fail(key, reason)
        with pytest.raises(plasma.FailedError) as caught:
            client.get(key, 0)
        assert str(caught.value).endswith(end)
    key = plasma.ObjectID.random()
    client.fail(key, ValueError("x" * 2000))
    with pytest.raises(plasma.FailedError, match="xxx"):
        client.get(key, 0)


def test_a_buffer_with_views_does_not_fail(client: plasma.Client) -> None:
    writer = client.create(None, 64, "it")
    view = memoryview(writer)
    with pytest.raises(BufferError):
        writer.fail("no")
    view[:] = b"a" * 64
    view.release()
    writer.fail("no")
    with pytest.raises(plasma.SealedError):
        writer.fail("again")
