"""Processes fill the chunks of one Zarr array, and read it as views of shared memory.

python zarr_grid.py
"""

import concurrent.futures
import multiprocessing

import numpy as np
import zarr

import plasma
from plasma.zarr import PlasmaStore, chunk


def fill(store, row):
    grid = zarr.open_array(store, path="grid", mode="r+")
    grid[row] = np.full(grid.shape[1:], row)  # a chunk of its own


def total(store, row):
    grid = zarr.open_array(store, path="grid", mode="r")
    return int(chunk(grid, row, 0, 0).sum())  # no copy


def main(rows=4, side=500):
    with plasma.connect("grid", ephemeral=True) as client:
        store = PlasmaStore(client)
        zarr.create_array(
            store, name="grid", shape=(rows, side, side), chunks=(1, side, side), dtype="i4",
            compressors=None,
        )  # fmt: skip
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            list(executor.map(fill, [store] * rows, range(rows)))
            # Of zeros zarr stores nothing.
            sums = list(executor.map(total, [store] * (rows - 1), range(1, rows)))
        assert sums == [row * side * side for row in range(1, rows)]
        assert not zarr.open_array(store, path="grid", mode="r")[0].any()
    print(f"{rows} chunks of {side * side * 4 // 1000} kB")


if __name__ == "__main__":
    main()
