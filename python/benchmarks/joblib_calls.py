"""The backends of joblib with a large array: as an argument of eight calls, and as two results.

python joblib_calls.py [MEGABYTES] [ROUNDS]: milliseconds, the least of all rounds. The backends
take turns.
"""

import sys
import time

import joblib
import numpy as np

import plasma.joblib  # noqa: F401  registers backends

BACKENDS = "plasma", "loky", "plasma-multiprocessing", "multiprocessing"


def total(array, start):
    return float(array[start::1000].sum())


def make(count, value):
    return np.full(count, value)


def milliseconds(parallel, calls):
    began = time.perf_counter()
    results = parallel(calls)
    took = (time.perf_counter() - began) * 1000
    return took, results


def measure(backend, count):
    """Of an array that no worker knows yet, and of two results, which are read."""
    array = np.ones(count)
    with joblib.parallel_config(backend, n_jobs=2), joblib.Parallel() as parallel:
        parallel(joblib.delayed(total)(array[:9], 0) for _ in range(8))  # starts workers
        given, totals = milliseconds(parallel, (joblib.delayed(total)(array, n) for n in range(8)))
        assert totals == [count / 1000] * 8
        taken, made = milliseconds(parallel, (joblib.delayed(make)(count, n) for n in range(2)))
        began = time.perf_counter()
        assert [float(each.sum()) for each in made] == [0, count]
        return given, taken, (time.perf_counter() - began) * 1000


def main(megabytes=200, rounds=7):
    took = {backend: [] for backend in BACKENDS}
    for _ in range(rounds):
        for backend, times in took.items():
            times.append(measure(backend, megabytes * 125_000))
    print(f"{megabytes} MB, ms: as an argument of 8 calls, as 2 results, sums of these")
    for backend, times in took.items():
        print(f"{backend:22}", *(f"{min(each):8.0f}" for each in zip(*times)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
