"""SharedDataset: items that live once for all workers of a DataLoader."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader, Subset, TensorDataset, get_worker_info  # noqa: E402

import plasma  # noqa: E402
from plasma.torch import SharedDataset  # noqa: E402

# Debian's torch uses NumPy and Python in ways that they deprecated.
pytestmark = pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")


@pytest.fixture
def client() -> Iterator[plasma.Client]:
    with plasma.connect(f"test-torch-{uuid.uuid4().hex}", ephemeral=True, capacity="256M") as made:
        yield made


@pytest.fixture
def items() -> list[dict[str, Any]]:
    return [
        {"x": torch.full((100 + 40_000 * (at % 7 == 0),), at)[:100], "name": f"n{at}", "y": at}
        for at in range(50)
    ]


def stores() -> set[str]:
    place = Path(f"/dev/shm/plasma-{os.getuid()}")
    return {each.name for each in place.glob("torch-*")} if place.exists() else set()


def worker_facts(item: Any) -> tuple[int, int]:
    """A worker reads an item, and writes to it."""
    item["x"] += 1
    return os.getpid(), int(item["x"][0]) - item["y"]


class Facts:
    """A dataset around a dataset, as of transforms."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        assert get_worker_info() is not None
        return worker_facts(self.dataset[index])


def test_it_is_the_list(items: list[Any]) -> None:
    before = stores()
    shared = SharedDataset(items)
    assert len(stores() - before) == 1
    assert len(shared) == 50 and shared[-1]["name"] == "n49" and shared[torch.tensor(3)]["y"] == 3
    assert [item["y"] for item in shared] == list(range(50))
    assert all(torch.equal(a["x"], b["x"]) for a, b in zip(items, shared))
    for index in (50, -51):
        with pytest.raises(IndexError, match="50 items"):
            shared[index]
    with pytest.raises(TypeError):
        shared["x"]
    assert "50 items" in repr(shared)
    kept = shared[7]
    del shared
    assert not stores() - before
    assert kept["x"].sum() == 700


def test_each_access_gives_a_fresh_item() -> None:
    np = pytest.importorskip("numpy")
    shared = SharedDataset([(torch.ones(1 << 18), np.ones(1 << 18), torch.ones(3), np.ones(3))])
    for value in shared[0]:
        value += 1
    assert [int(value[0]) for value in shared[0]] == [1, 1, 1, 1]


def test_items_are_copied_when_they_are_read() -> None:
    class Reused:
        buffer = torch.zeros(1000)

        def __len__(self) -> int:
            return 5

        def __getitem__(self, index: int) -> Any:
            return self.buffer.fill_(index)

    assert [int(item[0]) for item in SharedDataset(Reused())] == [0, 1, 2, 3, 4]


def test_many_chunks_and_odd_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plasma.dataset.CHUNK", 10_000)
    items = [None, 1, "word", b"x" * 30_000, (torch.ones(5000), {"a": []}), torch.empty(0, 3)] * 20
    shared = SharedDataset(items)
    for first, second in zip(items, shared):
        assert type(first) is type(second)
        if isinstance(first, torch.Tensor):
            assert first.shape == second.shape
        elif isinstance(first, tuple):
            assert torch.equal(first[0], second[0]) and second[1] == {"a": []}
        else:
            assert first == second
    assert len(SharedDataset([])) == 0 and list(SharedDataset([])) == []


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_loader_with_persistent_workers(items: list[Any], method: str) -> None:
    before = stores()
    shared = SharedDataset(items)
    loader: Any = DataLoader(
        Facts(Subset(shared, range(50))), batch_size=5, num_workers=2, persistent_workers=True,
        multiprocessing_context=method, shuffle=True,
    )  # fmt: skip
    pids: set[int] = set()
    for _ in range(2):
        facts = [fact for batch in loader for fact in zip(*batch)]
        assert len(facts) == 50 and {int(added) for _, added in facts} == {1}
        pids |= {int(pid) for pid, _ in facts}
    assert len(pids) == 2 and os.getpid() not in pids
    del loader, shared
    assert not stores() - before


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_collate_and_pinning(items: list[Any], method: str) -> None:
    shared = SharedDataset(items)
    # Without a device torch pins nothing, and newer ones warn.
    pin = torch.cuda.is_available()
    loader: Any = DataLoader(
        shared, batch_size=10, num_workers=2, multiprocessing_context=method, pin_memory=pin
    )
    batches = list(loader)
    assert [batch["x"].shape for batch in batches] == [(10, 100)] * 5
    assert torch.equal(torch.cat([batch["y"] for batch in batches]), torch.arange(50))
    assert batches[0]["name"][3] == "n3" and batches[0]["x"].is_pinned() == pin
    if pin:
        assert shared[0]["x"].pin_memory().is_pinned()
    # Without collation, tensors of items travel from worker to trainer.
    whole = DataLoader(shared, batch_size=None, num_workers=2, multiprocessing_context=method)
    assert [int(item["x"].sum()) for item in whole] == [100 * at for at in range(50)]


