"""A pool sums a large array: shared by Plasma, by multiprocessing.shared_memory, and by pickling.

python pool.py [MEGABYTES] [WORKERS]
"""

import multiprocessing
import sys
import time
from multiprocessing import shared_memory

import numpy as np

import plasma


def sum_of_object(client, id):
    return client.get_object(id).sum()


def sum_of_pickle(array):
    return array.sum()


def sum_of_shared_memory(name, shape, dtype):
    block = shared_memory.SharedMemory(name)
    array = np.ndarray(shape, dtype, block.buf)
    total = array.sum()
    del array  # or close() raises BufferError
    block.close()
    return total


def by_plasma(pool, array, workers):
    address, capacity = f"pool-{time.time_ns()}", array.nbytes + 4096
    with plasma.connect(address, ephemeral=True, capacity=capacity) as client:
        id = client.put(array)
        return pool.starmap(sum_of_object, [(client, id)] * workers)


def by_pickling(pool, array, workers):
    return pool.map(sum_of_pickle, [array] * workers, chunksize=1)


def by_shared_memory(pool, array, workers):
    block = shared_memory.SharedMemory(create=True, size=array.nbytes)
    try:
        np.ndarray(array.shape, array.dtype, block.buf)[...] = array
        block_of = (block.name, array.shape, array.dtype)
        return pool.starmap(sum_of_shared_memory, [block_of] * workers)
    finally:
        block.close()
        block.unlink()  # forget this, and it stays until the machine reboots


def main(megabytes=1000, workers=2):
    array = np.arange(megabytes * 125_000, dtype="f8")
    print(f"{array.nbytes / 1e6:.0f} MB, summed by each of {workers} workers")
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(sum_of_pickle, [array[:1]] * workers * 4)  # until all have started
        for share in by_plasma, by_shared_memory, by_pickling:
            began = time.perf_counter()
            totals = share(pool, array, workers)
            took = time.perf_counter() - began
            assert totals == [array.sum()] * workers
            print(f"{share.__name__:17} {took:6.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
