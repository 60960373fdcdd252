"""However a process ends regularly, its ephemeral stores go, and nothing is printed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import eventually, run

CONNECT = """if True:
    import os, sys, threading, time, plasma
    client = plasma.connect(sys.argv[1], ephemeral=True)
    key = client.put_bytes(b"x" * 100_000)
"""

ENDS = {
    "a global view": "view = memoryview(client.get(key))",
    "a view of a client that was collected": "view = memoryview(client.get(key)); del client",
    "a view in a cycle": "cycle = [memoryview(client.get(key))]; cycle.append(cycle)",
    "a view that an attribute of a module holds": "sys.kept = memoryview(client.get(key))",
    "an unsealed object": "writer = client.create(None, 3); view = memoryview(writer)",
    "events": "events = client.events(); events.fileno()",
    "a closed client": "view = memoryview(client.get(key)); client.close()",
    "sys.exit": "view = memoryview(client.get(key)); sys.exit(0)",
    "a client of a function at exit": """
    import atexit
    def late():
        global more
        more = plasma.connect(sys.argv[1], ephemeral=True)
    atexit.unregister(plasma.connection.close_all)
    atexit.register(late)
    atexit.register(plasma.connection.close_all)
    """,
    "a daemon thread with a view": """
    held = threading.Event()
    def hold():
        view = memoryview(client.get(key))
        held.set()
        while True:
            time.sleep(0.001)
            bytes(view)
    threading.Thread(target=hold, daemon=True).start()
    held.wait()
    """,
    "daemon threads that wait": """
    for call in (lambda: client.get("never"), lambda: client.wait(["never"]),
                 lambda: client.events().next(), lambda: list(client.events()),
                 lambda: client.get_many([bytes(20)])):
        threading.Thread(target=call, daemon=True).start()
    time.sleep(0.2)
    """,
    "a daemon thread that never stops": """
    def work():
        while True:
            client.get_object(client.put([1]))
            client.list()
    threading.Thread(target=work, daemon=True).start()
    time.sleep(0.1)
    """,
}


@pytest.mark.parametrize("end", ENDS)
def test_an_ephemeral_store_goes_with_the_process(store: str, end: str) -> None:
    assert run(CONNECT + "    " + ENDS[end], store) == ""
    assert not Path(store).exists()


def test_a_daemon_thread_that_reads_at_exit_does_no_harm(store: str) -> None:
    pytest.importorskip("numpy")
    script = """if True:
        import sys, threading, numpy as np, plasma
        client = plasma.connect(sys.argv[1], ephemeral=True)
        array = client.get_object(client.put(np.ones(1 << 20)))
        begun = threading.Event()
        def work():
            while True:
                array.sum()  # without the interpreter's lock
                begun.set()
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        begun.wait()
    """
    for _ in range(5):
        assert run(script, store) == ""
        assert not Path(store).exists()


@pytest.mark.parametrize(
    "parent_ends", ["os._exit(0)", "sys.exit(0)", "client.close(); os._exit(0)"]
)
def test_a_daemon_keeps_the_ephemeral_store_of_its_parents(store: str, parent_ends: str) -> None:
    script = f"""if True:
        import os, sys, time, warnings, plasma
        warnings.simplefilter("ignore", DeprecationWarning)
        client = plasma.connect(sys.argv[1], ephemeral=True)
        key = client.put_bytes(b"kept")
        reads, says = os.pipe()
        for _ in range(2):
            if os.fork():
                {parent_ends}
            os.setsid()
        os.close(0), os.close(1), os.close(2)
        while os.getppid() == int(sys.argv[2]):
            time.sleep(0.01)
        time.sleep(0.2)
        with open(sys.argv[3], "w") as said:
            print(bytes(client.get(key)), file=said)
    """
    said = Path(store + "-said")
    try:
        run(script, store, os.getpid(), said)
        eventually(lambda: said.exists() and said.read_text())
        assert said.read_text() == "b'kept'\n"
    finally:
        said.unlink()
    eventually(lambda: not os.listdir(Path(store).parent))


def test_threads_of_a_process_of_multiprocessing_finish_first(store: str, tmp_path: Path) -> None:
    script = """if True:
        import concurrent.futures, multiprocessing, sys, threading, time, plasma
        def late():
            time.sleep(0.3)
            client.put_bytes(bytes(view), name="late")
        def work(address):
            global client, view, pool
            client = plasma.connect(address)
            view = memoryview(client.get(client.put_bytes(b"x")))
            pool = concurrent.futures.ThreadPoolExecutor()  # whose threads wait until the end
            pool.submit(int)
            threading.Thread(target=late).start()
        process = multiprocessing.get_context("fork").Process(target=work, args=sys.argv[1:])
        process.start()
        process.join()
        with plasma.connect(sys.argv[1], create=False) as client:
            print(process.exitcode, bytes(client.get("late", 0)), client.stats().leases)
    """
    assert run(script, store) == "0 b'x' 0\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_an_ephemeral_store_of_a_process_of_multiprocessing_goes(
    store: str, method: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        """if True:
        import multiprocessing, sys, plasma
        def work(address):
            global client, view
            client = plasma.connect(address, ephemeral=True)
            view = memoryview(client.get(client.put_bytes(b"x")))
        if __name__ == "__main__":
            context = multiprocessing.get_context(sys.argv[2])
            process = context.Process(target=work, args=sys.argv[1:2])
            process.start()
            process.join()
            print(process.exitcode)
        """
    )
    assert run("import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')",
               script, store, method) == "0\n"  # fmt: skip
    assert not Path(store).exists()
