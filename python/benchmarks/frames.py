"""Times of tables between two processes: prints a table of milliseconds.

python frames.py [ROUNDS]
"""

import io
import math
import os
import pickle
import statistics
import sys
import tempfile
import time
import uuid

import numpy as np
import pandas as pd
import polars as pl
import xarray as xr

import plasma

ROWS = 2_000_000


def values():
    rng = np.random.default_rng(1)
    columns = {f"f{at}": rng.random(ROWS) for at in range(4)}
    columns["i"] = rng.integers(0, 1000, ROWS)
    text = np.array([f"a category of some length {at}" for at in range(1000)])[columns["i"]]
    frame = pd.DataFrame({**columns, "text": pd.array(text, "str")})
    yield "pandas", frame
    yield "polars", pl.from_pandas(frame)
    yield "xarray", xr.Dataset({name: ("row", column) for name, column in columns.items()})


def total(value):
    """Reads one column, as a user of the value would."""
    return float(value["f0"].sum())


def ways(name, value, client, directory):
    """What writes and what reads, each with the time it takes."""
    file = os.path.join(directory, "file")
    keys = []

    def put():
        keys.append(client.put(value))

    yield "plasma", put, lambda: client.get_object(keys[-1])
    if name == "pandas":
        yield "Feather on tmpfs", lambda: value.to_feather(file), lambda: pd.read_feather(file)
        yield "Parquet on tmpfs", lambda: value.to_parquet(file), lambda: pd.read_parquet(file)
    elif name == "polars":
        yield (
            "IPC file on tmpfs",
            lambda: value.write_ipc(file),
            lambda: pl.read_ipc(file),
        )
        yield "Parquet on tmpfs", lambda: value.write_parquet(file), lambda: pl.read_parquet(file)
    stream = io.BytesIO()

    def send():  # multiprocessing copies that through a pipe, too
        stream.seek(0)
        pickle.dump(value, stream, protocol=5)

    yield "pickle in memory", send, lambda: pickle.loads(stream.getbuffer())


def took(call):
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def main(rounds):
    found = {}
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as directory,
        plasma.connect(
            f"benchmark-frames-{uuid.uuid4().hex}", ephemeral=True, capacity="2G"
        ) as client,
    ):
        for name, value in values():
            expected = total(value)
            for _ in range(rounds):
                for way, write, read in ways(name, value, client, directory):
                    wrote, _ = took(write)
                    got, again = took(read)
                    summed, result = took(lambda again=again: total(again))
                    assert math.isclose(result, expected)
                    del again
                    for info in client.list():
                        client.delete(info.id)
                    found.setdefault((name, way), []).append((wrote, got, summed))
    print("| | write, ms | read, ms | sum a column, ms |")
    print("|---|---|---|---|")
    for (name, way), rows in found.items():
        cells = (f"{statistics.median(column) * 1e3:.1f}" for column in zip(*rows))
        print(f"| {name}: {way} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
