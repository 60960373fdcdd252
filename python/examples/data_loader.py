"""A loader of training data: workers make batches in advance, the trainer gets views in order.

    python data_loader.py [BATCHES] [WORKERS]

A worker writes each batch straight into the store; no batch is pickled or copied on its way.
"""

import collections
import multiprocessing
import sys
import time

import numpy as np

import plasma

BATCH = (64, 3, 64, 64)


AHEAD = 6
"""The number of batches that are made in advance."""


def make_batch(client, number):
    """The work of a worker: load and transform; here it draws numbers."""
    batch = client.empty(BATCH, "f4")
    np.random.default_rng(number).random(out=batch, dtype="f4")
    return client.seal(batch)


def load(client, batches, workers):
    """The batches in order, each a read-only view that stays valid while it is referenced."""
    coming = collections.deque()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for number in range(batches + AHEAD):
            if number < batches:
                coming.append(pool.apply_async(make_batch, (client, number)))
            if number >= AHEAD:
                id = coming.popleft().get()
                batch = client.get_object(id)
                client.delete(id)  # it stays while `batch` does
                yield batch


def main(batches=100, workers=2):
    size = 4 * int(np.prod(BATCH))
    with plasma.connect("data-loader", ephemeral=True, capacity=2 * AHEAD * size) as client:
        began = time.perf_counter()
        total = sum(float(batch.mean()) for batch in load(client, batches, workers))
        took = time.perf_counter() - began
    assert 0.49 < total / batches < 0.51
    print(f"{batches} batches of {size / 1e6:.1f} MB in {took:.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
