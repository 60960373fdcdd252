"""A forked child works on its own, and its parent does not notice."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable

import pytest
from conftest import eventually, run, start, wait_until_blocked

import plasma
from plasma import ObjectID, forks

A, B = b"a" * 5000, b"b" * 5000


class Child:
    """A fork that runs a function once it is told to."""

    def __init__(self, function: Callable[[], object]) -> None:
        result, self._result = os.pipe()
        go_on, self._go_on = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            said = "it did not even begin"
            try:
                os.close(self._go_on)
                os.read(go_on, 1)
                said = repr(function())
            except BaseException:
                said = traceback.format_exc()
            finally:
                os.write(self._result, said.encode())
                os._exit(0)
        os.close(go_on)
        os.close(self._result)
        self._result = result

    def says(self) -> str:
        """Start the function, and return its result."""
        os.close(self._go_on)
        with open(self._result) as result:
            said = result.read()
        assert os.waitpid(self.pid, 0)[1] == 0
        return said


def holder_pids(client: plasma.Client, key: plasma.Key) -> list[int]:
    return sorted(holder.pid for holder in client.holders(key))


def test_a_child_connects_anew_and_tells_so_once(client: plasma.Client) -> None:
    key = client.put_bytes(A)

    def use() -> object:
        records: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: records.append(record.getMessage())  # type: ignore
        logging.getLogger("plasma").addHandler(handler)
        logging.getLogger("plasma").setLevel(logging.INFO)
        mine = client.put([1, 2], name="of the child")
        assert bytes(client.get(key, 0)) == A and client.get_object(mine) == [1, 2]
        assert client.info(mine).creator_pid == os.getpid()
        assert records == [f"process {os.getpid()} was forked: connected again to {client.address}"]
        return len(client.clients())

    assert Child(use).says() == "2"
    assert client.get_object("of the child", 0) == [1, 2]
    client.reap()
    assert len(client.clients()) == 1 and client.stats().leases == 0


def test_a_child_that_holds_and_uses_nothing_does_not_connect(client: plasma.Client) -> None:
    child = Child(lambda: 1)
    assert len(client.clients()) == 1
    assert child.says() == "1"


def test_a_view_in_a_child_has_a_lease_of_its_own(client: plasma.Client) -> None:
    key = client.put_bytes(A)
    buffer = client.get(key)
    view = memoryview(buffer)
    child = Child(lambda: (bytes(view) == A, bytes(buffer) == A, buffer.id == key))
    assert holder_pids(client, key) == sorted([os.getpid(), child.pid])
    view.release()
    buffer.release()
    client.delete(key)
    for _ in range(100):
        client.delete(client.put_bytes(B))
    client.reap()
    assert client.stats().objects_deleted == 1
    assert child.says() == "(True, True, True)"
    client.reap()
    assert client.stats().objects_deleted == 0


def test_a_view_of_a_deleted_object_shows_no_other_bytes(client: plasma.Client) -> None:
    small, large = client.put_bytes(b"s" * 100), client.put_bytes(A * 100)
    views = [memoryview(client.get(key))[1:] for key in (small, large)]
    held = client.get(large)
    client.delete(small)
    client.delete(large)
    client.put_bytes(B * 100, id=large)  # another object that has the id now

    def look() -> object:
        assert [bytes(view) for view in views] == [b"s" * 99, (A * 100)[1:]]
        try:
            memoryview(held)
        except plasma.ForkedError as refused:
            return str(refused)
        return bytes(held)[:1]

    child = Child(look)
    views.clear()
    held.release()
    for _ in range(50):
        client.delete(client.put_bytes(B * 100))
        client.delete(client.put_bytes(b"t" * 100))
        client.reap()
    assert client.stats().objects_deleted == 0
    assert child.says() == repr("the object was deleted before this process was forked")


def test_a_view_of_a_removed_store_stays(client: plasma.Client, store: str) -> None:
    view = memoryview(client.get(client.put_bytes(A)))
    plasma.remove(store)
    child = Child(lambda: bytes(view) == A)
    view.release()
    assert child.says() == "True"


def test_writers_stay_the_parents(client: plasma.Client) -> None:
    writer = client.create(None, 3, "writer")
    view = memoryview(writer)

    def touch() -> object:
        refused = []
        for use in writer.seal, writer.abort, lambda: writer.resize(4), lambda: memoryview(writer):
            try:
                use()
            except plasma.ForkedError:
                refused.append(1)
        return len(refused)

    assert Child(touch).says() == "4"
    view[:] = b"abc"
    assert bytes(client.get(writer.seal(), 0)) == b"abc"


def test_events_stay_the_parents(client: plasma.Client) -> None:
    events = client.events()

    def touch() -> object:
        nonlocal events
        for use in (lambda: events.next(0), events.fileno, lambda: next(iter(events))):
            with pytest.raises(plasma.ForkedError):
                use()
        old, events = events, client.events()
        del old
        key = client.put_bytes(b"")
        return events.next(60).id == key

    assert Child(touch).says() == "True"
    assert events.next(60).type is plasma.EventType.SEALED


def test_finalisers_of_a_child_touch_nothing_of_the_parents(store: str) -> None:
    script = """if True:
        import gc, os, sys, warnings, plasma
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on, of threads
        client = plasma.connect(sys.argv[1])
        buffer = client.get(client.put_bytes(b"held"))
        gone = client.get(client.put_bytes(b"gone"))
        client.delete(gone.id)
        view, lost = memoryview(buffer), memoryview(gone)
        writer = client.create(None, 3, "writer")
        events = client.events()
        events.fileno()
        client.reap()
        before = client.stats().leases, len(client.list())
        pid = os.fork()
        if pid == 0:
            if len(sys.argv) > 2:
                client.close()
                del writer, view, lost, buffer, gone, events, client
                gc.collect()
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        client.reap()
        assert (client.stats().leases, len(client.list())) == before, (before, client.stats())
        memoryview(writer)[:] = b"abc"
        assert bytes(client.get(writer.seal(), 0)) == b"abc"
        assert view == b"held" and lost == b"gone"
        assert events.next(60).id == writer.id
        print("done")
    """
    for how in [], ["by hand"]:
        assert run(script, store, *how) == "done\n"
        with plasma.connect(store) as client:
            client.reap()
            client.delete("writer")


def test_forks_of_forks_have_leases_of_their_own(client: plasma.Client) -> None:
    key = client.put_bytes(A)
    view = memoryview(client.get(key))

    def again() -> object:
        child = Child(lambda: bytes(view) == A)
        held = len(client.holders(key)) if key in client else -1
        view.release()
        return held, child.says()

    child = Child(again)
    assert child.says() == "(3, 'True')"
    assert view == A


def test_a_child_that_dies_at_once_does_not_stop_the_parent(client: plasma.Client) -> None:
    view = memoryview(client.get(client.put_bytes(A)))
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
    assert view == A
    client.reap()
    assert client.stats().leases == 1 and len(client.clients()) == 1


def test_a_fork_while_other_threads_wait_and_work(client: plasma.Client) -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            client.delete(client.put_bytes(A))

    def wait() -> None:
        with pytest.raises(plasma.InterruptedError):
            client.get("never")

    threads = [threading.Thread(target=call) for call in (work, wait)]
    for thread in threads:
        thread.start()
    wait_until_blocked(os.getpid(), threads[1].native_id or 0)
    view = memoryview(client.get(client.put_bytes(B)))

    def use() -> object:
        assert bytes(view) == B
        key = client.put_bytes(A)
        assert bytes(client.get(key, 0)) == A
        client.close()
        return client.closed

    for _ in range(10):
        assert Child(use).says() == "True"
    stop.set()
    client.interrupt()
    for thread in threads:
        thread.join()


def test_no_descriptor_is_left_by_forks(client: plasma.Client) -> None:
    view = memoryview(client.get(client.put_bytes(A)))

    def descriptors() -> int:
        client.reap()  # it asks whether clients live, in one of eight files for each
        return len(os.listdir("/proc/self/fd"))

    before = 0
    for _ in range(8):
        assert Child(lambda: bytes(view) == A).says() == "True"
        before = descriptors()
    for _ in range(5):
        assert Child(lambda: bytes(view) == A).says() == "True"
    assert descriptors() == before


def test_a_fork_without_descriptors_keeps_what_the_child_may_see(store: str) -> None:
    script = """if True:
        import os, resource, sys, plasma
        client = plasma.connect(sys.argv[1])
        key = client.put_bytes(b"held")
        view = memoryview(client.get(key))
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        pid = os.fork()
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        if pid == 0:
            os._exit(bytes(view) != b"held")
        assert os.waitpid(pid, 0)[1] == 0
        del view
        print(client.stats().leases)
    """
    process = start(script, store)
    said, complaints = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "1\n"), complaints
    assert complaints.splitlines()[0].startswith("a fork has no pipe to its parent")


def test_what_a_child_prints_to_closed_streams_does_not_say_that_it_is_ready(store: str) -> None:
    script = """if True:
        import os, sys
        tell = os.dup(1)

        def print_first():
            for closed in range(3):
                try:
                    os.write(closed, b"noise")
                    os.write(tell, b"written to %d\\n" % closed)
                except OSError:
                    pass

        os.register_at_fork(after_in_child=print_first)
        import plasma
        client = plasma.connect(sys.argv[1])
        view = memoryview(client.get(client.put_bytes(b"held")))
        for closed in range(3):
            os.close(closed)
        pid = os.fork()
        if pid == 0:
            os._exit(bytes(view) != b"held")
        assert os.waitpid(pid, 0)[1] == 0
        os.write(tell, b"done\\n")
    """
    process = start(script, store)
    said, complaints = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "done\n"), complaints


def test_events_for_which_a_thread_of_the_parent_waits_are_refused(client: plasma.Client) -> None:
    events = client.events()

    def wait() -> None:
        with pytest.raises(plasma.DisconnectedError):
            events.next()

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert waiter.native_id
    wait_until_blocked(os.getpid(), waiter.native_id)

    def use() -> str:
        signal.alarm(60)
        with pytest.raises(plasma.ForkedError):
            events.next(0)
        with pytest.raises(plasma.ForkedError):
            events.fileno()
        return "refused"

    assert Child(use).says() == repr("refused")
    events.close()
    waiter.join()


def test_a_fork_takes_time_in_proportion_to_the_leases(store: str) -> None:
    """Each lease was described with a count of all leases: 18.8 s for 40,000."""
    with plasma.connect(store, capacity=64 << 20, max_objects=20_000) as client:
        keys = [client.put_bytes(b"%d" % at, id=ObjectID.from_int(at)) for at in range(10_000)]
        views = [memoryview(buffer) for buffer in client.get_many(keys)]

        def fork() -> float:
            began = time.perf_counter()
            child = Child(lambda: bytes(views[-1]))
            took = time.perf_counter() - began
            assert client.stats().leases == 2 * len(views)
            assert child.says() == repr(b"%d" % (len(views) - 1))
            client.reap()
            return took

        many = min(fork() for _ in range(3))
        del views[1000:]
        few = min(fork() for _ in range(3))
        assert many < 30 * few + 0.1


def test_a_child_that_is_late_has_its_leases_until_it_is_ready(store: str) -> None:
    """After the patience of the parent its leases were kept for good."""
    script = """if True:
        import os, sys, time
        release, hold = os.pipe()

        def dawdle():
            os.close(hold)
            os.read(release, 1)

        os.register_at_fork(after_in_child=dawdle)  # before that of plasma
        import plasma
        from plasma import forks
        forks.PATIENCE = 0.01
        client = plasma.connect(sys.argv[1])
        key = client.put_bytes(b"held")
        view = memoryview(client.get(key))
        pid = os.fork()
        if pid == 0:
            holders = [holder.pid for holder in client.holders(key)]
            os._exit(bytes(view) != b"held" or os.getpid() not in holders)
        del view
        assert client.stats().leases == 1
        os.close(hold)
        assert os.waitpid(pid, 0)[1] == 0
        client.reap()
        while client.stats().leases:
            time.sleep(0.01)
        assert not forks._late.kept or time.sleep(0.5) or not forks._late.kept
        print("released")
    """
    process = start(script, store)
    said, complaints = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "released\n"), complaints
    assert complaints.splitlines()[0].startswith("a forked child is not ready")


def test_a_child_that_executes_a_program_takes_no_leases(client: plasma.Client) -> None:
    view = memoryview(client.get(client.put_bytes(A)))
    reads, says = os.pipe()

    def look() -> None:
        os.write(says, b"%d %d" % (client.stats().leases, bytes(view) == A))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        done = subprocess.run([sys.executable, "-c", "print(1)"], preexec_fn=look)
    assert done.returncode == 0
    # That of the parent, and none of the child, which has connected because it asked.
    assert os.read(reads, 100) == b"1 1"
    os.close(reads)
    os.close(says)
    client.reap()
    eventually(lambda: client.stats().leases == 1 and not forks._late.kept)
    assert view == A
