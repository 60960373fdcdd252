"""A worker of Dask sums arrays that another has made: as bytes, and by reference.

python dask_pass.py [MEGABYTES]
"""

import sys
import time

import numpy as np
from distributed import Client, LocalCluster, wait

import plasma.dask


def make(number, count):
    return np.full(count, float(number))


def total(array):
    return float(array[::1000].sum())


def pass_on(client, megabytes):
    """Seconds from one worker to the other, for each of four arrays."""
    first, second = sorted(client.scheduler_info()["workers"])
    made = client.map(make, range(4), count=megabytes * 125_000, workers=[first], pure=False)
    wait(made)
    began = time.perf_counter()
    client.gather(client.map(total, made, workers=[second], pure=False))
    return (time.perf_counter() - began) / 4


def main(megabytes=200):
    arguments = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**arguments, memory_limit=0) as cluster, Client(cluster) as client:
        for way in "bytes", "references":
            if way == "references":
                plasma.dask.install(client)
            print(f"{way:10} {pass_on(client, megabytes):6.3f} s for each array of {megabytes} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
