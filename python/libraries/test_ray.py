"""The transport of plasma.ray, with a cluster of one machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

# On a busy machine nice workers starve.
os.environ.update(
    RAY_AUTH_MODE="disabled",
    RAY_worker_niceness="0",
    RAY_rdt_fetch_fail_timeout_milliseconds="600000",
)
ray: Any = pytest.importorskip("ray")
torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

import plasma  # noqa: E402
import plasma.ray  # noqa: E402

plasma.ray.register()
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

COUNT = 1 << 20


def eventually(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "the condition was never true"
        time.sleep(0.05)


def stores(cluster: str) -> set[Path]:
    return set(Path(f"/dev/shm/plasma-{os.getuid()}").glob(f"ray-{cluster}-*"))


def this_cluster() -> str:
    address: str = ray.get_runtime_context().gcs_address
    return address.replace(":", "-")


@pytest.fixture(scope="module")
def store() -> Iterator[plasma.Client]:
    """The store of the job."""
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000
    )
    source = Source.remote()
    ray.get(Sink.remote().total.remote(source.tensor.remote(3)))
    cluster = this_cluster()
    (made,) = stores(cluster)
    with plasma.connect(made, create=False) as client:
        yield client
    ray.shutdown()
    eventually(lambda: not stores(cluster))


@ray.remote
class Source:
    @ray.method(tensor_transport="plasma")
    def tensor(self, count: int) -> Any:
        return torch.arange(count)

    @ray.method(tensor_transport="plasma")
    def nested(self) -> Any:
        parts = [torch.ones(3, dtype=torch.bfloat16), torch.empty(0, 2), torch.tensor(True)]
        return {"parts": parts, "turned": torch.arange(6.0).view(2, 3).T, "word": "x"}

    @ray.method(tensor_transport="plasma_numpy")
    def array(self, count: int) -> Any:
        return {"array": np.arange(count), "step": 7}


@ray.remote(enable_tensor_transport=True)
class Sink:
    def total(self, tensor: Any) -> int:
        total = int(tensor.sum())
        tensor += 1  # stays here
        return total

    def nested(self, value: Any) -> Any:
        return [(str(part.dtype), tuple(part.shape)) for part in value["parts"]], value["turned"]

    def array(self, value: Any) -> Any:
        return int(value["array"].sum()), value["array"].flags.writeable, value["step"]

    def keep(self, tensor: Any) -> None:
        self.tensor = tensor

    def kept(self) -> int:
        return int(self.tensor.sum())


def test_tensors_and_arrays_pass_as_views(store: plasma.Client) -> None:
    source, sinks = Source.remote(), [Sink.remote() for _ in range(2)]
    total = sum(range(COUNT))
    tensor = source.tensor.remote(COUNT)
    for _ in range(2):
        for sink in sinks:
            assert ray.get(sink.total.remote(tensor)) == total
    assert ray.get(sinks[0].array.remote(source.array.remote(COUNT))) == (total, False, 7)
    parts, turned = ray.get(sinks[0].nested.remote(source.nested.remote()))
    assert parts == [("torch.bfloat16", (3,)), ("torch.float32", (0, 2)), ("torch.bool", ())]
    assert torch.equal(turned, torch.arange(6.0).view(2, 3).T)
    # The driver gets and puts, too.
    assert int(ray.get(tensor).sum()) == total
    put = ray.put(torch.arange(COUNT), _tensor_transport="plasma")
    assert ray.get(sinks[0].total.remote(put)) == total


def test_an_object_goes_with_its_last_reference(store: plasma.Client) -> None:
    source, sink = Source.remote(), Sink.remote()
    eventually(lambda: len(store) == 0)
    tensor = source.tensor.remote(COUNT)
    ray.get(sink.keep.remote(tensor))
    assert len(store) == 1
    del tensor
    eventually(lambda: len(store) == 0)
    # The view stays.
    assert ray.get(sink.kept.remote()) == sum(range(COUNT))


def test_a_killed_source_leaves_nothing(store: plasma.Client) -> None:
    source, sink = Source.remote(), Sink.remote()
    eventually(lambda: len(store) == 0)
    tensors = [source.tensor.remote(COUNT) for _ in range(3)]
    ray.get(sink.keep.remote(tensors[0]))
    eventually(lambda: len(store) == 3)
    ray.kill(source)
    eventually(lambda: sum(info.lease_count for info in store.list()) <= 1)
    assert ray.get(sink.kept.remote()) == sum(range(COUNT))
    ray.kill(sink)
    eventually(lambda: not store.list())
    with pytest.raises(Exception, match="actor"):
        ray.get(Sink.remote().total.remote(tensors[1]), timeout=60)


def descendants(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout
    pairs = [tuple(map(int, line.split())) for line in found.splitlines()]
    known = [pid]
    for parent in known:
        known += [child for child, of in pairs if of == parent]
    return known


def test_a_killed_cluster_leaves_nothing() -> None:
    script = """
import sys, time
sys.path.insert(0, sys.argv[1])
import ray, plasma.ray
from test_ray import COUNT, Sink, Source, this_cluster
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=10**8)
source, sink = Source.remote(), Sink.remote()
tensor = source.tensor.remote(COUNT)
ray.get(sink.keep.remote(tensor))
print(this_cluster(), flush=True)
time.sleep(1000)
"""
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        cluster = driver.stdout.readline().strip()
        made = stores(cluster)
        for pid in descendants(driver.pid):
            os.kill(pid, signal.SIGKILL)
    assert cluster and len(made) == 1
    eventually(lambda: not stores(cluster))


def test_the_example_runs(tmp_path: Path) -> None:
    example = Path(__file__).parent.parent / "examples/ray_actors.py"
    done = subprocess.run(
        [sys.executable, str(example), "8"], capture_output=True, text=True, timeout=300,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("8 MB went from actor to actor\n")
