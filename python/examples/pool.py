"""A pool sums a large array: plasma.Pool, multiprocessing.Pool, and shared_memory by hand.

python pool.py [MEGABYTES] [WORKERS]
"""

import multiprocessing
import sys
import time
from multiprocessing import shared_memory

import numpy as np

import plasma


def sum_of(array):
    return array.sum()  # in a plasma.Pool it is a view


def sum_of_shared_memory(name, shape, dtype):
    block = shared_memory.SharedMemory(name)
    array = np.ndarray(shape, dtype, block.buf)
    total = array.sum()
    del array  # or close() raises BufferError
    block.close()
    return total


def by_plasma(workers, array):
    with plasma.Pool(workers, context="spawn") as pool:
        pool.map(sum_of, [array[:1]] * workers * 4)  # until all have started
        began = time.perf_counter()
        return pool.map(sum_of, [array] * workers, chunksize=1), began


def by_shared_memory(workers, array):
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(sum_of, [array[:1]] * workers * 4)
        began = time.perf_counter()
        block = shared_memory.SharedMemory(create=True, size=array.nbytes)
        try:
            np.ndarray(array.shape, array.dtype, block.buf)[...] = array
            block_of = (block.name, array.shape, array.dtype)
            return pool.starmap(sum_of_shared_memory, [block_of] * workers), began
        finally:
            block.close()
            block.unlink()  # forget this, and it stays until the machine reboots


def by_pickling(workers, array):
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(sum_of, [array[:1]] * workers * 4)
        began = time.perf_counter()
        return pool.map(sum_of, [array] * workers, chunksize=1), began


def main(megabytes=1000, workers=2):
    array = np.arange(megabytes * 125_000, dtype="f8")
    print(f"{array.nbytes / 1e6:.0f} MB, summed by each of {workers} workers")
    for share in by_plasma, by_shared_memory, by_pickling:
        totals, began = share(workers, array)
        took = time.perf_counter() - began
        assert totals == [array.sum()] * workers
        print(f"{share.__name__:17} {took:6.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