def test_tensor_datasets_store_no_more_than_their_rows(client: plasma.Client) -> None:
    rows = torch.randn(100, 50, 50)
    shared = SharedDataset(TensorDataset(rows, torch.arange(100)), client)
    assert client.stats().used < rows.numel() * 4 * 1.2
    assert torch.equal(torch.stack([shared[at][0] for at in range(100)]), rows)
    assert client.stats().objects_sealed > 0
    shared.close()
    assert client.stats().objects_sealed == 0


def test_other_processes_attach_by_name(client: plasma.Client, items: list[Any]) -> None:
    script = """
import sys, plasma
from plasma.torch import SharedDataset
with plasma.connect(sys.argv[1]) as client:
    shared = SharedDataset.attach(client, "train", timeout=60)
    print(sum(int(item["x"].sum()) for item in shared))
    shared.close()
"""
    command = [sys.executable, "-c", script, client.address]
    ranks = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    shared = SharedDataset(items, client, name="train")
    for rank in ranks:
        assert int(rank.communicate(timeout=120)[0]) == 100 * sum(range(50))
    assert SharedDataset.attach(client, "train")[3]["y"] == 3 and len(shared) == 50
    shared.close()
    assert "train" not in client and len(client) == 0


KILLED = """
import os, signal, torch
from plasma.torch import SharedDataset
from torch.utils.data import DataLoader

class Deadly:
    dataset = SharedDataset(list(range(100)))
    worker = False
    def __len__(self):
        return 100
    def __getitem__(self, index):
        if self.worker and index == 30:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.dataset[index]

deadly = Deadly()
print(deadly.dataset._client.address, flush=True)
"""


def end_of(script: str) -> tuple[int, Path]:
    """How a process ended, and the store that it had, after its last child has ended, too."""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        address = process.stdout.read().decode().strip()
    assert address
    return process.returncode, Path(address)


def test_a_killed_worker_leaves_nothing() -> None:
    code, store = end_of(
        KILLED
        + """
Deadly.worker = True
try:
    list(DataLoader(deadly, num_workers=2))
except (RuntimeError, OSError):  # OSError: a tensor was on its way
    pass
else:
    raise SystemExit("it did not notice")
assert deadly.dataset[30] == 30
"""
    )
    assert code == 0 and not store.exists()


def test_a_killed_trainer_leaves_nothing_once_its_workers_have_noticed() -> None:
    code, store = end_of(
        KILLED
        + """
loader = iter(DataLoader(deadly, num_workers=2, persistent_workers=True))
next(loader)
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    assert code == -9 and not store.exists()


def test_what_a_killed_trainer_without_workers_left_the_next_one_removes() -> None:
    code, store = end_of(KILLED + "os.kill(os.getpid(), signal.SIGKILL)")
    assert code == -9 and store.exists()
    shared = SharedDataset([1])
    assert not store.exists() and shared[0] == 1


def test_too_many_items_for_the_store(items: list[Any]) -> None:
    address = f"test-torch-{uuid.uuid4().hex}"
    with plasma.connect(address, ephemeral=True, capacity="64K") as small:
        with pytest.raises(plasma.PlasmaError, match=r"do not fit into .*larger store"):
            SharedDataset([torch.ones(100_000)], small)
        assert len(small) == 0
    with pytest.raises(TypeError, match="map-style"):
        SharedDataset(iter(items))
    with pytest.raises(ZeroDivisionError):
        SharedDataset(Failing())


class Failing:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return 1 // 0


def test_the_example_runs(tmp_path: Path) -> None:
    example = Path(__file__).parent.parent / "examples/torch_loader.py"
    done = subprocess.run(
        [sys.executable, str(example), "500"],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout == "500 items, scored by 2 workers\n"
