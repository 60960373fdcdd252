"""Pools side by side: plasma.Pool, multiprocessing.Pool, ProcessPoolExecutor, joblib.

python pools.py [MEGABYTES] [ROUNDS]: an array goes to each of two workers, comes back from one, is
made by one and passed to another; and the time of a small task. The pools take turns; a number is
the least of all rounds.
"""

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.pool import MaybeEncodingError

import numpy as np

import plasma

WORKERS = 2
SMALL = 200


def touch(array, number=0):
    return float(array[number :: len(array) // 1000].sum())


def make(count):
    return np.ones(count)


def nothing(number):
    return number


class Multiprocessing:
    """multiprocessing.Pool."""

    def __init__(self):
        self.pool = self.made()
        self.pool.map(nothing, range(100), 1)

    def made(self):
        return multiprocessing.get_context("spawn").Pool(WORKERS)

    def share(self, array):
        return self.pool.starmap(touch, [(array, number) for number in range(WORKERS)], 1)

    def call(self, function, value):
        return self.pool.apply(function, (value,))

    def end(self):
        self.pool.terminate()


class Plasma(Multiprocessing):
    """plasma.Pool."""

    def made(self):
        return plasma.Pool(WORKERS, context="spawn")


class Futures(Multiprocessing):
    """ProcessPoolExecutor."""

    def made(self):
        return ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn"))

    def __init__(self):
        self.pool = self.made()
        list(self.pool.map(nothing, range(100)))

    def share(self, array):
        return list(self.pool.map(touch, [array] * WORKERS, range(WORKERS)))

    def call(self, function, value):
        return self.pool.submit(function, value).result()

    def end(self):
        self.pool.shutdown()


class Joblib:
    """joblib, loky."""

    def __init__(self):
        import joblib

        self.pool, self.delayed = joblib.Parallel(WORKERS), joblib.delayed
        self.pool(self.delayed(nothing)(number) for number in range(100))

    def share(self, array):
        return self.pool(self.delayed(touch)(array, number) for number in range(WORKERS))

    def call(self, function, value):
        return self.pool([self.delayed(function)(value)])[0]

    def end(self):
        pass


def timed(function, *args):
    began = time.perf_counter()
    try:
        result = function(*args)
    except (MaybeEncodingError, MemoryError):
        return float("inf"), None
    return time.perf_counter() - began, result


def measure(pool, megabytes):
    """Seconds of each operation."""
    # A new array each time: a pool may know the old one.
    count = megabytes * 125_000
    array = np.ones(count)
    share, _ = timed(pool.share, array)
    back, made = timed(pool.call, make, count)
    del array
    on, _ = timed(pool.call, touch, made)
    del made
    small, _ = timed(lambda: [pool.call(nothing, number) for number in range(SMALL)])
    return {"share": share, "result": back, "pass on": on, "small task, us": small / SMALL * 1e6}


def main(megabytes=1000, rounds=5):
    kinds = [Plasma, Multiprocessing, Futures]
    try:
        import joblib  # noqa: F401

        kinds.append(Joblib)
    except ImportError:
        print("without joblib")
    pools = {kind.__doc__: kind() for kind in kinds}
    took = {name: [] for name in pools}
    for _ in range(rounds):
        for name, pool in pools.items():
            took[name].append(measure(pool, megabytes))
    for pool in pools.values():
        pool.end()
    print(f"{megabytes} MB")
    for name, rounds in took.items():
        numbers = {"share, first": rounds[0]["share"]}
        numbers |= {key: min(each[key] for each in rounds) for key in rounds[0]}
        print(f"{name:22}", *(f"{key} {value:.3f}" for key, value in numbers.items()), sep="  ")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
