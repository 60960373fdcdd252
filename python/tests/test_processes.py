"""The process pools of the standard library, and processes that are killed."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from conftest import finish, run, start, wait_until_blocked

import plasma

METHODS = ["fork", "spawn", "forkserver"]
DATA = b"shared" * 10_000


def total(args: tuple[plasma.Client, plasma.ObjectID]) -> int:
    client, key = args
    with client.get(key) as buffer:
        return sum(memoryview(buffer)[:100])


def put_one(client: plasma.Client, number: int) -> plasma.ObjectID:
    return client.put({"number": number, "data": bytearray(number)})


def hold(client: plasma.Client, key: plasma.ObjectID, ready: Any) -> None:
    view = memoryview(client.get(key))
    writer = client.create(None, 1000)
    ready.set()
    signal.pause()
    del view, writer


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_reads_one_object(client: plasma.Client, method: str) -> None:
    key = client.put_bytes(DATA)
    view = memoryview(client.get(key))
    with multiprocessing.get_context(method).Pool(3) as pool:
        assert pool.map(total, [(client, key)] * 30) == [sum(DATA[:100])] * 30
        pool.close()
        pool.join()
    assert view == DATA
    client.reap()
    assert len(client.clients()) == 1 and client.stats().leases == 1


@pytest.mark.parametrize("method", METHODS)
def test_futures_put_and_the_parent_gets(client: plasma.Client, method: str) -> None:
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        keys = [executor.submit(put_one, client, number) for number in range(10)]
        for number, key in enumerate(keys):
            got = client.get_object(key.result(), 0)
            assert got == {"number": number, "data": bytearray(number)}


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_that_is_killed_gives_everything_back(client: plasma.Client, method: str) -> None:
    context = multiprocessing.get_context(method)
    key = client.put_bytes(DATA)
    mine = memoryview(client.get(key))
    used = client.stats().used
    workers = []
    for _ in range(3):
        ready = context.Event()
        workers.append(context.Process(target=hold, args=(client, key, ready), daemon=True))
        workers[-1].start()
        assert ready.wait(120)
    assert len(client.holders(key)) == 4
    for worker in workers:
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    assert client.reap() == 3
    assert client.stats().used == used and len(client.holders(key)) == 1
    client.delete(key)
    assert mine == DATA


def test_who_waits_for_a_worker_that_is_killed_is_told(client: plasma.Client, store: str) -> None:
    script = """if True:
        import signal, sys, plasma
        writer = plasma.connect(sys.argv[1]).create(None, 10, "half")
        print("ready", flush=True)
        signal.pause()
    """
    process = start(script, store)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    waiter = start(
        "import plasma, sys; c = plasma.connect(sys.argv[1]); print('w', flush=True)\n"
        "try: c.get('half')\n"
        "except plasma.AbortedError as error: print(isinstance(error, ConnectionAbortedError))",
        store,
    )
    assert waiter.stdout is not None and waiter.stdout.readline() == "w\n"
    wait_until_blocked(waiter.pid)
    process.kill()
    process.communicate()
    assert finish(waiter) == "True\n"
    client.put_bytes(b"whole", name="half")


@pytest.mark.parametrize("method", METHODS)
def test_there_is_no_noise_at_exit(store: str, method: str, tmp_path: Any) -> None:
    """No resource_tracker of Python, no warning, and nothing left in /dev/shm."""
    script = tmp_path / "main.py"
    script.write_text(
        "import multiprocessing, sys, plasma\n"
        "def work(client):\n"
        "    global kept\n"
        "    kept = memoryview(client.get('it'))\n"
        "    client.put(bytearray(1000))\n"
        "if __name__ == '__main__':\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    client = plasma.connect(sys.argv[1], ephemeral=True)\n"
        "    client.put_bytes(b'abc', name='it')\n"
        "    view = memoryview(client.get('it'))\n"
        "    workers = [context.Process(target=work, args=(client,)) for _ in range(3)]\n"
        "    for worker in workers: worker.start()\n"
        "    for worker in workers: worker.join(); assert worker.exitcode == 0\n"
        "    print(len(client))\n"
    )
    process = subprocess.Popen(
        [sys.executable, script, store],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert finish(process) == "4\n"
    assert not os.path.exists(store)


def test_a_store_may_be_used_by_unrelated_processes_in_turn(store: str) -> None:
    for number in range(5):
        script = f"""if True:
            import plasma, sys
            with plasma.connect(sys.argv[1]) as client:
                client.put({number}, name="n{number}")
                print(sum(client.get_object(f"n{{at}}", 0) for at in range({number} + 1)))
        """
        assert run(script, store) == f"{sum(range(number + 1))}\n"
