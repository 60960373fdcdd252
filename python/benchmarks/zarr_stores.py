"""Times of Zarr's stores: prints a table of milliseconds, or of microseconds for one chunk.

python zarr_stores.py [ROUNDS]
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
import uuid

import numpy as np
import zarr
from zarr.abc.store import RangeByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import LocalStore, MemoryStore, ZipStore

import plasma
from plasma.zarr import PlasmaStore, chunk

DATA = np.random.default_rng(1).random((32, 1024, 1024), "f4")  # 128 MiB, in chunks of 4 MiB
PROTOTYPE = default_buffer_prototype()


def stores():
    address = f"benchmark-zarr-{uuid.uuid4().hex}"
    directory = tempfile.mkdtemp(dir="/dev/shm")
    client = plasma.connect(address, ephemeral=True, capacity="1G")
    yield "PlasmaStore", PlasmaStore(client)
    client.close()
    yield "LocalStore on tmpfs", LocalStore(directory)
    shutil.rmtree(directory)
    yield "MemoryStore, in one process", MemoryStore()
    path = os.path.join("/dev/shm", f"{uuid.uuid4().hex}.zip")
    yield "ZipStore on tmpfs", ZipStore(path, mode="w")
    os.unlink(path)


def took(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure(store):
    """Seconds of: write all, read all, sum chunk by chunk, read one chunk, read 1 KB of one."""
    array = zarr.create_array(
        store, shape=DATA.shape, chunks=(1, 1024, 1024), dtype="f4", compressors=None,
        overwrite=store.supports_deletes,
    )  # fmt: skip

    def write():
        array[:] = DATA

    def each():
        for at in range(len(DATA)):
            if isinstance(store, PlasmaStore):
                chunk(array, at, 0, 0).sum()
            else:
                array[at].sum()

    async def many(count, part):
        for at in range(count):
            await store.get(f"c/{at % 32}/0/0", PROTOTYPE, part)

    return (
        took(write),
        took(lambda: array[:]),
        took(each),
        took(lambda: sync(many(100, None))) / 100,
        took(lambda: sync(many(100, RangeByteRequest(4096, 5120)))) / 100,
    )


def main(rounds):
    found = {}
    for _ in range(rounds):  # interleaved
        for name, store in stores():
            found.setdefault(name, []).append(measure(store))
            store.close()
    print("| | write 128 MiB, ms | read it | sum each chunk | get a chunk, µs | get 1 KB of it |")
    print("|---|---|---|---|---|---|")
    for name, rows in found.items():
        best = [statistics.median(column) for column in zip(*rows)]
        cells = [f"{value * 1e3:.0f}" for value in best[:3]] + [
            f"{value * 1e6:.0f}" for value in best[3:]
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
