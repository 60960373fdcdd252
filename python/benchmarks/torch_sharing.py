"""A dataset for workers of a DataLoader, and a tensor for another process: shared, and as usual.

python torch_sharing.py [ITEMS] [WORKERS]
"""

import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import torch.multiprocessing
from torch.utils.data import DataLoader

import plasma
import plasma.torch


class Made:
    """Items that are made when they are read."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, n):
        return {"name": f"item number {n}", "labels": [n % 7, n % 11, n], "y": n}


def own_memory(pid):
    """MB of a process that it shares with no other."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        kilobytes = [int(line.split()[1]) for line in rollup if line.startswith("Private_")]
    return sum(kilobytes) / 1000


def used(batch):
    """As a collation does, it looks at all that the items hold."""
    return sum(len(item["name"]) > 0 and sum(item["labels"]) >= item["y"] for item in batch)


def epochs(items, method, workers):
    """MB that each worker has of its own after four epochs, and the seconds of each."""
    loader = DataLoader(
        items, batch_size=1000, num_workers=workers, collate_fn=used, persistent_workers=True,
        multiprocessing_context=method, shuffle=True,
    )  # fmt: skip
    took = []
    for _ in range(4):
        began = time.perf_counter()
        assert sum(loader) == len(items)
        took.append(time.perf_counter() - began)
    own = [own_memory(child.pid) for child in multiprocessing.active_children()]
    return sum(own) / len(own), took


def dataset(kind, method, count, workers):
    """MB of each worker beyond those of one that makes the items, and seconds of an epoch."""
    made = Made(count)
    bare, _ = epochs(made, method, workers)
    items = (
        plasma.torch.SharedDataset(made)
        if kind == "SharedDataset"
        else [*map(made.__getitem__, range(count))]
    )
    own, took = epochs(items, method, workers)
    print(f"{own - bare:.0f} {statistics.median(took[1:]):.2f}")


def compare_datasets(count, workers):
    print(f"{count} items, {workers} workers: MB of each worker, seconds of an epoch")
    for kind, method in (
        ("list", "fork"),
        ("SharedDataset", "fork"),
        ("list", "spawn"),
        ("SharedDataset", "spawn"),
    ):
        command = [sys.executable, __file__, kind, method, str(count), str(workers)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(f"  {kind}, {method}:", *done.stdout.split())


def tensors_in(connection, address):
    client = plasma.connect(address, create=False)
    torch.set_num_threads(1)
    for kind, value in iter(connection.recv, None):
        began = time.perf_counter()
        if kind == "plasma":
            value = client.get_object(value)
        elif kind == "torch.load":
            value = torch.load(value, mmap=True)
        got = time.perf_counter() - began
        assert value[::4096].sum() == len(value) // 4096
        del value
        connection.send(got)


def compare_tensors():
    tensor = torch.ones(50 << 20)
    print("a tensor of 210 MB to another process: ms until it has a sum; of it the get")
    context = torch.multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with plasma.connect(f"benchmark-{os.getpid()}", ephemeral=True, capacity="1G") as client:
        reader = context.Process(target=tensors_in, args=(theirs, client.address))
        reader.start()
        with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
            path = os.path.join(place, "tensor.pt")
            times = {"plasma": [], "shared tensor, by pipe": [], "torch.load": [], "pickle": []}
            for _ in range(7):
                for kind, took in times.items():
                    began = time.perf_counter()
                    if kind == "plasma":
                        sent = client.put(tensor)
                    elif kind == "torch.load":
                        torch.save(tensor, sent := path)
                    else:
                        # A pipe of torch moves the tensor into shared memory.
                        sent = tensor.clone() if kind != "pickle" else tensor.numpy()
                    ours.send((kind, sent))
                    got = ours.recv()
                    took.append((time.perf_counter() - began, got))
                    if kind == "plasma":
                        client.delete(sent)
                    del sent
        ours.send(None)
        reader.join()
    for kind, took in times.items():
        whole, got = (statistics.median(column) * 1000 for column in zip(*took[1:]))
        print(f"  {kind}: {whole:.0f} {got:.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 4:
        dataset(*sys.argv[1:3], *map(int, sys.argv[3:]))
    else:
        compare_datasets(*(map(int, sys.argv[1:]) if len(sys.argv) > 2 else (300_000, 2)))
        compare_tensors()
