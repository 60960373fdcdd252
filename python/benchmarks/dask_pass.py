"""Arrays from one worker of Dask to another: as bytes, and by reference.

python dask_pass.py [MEGABYTES] [ROUNDS]: a number is the median.
"""

import statistics
import sys
import time

import numpy as np
from distributed import Client, LocalCluster, wait

import plasma.dask


def make(count):
    return np.ones(count)


def total(array):
    return float(array[::1000].sum())


def once(client, count):
    """Seconds until another worker has used an array, and until the first sends it again."""
    one, two, three = sorted(client.scheduler_info()["workers"])
    made = client.submit(make, count, workers=[one], pure=False)
    wait(made)
    took = []
    for target in two, three:
        began = time.perf_counter()
        client.submit(total, made, workers=[target], pure=False).result()
        took.append(time.perf_counter() - began)
    return took


def main(megabytes=200, rounds=9):
    arguments = {"n_workers": 3, "threads_per_worker": 1, "dashboard_address": None}
    print(f"{megabytes} MB, ms: to one worker, and then to another")
    for way in "bytes", "references":
        with LocalCluster(**arguments, memory_limit=0) as cluster, Client(cluster) as client:
            if way == "references":
                plasma.dask.install(client)
            pairs = [once(client, megabytes * 125_000) for _ in range(rounds)]
        print(f"{way:10}", *(f"{statistics.median(each) * 1000:8.0f}" for each in zip(*pairs)))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
