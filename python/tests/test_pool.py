"""plasma.Pool and plasma.Executor: calls, values, lifetimes."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import signal
import threading
import time
import warnings
from concurrent.futures import CancelledError, as_completed
from pathlib import Path
from typing import Any

import pytest
from conftest import eventually, run

import plasma
from plasma.temporary import PREFIX

np = pytest.importorskip("numpy")
from seen import id_of, same, seen  # noqa: E402

METHODS = ("fork", "spawn", "forkserver")
LARGE = 100_000


def double(value: Any) -> Any:
    return value * 2


def add(left: Any, right: Any) -> Any:
    return left + right


def ones(count: int) -> Any:
    return np.ones(count)


def fail(value: Any) -> Any:
    raise KeyError(f"not {value}")


def kill_at(value: int, fatal: int) -> int:
    if value == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def hold(value: Any, path: str) -> Any:
    Path(path).touch()
    time.sleep(1000)


def make_lambda(_: Any) -> Any:
    return lambda: 0


def pid_of(_: Any) -> int:
    return os.getpid()


def with_default(value: int) -> int:
    return value + setting


setting = 0


def configure(value: Any) -> None:
    global setting
    if value is None:
        raise ValueError("no setting")
    setting = value


@pytest.fixture(scope="module")
def pool() -> Any:
    with plasma.Pool(2, context="spawn") as made:
        yield made


def client_of(pool: Any) -> plasma.Client:
    client: plasma.Client = pool._executor.exchange.client
    return client


def stores() -> set[str]:
    """Those of this process."""
    return {
        str(path)
        for path in Path("/dev/shm").glob(f"plasma-*/{PREFIX}*")
        if f"-{os.getpid()}-" in path.name
    }


@pytest.mark.parametrize("method", METHODS)
def test_the_calls_are_those_of_multiprocessing(method: str) -> None:
    before = stores()
    done: list[Any] = []
    with plasma.Pool(2, configure, (7,), 5, method) as pool:
        assert pool.map(double, range(10)) == [2 * item for item in range(10)]
        assert pool.map(double, iter(range(3)), chunksize=2) == [0, 2, 4]
        assert pool.map(double, []) == []
        assert pool.starmap(add, [(1, 2), (3, 4)]) == [3, 7]
        assert list(pool.imap(double, iter(range(20)), 3)) == [2 * item for item in range(20)]
        assert sorted(pool.imap_unordered(double, range(20))) == [2 * item for item in range(20)]
        assert pool.apply(add, (1,), {"right": 2}) == 3
        assert pool.apply(with_default, (1,)) == 8
        assert pool.apply_async(double, (4,), callback=done.append).get(60) == 8
        result = pool.map_async(double, range(4), callback=done.append)
        assert result.get(60) == [0, 2, 4, 6] and result.ready() and result.successful()
        assert pool.starmap_async(add, [(1, 1)]).get(60) == [2]
        failed = pool.apply_async(fail, (1,), error_callback=done.append)
        failed.wait(60)
        assert not failed.successful()
        eventually(lambda: len(done) == 3)
        assert done[:2] == [8, [0, 2, 4, 6]] and isinstance(done[2], KeyError)
        pool.close()
        pool.join()
        with pytest.raises(RuntimeError, match="closed"):
            pool.map(double, [1])
    assert stores() == before


def test_large_arguments_are_views_and_small_ones_private(pool: Any) -> None:
    assert pool.apply(seen, (np.ones(10),))[:2] == (None, True)
    id, writeable, total = pool.apply(seen, (np.ones(LARGE),))
    assert id is not None and not writeable and total == LARGE


def test_an_argument_of_many_tasks_is_stored_once(pool: Any) -> None:
    array, partial = np.ones(LARGE), functools.partial(seen, np.ones(LARGE))
    assert len({id for id, *_ in pool.starmap(seen, [(array, n) for n in range(20)], 1)}) == 1
    assert len({id for id, *_ in pool.map(partial, range(20), 1)}) == 1
    tasks = [pool.apply_async(seen, (array[100:], n)) for n in range(4)]
    assert all(task.get(60)[0] for task in tasks)
    eventually(lambda: not client_of(pool).list())


def test_an_array_that_changes_between_tasks_is_stored_again(pool: Any) -> None:
    array = np.zeros(LARGE)

    def changing() -> Any:
        for number in range(10):
            array[:] = number
            yield array

    sums = [total for _, _, total in pool.imap(seen, changing())]
    assert sums == [float(number * LARGE) for number in range(10)]
    tasks = []
    for number in range(4):
        array[-1] = number
        tasks.append(pool.submit(seen, array))
    assert [task.result()[2] - tasks[0].result()[2] for task in tasks] == [0, 1, 2, 3]


def test_results_are_views_that_keep_their_object(pool: Any) -> None:
    results = pool.map(ones, [LARGE] * 4, chunksize=1)
    assert len(client_of(pool).list()) == 4
    assert not any(result.flags.writeable for result in results)
    part = results[1][50:]
    del results
    eventually(lambda: len(client_of(pool).list()) == 1)
    assert part.sum() == LARGE - 50
    del part
    eventually(lambda: not client_of(pool).list())


def test_views_are_passed_on_without_a_copy(pool: Any) -> None:
    first = pool.apply(ones, (LARGE,))
    assert pool.apply(seen, (first,))[0] == id_of(first)
    assert pool.apply(seen, (first[10:],))[0] == id_of(first)
    back = pool.apply(same, (first[::2].reshape(2, -1)[:, 1:],))
    assert np.array_equal(back, first[::2].reshape(2, -1)[:, 1:])
    assert id_of(pool.apply(same, (first,))) == id_of(first)
    shared = pool.share({"weights": np.arange(LARGE)})
    assert pool.apply(seen, (shared["weights"],))[0] == id_of(shared["weights"])
    del first, back, shared
    eventually(lambda: not client_of(pool).list())


def test_a_view_is_recognised_where_smaller_objects_were(pool: Any) -> None:
    small = [pool.share(np.ones(10_000)) for _ in range(20)]
    del small
    large = pool.share(np.ones(180_000))
    assert pool.apply(seen, (large[150_000:],))[0] == id_of(large)


VALUES = [
    np.arange(LARGE).reshape(100, -1).T,
    np.arange(LARGE)[::3],
    np.arange(LARGE).reshape(100, -1)[:, ::-7],
    np.arange(LARGE) % 2 == 0,
    np.array(3.5),
    np.zeros((0, 5)),
    np.zeros(LARGE, "M8[s]"),
    np.zeros(LARGE, [("a", "i4"), ("b", "f8")]),
    np.array(["x", None] * LARGE, dtype=object),
    np.ma.masked_array(np.arange(LARGE), np.arange(LARGE) % 2),
    b"x" * 300_000,
    bytearray(b"y" * 300_000),
    "z" * 300_000,
    {"many": [np.full(2000, n) for n in range(100)], "one": 1},
    [None, (), {}, float("inf")],
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_value_comes_back(pool: Any, value: Any) -> None:
    back = pool.apply(same, (value,))
    assert type(back) is type(value)
    if isinstance(value, dict):
        assert all(np.array_equal(*pair) for pair in zip(back["many"], value["many"]))
    elif isinstance(value, np.ndarray):
        assert back.dtype == value.dtype and back.shape == value.shape
        assert np.array_equal(back, value)
    else:
        assert back == value
    del back
    eventually(lambda: not client_of(pool).list())


def test_tables_and_frames_are_views(pool: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    pd = pytest.importorskip("pandas")
    table = pa.table({"a": range(LARGE), "b": ["text"] * LARGE})
    back = pool.apply(same, (table,))
    assert back.equals(table) and len(client_of(pool).list()) >= 2
    again = pool.apply(same, (back,))
    assert again.equals(table)
    frame = pd.DataFrame({"a": np.arange(LARGE), "b": np.ones(LARGE)})
    pd.testing.assert_frame_equal(pool.apply(same, (frame,)), frame)
    del back, again
    eventually(lambda: not client_of(pool).list())


def test_a_killed_worker_fails_its_task_alone(pool: Any) -> None:
    array = np.ones(LARGE)
    kept = pool.apply(same, (array,))
    tasks = [pool.submit(kill_at, number, 3) for number in range(8)]
    with pytest.raises(plasma.WorkerDiedError, match="killed by SIGKILL"):
        tasks[3].result()
    assert [task.result() for task in tasks if task is not tasks[3]] == [0, 1, 2, 4, 5, 6, 7]
    pids = pool.pids()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)  # while they wait for tasks
    eventually(lambda: not set(pids) & set(pool.pids()))
    assert kept.sum() == LARGE and pool.map(double, range(5)) == [0, 2, 4, 6, 8]
    del kept
    eventually(lambda: not client_of(pool).list())


def test_exceptions_come_back(pool: Any) -> None:
    with pytest.raises(KeyError, match="not 5") as caught:
        pool.map(fail, [5, 6])
    assert "in fail" in str(caught.value.__cause__)
    iterator = pool.imap(fail, [1])
    with pytest.raises(KeyError):
        next(iterator)
    with pytest.raises(StopIteration):
        next(iterator)
    with pytest.raises(multiprocessing.pool.MaybeEncodingError):
        pool.apply(make_lambda, (1,))
    with pytest.raises(Exception, match=r"lambda|local object"):
        pool.apply(lambda: 0)
    with pytest.raises(ValueError, match="broken"):
        list(pool.imap(double, (item for item in [1, 2, int("1")] if bad())))
    assert pool.apply(double, (2,)) == 4


def bad() -> bool:
    raise ValueError("broken")


@pytest.mark.parametrize("method", METHODS)
def test_a_failing_initializer_breaks_the_pool(method: str) -> None:
    pool = plasma.Pool(2, configure, (None,), context=method)
    # The first call may find it broken, or break with it.
    with pytest.raises((ValueError, plasma.WorkerDiedError)):
        pool.apply(double, (1,))
    with pytest.raises(plasma.WorkerDiedError, match="initializer"):
        pool.apply(double, (1,))
    pool.terminate()


def test_workers_are_replaced_after_their_tasks() -> None:
    with plasma.Pool(1, maxtasksperchild=2, context="fork") as pool:
        pids = pool.map(pid_of, range(6), chunksize=1)
    assert len(set(pids)) == 3


def test_a_full_store_warns_once_and_goes_on() -> None:
    with plasma.Pool(2, context="fork", capacity="4M") as pool:
        assert pool.apply(same, (np.ones(LARGE),)).sum() == LARGE
        with pytest.warns(RuntimeWarning, match="capacity=") as caught:
            for count in (1_000_000, 2_000_000):
                assert pool.apply(same, (np.ones(count),)).sum() == count
                assert pool.apply(ones, (count,)).sum() == count
        assert len(caught) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert not pool.apply(seen, (np.ones(LARGE),))[1]  # there is room again


def test_threads_use_one_pool(pool: Any) -> None:
    totals: list[float] = []

    def use(number: int) -> None:
        array = np.full(LARGE, number)
        for _ in range(5):
            totals.append(pool.apply(seen, (array,))[2])
            totals.extend(result[0] for result in pool.map(same, [array] * 3))

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(totals) == 4 * 5 * 4
    eventually(lambda: not client_of(pool).list())


def test_timeouts_and_terminate(tmp_path: Path) -> None:
    with plasma.Pool(1, context="fork") as pool:
        running = pool.apply_async(hold, (np.ones(LARGE), str(tmp_path / "runs")))
        waiting = pool.apply_async(double, (1,))
        eventually((tmp_path / "runs").exists)
        with pytest.raises(multiprocessing.TimeoutError):
            running.get(0.01)
        with pytest.raises(multiprocessing.TimeoutError):
            pool.imap(double, [1]).next(0.01)
    for result in (running, waiting):
        with pytest.raises(plasma.WorkerDiedError):
            result.get(60)


def test_an_executor_is_one_of_concurrent_futures(tmp_path: Path) -> None:
    with plasma.Executor(2, "fork") as executor:
        futures = [executor.submit(double, number) for number in range(5)]
        assert sorted(future.result() for future in as_completed(futures)) == [0, 2, 4, 6, 8]
        assert list(executor.map(add, range(5), range(5), chunksize=2)) == [0, 2, 4, 6, 8]

        async def use() -> Any:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(executor, ones, LARGE)

        assert asyncio.run(use()).sum() == LARGE
        held = [executor.submit(hold, n, str(tmp_path / str(n))) for n in range(2)]
        late = executor.submit(double, 1)
        eventually(lambda: len(list(tmp_path.iterdir())) == 2)
        assert late.cancel() and not held[0].cancel()
        later = executor.submit(double, 1)
        executor.shutdown(wait=False, cancel_futures=True)
        with pytest.raises(CancelledError):
            later.result()
        executor.terminate()
    with pytest.raises(ValueError, match="at least 1"):
        plasma.Executor(0)


OWNER = """
import os, sys, time
import numpy as np
import plasma
sys.path.insert(0, {here!r})
from test_pool import hold, ones, same
"""


def owner(rest: str) -> str:
    return OWNER.format(here=os.path.dirname(__file__)) + rest


def test_results_outlive_the_pool_until_the_process_ends() -> None:
    script = """
with plasma.Pool(2, context="fork") as pool:
    results = pool.map(ones, [100_000] * 3)
    daemon = pool.share(np.ones(100_000))
print(pool and sum(result.sum() for result in results))
open_pool = plasma.Pool(1, context="spawn")
print(open_pool.apply(ones, (100_000,)).sum())
"""
    assert run(owner(script)).split() == ["300000.0", "100000.0"]
    assert not [path for path in Path("/dev/shm").glob("plasma-*/*") if "None" in path.name]
