"""plasma.dask with a cluster of processes."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

distributed = pytest.importorskip("distributed")
np = pytest.importorskip("numpy")

import plasma  # noqa: E402
import plasma.dask  # noqa: E402
from plasma.temporary import PREFIX  # noqa: E402

LARGE = 500_000
HANG = 120.0
EXAMPLE = Path(__file__).parent.parent / "examples/dask_pass.py"


def eventually(condition: Any) -> None:
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end, "the condition was never true"
        time.sleep(0.01)


def stores_of(pids: Any) -> list[Path]:
    return [path for pid in pids for path in Path("/dev/shm").glob(f"plasma-*/{PREFIX}{pid}-*")]


def id_of(array: Any) -> Any:
    while isinstance(array, np.ndarray):
        array = array.base
    return getattr(array.obj, "id", None) if isinstance(array, memoryview) else None


def filled(count: int, value: float) -> Any:
    return np.full(count, value)


def seen(array: Any, *_: Any) -> Any:
    return id_of(array), array.flags.writeable, float(array.sum())


def same(value: Any, *_: Any) -> Any:
    return value


def kind_of(value: Any) -> Any:
    return type(value).__name__, str(getattr(value, "dtype", "")), np.shape(value)


def object_count() -> int:
    gc.collect()  # frames of coroutines are in cycles
    exchange = plasma.dask._passing._exchange
    return 0 if exchange is None else len(exchange.client.list())


@pytest.fixture(scope="module")
def client() -> Any:
    arguments = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**arguments, memory_limit=0) as cluster:
        with distributed.Client(cluster, direct_to_workers=True) as client:
            plasma.dask.install(client)
            yield client


def workers(client: Any) -> list[str]:
    return sorted(client.scheduler_info()["workers"])


def pids(client: Any) -> dict[str, int]:
    return dict(client.run(os.getpid))


def test_data_goes_to_another_worker_as_a_view(client: Any) -> None:
    first, second = workers(client)
    data = client.submit(filled, LARGE, 2.0, workers=[first], pure=False)
    tasks = [client.submit(seen, data, n, workers=[second], pure=False) for n in range(3)]
    found = client.gather(tasks)
    assert {id for id, *_ in found} == {found[0][0]} and found[0][0] is not None
    assert [rest for _, *rest in found] == [[False, 2.0 * LARGE]] * 3
    on_first = client.submit(seen, data, workers=[first], pure=False).result()
    assert on_first[:2] == (None, True)  # its own
    result = client.submit(same, data, workers=[second], pure=False)
    view = result.result()  # by the second worker, of the store of the first
    assert id_of(view) == found[0][0] and view.sum() == 2.0 * LARGE
    del data, tasks, result
    eventually(lambda: client.run(object_count)[first] == 1)
    del view
    eventually(lambda: set(client.run(object_count).values()) == {0})


def test_small_data_is_copied(client: Any) -> None:
    first, second = workers(client)
    data = client.submit(filled, 10, 1.0, workers=[first], pure=False)
    assert client.submit(seen, data, workers=[second], pure=False).result()[:2] == (None, True)


@pytest.mark.parametrize(
    "value",
    [
        np.arange(LARGE).reshape(100, -1).T,
        np.arange(LARGE)[::2],
        np.arange(4 * LARGE) % 2 == 0,
        np.zeros(LARGE, "M8[s]"),
        np.zeros((0, 3)),
        np.array([None, "x"] * LARGE, dtype=object),
        {"nested": [np.ones(LARGE)]},
        b"x" * 2_000_000,
    ],
    ids=["F-ordered", "gaps", "bool", "dates", "empty", "objects", "nested", "bytes"],
)
def test_every_value_goes(client: Any, value: Any) -> None:
    first, second = workers(client)
    data = client.submit(same, value, workers=[first], pure=False)
    there = client.submit(kind_of, data, workers=[second], pure=False).result()
    assert there == kind_of(value)
    back = client.submit(same, data, workers=[second], pure=False).result()
    if isinstance(value, np.ndarray):
        assert np.array_equal(back, value)


def test_frames_and_tables_go(client: Any) -> None:
    pd = pytest.importorskip("pandas")
    first, second = workers(client)
    frame = pd.DataFrame({"a": np.arange(LARGE), "b": np.ones(LARGE)})
    data = client.submit(same, frame, workers=[first], pure=False)
    back = client.submit(same, data, workers=[second], pure=False).result()
    pd.testing.assert_frame_equal(back, frame)


def test_a_spilled_view_is_bytes_on_disk(client: Any) -> None:
    from distributed.protocol import deserialize_bytes, serialize_bytes

    first, second = workers(client)
    data = client.submit(filled, LARGE, 3.0, workers=[first], pure=False)
    view = client.submit(same, data, workers=[second], pure=False).result()
    spilled = serialize_bytes(view)
    assert len(spilled) > view.nbytes
    again = deserialize_bytes(spilled)
    assert id_of(view) is not None and id_of(again) is None and np.array_equal(again, view)


def test_other_machines_get_bytes(client: Any) -> None:
    """A worker that says another machine, as one elsewhere does."""
    first, second = workers(client)

    def move(name: Any, dask_worker: Any) -> None:
        dask_worker.rpc.connection_args["handshake_overrides"]["plasma"] = name
        for address in list(dask_worker.rpc.available):
            dask_worker.rpc.remove(address)

    try:
        for name in ("another boot", None):
            client.run(move, name, workers=[second])
            data = client.submit(filled, LARGE, 4.0, workers=[first], pure=False)
            task = client.submit(seen, data, workers=[second], pure=False)
            assert task.result() == (None, True, 4.0 * LARGE)
    finally:
        client.run(move, plasma.dask.machine(), workers=[second])
    data = client.submit(filled, LARGE, 4.0, workers=[first], pure=False)
    assert client.submit(seen, data, workers=[second], pure=False).result()[0] is not None


def test_a_killed_worker_leaves_nothing_and_is_replaced(client: Any) -> None:
    first, second = workers(client)
    killed = pids(client)[first]
    data = client.submit(filled, LARGE, 5.0, workers=[first], allow_other_workers=True, pure=False)
    view = client.submit(same, data, workers=[second], pure=False).result()
    assert stores_of([killed])
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: not stores_of([killed]))
    assert view.sum() == 5.0 * LARGE  # still there
    eventually(lambda: len(workers(client)) == 2 and first not in workers(client))
    one, other = workers(client)
    for source, target in ((one, other), (other, one)):
        again = client.submit(same, data, workers=[source], pure=False)
        assert client.submit(seen, again, workers=[target], pure=False).result()[2] == 5.0 * LARGE


def test_nothing_is_left_of_a_cluster() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_dask import *\n"
        "if __name__ == '__main__':\n"
        "    with distributed.LocalCluster(n_workers=2, dashboard_address=None) as cluster:\n"
        "        with distributed.Client(cluster, direct_to_workers=True) as client:\n"
        "            plasma.dask.install(client)\n"
        "            first, second = workers(client)\n"
        "            data = client.submit(filled, LARGE, 1.0, workers=[first])\n"
        "            print(client.submit(same, data, workers=[second]).result().sum())\n"
        "            print(os.getpid(), *pids(client).values())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    total, processes = done.stdout.splitlines()
    assert done.returncode == 0 and float(total) == LARGE
    eventually(lambda: not stores_of(processes.split()))


def test_the_example_runs() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "16"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["bytes", "references"]
