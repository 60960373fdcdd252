"""The events of a store, waited for, iterated and awaited."""

from __future__ import annotations

import asyncio
import select
import threading
from typing import Any

import pytest

import plasma
from plasma import EventType


def run(main: Any) -> Any:
    return asyncio.run(asyncio.wait_for(main, 120))


def test_events_tell_what_happens_from_now_on(client: plasma.Client) -> None:
    client.put_bytes(b"before")
    with client.events() as events:
        key = client.put_bytes(b"abc")
        client.delete(key)
        client.create(None, 1).abort()
        news = [events.next(60) for _ in range(3)]
        assert [event.type for event in news] == [
            EventType.SEALED, EventType.DELETED, EventType.ABORTED,
        ]  # fmt: skip
        assert news[0].id == news[1].id == key and news[0].size == 3
        assert news[0].sequence < news[1].sequence and news[0].time > 1.7e9
        with pytest.raises(plasma.TimeoutError):
            events.next(0)
        with pytest.raises(plasma.TimeoutError):
            events.next(0.01)


def test_an_iteration_ends_when_the_events_are_closed(client: plasma.Client) -> None:
    events = client.events()
    seen: list[plasma.ObjectID] = []
    first = threading.Event()

    def follow() -> None:
        for event in events:
            seen.append(event.id)
            first.set()

    thread = threading.Thread(target=follow)
    thread.start()
    key = client.put_bytes(b"")
    assert first.wait(120)
    events.close()
    thread.join()
    assert seen == [key]
    events.close()
    with pytest.raises(plasma.DisconnectedError):
        events.next(0)
    with pytest.raises(plasma.DisconnectedError):
        events.fileno()


def test_events_end_with_their_client(client: plasma.Client) -> None:
    events = client.events()
    client.close()
    assert list(events) == []
    del events


def test_who_is_too_slow_is_told_how_many_are_lost(client: plasma.Client) -> None:
    events = client.events()
    lost = 0
    while not lost:
        for _ in range(4096):
            client.delete(client.put_bytes(b""))
        event = events.next(60)
        lost = event.lost_count if event.type is EventType.LOST else 0
    assert lost > 0 and event.id == bytes(20)


def test_a_file_descriptor_tells_of_events(client: plasma.Client) -> None:
    with client.events() as events:
        assert select.select([events], [], [], 0)[0] == []
        client.put_bytes(b"")
        assert select.select([events], [], [], 120)[0] == [events]
        events.next(0)


def test_events_are_iterated_asynchronously(client: plasma.Client) -> None:
    async def main() -> list[plasma.ObjectID]:
        seen: list[plasma.ObjectID] = []
        events = client.events()

        async def follow() -> None:
            async for event in events:
                seen.append(event.id)
                if len(seen) == 3:
                    break

        following = asyncio.ensure_future(follow())
        await asyncio.sleep(0)
        made = []
        for _ in range(3):
            made.append(client.put_bytes(b""))
            await asyncio.sleep(0)
        await following
        assert seen == made
        client.close()
        return [event.id async for event in events]

    assert run(main()) == []


def test_aget_gets_what_is_there_and_what_comes(client: plasma.Client) -> None:
    async def main() -> None:
        key = client.put_bytes(b"there", name="there")
        assert bytes(await client.aget(key)) == bytes(await client.aget("there", 0)) == b"there"
        coming = plasma.ObjectID.random()
        waits = [
            asyncio.ensure_future(client.aget(what)) for what in (coming, "named", coming, "other")
        ]
        await asyncio.sleep(0)
        client.put_bytes(b"1", id=coming)
        client.put_bytes(b"2", name="named")
        client.put_bytes(b"3", name="other")
        assert [bytes(buffer) for buffer in await asyncio.gather(*waits)] == [
            b"1",
            b"2",
            b"1",
            b"3",
        ]

    run(main())


def test_aget_lets_a_time_run_out_and_is_cancelled(client: plasma.Client) -> None:
    async def main() -> None:
        with pytest.raises(plasma.NotFoundError):
            await client.aget("never", 0)
        with pytest.raises(plasma.TimeoutError, match="never"):
            await client.aget("never", 0.01)
        wait = asyncio.ensure_future(client.aget("never"))
        await asyncio.sleep(0)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait
        assert bytes(await client.aget(client.put_bytes(b"still"))) == b"still"

    run(main())
    run(main())  # in another event loop


def test_aget_ends_when_the_client_is_closed(client: plasma.Client) -> None:
    async def main() -> None:
        wait = asyncio.ensure_future(client.aget("never"))
        await asyncio.sleep(0)
        client.close()
        with pytest.raises(plasma.DisconnectedError):
            await wait

    run(main())


def test_a_thousand_agets_are_served_by_one_producer(client: plasma.Client, store: str) -> None:
    keys = [plasma.ObjectID.from_int(number) for number in range(1000)]

    def produce() -> None:
        with plasma.connect(store) as other:
            for key in keys:
                other.put(int.from_bytes(key, "little"), id=key)

    async def main() -> int:
        waits = [asyncio.ensure_future(client.aget(key)) for key in keys]
        await asyncio.sleep(0)
        thread = threading.Thread(target=produce)
        thread.start()
        total = sum([int.from_bytes((await wait).id, "little") for wait in waits])
        thread.join()
        return total

    assert run(main()) == sum(range(1000))
