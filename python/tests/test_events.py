"""The events of a store, waited for, iterated and awaited."""

from __future__ import annotations

import asyncio
import importlib.util
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import conftest
import pytest

import plasma
from plasma import EventType


def run(main: Any) -> Any:
    return asyncio.run(asyncio.wait_for(main, 120))


LOOPS = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]


@pytest.fixture(params=LOOPS)
def any_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs a test with each kind of event loop that is installed."""
    if request.param == "asyncio":
        yield
        return
    import uvloop

    original = asyncio.new_event_loop
    asyncio.events.new_event_loop = uvloop.new_event_loop
    try:
        yield
    finally:
        asyncio.events.new_event_loop = original


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


@pytest.mark.parametrize("closer", ["the loop", "a thread"])
def test_closed_events_end_the_iterations_of_tasks(
    client: plasma.Client, any_loop: None, closer: str
) -> None:
    """The loop went on to watch the closed descriptor, and the tasks were never woken."""

    async def main() -> int:
        events = client.events()

        async def follow() -> list[plasma.Event]:
            return [event async for event in events]

        tasks = [asyncio.ensure_future(follow()) for _ in range(3)]
        await asyncio.sleep(0.01)
        if closer == "the loop":
            events.close()
        else:
            await asyncio.get_running_loop().run_in_executor(None, events.close)
        return sum(len(seen) for seen in await asyncio.gather(*tasks))

    assert run(main()) == 0


def test_the_number_of_a_closed_descriptor_is_free_for_others(
    client: plasma.Client, any_loop: None
) -> None:
    """A socket that got the number was not watched any longer when the task was cancelled."""

    async def main() -> bytes:
        loop = asyncio.get_running_loop()
        events = client.events()
        task = asyncio.ensure_future(events.__anext__())
        await asyncio.sleep(0.01)
        events.close()
        here, there = socket.socketpair()
        here.setblocking(False)
        receiving = asyncio.ensure_future(loop.sock_recv(here, 10))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        there.send(b"heard")
        said = await receiving
        here.close()
        there.close()
        return said

    assert run(main()) == b"heard"


def test_tasks_share_events_and_each_event_goes_to_one(
    client: plasma.Client, any_loop: None
) -> None:
    """The second task replaced the first one's registration, which was never woken again."""

    async def main() -> list[plasma.ObjectID]:
        events = client.events()
        tasks = [asyncio.ensure_future(events.__anext__()) for _ in range(5)]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        made = [client.put_bytes(b"") for _ in range(4)]
        seen = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(seen.pop(1), asyncio.CancelledError)
        assert sorted(event.id for event in seen) == sorted(made)
        with pytest.raises(plasma.TimeoutError):
            events.next(0)
        return made

    assert len(run(main())) == 4


def test_event_loops_of_two_threads_share_events(client: plasma.Client) -> None:
    events = client.events()
    seen: list[plasma.Event] = []

    async def follow() -> None:
        async for event in events:
            seen.append(event)

    threads = [threading.Thread(target=run, args=(follow(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        client.put_bytes(b"")
        time.sleep(0.001)
    conftest.eventually(lambda: len(seen) == 20)
    events.close()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("how", ["a task", "a thread", "no wait"])
def test_iterations_end_when_the_store_is_removed(
    client: plasma.Client, store: str, how: str, any_loop: None
) -> None:
    events = client.events()

    async def main() -> list[plasma.Event]:
        async def follow() -> list[plasma.Event]:
            return [event async for event in events]

        task = asyncio.ensure_future(follow())
        await asyncio.sleep(0.01)
        plasma.remove(store)
        return await task

    if how == "a task":
        assert run(main()) == []
    elif how == "a thread":
        seen: list[list[plasma.Event]] = []
        thread = threading.Thread(target=lambda: seen.append(list(events)))
        thread.start()
        conftest.wait_until_blocked(conftest.os.getpid(), thread.native_id or 0)
        plasma.remove(store)
        thread.join(60)
        assert seen == [[]]
    else:
        plasma.remove(store)
        assert list(events) == []
    with pytest.raises(plasma.StoreGoneError):
        events.next()


@pytest.mark.parametrize("key", ["never", bytes(20)])
def test_aget_ends_when_the_store_is_removed(
    client: plasma.Client, store: str, key: plasma.Key, any_loop: None
) -> None:
    """The event loop spun on the descriptor, with a traceback each time."""

    async def main() -> list[Any]:
        complaints: list[Any] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        waits = [asyncio.ensure_future(client.aget(key)) for _ in range(3)]
        await asyncio.sleep(0.01)
        plasma.remove(store)
        for wait in waits:
            with pytest.raises(plasma.StoreGoneError):
                await wait
        await asyncio.sleep(0.01)
        return complaints

    assert run(main()) == []


def test_an_arrival_wakes_only_those_who_wait_for_it(client: plasma.Client) -> None:
    """Each event woke all that waited by name."""
    names = [f"name {number}" for number in range(300)]
    gets = 0

    async def main() -> None:
        nonlocal gets
        waits = [asyncio.ensure_future(client.aget(name)) for name in names]
        await asyncio.sleep(0)
        original = client.get

        def counted(*args: Any) -> plasma.Buffer:
            nonlocal gets
            gets += 1
            return original(*args)

        client.get = counted  # type: ignore[method-assign]
        for name in names:
            client.put_bytes(name.encode(), name=name)
            await asyncio.sleep(0)
        assert [bytes(await wait) for wait in waits] == [name.encode() for name in names]

    run(main())
    assert gets < 3 * len(names)


HANDLERS = {
    "next": "events.next(0)",
    "close": "events.close()",
    "fileno": "events.fileno()",
    "close twice": "events.close(); events.close()",
    "client": "client.put_bytes(b'from the handler')",
    "close the client": "client.close()",
}


@pytest.mark.parametrize("loop", ["for event in events: pass", "asyncio.run(follow())"])
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_signal_handler_may_use_the_events_that_it_interrupts(
    store: str, handler: str, loop: str
) -> None:
    """SIGTERM handlers close what the program waits for; that was a deadlock."""
    script = f"""if True:
        import asyncio, os, signal, sys, threading, time, plasma
        client = plasma.connect(sys.argv[1])
        events = client.events()

        async def follow():
            asyncio.get_running_loop().slow_callback_duration = 1e9  # the machine may be busy
            async for event in events: pass

        def handle(*_):
            try:
                {HANDLERS[handler]}
            except plasma.TimeoutError:
                pass
            print("handled", flush=True)

        signal.signal(signal.SIGTERM, handle)

        def kill():
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.3)
            events.close()

        killer = threading.Thread(target=kill)
        killer.start()
        {loop}
        killer.join()
        print("ended")
    """
    assert conftest.run(script, store) == "handled\nended\n"
