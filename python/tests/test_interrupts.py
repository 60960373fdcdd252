"""Waits end with signals, and let other threads run."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from conftest import eventually, finish, start, wait_until_blocked

import plasma

WAITS = {
    "get": "client.get('never')",
    "get by id": "client.get(plasma.ObjectID.random(), 1e6)",
    "get_object": "client.get_object('never')",
    "get_many": "client.get_many([plasma.ObjectID.random()] * 3)",
    "wait": "client.wait([plasma.ObjectID.random()])",
    "next": "client.events().next()",
    "iteration": "[event for event in client.events()]",
    "get_or_create": "client.get_or_create(writer.id, 1)",
}


@pytest.mark.parametrize("wait", WAITS)
def test_control_c_breaks_a_wait_at_once(store: str, wait: str) -> None:
    script = f"""if True:
        import signal, sys, plasma
        signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have come ignored
        client = plasma.connect(sys.argv[1])
        writer = client.create(None, 1)
        print("ready", flush=True)
        try:
            {WAITS[wait]}
        except KeyboardInterrupt:
            print("interrupted", client.put_bytes(b"") in client)
    """
    process = start(script, store)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    wait_until_blocked(process.pid)
    process.send_signal(signal.SIGINT)
    assert finish(process) == "interrupted True\n"


def test_control_c_breaks_the_wait_for_room(store: str) -> None:
    script = """if True:
        import signal, sys, plasma
        signal.signal(signal.SIGINT, signal.default_int_handler)
        client = plasma.connect(sys.argv[1], capacity=1 << 20)
        client.put_bytes(bytes(1 << 20))
        print("ready", flush=True)
        try:
            client.put(bytes(1 << 19), timeout=None)
        except KeyboardInterrupt:
            print("interrupted", len(client))
    """
    process = start(script, store)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    wait_until_blocked(process.pid)
    process.send_signal(signal.SIGINT)
    assert finish(process) == "interrupted 1\n"


@pytest.mark.parametrize("wait", WAITS)
def test_a_signal_that_the_wait_does_not_notice_breaks_it_all_the_same(
    store: str, wait: str
) -> None:
    script = f"""if True:
        import signal, sys, plasma
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.siginterrupt(signal.SIGINT, False)  # system calls go on afterwards
        client = plasma.connect(sys.argv[1])
        writer = client.create(None, 1)
        print("ready", flush=True)
        try:
            {WAITS[wait]}
        except KeyboardInterrupt:
            print("interrupted")
    """
    process = start(script, store)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    wait_until_blocked(process.pid)
    process.send_signal(signal.SIGINT)
    assert finish(process) == "interrupted\n"


def test_a_signal_with_a_handler_that_returns_lets_the_wait_go_on(store: str) -> None:
    script = """if True:
        import signal, sys, plasma
        handled = []
        signal.signal(signal.SIGUSR1, lambda *_: handled.append(1))
        client = plasma.connect(sys.argv[1])
        print("ready", flush=True)
        print(bytes(client.get("late", 1e6)), len(handled))
    """
    process = start(script, store)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    with plasma.connect(store) as client:
        wait_until_blocked(process.pid)
        process.send_signal(signal.SIGUSR1)
        eventually(lambda: not pending(process.pid, signal.SIGUSR1))
        wait_until_blocked(process.pid)
        client.put_bytes(b"came", name="late")
    assert finish(process) == "b'came' 1\n"


CLOSED = {name: wait for name, wait in WAITS.items() if name != "iteration"}


@pytest.mark.parametrize("wait", [*CLOSED, "put"])
def test_a_signal_handler_may_close_the_client_that_waits(store: str, wait: str) -> None:
    script = f"""if True:
        import signal, sys, plasma
        client = plasma.connect(sys.argv[1], capacity=1 << 20)
        signal.signal(signal.SIGTERM, lambda *_: client.close())
        writer = client.create(None, 600_000)
        print("ready", flush=True)
        try:
            {CLOSED.get(wait, "client.put_bytes(bytes(600_000), timeout=None)")}
        except plasma.DisconnectedError:
            print("closed", client.closed)
    """
    process = start(script, store)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    wait_until_blocked(process.pid)
    process.send_signal(signal.SIGTERM)
    assert finish(process) == "closed True\n"


def pending(pid: int, number: int) -> bool:
    """Whether a signal has not been delivered yet."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(("SigPnd", "ShdPnd")) and int(line.split()[1], 16) >> (number - 1) & 1:
            return True
    return False


def test_a_wait_lets_other_threads_run(client: plasma.Client) -> None:
    got: list[bytes] = []
    waiter = threading.Thread(target=lambda: got.append(bytes(client.get("late"))))
    waiter.start()
    wait_until_blocked(os.getpid(), waiter.native_id or 0)
    client.put_bytes(b"from another thread", name="late")
    waiter.join()
    assert got == [b"from another thread"]


@pytest.mark.parametrize("how", ["interrupt", "close"])
def test_another_thread_ends_the_waits(client: plasma.Client, how: str) -> None:
    ends: list[BaseException] = []

    def wait(call: object) -> None:
        try:
            call()  # type: ignore[operator]
        except plasma.PlasmaError as error:
            ends.append(error)

    events = client.events()
    calls = [
        lambda: client.get("never"),
        lambda: client.get_object("never", 1e6),
        lambda: client.wait([plasma.ObjectID.random()]),
        lambda: events.next(),
    ]
    threads = [threading.Thread(target=wait, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        wait_until_blocked(os.getpid(), thread.native_id or 0)
    getattr(client, how)()
    for thread in threads:
        thread.join()
    kind = plasma.InterruptedError if how == "interrupt" else plasma.DisconnectedError
    assert [type(error) for error in ends] == [kind] * 4
    assert client.closed == (how == "close")


def test_closing_while_many_threads_call_is_safe(store: str) -> None:
    keys = [plasma.ObjectID.from_int(number) for number in range(10)]
    for _ in range(30):
        client = plasma.connect(store)
        for key in keys:
            if key not in client:
                client.put([1, 2], id=key)
        begin = threading.Barrier(5)

        def work(client: plasma.Client = client, begin: threading.Barrier = begin) -> None:
            begin.wait()
            try:
                while True:
                    for key in keys:
                        assert client.get_object(key) == [1, 2]
                        client.info(key)
                        client.delete(client.put_bytes(b"x"))
            except plasma.DisconnectedError:
                pass

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        begin.wait()
        client.close()
        for thread in threads:
            thread.join()
